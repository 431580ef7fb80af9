"""App configuration of moderation."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created


class ModerationConfig(AppConfig):
    """The moderation app."""

    name = "moderation"

    def ready(self) -> None:
        """Tell every new connection how to plan what `moderation.db.statements` sends, and have it tell who acts."""
        from moderation.audit.actors import watch_connection
        from moderation.db.statements import plan_alike

        connection_created.connect(plan_alike, dispatch_uid="moderation.plan_alike")
        connection_created.connect(watch_connection, dispatch_uid="moderation.watch_connection")
