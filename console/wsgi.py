"""The WSGI entry point, for another server than ours: there sizes of bodies are limited and times are not (ADR 18)."""

import os

from django.core.wsgi import get_wsgi_application

from console.env import in_sentences
from console.memory import collector_relax, heap_keep
from console.telemetry import telemetry_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
telemetry_start("web")
heap_keep()

with in_sentences():
    application = get_wsgi_application()
    from moderation.serving import start_checked  # it needs the settings

    start_checked("web")
collector_relax()
