"""Addresses of the feed and of events, under /api/v1/."""

from django.urls import path

from feed.api import views

urlpatterns = [
    path("feed", views.FeedView.as_view(), name="api-feed"),
    path("feed/revocations", views.RevocationsView.as_view(), name="api-feed-revocations"),
    path("feed/explain", views.ExplainView.as_view(), name="api-feed-explain"),
    path("events", views.EventsView.as_view(), name="api-events"),
]
