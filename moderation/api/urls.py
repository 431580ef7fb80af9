"""Addresses of the item and report endpoints, under /api/v1/."""

from django.urls import path

from moderation.api import views

urlpatterns = [
    path("items", views.ItemList.as_view(), name="api-items"),
    # Ids may hold slashes, so the longer address comes first; no id ends in /history (see ItemIdField).
    path("items/<path:external_id>/history", views.ItemHistoryView.as_view(), name="api-item-history"),
    path("items/<path:external_id>", views.ItemDetail.as_view(), name="api-item"),
    path("reports", views.ReportList.as_view(), name="api-reports"),
]
