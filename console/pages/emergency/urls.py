"""Addresses of emergency."""

from django.urls import path

from console.pages.emergency import views

urlpatterns = [
    path("policies/emergency/", views.emergency_list, name="emergency_list"),
    path("policies/emergency/add", views.emergency_add, name="emergency_add"),
    path("policies/emergency/<uuid:key>/review", views.emergency_review, name="emergency_review"),
    path("policies/emergency/<uuid:key>/withdraw", views.emergency_withdraw, name="emergency_withdraw"),
]
