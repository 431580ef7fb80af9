"""Every address, in one list."""

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from console.identity.second_factor import EnrolView

# The admin site has no sign-in of its own: rate limits and the second factor hold there too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns: list[URLPattern | URLResolver] = [
    # First what machines call all the time: every pattern before theirs is tried for each call.
    path("api/v1/", include("moderation.api.urls")),
    path("api/v1/", include("feed.api.urls")),
    path("", include("console.pages.urls")),
    path("", include("console.api.urls")),
    path("accounts/2fa/totp/activate/", EnrolView.as_view(), name="mfa_activate_totp"),
    path("accounts/", include("allauth.urls")),
    path("admin/", admin.site.urls),
]
if settings.DEMO_ENABLED:
    urlpatterns.append(path("demo/", include("console.demo.urls")))

handler400 = "console.api.errors.bad_request"
handler403 = "console.api.errors.permission_denied"
handler404 = "console.api.errors.not_found"
handler500 = "console.api.errors.server_error"
