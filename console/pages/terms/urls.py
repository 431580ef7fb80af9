"""Addresses of terms."""

from django.urls import path

from console.pages.terms import views

urlpatterns = [
    path("policies/<int:number>/terms/", views.policy_terms, name="policy_terms"),
    path("policies/<int:number>/terms/add", views.term_put, name="term_put"),
    path("policies/<int:number>/terms/import", views.terms_take, name="terms_take"),
    path("policies/<int:number>/terms/try", views.terms_tried, name="terms_tried"),
    path("policies/<int:number>/terms/<uuid:key>/", views.term_page, name="term_page"),
    path("policies/<int:number>/terms/<uuid:key>/save", views.term_save, name="term_save"),
    path("policies/<int:number>/terms/<uuid:key>/remove", views.term_drop, name="term_drop"),
]
