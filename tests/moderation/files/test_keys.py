"""Files of restricted items are moved to keys that nobody knows: promised with the decision, whoever writes it; nothing is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import FileSystemStorage, default_storage
from django.db import transaction
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from console.models import SCOPES, ApiKey
from moderation import tasks
from moderation.decisions.record import item_overturn
from moderation.detection.media.storage import key_of
from moderation.files import derived as made
from moderation.files import keys as media_keys
from moderation.gate.media_urls import Part
from moderation.items.media_parts import item_file
from moderation.models import AuditEvent, Clearance, Decision, DerivedFile, Item, MediaFile, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.item import DeepState
from moderation.outbox import dead_letters, promise
from policies.choices import ItemKind, Outcome
from policies.live import invalidate
from policies.models import Category
from tests.support import people, scenes
from tests.support.forms import FORM_TYPE, fields, form, jpeg, part

pytestmark = pytest.mark.django_db
CLIP, COVER, SHEET = b"an opaque clip" * 9, b"an opaque cover" * 9, b"RIFF an opaque sheet"


@pytest.fixture(autouse=True)
def media(db: None, settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """Keep this test's media apart, and put the first policy in force."""
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "media"}}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    people.ready()
    yield tmp_path / "media"
    invalidate()


def clip_item(external_id: str = "opaque-1") -> Item:
    """Return a cleared item with a clip, a cover, and a sheet that was made of the clip."""
    clip, cover = scenes.stored(CLIP), scenes.stored(COVER, mime="image/png")
    if not clip.derived.exists():
        scenes.derived(clip, "sheet", SHEET, mime="image/webp")
    return scenes.item_judged(external_id, kind=ItemKind.IMAGE, media=clip, cover=cover)


def decide(item: Item, category: str = "child_safety", outcome: Outcome = Outcome.BLOCK) -> None:
    """Decide an item as any writer does, by a row."""
    item.refresh_from_db()
    before = item.current_decision
    assert before is not None
    with transaction.atomic():
        row = Decision.objects.create(
            item=item, outcome=outcome, stage=DecisionStage.ACTIVATION, decided_by="test", category=category,
            evidence_digest=f"{before.pk:064d}", policy_version=before.policy_version, supersedes=before,
        )  # fmt: skip
        Item.objects.filter(pk=item.pk).update(current_decision=row)
        Clearance.objects.filter(item=item).update(decision=row, is_granted=outcome.is_servable)


def promises(item: Item | None = None) -> list[OutboxMessage]:
    found = OutboxMessage.objects.filter(topic=promise.TOPIC_REKEY, state__in=["pending", "sent"])
    return list(found.filter(item=item) if item else found)


def work(item: Item) -> None:
    """Do what a worker does with the promise."""
    (message,) = promises(item)
    tasks.media_rekey(str(message.key))


def keys(item: Item) -> dict[str, str]:
    """Return where each part of an item lies."""
    files = {part.value: item_file(item.key, part) for part in (Part.MEDIA, Part.COVER, Part.SHEET)}
    return {name: file.key for name, file in files.items() if file}


def lies(folder: Path) -> set[str]:
    """Return what lies in storage."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def read(key: str) -> bytes:
    with default_storage.open(key) as file:
        return bytes(file.read())


def contents(item: Item) -> list[bytes]:
    return [read(key) for key in keys(item).values()]


def test_each_file_moves_whole_to_a_key_of_its_own_and_nothing_is_left(media: Path) -> None:
    item = clip_item()
    before = keys(item)
    decide(item)
    work(item)
    after = keys(item)
    assert set(after) == set(before) == {"media", "cover", "sheet"}
    assert not set(after.values()) & set(before.values())
    assert len(set(after.values())) == 3
    assert contents(item) == [CLIP, COVER, SHEET]
    assert lies(media) == set(after.values())
    assert all(key.startswith("restricted/") for key in after.values())
    rows: list[MediaFile | DerivedFile] = [*MediaFile.objects.all(), *DerivedFile.objects.all()]
    for row in rows:
        assert row.sha256[:12] not in row.storage_key
    assert promises() == []
    assert AuditEvent.objects.filter(action="media.rekeyed", object_key=item.external_id).count() == 1


@pytest.mark.parametrize(
    ("category", "outcome", "n"),
    [("child_safety", Outcome.BLOCK, 1), ("child_safety", Outcome.ESCALATE, 1), ("violence", Outcome.BLOCK, 0),
     ("", Outcome.CLEAR, 0)],
)  # fmt: skip
def test_the_promise_comes_with_the_decision_that_makes_it_restricted(category: str, outcome: Outcome, n: int) -> None:
    item = clip_item()
    decide(item, category, outcome)
    assert len(promises(item)) == n
    decide(item, category, outcome)
    assert len(promises(item)) == n  # one open promise of a kind


def test_the_categorys_flag_counts_not_its_name() -> None:
    Category.objects.create(slug="also_flagged", name="Also flagged", severity=5, is_child_safety=True)
    item = clip_item()
    decide(item, "also_flagged")
    assert len(promises(item)) == 1


def by_senior(item: Item) -> None:
    item_overturn(
        actor=people.person("sena", "senior"), item_key=str(item.key), outcome=Outcome.BLOCK, category="child_safety",
        note="opaque", min_age=0, territories=(), now=timezone.now(), expected_decision=people.seen(item),
    )  # fmt: skip


def in_bulk(item: Item) -> None:
    from moderation.decisions.bulk import changes_write
    from moderation.verdict.change import Change

    assert item.current_decision is not None
    change = Change(
        item.pk, item.current_decision.pk, Outcome.BLOCK, 0, (), "test", "child_safety", 1.0, "[]", "{}", "a" * 64, None
    )
    version = item.current_decision.policy_version_id
    changes_write([change], stage=DecisionStage.ACTIVATION, version_pk=version, now=timezone.now())


@pytest.mark.parametrize("writer", [by_senior, in_bulk])
def test_whoever_writes_the_decision(writer: Callable[[Item], None]) -> None:
    item = clip_item()
    writer(item)
    work(item)
    assert all(media_keys.is_rekeyed(key) for key in keys(item).values())


def test_an_upload_that_is_blocked_at_once_is_promised_too() -> None:
    file = scenes.stored(CLIP)
    item = scenes.item_judged("on-arrival", kind=ItemKind.IMAGE, media=file, findings=[scenes.bank_hit("child_safety")])
    assert item.state == "blocked"
    assert len(promises(item)) == 1


def test_a_text_has_nothing_to_move() -> None:
    decide(scenes.item_judged("text"))
    assert promises() == []


def test_what_was_moved_is_not_moved_again_and_a_second_delivery_changes_nothing(media: Path) -> None:
    item = clip_item()
    decide(item)
    (message,) = promises(item)
    work(item)
    after = keys(item)
    tasks.media_rekey(str(message.key))
    decide(item)
    work(item)
    assert keys(item) == after
    assert lies(media) == set(after.values())


def test_a_twin_goes_on_with_the_same_bytes(media: Path) -> None:
    item, twin = clip_item(), clip_item("twin")
    decide(item)
    work(item)
    assert contents(twin) == [CLIP, COVER, SHEET]
    assert keys(twin) == keys(item)
    decide(twin)
    work(twin)
    assert contents(item) == [CLIP, COVER, SHEET]


def test_what_another_row_still_names_stays_for_it(media: Path) -> None:
    item = clip_item()
    other = scenes.stored(b"another clip that looks the same")
    scenes.derived(other, "sheet", SHEET, mime="image/webp")  # the same picture was made of both
    shared = keys(item)["sheet"]
    decide(item)
    work(item)
    assert read(shared) == SHEET
    assert other.derived.get().storage_key == shared
    assert keys(item)["sheet"] != shared


class Fails:
    """A method that raises the n-th time it is called."""

    def __init__(self, real: Any, n: int) -> None:
        self.real, self.left = real, n

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise OSError("the machine went down here")
        return self.real(*args, **kwargs)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("step", ["_save", "delete"])
def test_a_crash_at_any_step_loses_nothing_and_the_next_try_ends_it(
    media: Path, monkeypatch: pytest.MonkeyPatch, step: str, n: int
) -> None:
    from moderation.detection.media import storage

    item = clip_item()
    decide(item)
    (message,) = promises(item)
    with monkeypatch.context() as patched:
        if step == "_save":
            patched.setattr(storage, "_save", Fails(storage._save, n))
        else:
            real = FileSystemStorage.delete
            failing = Fails(real, n)
            patched.setattr(FileSystemStorage, "delete", lambda self, name: failing(self, name))
        tasks.media_rekey(str(message.key))
        assert contents(item) == [CLIP, COVER, SHEET]
    if promises(item):
        tasks.media_rekey(str(message.key))
    assert promises(item) == []
    assert contents(item) == [CLIP, COVER, SHEET]
    assert lies(media) == set(keys(item).values())


def test_what_is_made_of_it_later_moves_as_well(media: Path, tmp_path: Path) -> None:
    item = clip_item()
    assert item.media is not None
    stale = MediaFile.objects.get(pk=item.media.pk)  # as a worker holds it that began before the block
    decide(item)
    work(item)
    preview = tmp_path / "preview.mp4"
    preview.write_bytes(b"an opaque preview")
    made._keep(stale, DerivedFile.Kind.PREVIEW, "1", {}, preview, "video/mp4")
    work(item)
    file = item_file(item.key, Part.PREVIEW)
    assert file is not None
    assert media_keys.is_rekeyed(file.key)
    assert lies(media) == {*keys(item).values(), file.key}


def test_what_is_made_of_other_files_stays(tmp_path: Path) -> None:
    item = clip_item()
    assert item.media is not None
    sheet = tmp_path / "sheet.webp"
    sheet.write_bytes(b"another sheet")
    made._keep(item.media, DerivedFile.Kind.SHEET, "2", {}, sheet, "image/webp")
    assert promises() == []


def test_a_lost_object_ends_no_promise_in_a_dead_letter(media: Path) -> None:
    item = clip_item()
    default_storage.delete(keys(item)["cover"])
    decide(item)
    work(item)
    assert promises() == []
    assert media_keys.is_rekeyed(keys(item)["media"])


def test_a_dead_promise_is_seen_and_says_nothing_of_the_deep_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    item = clip_item()
    decide(item)
    (message,) = promises(item)
    with monkeypatch.context() as patched:
        patched.setattr(FileSystemStorage, "_open", Fails(None, 1))
        patched.setattr(FileSystemStorage, "path", lambda self, name: (_ for _ in ()).throw(OSError("away")))
        for _ in range(6):
            tasks.media_rekey(str(message.key))
    message.refresh_from_db()
    assert message.state == "dead"
    item.refresh_from_db()
    assert item.deep_state == DeepState.NOT_NEEDED
    dead_letters.dead_letter_redrive(
        actor=User.objects.create_user("ops"), message_key=str(message.key), now=timezone.now()
    )
    item.refresh_from_db()
    assert item.deep_state == DeepState.NOT_NEEDED
    work(item)
    assert contents(item) == [CLIP, COVER, SHEET]


def api() -> Client:
    _, secret = ApiKey.issue(name="tests", scopes=list(SCOPES))
    return Client(headers={"Authorization": f"Api-Key {secret}"})


def send(client: Client, external_id: str, picture: bytes, **values: object) -> int:
    body = form(
        fields(external_id=external_id, kind="image", creator="mira", **values),
        part("media", picture, filename="a.jpg"),
    )
    return client.post("/api/v1/items", body, content_type=FORM_TYPE).status_code


@pytest.mark.django_db(transaction=True)
def test_the_same_bytes_sent_again_leave_no_copy_under_the_old_key(media: Path) -> None:
    client, picture = api(), jpeg()
    assert send(client, "first", picture) == 201
    item = Item.objects.get(external_id="first")
    assert item.media is not None
    plain = key_of(item.media.sha256)
    assert lies(media) == {plain}
    decide(item)
    work(item)
    (moved,) = lies(media)
    assert moved != plain
    assert send(client, "another", picture) == 201  # a new item of the same content
    assert lies(media) == {moved}
    assert send(client, "another", picture) == 200  # the same again
    assert lies(media) == {moved}
    assert send(client, "another", picture, caption="other words") == 409
    assert lies(media) == {moved}
    twin = Item.objects.get(external_id="another")
    assert twin.media == item.media
    file = item_file(twin.key, Part.MEDIA)
    assert file is not None
    assert read(file.key) == picture


@pytest.mark.django_db(transaction=True)
def test_a_copy_that_a_killed_upload_left_goes_with_the_next_promise(media: Path) -> None:
    client, picture = api(), jpeg()
    assert send(client, "first", picture) == 201
    item = Item.objects.get(external_id="first")
    decide(item)
    work(item)
    (moved,) = lies(media)
    assert item.media is not None
    (media / key_of(item.media.sha256)).parent.mkdir(parents=True, exist_ok=True)
    (media / key_of(item.media.sha256)).write_bytes(picture)
    decide(item)
    work(item)
    assert lies(media) == {moved}


@pytest.mark.django_db(transaction=True)
def test_what_was_blocked_before_there_was_the_promise_is_promised_by_the_migration() -> None:
    from importlib import import_module

    from django.db import connection

    item = clip_item()
    decide(item)
    OutboxMessage.objects.all().delete()
    decide(clip_item("other"), "violence")
    with connection.cursor() as cursor:
        cursor.execute(import_module("moderation.migrations.0021_move_restricted_media")._PROMISE)
    assert [message.item for message in promises()] == [item]
    work(item)
