"""A detector over history: at its rate, after live work, to be paused and resumed, and doing nothing twice."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from moderation.deep import reruns
from moderation.detection.ocr.detector import OcrDetector
from moderation.exceptions import RerunInvalid
from moderation.live import onpath
from moderation.live.detectors import detector_named
from moderation.models import AuditEvent, Creator, DetectorRerun, DetectorResult, Item, MediaFile, OutboxMessage
from moderation.outbox.promise import TOPIC_RERUN
from moderation.outbox.queries import rerun_progress
from policies import live as policy_selectors
from tests.support.clips import clip, scene
from tests.support.decisions import decision_of
from tests.support.deep_work import open_messages, upload, work_off, work_once

pytestmark = pytest.mark.django_db(transaction=True)
NOW = timezone.now()


@pytest.fixture(autouse=True)
def policy() -> None:
    call_command("policy_seed", verbosity=0)
    policy_selectors.invalidate()
    onpath.forget()


@pytest.fixture
def new_version(monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the reader of texts another version, as a new release would."""
    monkeypatch.setattr(OcrDetector, "version", property(lambda _: "rapidocr-next"))
    return "rapidocr-next"


def files(n: int) -> list[MediaFile]:
    """Return files of the past that items are made of, with nothing stored behind them."""
    maker, _ = Creator.objects.get_or_create(external_id="mira")
    made = []
    for i in range(n):
        sha256 = f"{i:064x}"
        file = MediaFile.objects.create(sha256=sha256, storage_key=f"media/{sha256}", mime="video/mp4", n_bytes=1)
        Item.objects.create(external_id=f"old-{i}", kind=0, creator=maker, media=file, content_hash="0" * 64)
        made.append(file)
    return made


def start(per_minute: int = 60, detector: str = "ocr") -> DetectorRerun:
    return reruns.rerun_start(actor="system", detector=detector, per_minute=per_minute, now=NOW)


def waiting() -> int:
    return OutboxMessage.objects.filter(topic=TOPIC_RERUN, state="pending").count()


def test_it_runs_the_new_version_over_what_there_is_and_decides_again(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    item = upload(clip(tmp_path / "a.mp4", [scene(1), scene(2)]))
    work_off(item)
    request.getfixturevalue("new_version")
    rerun = start()
    assert rerun.n_total == 1
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=30)) == 1
    (message,) = open_messages()
    assert message.queue == "deep.rerun"
    work_once(message)
    assert DetectorResult.objects.filter(detector="ocr", version="rapidocr-next").count() == 1
    work_off(item)
    item.refresh_from_db()
    assert decision_of(item).evidence["versions"]["ocr"] == "rapidocr-next"
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=60)) == 0
    rerun.refresh_from_db()
    assert (rerun.state, rerun.n_done) == ("done", 1)


def test_it_keeps_its_rate_and_saves_up_no_more_than_a_minute() -> None:
    files(40)
    start(per_minute=6)
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=9)) == 0
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=10)) == 1
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=15)) == 0
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=20)) == 1
    assert reruns.reruns_advance(now=NOW + timedelta(hours=5)) == 6


def test_only_a_few_files_are_promised_ahead() -> None:
    files(60)
    start(per_minute=6_000)
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=10)) == 20
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=20)) == 0
    OutboxMessage.objects.filter(pk__in=OutboxMessage.objects.values("pk")[:5]).update(state="done", done_at=NOW)
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=30)) == 5


def test_it_waits_while_live_work_is_late(settings: Settings) -> None:
    settings.DEEP_PRESSURE_SECONDS = 60
    files(3)
    start()
    late = OutboxMessage.objects.create(
        topic="moderation.tasks.item_examine", item=Item.objects.first(), queue="deep.io",
        rank_at=timezone.now() - timedelta(minutes=5),
    )  # fmt: skip
    assert reruns.reruns_advance(now=timezone.now() + timedelta(seconds=30)) == 0
    late.delete()
    assert reruns.reruns_advance(now=timezone.now() + timedelta(seconds=40)) > 0


def test_a_pause_stops_it_at_once_and_it_goes_on_where_it_was() -> None:
    files(5)
    rerun = start()
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=2)) == 2
    reruns.rerun_pause(actor="system", key=str(rerun.key), now=NOW)
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=50)) == 0
    reruns.rerun_resume(actor="system", key=str(rerun.key), now=NOW + timedelta(seconds=100))
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=103)) == 3
    assert waiting() == 5
    with pytest.raises(RerunInvalid):
        reruns.rerun_resume(actor="system", key=str(rerun.key), now=NOW)
    actions = list(AuditEvent.objects.filter(object_type="rerun").order_by("pk").values_list("action", flat=True))
    assert actions == ["rerun.started", "rerun.paused", "rerun.resumed"]


def test_a_cancelled_run_leaves_the_rest_to_the_next() -> None:
    made = files(3)
    rerun = start()
    version = detector_named("ocr").version
    DetectorResult.objects.create(sha256=made[0].sha256, detector="ocr", version=version, status="ok")
    reruns.rerun_cancel(actor="system", key=str(rerun.key), now=NOW)
    assert reruns.reruns_advance(now=NOW + timedelta(seconds=30)) == 0
    assert start().n_total == 2


def test_a_file_with_a_result_costs_nothing_and_counts_as_done(monkeypatch: pytest.MonkeyPatch) -> None:
    (file,) = files(1)
    rerun = start()
    reruns.reruns_advance(now=NOW + timedelta(seconds=5))
    version = detector_named("ocr").version
    DetectorResult.objects.create(sha256=file.sha256, detector="ocr", version=version, status="ok")
    monkeypatch.setattr(OcrDetector, "run", lambda *_: pytest.fail("ran again"))
    message = OutboxMessage.objects.get(topic=TOPIC_RERUN)
    work_once(message)
    work_once(message)  # delivered twice
    rerun.refresh_from_db()
    assert rerun.n_done == 1


def test_a_file_that_fails_for_good_is_told_and_holds_up_nothing(settings: Settings) -> None:
    settings.OUTBOX_MAX_ATTEMPTS = 1
    files(1)
    rerun = start()
    reruns.reruns_advance(now=NOW + timedelta(seconds=5))
    work_once(OutboxMessage.objects.get(topic=TOPIC_RERUN))  # nothing is stored behind it
    assert [(run.n_failed, run.percent) for run in rerun_progress()] == [(1, 0)]
    reruns.reruns_advance(now=NOW + timedelta(seconds=30))
    rerun.refresh_from_db()
    assert rerun.state == "done"


def test_a_run_of_a_version_that_is_no_longer_in_use_ends(request: pytest.FixtureRequest) -> None:
    files(2)
    rerun = start()
    request.getfixturevalue("new_version")
    reruns.reruns_advance(now=NOW + timedelta(seconds=5))
    rerun.refresh_from_db()
    assert (rerun.state, waiting()) == ("cancelled", 0)


def test_what_cannot_be_begun_says_why(django_user_model: type[User]) -> None:
    with pytest.raises(RerunInvalid, match="nothing to do"):
        start()
    files(1)
    for kwargs, words in (
        ({"detector": "terms"}, "Choose one of"),
        ({"detector": "speech"}, "No model"),
        ({"per_minute": 0}, "1 to 6000"),
    ):
        with pytest.raises(RerunInvalid, match=words):
            start(**kwargs)
    start()
    with pytest.raises(RerunInvalid, match="open already"):
        start()
    with pytest.raises(PermissionDenied):
        reruns.rerun_start(actor=django_user_model.objects.create_user("ana"), detector="ocr", per_minute=1, now=NOW)


def test_the_database_allows_one_open_run_a_detector() -> None:
    files(1)
    start()
    with pytest.raises(IntegrityError), transaction.atomic():
        DetectorRerun.objects.create(detector="ocr", version="2", per_minute=1, n_total=1, budget_from=NOW)


def test_the_command_begins_pauses_and_lists() -> None:
    files(1)
    out = StringIO()
    call_command("deep_rerun", "start", "ocr", "--per-minute", "30", stdout=out)
    call_command("deep_rerun", "pause", "ocr", stdout=out)
    assert "Paused, 0 of 1 files, 0 failed" in out.getvalue()
    with pytest.raises(CommandError, match="No run of frames"):
        call_command("deep_rerun", "pause", "frames")
    with pytest.raises(CommandError, match="Name the detector"):
        call_command("deep_rerun", "cancel")
