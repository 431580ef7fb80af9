"""Clips are held until they were looked at, and then decided on what was seen and read."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone
from pytest_django import Settings

from moderation.deep import clip_files
from moderation.intake.submit import Submission, UploadedMedia, item_submit
from moderation.live import onpath
from moderation.models import Clearance, Decision, DetectorResult, Finding, Item, Job, OutboxMessage
from moderation.models.item import DeepState
from moderation.outbox import dead_letters
from moderation.tasks import item_examine
from policies import live as policy_selectors
from policies.choices import ItemKind, Outcome
from tests.support.clips import clip, scene
from tests.support.decisions import decision_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def policy() -> None:
    call_command("policy_seed", verbosity=0)
    policy_selectors.invalidate()
    onpath.forget()


def submit(path: Path, external_id: str = "clip-1") -> Item:
    from moderation.detection.media.storage import save_upload

    with path.open("rb") as file:
        stored = save_upload(file)
    media = UploadedMedia(stored.sha256, stored.key, "video/mp4", stored.n_bytes, 320, 240, 3_000)
    submission = Submission(
        external_id=external_id, kind=ItemKind.VIDEO, caption="A walk by the river", creator="mira", language="en",
        region="GB", duration_ms=3_000, audience=None, media=media, cover=None,
    )  # fmt: skip
    return item_submit(actor="api:test", submission=submission).item


def work(item: Item) -> Item:
    """Do what a worker does with the item's message."""
    message = OutboxMessage.objects.get(item=item, state="pending")
    item_examine(str(message.key))
    item.refresh_from_db()
    return item


def test_a_harmless_clip_is_held_and_then_cleared_by_the_deep_pass(tmp_path: Path) -> None:
    item = submit(clip(tmp_path / "a.mp4", [scene(1), scene(2), scene(3)]))
    assert (item.state, item.deep_state) == ("held", DeepState.QUEUED)
    assert not Clearance.objects.exists()
    item = work(item)
    assert item.deep_state == DeepState.DONE
    assert item.state == "restricted", decision_of(item).decided_by  # 13 and over: nobody listened to it
    assert Clearance.objects.get(item=item).is_granted
    assert OutboxMessage.objects.get(item=item).state == "done"
    assert {r.detector for r in DetectorResult.objects.all()} >= {"frames", "ocr"}


def test_what_is_written_in_a_clip_is_found_with_its_time_and_place(tmp_path: Path) -> None:
    policy = policy_selectors.active_policy()
    term = next(t for t in policy.terms if t.language in {"", "en"} and (t.score or 0) >= 0.75 and t.text.isascii())
    item = work(submit(clip(tmp_path / "b.mp4", [scene(1), scene(2, term.text), scene(3)])))
    read = DetectorResult.objects.get(detector="ocr").payload["lines"]
    assert Finding.objects.filter(item=item, detector="terms", where__source="ocr").exists(), (term, read)
    finding = Finding.objects.get(item=item, detector="terms", where__source="ocr")
    assert finding.category == term.category
    assert 900 <= finding.where["frame_ms"] <= 1_300
    assert item.state in {"held", "blocked"}


def test_a_known_picture_in_a_clip_blocks_it_with_time_and_distance(tmp_path: Path) -> None:
    known = clip(tmp_path / "known.mp4", [scene(7), scene(8)])
    call_command("banks_add_media", "known-clips", str(known), "--category", "dangerous_acts")
    other = clip(tmp_path / "other.mp4", [scene(1), scene(7, size=(400, 300)).resize((320, 240)), scene(3)], fps=12)
    item = work(submit(other))
    finding = Finding.objects.get(item=item, detector="frames")
    assert finding.where["distance"] <= 31
    assert 900 <= finding.where["frame_ms"] <= 1_400
    assert (item.state, decision_of(item).decided_by) == ("blocked", "hard.dangerous_acts")


def test_a_second_pass_over_the_same_file_runs_no_detector(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clip(tmp_path / "c.mp4", [scene(4), scene(5)])
    work(submit(path))
    monkeypatch.setattr(clip_files, "examine", lambda *_, **__: pytest.fail("taken apart again"))
    assert work(submit(path, "clip-2")).deep_state == DeepState.DONE


def test_a_message_delivered_twice_decides_once(tmp_path: Path) -> None:
    item = submit(clip(tmp_path / "d.mp4", [scene(4)]))
    message = OutboxMessage.objects.get(item=item)
    item_examine(str(message.key))
    item_examine(str(message.key))
    assert Decision.objects.filter(item=item).count() == 2  # on the path, and deep


def test_an_examination_that_always_fails_becomes_a_dead_letter_with_a_job_and_can_be_redriven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, django_user_model: type[User], settings: Settings
) -> None:
    settings.OUTBOX_MAX_ATTEMPTS = 2
    item = submit(clip(tmp_path / "e.mp4", [scene(4)]))
    with monkeypatch.context() as patched:
        patched.setattr(clip_files, "examine", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("poison")))
        for _ in range(2):
            OutboxMessage.objects.update(available_at=timezone.now())
            item_examine(str(OutboxMessage.objects.get(item=item).key))
    item.refresh_from_db()
    message = OutboxMessage.objects.get(item=item)
    assert (message.state, item.deep_state, item.state) == ("dead", DeepState.FAILED, "held")
    assert "poison" in message.last_error
    assert Job.objects.filter(item=item, state="open", queue__slug="unexamined").exists()
    dead_letters.dead_letter_redrive(
        actor=django_user_model.objects.create_user("ana"), message_key=str(message.key), now=timezone.now()
    )
    assert work(item).state == "restricted"
    assert decision_of(item).outcome == Outcome.RESTRICT


def test_a_clip_that_cannot_be_decoded_ends_with_a_person(tmp_path: Path, settings: Settings) -> None:
    whole = clip(tmp_path / "f.mp4", [scene(1), scene(2)]).read_bytes()
    broken = tmp_path / "g.mp4"
    broken.write_bytes(whole[: len(whole) // 3])
    item = work(submit(broken))
    assert (item.state, item.deep_state) == ("held", DeepState.DONE)
    assert decision_of(item).evidence["missing"]["frames"] == "failed"
    assert Job.objects.filter(item=item, queue__slug="unexamined").exists()
