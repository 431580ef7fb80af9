"""App configuration of policies."""

from django.apps import AppConfig


class PoliciesConfig(AppConfig):
    """The policies app."""

    name = "policies"
    default_auto_field = "django.db.models.BigAutoField"
