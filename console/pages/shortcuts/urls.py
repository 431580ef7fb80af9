"""Addresses of a person's own keys."""

from django.urls import path

from console.pages.shortcuts import views

urlpatterns = [
    path("shortcuts/", views.shortcut_page, name="shortcut_page"),
    path("shortcuts/save", views.shortcut_save, name="shortcut_save"),
]
