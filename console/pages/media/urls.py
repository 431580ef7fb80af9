"""Addresses of media."""

from django.urls import path

from console.pages.media import viewing, views

urlpatterns = [
    path("media/items/<uuid:key>/<slug:part>", views.item_media, name="item_media"),
    path("viewing/", viewing.viewing_save, name="viewing_save"),
    path("media/<path:signed>", views.media, name="media"),
]
