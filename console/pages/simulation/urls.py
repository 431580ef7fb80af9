"""Addresses of simulation."""

from django.urls import path

from console.pages.simulation import slider_views, views

urlpatterns = [
    path("policies/simulations/", views.simulation_list, name="simulation_list"),
    path("policies/simulations/compare", views.simulation_compare, name="simulation_compare"),
    path("policies/simulations/<uuid:key>/", views.simulation_page, name="simulation_page"),
    path("policies/simulations/<uuid:key>/cancel", views.simulation_cancel_view, name="simulation_cancel"),
    path("policies/<int:number>/simulate", views.policy_simulate, name="policy_simulate"),
    path("policies/<int:number>/simulate/start", views.simulation_start_view, name="simulation_start"),
    path("policies/<int:number>/flips", views.policy_flips, name="policy_flips"),
    path("policies/<int:number>/slider", slider_views.policy_slider, name="policy_slider"),
    path("policies/<int:number>/slider/apply", slider_views.slider_apply, name="slider_apply"),
]
