"""The WSGI entry point that granian serves."""

import os
import sys

from django.core.wsgi import get_wsgi_application

from console.memory import collector_relax, heap_keep
from console.telemetry import telemetry_start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
telemetry_start("web")
heap_keep()
# A thread that comes back from the database or a model waits this long at most for one that computes; five milliseconds, as
# Python has it, add up over an upload's dozen waits.
sys.setswitchinterval(0.0005)

application = get_wsgi_application()
collector_relax()
