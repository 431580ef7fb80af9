"""Addresses of people and roles."""

from django.urls import path

from console.pages.people import views

urlpatterns = [
    path("people/", views.person_list, name="person_list"),
    path("people/invite", views.person_invite, name="person_invite"),
    path("people/<str:name>/roles", views.person_roles, name="person_roles"),
    path("people/<str:name>/active", views.person_active, name="person_active"),
    path("people/<str:name>/link", views.person_link, name="person_link"),
]
