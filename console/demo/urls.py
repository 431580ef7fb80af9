"""Addresses that exist in the demo only."""

from django.urls import path

from console.views import demo

urlpatterns = [
    path("feed", demo.demo_feed, name="demo_feed"),
    path("feed/standing", demo.demo_feed_standing, name="demo_feed_standing"),
]
