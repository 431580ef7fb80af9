"""Addresses of work that failed for good."""

from django.urls import path

from console.pages.deadletters import views

urlpatterns = [
    path("deadletters/", views.deadletter_list, name="deadletter_list"),
    path("deadletters/redrive", views.deadletter_redrive_all, name="deadletter_redrive_all"),
    path("deadletters/<uuid:key>/redrive", views.deadletter_redrive, name="deadletter_redrive"),
]
