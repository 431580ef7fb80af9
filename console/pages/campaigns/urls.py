"""Addresses of campaigns."""

from django.urls import path

from console.pages.campaigns import views

urlpatterns = [
    path("campaigns/", views.campaign_list, name="campaign_list"),
    path("campaigns/<uuid:key>/", views.campaign_page, name="campaign_page"),
    path("campaigns/<uuid:key>/decide", views.campaign_decide, name="campaign_decide"),
    path("campaigns/<uuid:key>/admit", views.campaign_admit, name="campaign_admit"),
]
