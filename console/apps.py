"""App configuration of the console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Registers the system checks."""

    name = "console"

    def ready(self) -> None:
        """Import the checks so that Django runs them."""
        from console import checks  # noqa: F401
