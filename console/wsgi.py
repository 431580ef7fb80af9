"""The WSGI entry point, for another server than ours: there sizes of bodies are limited and times are not (ADR 18)."""

import os

from django.core.wsgi import get_wsgi_application

from console.memory import collector_relax, heap_keep
from console.telemetry import telemetry_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
telemetry_start("web")
heap_keep()

application = get_wsgi_application()
collector_relax()
