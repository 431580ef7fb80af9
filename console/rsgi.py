"""The entry point that granian serves: Django behind an edge that waits for slow clients in its place (ADR 0018)."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

from console.memory import collector_relax, heap_keep
from console.telemetry import telemetry_start

telemetry_start("web")
heap_keep()

from django.conf import settings  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402

_handler = get_wsgi_application()

from console.edge.application import Edge  # noqa: E402

application = Edge(_handler, n_threads=settings.WEB_THREADS)
collector_relax()
