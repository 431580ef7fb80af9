"""Addresses of prompts."""

from django.urls import path

from console.pages.prompts import views

urlpatterns = [
    path("prompts/", views.prompt_list, name="prompt_list"),
    path("prompts/draft", views.prompt_draft, name="prompt_draft"),
    path("prompts/<int:number>/", views.prompt_page, name="prompt_page"),
    path("prompts/<int:number>/save", views.prompt_save, name="prompt_save"),
    path("prompts/<int:number>/publish", views.prompt_publish, name="prompt_publish"),
    path("prompts/<int:number>/discard", views.prompt_discard, name="prompt_discard"),
    path("prompts/<int:number>/try", views.prompt_try, name="prompt_try"),
]
