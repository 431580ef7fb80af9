"""The ASGI entry point, for another server than ours (ADR 18)."""

import os

from django.core.asgi import get_asgi_application

from console.env import in_sentences
from console.telemetry import telemetry_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
telemetry_start("web")

with in_sentences():
    application = get_asgi_application()
    from moderation.serving import start_checked  # it needs the settings

    start_checked("web")
