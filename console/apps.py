"""App configuration of the console."""

from django.apps import AppConfig


class ConsoleConfig(AppConfig):
    """Registers the system checks, listens to sign-ins, and names the process to the audit log."""

    name = "console"

    def ready(self) -> None:
        """Import the checks so that Django runs them, and what listens."""
        from console import checks  # noqa: F401
        from console.identity import acting, sign_ins

        sign_ins.connect()
        acting.process_named()
