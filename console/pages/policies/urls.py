"""Addresses of policies."""

from django.urls import path

from console.pages.policies import edit, views

urlpatterns = [
    path("policies/", views.policy_list, name="policy_list"),
    path("policies/import", views.policy_import, name="policy_import"),
    path("policies/take", views.policy_take, name="policy_take"),
    path("policies/<int:number>/", views.policy_page, name="policy_page"),
    path("policies/<int:number>/content", views.policy_content, name="policy_content"),
    path("policies/<int:number>/compare", views.policy_compare, name="policy_compare"),
    path("policies/<int:number>/copy", views.policy_copy, name="policy_copy"),
    path("policies/<int:number>/export", views.policy_export, name="policy_export"),
    path("policies/<int:number>/edit/<slug:section>/", edit.policy_edit, name="policy_edit"),
    path("policies/<int:number>/edit/<slug:section>/save", edit.policy_save, name="policy_save"),
]
