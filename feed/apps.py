"""App configuration of feed."""

from django.apps import AppConfig


class FeedConfig(AppConfig):
    """The feed app."""

    name = "feed"
