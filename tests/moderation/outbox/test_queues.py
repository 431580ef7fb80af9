"""The deep pass as tasks: by rank, a window at a time, a task per detector where they run apart, joined in the database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from pytest_django import Settings

from moderation.deep import clip_files
from moderation.detection.media.limits import MediaExaminationFailed
from moderation.detection.ocr.detector import OcrDetector
from moderation.enforcement.standing import creators_reach_note
from moderation.live import onpath
from moderation.models import Creator, Decision, DerivedFile, DetectorResult, Item, ItemEvidence, Job, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.item import DeepState
from moderation.outbox import backpressure, dead_letters, messages
from moderation.outbox.promise import TOPIC_DETECT, TOPIC_EXAMINE, TOPIC_REEXAMINE, message_add
from moderation.outbox.queries import deep_queues
from moderation.outbox.relay import relay_once
from moderation.rollout.service import canary_start
from policies import live as policy_selectors
from policies.decision.rollout import bucket_of
from tests.support.clips import clip, scene
from tests.support.decisions import decision_of
from tests.support.deep_work import open_messages, upload, work_off, work_once
from tests.support.rolling import approved, people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def policy() -> Iterator[None]:
    call_command("policy_seed", verbosity=0)
    policy_selectors.invalidate()
    onpath.forget()
    backpressure.forget()
    yield
    policy_selectors.invalidate()
    backpressure.forget()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a harmless clip of two scenes."""
    return clip(tmp_path / "a.mp4", [scene(1), scene(2)])


@pytest.fixture
def apart(settings: Settings) -> None:
    """Let this worker have the files only: text is read elsewhere."""
    settings.DEEP_HERE, settings.DEEP_PLACES = frozenset({"io"}), {"frames": "io", "ocr": "cpu"}


def promise(external_id: str, *, creator: str, views: int | None, queue: str = "deep.io") -> OutboxMessage:
    """Return a message of the deep pass as of now, of a creator with so many views."""
    maker, _ = Creator.objects.get_or_create(external_id=creator, defaults={"expected_views": views})
    item = Item.objects.create(external_id=external_id, kind=2, creator=maker, content_hash="0" * 64)
    rank = backpressure.rank_of(maker, timezone.now())
    return message_add(topic=TOPIC_EXAMINE, item=item, queue=queue, rank_at=rank)


# --- order ---------------------------------------------------------------------------------------------------------


def relay(now: datetime | None = None) -> list[tuple[str, str]]:
    """Relay once; return (queue, external id) as sent."""
    sent: list[tuple[str, str]] = []
    relay_once(send=lambda _, key, queue: sent.append((queue, key)), now=now or timezone.now())
    names = dict(OutboxMessage.objects.values_list("key", "item__external_id"))
    return [(queue, names[OutboxMessage.objects.get(key=key).key]) for queue, key in sent]


def test_the_broker_holds_only_the_next_few_and_those_by_rank(settings: Settings) -> None:
    settings.DEEP_WINDOW = 2
    for n, views in enumerate((None, 10, 1_000_000, 0, 5_000)):
        promise(f"item-{n}", creator=f"creator-{n}", views=views)
    assert relay() == [("deep.io", "item-2"), ("deep.io", "item-4")]
    assert relay() == []
    first = OutboxMessage.objects.get(item__external_id="item-2")
    assert messages.message_begin(key=str(first.key), now=timezone.now())  # what is worked on has left the broker
    assert relay() == [("deep.io", "item-0")]


def test_a_full_window_of_one_queue_holds_up_no_other(settings: Settings) -> None:
    settings.DEEP_WINDOW = 1
    promise("io-1", creator="a", views=0)
    promise("io-2", creator="b", views=0)
    promise("cpu-1", creator="c", views=0, queue="deep.cpu")
    message_add(topic=TOPIC_REEXAMINE, item=Item.objects.get(external_id="io-1"))
    assert sorted(queue for queue, _ in relay()) == ["", "deep.cpu", "deep.io"]


def test_a_message_that_the_broker_lost_is_sent_again_within_its_window(settings: Settings) -> None:
    settings.DEEP_WINDOW = 1
    promise("item-1", creator="a", views=0)
    assert relay() == relay(timezone.now() + timedelta(seconds=settings.OUTBOX_RESEND_AFTER_SECONDS + 1))


def test_an_upload_takes_its_place_by_what_is_known_of_its_creator(path: Path) -> None:
    upload(path, "few", creator="small")
    creators_reach_note(views={Creator.objects.create(external_id="star").pk: 900_000})
    upload(path, "many", creator="star")
    assert [m.item.external_id for m in open_messages() if m.item] == ["many", "few"]


def test_reach_is_noted_only_where_it_changed() -> None:
    pk = Creator.objects.create(external_id="star").pk
    assert creators_reach_note(views={pk: 7, 10**9: 5}) == 1
    assert creators_reach_note(views={pk: 7}) == 0


# --- pressure ------------------------------------------------------------------------------------------------------


def age(message: OutboxMessage, seconds: float) -> None:
    moment = timezone.now() - timedelta(seconds=seconds)
    OutboxMessage.objects.filter(pk=message.pk).update(rank_at=moment, created_at=moment)


def test_a_late_queue_sheds_what_few_wait_for_and_clears_nothing_unseen(path: Path, settings: Settings) -> None:
    message = promise("old", creator="a", views=1_000_000)
    assert not backpressure.is_pressed()
    age(message, settings.DEEP_PRESSURE_SECONDS + 5)
    backpressure.forget()
    assert backpressure.is_pressed()
    item = upload(path, "later")
    (waiting,) = open_messages(item)
    assert waiting.rank_at > item.created_at + timedelta(seconds=settings.DEEP_SHED_SECONDS)
    assert item.state == "held"
    io = next(q for q in deep_queues(timezone.now()) if q.name == "deep.io")
    assert (io.n_waiting, io.is_pressed) == (2, True)
    assert io.lag_seconds >= settings.DEEP_PRESSURE_SECONDS


def test_what_was_shed_does_not_count_as_late_before_its_turn(path: Path, settings: Settings) -> None:
    settings.DEEP_PRESSURE_SECONDS = 1
    message = promise("shed", creator="a", views=0)
    OutboxMessage.objects.filter(pk=message.pk).update(
        created_at=timezone.now() - timedelta(hours=1), rank_at=timezone.now() + timedelta(minutes=5)
    )
    io = next(q for q in deep_queues(timezone.now()) if q.name == "deep.io")
    assert io.age_seconds > 3_500
    assert io.lag_seconds == 0
    assert max(backpressure.lags(timezone.now()).values()) == 0


def test_what_is_worked_on_is_not_late(settings: Settings) -> None:
    message = promise("at-work", creator="a", views=0)
    age(message, 4_000)
    messages.message_begin(key=str(message.key), now=timezone.now())
    assert max(backpressure.lags(timezone.now()).values()) == 0
    io = next(q for q in deep_queues(timezone.now()) if q.name == "deep.io")
    assert (io.n_waiting, io.n_running) == (0, 1)


# --- a task per detector -------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("apart")
def test_detectors_elsewhere_get_a_task_each_and_the_last_to_end_promises_the_decision(path: Path) -> None:
    item = upload(path)
    assert work_off(item) == ["deep.io", "deep.cpu", "deep.io"]
    item.refresh_from_db()
    assert (item.state, item.deep_state) == ("restricted", DeepState.DONE)
    assert Decision.objects.filter(item=item, stage=DecisionStage.DEEP).count() == 1
    assert set(DetectorResult.objects.values_list("detector", flat=True)) >= {"frames", "ocr"}


@pytest.mark.usefixtures("apart")
def test_the_decision_of_joined_detectors_is_that_of_the_version_its_creator_has_now(path: Path) -> None:
    item = upload(path)
    work_once(open_messages(item)[0])
    canary = canary_start(actor=people()[1], version=approved(), percent=50, now=timezone.now())
    inside = next(n for n in map(str, range(1_000)) if bucket_of(n, str(canary.key)) < 50)
    policy_selectors.invalidate()
    other = upload(path, "clip-2", creator=inside)
    in_canary = bucket_of(item.creator.external_id, str(canary.key)) < 50
    work_off()
    active = Decision.objects.get(item=item, stage=DecisionStage.ON_PATH).policy_version_id
    decided = Decision.objects.filter(stage=DecisionStage.DEEP).values_list("item_id", "policy_version_id")
    assert dict(decided) == {item.pk: canary.pk if in_canary else active, other.pk: canary.pk}
    assert set(ItemEvidence.objects.values_list("item_id", "is_final")) == {(item.pk, True), (other.pk, True)}


@pytest.mark.usefixtures("apart")
def test_the_clip_is_taken_apart_once_for_all_workers(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = upload(path)
    work_once(open_messages(item)[0])
    assert DerivedFile.objects.filter(kind="samples").count() == 1
    monkeypatch.setattr(clip_files, "examine", lambda *_, **__: pytest.fail("taken apart again"))
    assert work_off(item) == ["deep.cpu", "deep.io"]


@pytest.mark.usefixtures("apart")
def test_samples_that_were_lost_are_made_again(path: Path) -> None:
    item = upload(path)
    work_once(open_messages(item)[0])
    DerivedFile.objects.filter(kind="samples").delete()
    work_off(item)
    item.refresh_from_db()
    assert item.deep_state == DeepState.DONE


@pytest.mark.usefixtures("apart")
def test_a_detector_that_fails_for_good_leaves_a_dead_letter_and_the_rest_is_decided(
    path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, django_user_model: type[User]
) -> None:
    settings.OUTBOX_MAX_ATTEMPTS = 1
    item = upload(path)
    work_once(open_messages(item)[0])
    with monkeypatch.context() as patched:
        patched.setattr(OcrDetector, "run", lambda *_: (_ for _ in ()).throw(RuntimeError("no memory")))
        work_off(item)
    item.refresh_from_db()
    assert (item.state, item.deep_state) == ("held", DeepState.FAILED)
    assert decision_of(item).evidence["missing"]["ocr"] == "failed"
    assert "frames" in decision_of(item).evidence["versions"]
    assert Job.objects.filter(item=item, state="open").count() == 1

    dead = OutboxMessage.objects.get(item=item, state="dead")
    assert dead.part == "ocr"
    ana = django_user_model.objects.create_user("ana")
    dead_letters.dead_letter_redrive(actor=ana, message_key=str(dead.key), now=timezone.now())
    work_off(item)
    item.refresh_from_db()
    assert (item.state, item.deep_state) == ("restricted", DeepState.DONE)


@pytest.mark.usefixtures("apart")
def test_a_worker_with_another_version_refuses_the_task(path: Path) -> None:
    item = upload(path)
    work_once(open_messages(item)[0])
    message = OutboxMessage.objects.get(item=item, part="ocr")
    OutboxMessage.objects.filter(pk=message.pk).update(payload={"version": "rapidocr-0"})
    work_once(message)
    message.refresh_from_db()
    assert message.state == "pending"
    assert "same release" in message.last_error


@pytest.mark.usefixtures("apart")
def test_a_file_that_cannot_be_decoded_travels_nowhere(path: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    item = upload(broken)
    assert work_off(item) == ["deep.io"]
    item.refresh_from_db()
    assert (item.state, item.deep_state) == ("held", DeepState.DONE)
    assert decision_of(item).evidence["missing"]["ocr"] == "failed"
    assert {r.status for r in DetectorResult.objects.all()} == {"missing"}  # kept: a second upload of it costs nothing


def test_a_file_that_breaks_the_decoder_twice_is_to_blame(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise MediaExaminationFailed("memory")

    monkeypatch.setattr(clip_files, "examine", crash)
    item = upload(path)
    (message,) = open_messages(item)
    work_once(message)
    item.refresh_from_db()
    assert item.deep_state == DeepState.QUEUED
    work_once(message)
    item.refresh_from_db()
    assert (item.state, item.deep_state) == ("held", DeepState.DONE)
    assert decision_of(item).evidence["missing"]["frames"] == "failed"


def test_a_decoder_that_cannot_be_asked_is_not_the_file_s_fault(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object, **__: object) -> None:
        raise MediaExaminationFailed("unavailable")

    item = upload(path)
    with monkeypatch.context() as patched:
        patched.setattr(clip_files, "examine", away)
        for _ in range(3):
            work_once(open_messages(item)[0])
    work_off(item)
    item.refresh_from_db()
    assert item.state == "restricted"


def test_one_open_task_a_detector_for_an_item() -> None:
    item = promise("twice", creator="a", views=0).item
    for part in ("ocr", "speech"):
        message_add(topic=TOPIC_DETECT, item=item, part=part, queue="deep.cpu")
    with pytest.raises(IntegrityError), transaction.atomic():
        OutboxMessage.objects.create(topic=TOPIC_DETECT, item=item, part="ocr", queue="deep.cpu")
