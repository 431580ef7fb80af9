"""Addresses of API keys."""

from django.urls import path

from console.pages.keys import views

urlpatterns = [
    path("keys/", views.key_list, name="key_list"),
    path("keys/issue", views.key_issue, name="key_issue"),
    path("keys/<uuid:key>/rotate", views.key_rotate, name="key_rotate"),
    path("keys/<uuid:key>/revoke", views.key_revoke, name="key_revoke"),
]
