"""Addresses of media."""

from django.urls import path

from console.pages.media import translation, viewing, views

urlpatterns = [
    path("media/items/<uuid:key>/<slug:part>", views.item_media, name="item_media"),
    path("items/<uuid:key>/translation", translation.item_translation, name="item_translation"),
    path("viewing/", viewing.viewing_save, name="viewing_save"),
    path("media/<path:signed>", views.media, name="media"),
]
