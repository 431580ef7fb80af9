"""The ASGI entry point, for another server than ours (ADR 18)."""

import os

from django.core.asgi import get_asgi_application

from console.telemetry import telemetry_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
telemetry_start("web")

application = get_asgi_application()
