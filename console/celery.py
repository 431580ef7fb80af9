"""The Celery application: tasks are thin and live in the apps' tasks.py."""

import os

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

app = Celery("gatehouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


def _as_system(**named: object) -> None:
    """Have the audit log call workers and the beat `system`."""
    from moderation.acting import process_is

    process_is("system")


signals.celeryd_init.connect(_as_system, weak=False)
signals.beat_init.connect(_as_system, weak=False)
