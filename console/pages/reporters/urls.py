"""Addresses of reporters."""

from django.urls import path

from console.pages.reporters import views

urlpatterns = [
    path("reporters/", views.reporter_list, name="reporter_list"),
    path("reporters/register", views.reporter_register, name="reporter_register"),
    path("reporters/<uuid:key>/trust", views.reporter_trust, name="reporter_trust"),
]
