"""Addresses of media."""

from django.urls import path

from console.pages.media import views

urlpatterns = [
    path("media/items/<uuid:key>/<slug:part>", views.item_media, name="item_media"),
    path("media/<path:signed>", views.media, name="media"),
]
