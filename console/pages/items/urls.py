"""Addresses of items."""

from django.urls import path

from console.pages.items import views

urlpatterns = [
    path("items/", views.item_list, name="item_list"),
    path("items/<uuid:key>/", views.item_page, name="item_page"),
    path("items/<uuid:key>/overturn", views.item_overturn, name="item_overturn"),
    path("items/<uuid:key>/alike", views.item_alike, name="item_alike"),
]
