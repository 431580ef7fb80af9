"""Addresses of the home page."""

from django.urls import path

from console.pages.home import views

urlpatterns = [
    path("", views.home, name="home"),
    path("lead/move", views.lead_move, name="lead_move"),
]
