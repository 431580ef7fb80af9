"""Addresses of acts that wait for a second person."""

from django.urls import path

from console.pages.wide import views

urlpatterns = [
    path("acts/", views.act_list, name="act_list"),
    path("acts/<uuid:key>/", views.act_page, name="act_page"),
    path("acts/<uuid:key>/confirm", views.act_confirm, name="act_confirm"),
    path("acts/<uuid:key>/refuse", views.act_refuse, name="act_refuse"),
]
