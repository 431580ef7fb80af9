"""The item and report endpoints: what is taken, what it answers, and what stays when something fails on the way."""

from __future__ import annotations

import io
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from console.models import SCOPES, ApiKey
from moderation.api import uploads, views
from moderation.intake.submit import item_submit
from moderation.models import AuditEvent, Creator, Item, MediaFile, Report
from policies import live as live_policies
from policies.errors import PolicyUnavailable
from tests.support.forms import FORM_TYPE, fields, form, jpeg, mp4, part

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _policy(db: None) -> Iterator[None]:
    """Put a policy in force."""
    call_command("policy_seed", verbosity=0, stdout=io.StringIO())
    live_policies.invalidate()
    yield
    live_policies.invalidate()


@pytest.fixture
def media(tmp_path: Path, settings: Settings) -> Path:
    """Return the folder that this test's media go to."""
    default = {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": tmp_path / "media"}}
    settings.STORAGES = {**settings.STORAGES, "default": default}
    return tmp_path / "media"


@pytest.fixture
def api() -> Client:
    """Return a client with a key that may do everything."""
    _, secret = ApiKey.issue(name="test", scopes=list(SCOPES))
    return Client(headers={"Authorization": f"Api-Key {secret}"})


def _text(api: Client, external_id: str = "t-1", **values: Any) -> Any:
    body = {"external_id": external_id, "kind": "text", "creator": "c-1", "caption": "a quiet morning", **values}
    return api.post("/api/v1/items", body, content_type="application/json")


def _files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def _image(api: Client, external_id: str = "i-1", seed: int = 1, **values: Any) -> Any:
    file = SimpleUploadedFile("a.jpg", jpeg(seed=seed))
    return api.post(
        "/api/v1/items", {"external_id": external_id, "kind": "image", "creator": "c-1", "media": file, **values}
    )


def test_it_takes_a_text_and_answers_with_the_verdict(api: Client) -> None:
    answer = _text(api, language="en-GB", region="DE", audience="13_15", duration_ms=0)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert set(body) == {
        "id", "external_id", "state", "outcome", "decided_by", "min_age", "territories_blocked", "reasons", "missing",
        "policy_version", "decision_id", "deep",
    }  # fmt: skip
    uuid.UUID(body["id"])
    assert body["external_id"] == "t-1"
    assert body["policy_version"] == 1
    item = Item.objects.get(external_id="t-1")
    assert (item.language_claimed, item.region, item.audience_claim, item.duration_ms) == ("en-GB", "DE", 1, 0)
    assert AuditEvent.objects.filter(action="item.submitted", actor_name="api:test").count() == 1


def test_it_answers_an_identical_repeat_with_200_and_stores_nothing_more(api: Client) -> None:
    first, second = _text(api), _text(api)
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert Item.objects.count() == 1


def test_it_answers_other_content_under_the_same_id_with_409(api: Client) -> None:
    _text(api)
    answer = _text(api, caption="another morning")
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "external_id"


def test_it_stores_the_same_bytes_once(api: Client, media: Path) -> None:
    assert _image(api, "i-1").status_code == 201
    assert _image(api, "i-2").status_code == 201
    assert MediaFile.objects.count() == len(_files(media)) == 1


def test_it_takes_a_video_with_a_cover(api: Client, media: Path) -> None:
    cover = SimpleUploadedFile("c.jpg", jpeg(seed=31))
    clip = SimpleUploadedFile("../../v.mp4", mp4(seed=31))
    answer = api.post(
        "/api/v1/items", {"external_id": "v-1", "kind": "video", "creator": "c-1", "media": clip, "cover": cover}
    )
    assert answer.status_code == 201, answer.content
    item = Item.objects.select_related("media", "cover").get(external_id="v-1")
    assert item.media is not None
    assert item.cover is not None
    assert (item.media.mime, item.media.width, item.media.height) == ("video/mp4", 160, 120)
    assert item.media.duration_ms == pytest.approx(1_000, abs=100)
    assert _files(media) == sorted([item.media.sha256, item.cover.sha256])


def test_it_keeps_a_caption_exactly_as_it_was_sent(api: Client) -> None:
    caption = "  ünï\u200dcode\r\n\tand 👩‍👩‍👧 \u202eedges  "
    body = form(fields(external_id="t-2", kind="text", creator="c-1"), part("caption", caption))
    answer = api.generic("POST", "/api/v1/items", body, content_type=FORM_TYPE)
    assert answer.status_code == 201, answer.content
    assert Item.objects.get(external_id="t-2").caption == caption


@pytest.mark.parametrize(
    "external_id", ["a b", "a/b", "ü%3F", "a?b#c", "日本", "100%", "history", "a/history/b", "+", "a;b=c"]
)
def test_ids_with_odd_characters_can_be_asked_for_and_withdrawn(api: Client, external_id: str) -> None:
    assert _text(api, external_id).status_code == 201
    address = f"/api/v1/items/{quote(external_id, safe='')}"
    assert api.get(address).json()["external_id"] == external_id
    history = api.get(f"{address}/history").json()
    assert (history["external_id"], len(history["decisions"])) == (external_id, 1)
    assert api.delete(address).json()["state"] == "blocked"


def test_withdrawing_ends_the_clearance_and_is_safe_to_repeat(api: Client) -> None:
    _text(api)
    first, second = api.delete("/api/v1/items/t-1"), api.delete("/api/v1/items/t-1")
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.json() == second.json()
    assert first.json()["decided_by"] == "platform.withdrawn"
    stages = [d["stage"] for d in api.get("/api/v1/items/t-1/history").json()["decisions"]]
    assert stages == ["on_path", "withdrawal"]


def test_history_gives_every_decision_with_its_evidence_and_version(api: Client) -> None:
    _text(api)
    decision = api.get("/api/v1/items/t-1/history").json()["decisions"][0]
    assert decision["policy_version"] == 1
    assert {"scores", "missing"} <= set(decision["evidence"])
    assert decision["at"].endswith("Z")


def test_a_report_is_stored_once_each(api: Client) -> None:
    _text(api)
    body = {"external_id": "t-1", "reporter": "r-1", "category": "hate", "text": "look"}
    first = api.post("/api/v1/reports", body, content_type="application/json")
    second = api.post("/api/v1/reports", body, content_type="application/json")
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert not Report.objects.get().is_trusted_flagger


# --- what fails on the way ----------------------------------------------------------------------------------------


def test_a_conflict_leaves_no_file_but_keeps_one_that_was_there_before(api: Client, media: Path) -> None:
    _image(api, "i-1", seed=1)
    kept = _files(media)
    assert _image(api, "i-1", seed=2).status_code == 409
    assert _files(media) == kept
    _image(api, "i-2", seed=3)
    both = _files(media)
    assert _image(api, "i-1", seed=3).status_code == 409
    assert _files(media) == both


@pytest.mark.parametrize(("error", "status"), [(OperationalError("gone"), 503), (PolicyUnavailable("none"), 503)])
def test_a_failure_after_storing_the_file_leaves_none(
    api: Client, media: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    def fails(**kwargs: Any) -> None:
        assert _files(media)
        raise error

    monkeypatch.setattr(views, "item_submit", fails)
    answer = _image(api)
    assert answer.status_code == status
    assert answer.json()["type"] == "urn:gatehouse:problem:unavailable"
    assert int(answer.headers["Retry-After"]) > 0
    assert _files(media) == []


def test_a_full_disk_is_507_and_leaves_nothing(api: Client, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from moderation.detection.media.limits import MediaStorageFull

    def full(file: Any, **named: Any) -> None:
        raise MediaStorageFull("There is no room left for media.")

    monkeypatch.setattr(uploads, "save_upload", full)
    answer = _image(api)
    assert answer.status_code == 507
    assert answer.json()["type"] == "urn:gatehouse:problem:storage-full"
    assert (Item.objects.count(), Creator.objects.count(), _files(media)) == (0, 0, [])


def test_an_error_nobody_foresaw_is_a_problem_without_internals(api: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(external_id: str) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(views, "item_by_external_id", fails)
    api.raise_request_exception = False
    answer = api.get("/api/v1/items/t-1")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:gatehouse:problem:internal"
    assert b"secret" not in answer.content
    assert b"ZeroDivision" not in answer.content


def test_every_answer_carries_its_request_id_and_server_time(api: Client) -> None:
    answer = api.get("/api/v1/items/nobody", headers={"X-Request-Id": "abc.123"})
    assert answer.headers["X-Request-Id"] == "abc.123"
    assert answer.headers["Server-Timing"].startswith("app;dur=")
    made = api.get("/api/v1/items/nobody", headers={"X-Request-Id": "no\tgood id!"}).headers["X-Request-Id"]
    assert len(made) == 32


def test_the_log_of_a_call_has_no_address_and_no_content(api: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="console.middleware"):
        _text(api, "secret-person", caption="private words")
    lines = [str(record.msg) for record in caplog.records if record.name == "console.middleware"]
    assert any("api_call" in line for line in lines)
    assert not any("secret-person" in line or "private words" in line for line in lines)


@pytest.mark.django_db(transaction=True)
def test_a_refused_upload_never_removes_a_file_that_another_is_about_to_use(
    api: Client, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two uploads of the same new bytes: the first stored the file and is refused while the second is under way."""
    second_is_in, first_is_done = threading.Event(), threading.Event()
    real = item_submit

    def slow(**kwargs: Any) -> Any:
        if kwargs["submission"].external_id == "first":
            assert second_is_in.wait(10)
            raise OperationalError("refused")
        second_is_in.set()
        assert first_is_done.wait(10)
        return real(**kwargs)

    monkeypatch.setattr(views, "item_submit", slow)
    statuses: dict[str, int] = {}

    def send(external_id: str) -> None:
        try:
            statuses[external_id] = _image(api, external_id).status_code
        finally:
            connection.close()

    first = threading.Thread(target=send, args=("first",))
    first.start()
    while not _files(media):
        pass
    second = threading.Thread(target=send, args=("second",))
    second.start()
    first.join(20)
    first_is_done.set()
    second.join(20)
    assert statuses == {"first": 503, "second": 201}
    assert _files(media) == [MediaFile.objects.get().sha256]
