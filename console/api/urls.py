"""Addresses of the API's description and of health."""

from django.urls import path

from console.api import health, schema

urlpatterns = [
    path("livez", health.livez, name="livez"),
    path("readyz", health.readyz, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/schema/", schema.SchemaView.as_view(), name="api-schema"),
    path("api/v1/docs/", schema.DocsView.as_view(), name="api-docs"),
]
