"""Every address, in one list."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("console.views.urls")),
    path("", include("console.api.urls")),
    path("api/v1/", include("moderation.api.urls")),
    path("api/v1/", include("feed.api.urls")),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
if settings.DEMO_ENABLED:
    urlpatterns.append(path("demo/", include("console.demo.urls")))

handler400 = "console.api.errors.bad_request"
handler403 = "console.api.errors.permission_denied"
handler404 = "console.api.errors.not_found"
handler500 = "console.api.errors.server_error"
