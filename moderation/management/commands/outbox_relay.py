"""`manage.py outbox_relay`: carries promises from the database to the broker until it is told to stop."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

import structlog
from celery import current_app
from django.db import Error, connection
from django.utils import timezone

from moderation.outbox.relay import relay_once
from moderation.serving import ServingCommand

log = structlog.get_logger(__name__)


def send(topic: str, message_key: str, queue: str) -> None:
    """Hand one message to the broker, for a queue or for the task's own (""); raises at once when it is away."""
    current_app.send_task(topic, args=[message_key], queue=queue or None, retry=False, ignore_result=True)


class Command(ServingCommand):
    """The relay. Any number may run; each row is sent by one of them."""

    help = "Carry promises from the outbox to the broker until stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the pause between looks at an empty outbox."""
        parser.add_argument("--interval", type=float, default=0.2, help="seconds between looks when nothing is due")
        parser.add_argument("--once", action="store_true", help="send what is due and stop")

    def handle(self, *args: Any, **options: Any) -> None:
        """Relay until SIGTERM or SIGINT."""
        stop = threading.Event()
        if not options["once"]:
            for signum in (signal.SIGTERM, signal.SIGINT):
                signal.signal(signum, lambda *_: stop.set())
        while True:
            n_sent = self._round()
            if options["once"] or stop.wait(0 if n_sent else options["interval"]):
                return

    def _round(self) -> int:
        """Run one round; a database that is away is waited for, not died of."""
        try:
            return relay_once(send=send, now=timezone.now())
        except Error as error:
            log.warning("outbox_relay_waits", error=type(error).__name__)
            connection.close()
            return 0
