"""The Celery application: tasks are thin and live in the apps' tasks.py."""

import os
from typing import Any

import django
from celery import Celery
from celery.signals import beat_init, celeryd_init

from console.env import in_sentences

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")

app = Celery("gatehouse")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@celeryd_init.connect
def _check_worker(**kwargs: Any) -> None:
    _start_checked("worker")


@beat_init.connect
def _check_schedule(**kwargs: Any) -> None:
    _start_checked("schedule")


def _start_checked(role: str) -> None:
    with in_sentences():
        django.setup()
        from moderation.audit.actors import process_is  # they need the settings
        from moderation.serving import start_checked

        process_is("system")  # as the audit log calls workers and the schedule
        start_checked(role)
