"""The addresses of the people's screens, area by area."""

from django.urls import include, path

urlpatterns = [
    path("", include("console.pages.home.urls")),
    path("", include("console.pages.review.urls")),
    path("", include("console.pages.campaigns.urls")),
    path("", include("console.pages.wide.urls")),
    path("", include("console.pages.items.urls")),
    path("", include("console.pages.prompts.urls")),
    path("", include("console.pages.deadletters.urls")),
    path("", include("console.pages.deep.urls")),
    path("", include("console.pages.audit.urls")),
    path("", include("console.pages.policies.urls")),
    path("", include("console.pages.calibration.urls")),
    path("", include("console.pages.simulation.urls")),
    path("", include("console.pages.rollout.urls")),
    path("", include("console.pages.emergency.urls")),
    path("", include("console.pages.terms.urls")),
    path("", include("console.pages.banks.urls")),
    path("", include("console.pages.media.urls")),
    path("", include("console.pages.keys.urls")),
    path("", include("console.pages.people.urls")),
    path("", include("console.pages.reporters.urls")),
    path("", include("console.pages.shortcuts.urls")),
]
