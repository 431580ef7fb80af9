"""Addresses of the deep pass and its runs over history."""

from django.urls import path

from console.pages.deep import views

urlpatterns = [
    path("deep/", views.deep_page, name="deep_page"),
    path("deep/runs", views.rerun_start, name="rerun_start"),
    path("deep/runs/<uuid:key>/<slug:act>", views.rerun_act, name="rerun_act"),
]
