"""`manage.py deep_rerun`: runs of one detector over history: begin, pause, resume, cancel, list."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from moderation.deep import reruns
from moderation.exceptions import RerunInvalid
from moderation.live.detectors import deep_declared
from moderation.models import DetectorRerun
from moderation.outbox.queries import rerun_progress

_ACTS = {"pause": reruns.rerun_pause, "resume": reruns.rerun_resume, "cancel": reruns.rerun_cancel}


class Command(BaseCommand):
    """Runs over history; the schedule and the workers carry them on."""

    help = "Run a detector over the files there are, after its version changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do, with which detector, how fast."""
        parser.add_argument("act", choices=["start", *_ACTS, "list"])
        parser.add_argument("detector", nargs="?", choices=[*deep_declared()], help="not for list")
        parser.add_argument("--per-minute", type=int, default=60, help="files a minute, at most")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say how things stand."""
        if options["act"] != "list" and not options["detector"]:
            raise CommandError("Name the detector.")
        try:
            self._act(options["act"], options["detector"], options["per_minute"])
        except RerunInvalid as error:
            raise CommandError(str(error)) from None
        for run in rerun_progress():
            done = f"{run.rerun.n_done} of {run.rerun.n_total} files, {run.n_failed} failed"
            self.stdout.write(f"{run.rerun.detector} {run.rerun.version}: {run.rerun.get_state_display()}, {done}")

    def _act(self, act: str, detector: str, per_minute: int) -> None:
        now, actor = timezone.now(), "command:deep_rerun"
        if act == "start":
            reruns.rerun_start(actor=actor, detector=detector, per_minute=per_minute, now=now)
        elif act != "list":
            rerun = DetectorRerun.objects.filter(detector=detector, state__in=["running", "paused"]).first()
            if rerun is None:
                raise RerunInvalid("detector", f"No run of {detector} is open.")
            _ACTS[act](actor=actor, key=str(rerun.key), now=now)
