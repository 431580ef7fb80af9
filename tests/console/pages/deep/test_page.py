"""The page of the deep pass: queues for who sees dashboards, runs over history for who may begin them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from moderation.gate import door as gate
from moderation.models import DetectorRerun, OutboxMessage
from moderation.outbox import backpressure
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.sign_in import signed_in


@pytest.fixture
def admin(ready: None) -> User:
    return scenes.person("admin")


@pytest.fixture
def desk(admin: User) -> Client:
    return signed_in(admin)


@pytest.fixture
def clip_of_the_past(ready: None) -> None:
    scenes.item_judged("old-1", kind=ItemKind.VIDEO, media=scenes.stored(b"old" * 40))


def _late(settings: Settings) -> None:
    long_ago = timezone.now() - timedelta(seconds=settings.DEEP_PRESSURE_SECONDS + 60)
    item = scenes.item_judged("late-1")
    OutboxMessage.objects.create(
        topic="moderation.tasks.item_examine", item=item, queue="deep.io", created_at=long_ago, rank_at=long_ago
    )
    backpressure.forget()


def test_it_shows_every_queue_and_what_it_wants(desk: Client, settings: Settings) -> None:
    html = desk.get("/deep/").content.decode()
    for name in ("deep.io", "deep.cpu", "deep.gpu", "deep.rerun"):
        assert name in html
    assert "The queues are late" not in html
    _late(settings)
    assert "The queues are late" in desk.get("/deep/").content.decode()
    backpressure.forget()


def test_the_home_page_and_readyz_say_that_queues_are_late(
    desk: Client, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "current", lambda: None)  # not asked here: it would start its thread
    _late(settings)
    assert "deep queues late" in desk.get("/").content.decode()
    assert desk.get("/readyz").json()["checks"]["deep"]["is_pressed"] is True
    assert 'deep_queue_pressed{queue="deep.io"} 1.0' in desk.get("/metrics").content.decode()
    backpressure.forget()


@pytest.mark.usefixtures("clip_of_the_past")
def test_a_run_is_begun_paused_resumed_and_cancelled(desk: Client) -> None:
    assert desk.post(reverse("rerun_start"), {"detector": "ocr", "per_minute": 60}).status_code == 302
    rerun = DetectorRerun.objects.get()
    assert rerun.started_by is not None
    assert (rerun.state, rerun.n_total, rerun.started_by.username) == ("running", 1, "admin-1")
    for act, state in (("pause", "paused"), ("resume", "running"), ("cancel", "cancelled")):
        assert desk.post(reverse("rerun_act", args=[rerun.key, act])).status_code == 302
        rerun.refresh_from_db()
        assert rerun.state == state
    assert desk.post(reverse("rerun_act", args=[rerun.key, "explode"])).status_code == 404


@pytest.mark.usefixtures("clip_of_the_past")
@pytest.mark.parametrize(
    ("given", "words"),
    [({"detector": "ocr", "per_minute": 0}, "greater than or equal to 1"), ({"detector": "ocr"}, "Give a number"),
     ({"detector": "terms", "per_minute": 5}, "Choose one"), ({"detector": "speech", "per_minute": 5}, "No model")],
)  # fmt: skip
def test_what_cannot_be_begun_comes_back_with_the_field_named(
    desk: Client, given: dict[str, object], words: str
) -> None:
    response = desk.post(reverse("rerun_start"), given)
    assert response.status_code == 422
    assert words in response.content.decode()


@pytest.mark.usefixtures("clip_of_the_past")
def test_a_second_act_on_the_same_run_says_so(desk: Client) -> None:
    desk.post(reverse("rerun_start"), {"detector": "ocr", "per_minute": 60})
    url = reverse("rerun_act", args=[DetectorRerun.objects.get().key, "pause"])
    desk.post(url)
    assert "reload the page" in desk.post(url, follow=True).content.decode()


@pytest.mark.usefixtures("clip_of_the_past")
def test_who_only_sees_dashboards_sees_no_buttons(desk: Client) -> None:
    desk.post(reverse("rerun_start"), {"detector": "ocr", "per_minute": 60})
    html = signed_in(scenes.person("analyst")).get("/deep/").content.decode()
    assert "0 of 1" in html
    assert "Pause" not in html
    assert "Run over history" not in html


def test_the_page_takes_few_queries(desk: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    desk.get("/deep/")
    with django_assert_max_num_queries(12):
        desk.get("/deep/")
