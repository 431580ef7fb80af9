"""Addresses that exist in the demo only."""

from django.urls import path

from console.demo import views

urlpatterns = [
    path("feed", views.demo_feed, name="demo_feed"),
    path("feed/standing", views.demo_feed_standing, name="demo_feed_standing"),
]
