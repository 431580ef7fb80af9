"""Addresses of banks."""

from django.urls import path

from console.pages.banks import matches, views

urlpatterns = [
    path("banks/", views.bank_list, name="bank_list"),
    path("banks/<slug:slug>/", views.bank_page, name="bank_page"),
    path("banks/<slug:slug>/ratio", views.bank_ratio, name="bank_ratio"),
    path("banks/<slug:slug>/import", views.bank_take, name="bank_import"),
    path("banks/<slug:slug>/export", views.bank_give, name="bank_export"),
    path("hashes/<uuid:key>/retire", views.entry_retire, name="entry_retire"),
    path("hashes/<uuid:key>/restore", views.entry_restore, name="entry_restore"),
    path("hashes/<uuid:key>/release", views.entry_release, name="entry_release"),
    path("hashes/<uuid:key>/judge", matches.entry_judge, name="entry_judge"),
    path("items/<uuid:key>/matches/<uuid:entry>", matches.match_judge, name="match_judge"),
    path("matches/", matches.match_debugger, name="match_debugger"),
    path("matches/look", matches.match_look, name="match_look"),
]
