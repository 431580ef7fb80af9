"""Addresses of campaigns."""

from django.urls import path

from console.pages.campaigns import acts, views

urlpatterns = [
    path("campaigns/", views.campaign_list, name="campaign_list"),
    path("campaigns/<uuid:key>/", views.campaign_page, name="campaign_page"),
    path("campaigns/<uuid:key>/decide", views.campaign_decide, name="campaign_decide"),
    path("campaigns/<uuid:key>/admit", views.campaign_admit, name="campaign_admit"),
    path("campaigns/<uuid:key>/claim", acts.campaign_claim, name="campaign_claim"),
    path("campaigns/<uuid:key>/release", acts.campaign_release, name="campaign_release"),
    path("campaigns/<uuid:key>/leave-out", acts.campaign_leave_out, name="campaign_leave_out"),
    path("campaigns/<uuid:key>/undo", acts.campaign_undo, name="campaign_undo"),
]
