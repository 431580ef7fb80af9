"""What viewers did: taken in once, partly where some events are bad, and turned into popularity."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from feed.models import Event, Popularity
from feed.popularity import popularity_recompute
from feed.tasks import popularity_refresh
from feed.viewers import impression_make, impression_region, viewer_hash
from tests.support.clearances import cleared, item_make

Api = Callable[..., Any]


def event(**changes: object) -> dict[str, object]:
    """Return a like of item `a`, changed."""
    base = {
        "event_id": uuid.uuid4().hex, "type": "like", "viewer": "v-1", "external_id": "a",
        "at": timezone.now().isoformat(),
    }  # fmt: skip
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


@pytest.mark.django_db
class TestIntake:
    """POST /api/v1/events."""

    @pytest.fixture
    def post(self, db: None, client: Any) -> Callable[..., Any]:
        from console.models import ApiKey

        _, secret = ApiKey.issue(name="tests", scopes=["events:write"])

        def send(*events: object) -> Any:
            return client.post(
                "/api/v1/events", {"events": list(events)}, content_type="application/json",
                headers={"Authorization": f"Api-Key {secret}"},
            )  # fmt: skip

        return send

    def test_it_counts_each_event_once(self, post: Any) -> None:
        item_make("a")
        one, two = event(), event(type="watch", watch_ms=1200)
        answer = post(one, two, one)
        assert answer.status_code == 202
        assert answer.json() == {"accepted": 2, "duplicates": 1, "rejected": []}
        assert post(one, two).json() == {"accepted": 0, "duplicates": 2, "rejected": []}
        assert Event.objects.count() == 2

    def test_it_takes_the_good_events_of_a_bad_batch(self, post: Any) -> None:
        item_make("a")
        good = event()
        answer = post(event(type="dance"), good, event(external_id="none"), 7, event(event_id=None))
        rejected = answer.json()["rejected"]
        assert [(row["index"], row["code"]) for row in rejected] == [
            (0, "unknown_type"), (2, "unknown_item"), (3, "not_an_object"), (4, "missing"),
        ]  # fmt: skip
        assert [row.event_id for row in Event.objects.all()] == [good["event_id"]]

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"at": "2999-01-01T00:00:00Z"}, "future"),
            ({"at": "2001-01-01T00:00:00Z"}, "too_old"),
            ({"at": "2026-01-01T00:00:00"}, "invalid"),
            ({"at": "2026-13-01T00:00:00Z"}, "invalid"),
            ({"at": 5}, "invalid"),
            ({"at": None}, "invalid"),
            ({"watch_ms": -1}, "invalid"),
            ({"watch_ms": True}, "invalid"),
            ({"watch_ms": "5"}, "invalid"),
            ({"watch_ms": 1.5}, "invalid"),
            ({"viewer": "a\x00b"}, "invalid"),
            ({"viewer": 5}, "invalid"),
            ({"viewer": "v" * 129}, "invalid"),
            ({"event_id": ""}, "missing"),
            ({"external_id": None}, "missing"),
            ({"extra": 1}, "unknown_field"),
            ({"impression_id": "00" * 24}, "unknown_impression"),
            ({"impression_id": "not hex"}, "unknown_impression"),
        ],
    )
    def test_a_bad_event_is_refused_with_its_reason(self, post: Any, changes: dict[str, object], code: str) -> None:
        item_make("a")
        answer = post(event(**changes))
        assert answer.status_code == 202
        assert [row["code"] for row in answer.json()["rejected"]] == [code]
        assert not Event.objects.exists()

    def test_a_clock_that_is_slightly_ahead_is_no_future(self, post: Any) -> None:
        item_make("a")
        assert post(event(at=(timezone.now() + timedelta(seconds=30)).isoformat())).json()["accepted"] == 1

    @pytest.mark.parametrize("body", [{}, {"events": 5}, {"events": [], "more": 1}, [], {"events": [1] * 501}])
    def test_a_bad_batch_is_refused_whole(self, client: Any, body: object) -> None:
        from console.models import ApiKey

        _, secret = ApiKey.issue(name="tests", scopes=["events:write"])
        answer = client.post(
            "/api/v1/events", body, content_type="application/json", headers={"Authorization": f"Api-Key {secret}"}
        )
        assert answer.status_code == 422

    def test_viewers_are_stored_as_keyed_hashes(self, post: Any) -> None:
        item_make("a")
        post(event(viewer="someone@example.org"))
        stored = Event.objects.get()
        assert stored.viewer_hash == viewer_hash("someone@example.org")
        assert len(stored.viewer_hash) == 32
        assert "someone" not in str(stored.__dict__)

    def test_an_impression_tells_the_region_and_belongs_to_its_item(self, post: Any) -> None:
        a, b = item_make("a"), item_make("b")
        impression = impression_make(b"n" * 16, "DE", a.pk)
        assert impression_region(impression, a.pk) == "DE"
        assert impression_region(impression, b.pk) is None
        assert post(event(impression_id=impression)).json()["accepted"] == 1
        assert (
            post(event(impression_id=impression, external_id="b")).json()["rejected"][0]["code"] == "unknown_impression"
        )
        assert Event.objects.get().region == "DE"

    def test_the_database_refuses_what_the_service_would(self) -> None:
        item = item_make("a")
        good = {"event_id": "e", "type": "like", "item": item, "at": timezone.now()}
        for change in ({"type": "dance"}, {"event_id": ""}, {"region": "de"}, {"viewer_hash": "someone"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Event.objects.create(**{**good, **change})
        Event.objects.create(**good)
        with pytest.raises(IntegrityError), transaction.atomic():
            Event.objects.create(**good)
        with pytest.raises(IntegrityError), transaction.atomic():
            Popularity.objects.create(item=item, region="", score=-1, as_of=timezone.now())


@pytest.mark.django_db
class TestPopularity:
    """What follows from events."""

    def _act(self, item: Any, kind: str, viewer: str, at: datetime, region: str = "") -> None:
        Event.objects.create(
            event_id=uuid.uuid4().hex, type=kind, viewer_hash=viewer_hash(viewer), item=item, at=at, region=region
        )

    def _score(self, item: Any, region: str = "") -> float:
        return Popularity.objects.get(item=item, region=region).score

    def test_a_like_loses_half_its_weight_in_half_a_day(self) -> None:
        item, now = item_make("a"), timezone.now()
        self._act(item, "like", "v", now - timedelta(hours=12))
        assert popularity_recompute(now=now) == 1
        assert self._score(item) == pytest.approx(1.0)

    def test_a_viewer_counts_once_for_each_kind_of_act(self) -> None:
        item, now = item_make("a"), timezone.now()
        for _ in range(5):
            self._act(item, "like", "v", now)
        self._act(item, "share", "v", now)
        self._act(item, "like", "w", now)
        popularity_recompute(now=now)
        assert self._score(item) == pytest.approx(2 + 3 + 2)

    def test_regions_count_apart_and_all_of_them_count_together(self) -> None:
        item, now = item_make("a"), timezone.now()
        self._act(item, "finish", "v", now, region="DE")
        self._act(item, "finish", "w", now, region="FR")
        popularity_recompute(now=now)
        assert (self._score(item), self._score(item, "DE"), self._score(item, "FR")) == (2.0, 1.0, 1.0)

    def test_reports_pull_down_and_never_below_zero(self) -> None:
        item, now = item_make("a"), timezone.now()
        self._act(item, "like", "v", now)
        self._act(item, "report", "w", now)
        popularity_recompute(now=now)
        assert self._score(item) == 0.0

    def test_what_is_over_is_forgotten(self) -> None:
        item, now = item_make("a"), timezone.now()
        self._act(item, "like", "v", now)
        popularity_recompute(now=now)
        assert popularity_recompute(now=now + timedelta(days=30)) == 0
        assert not Popularity.objects.exists()

    def test_the_task_runs_it(self) -> None:
        self._act(item_make("a"), "like", "v", timezone.now() - timedelta(seconds=1))
        assert popularity_refresh() == 1
        assert popularity_refresh() == 1


def test_what_a_region_likes_comes_from_the_popular_source(api: Api, follow: Callable[[], None]) -> None:
    items = [cleared(f"i-{n}", creator=f"c-{n}", created_at=timezone.now() - timedelta(hours=n)) for n in range(6)]
    follow()
    slate = api("feed", region="DE", viewer="v").json()["items"]
    oldest = next(entry for entry in slate if entry["external_id"] == "i-5")
    sent = [
        event(type="share", viewer=f"fan-{n}", external_id="i-5", impression_id=oldest["impression_id"])
        for n in range(20)
    ]
    assert api("events", {"events": sent}).json()["accepted"] == 20
    popularity_recompute(now=timezone.now())
    follow()
    first = api("feed", region="DE").json()["items"][0]
    assert (first["external_id"], first["reason"]) == ("i-5", "popular_in_region")
    assert Popularity.objects.filter(item=items[5], region="DE").exists()
