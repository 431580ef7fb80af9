"""Addresses of calibration."""

from django.urls import path

from console.pages.calibration import views

urlpatterns = [
    path("policies/statistics/calibration/", views.calibration_list, name="policy_calibration"),
    path(
        "policies/statistics/calibration/<slug:detector>/<slug:category>/",
        views.calibration_page,
        name="calibration_page",
    ),
]
