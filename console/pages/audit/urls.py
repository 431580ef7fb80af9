"""Addresses of audit."""

from django.urls import path

from console.pages.audit import views

urlpatterns = [
    path("audit/", views.audit_list, name="audit_list"),
]
