"""Addresses of rollout."""

from django.urls import path

from console.pages.rollout import views

urlpatterns = [
    path("policies/activations", views.activation_list, name="activation_list"),
    path("policies/rollbacks/<uuid:key>/seen", views.rollback_seen, name="rollback_seen"),
    path("policies/<int:number>/live", views.policy_live, name="policy_live"),
    path("policies/<int:number>/disagreements", views.policy_disagreements, name="policy_disagreements"),
    path("policies/<int:number>/steps/<slug:step>/", views.policy_step, name="policy_step"),
    path("policies/<int:number>/steps/<slug:step>/take", views.policy_step_take, name="policy_step_take"),
]
