"""The feed over a restored database: clients of the stream are told, and nothing that was kept of the former one is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from feed import index
from feed.home import query_make
from feed.pipeline import take_shelf
from feed.types import Trace
from moderation.gate import door as gate
from moderation.gate.door import Viewer
from policies.choices import Band
from tests.support.clearances import cleared, revoke
from tests.support.dumps import Dump

pytestmark = pytest.mark.django_db(transaction=True)
Api = Callable[..., Any]
Follow = Callable[[], None]
FOREIGN = "0" * 32


def gone(answer: Any) -> bool:
    """Whether the answer is the problem that tells to drop everything and start at 0."""
    if answer.status_code != 410:
        return False
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "urn:gatehouse:problem:history-gone"
    assert "Drop the whole cache" in body["detail"]
    assert "since=0" in body["detail"]
    return True


def test_the_stream_says_of_which_history_it_is(api: Api, follow: Follow) -> None:
    page = api("feed/revocations").json()
    assert page["history"] == gate.current().history
    assert set(page) == {"revocations", "next", "history", "is_more"}
    assert api("feed/revocations", since=page["next"], history=page["history"]).status_code == 200
    assert api("feed/revocations", history=page["history"]).status_code == 200


@pytest.mark.parametrize(
    "asked",
    [
        {"since": 0, "history": FOREIGN}, {"since": 1, "history": FOREIGN}, {"since": 1}, {"since": 1, "history": ""},
        {"since": 2**40, "history": "own"}, {"since": 2**40},
    ],
)  # fmt: skip
def test_a_foreign_history_or_a_revision_ahead_of_the_stream_is_gone(
    api: Api, follow: Follow, asked: dict[str, Any]
) -> None:
    revoke(cleared("a"))
    follow()
    own = gate.current().history
    assert gone(api("feed/revocations", **{name: own if value == "own" else value for name, value in asked.items()}))


@pytest.mark.parametrize("history", ["x", FOREIGN[:-1], FOREIGN.replace("0", "G"), f"{FOREIGN}0"])
def test_what_is_no_history_is_refused(api: Api, follow: Follow, history: str) -> None:
    assert api("feed/revocations", since=0, history=history).status_code == 422


def test_a_client_is_told_even_before_this_process_has_looked(api: Api, follow: Follow) -> None:
    dump = Dump.take()
    revoke(cleared("a"))
    follow()
    page = api("feed/revocations").json()
    dump.restore()
    for n in range(9):
        revoke(cleared(f"other-{n}"))  # the stream has grown past what the client has read
    assert gone(api("feed/revocations", since=page["next"], history=page["history"]))
    fresh = api("feed/revocations").json()
    assert fresh["history"] != page["history"]
    assert fresh["next"] == 0, "what is settled in the former history says nothing of this one"
    assert [row["external_id"] for row in fresh["revocations"]] == [f"other-{n}" for n in range(9)]
    follow()
    assert api("feed/revocations", history=fresh["history"]).json()["history"] == gate.current().history


def shown(answer: Any) -> list[tuple[str, str]]:
    return [(item["external_id"], item["caption"]) for item in answer.json()["items"]]


def test_captions_features_and_shelves_of_the_former_history_are_not_shown(api: Api, follow: Follow) -> None:
    dump = Dump.take()
    lost = cleared("lost", creator="c-1")
    follow()
    assert shown(api("feed")) == [("lost", "about lost")]
    features, history = index.current().features, gate.current().history
    dump.restore()
    other = cleared("other", creator="c-2")
    assert other.pk == lost.pk
    gate.current().refresh()  # and not yet the index: its shelves are of before
    assert index.current().shelves[Band.UNDER_13][0].item_id == lost.pk
    trace = Trace("t", timezone.now(), "", 0, "", "")
    assert take_shelf(query_make(), trace).ids == []
    assert shown(api("feed")) in ([], [("other", "about other")])
    follow()
    assert gate.current().history != history
    assert index.current().features is not features
    assert shown(api("feed")) == [("other", "about other")]
    assert index.current().features.creator[other.pk] == other.creator_id
    assert index.current().shelves[Band.UNDER_13][0].display["caption"] == "about other"


def test_what_was_chosen_before_the_restore_does_not_pass_the_gate_after_it(follow: Follow) -> None:
    dump = Dump.take()
    lost = cleared("lost")
    follow()
    viewer = Viewer(Band.ADULT, "DE")
    chosen = gate.current().eligible(viewer, timezone.now())
    assert chosen.ids.tolist() == [lost.pk]
    dump.restore()
    assert cleared("other").pk == lost.pk
    follow()
    answer = gate.current().admit(chosen.ids.tolist(), viewer, timezone.now(), history=chosen.history)
    assert answer.denied == [(lost.pk, "history")]


def test_a_cursor_of_the_former_history_hides_nothing_of_this_one(api: Api, follow: Follow) -> None:
    dump = Dump.take()
    cleared("lost", creator="c-1")
    follow()
    cursor = api("feed", limit=1).json()["cursor"]
    assert shown(api("feed", limit=1, cursor=cursor)) == []
    dump.restore()
    cleared("other", creator="c-2")
    follow()
    assert shown(api("feed", limit=1, cursor=cursor)) == [("other", "about other")]


def test_a_trace_of_the_former_history_is_not_told_with_other_names(api: Api, follow: Follow) -> None:
    dump = Dump.take()
    cleared("lost", creator="c-1")
    follow()
    trace_id = api("feed", viewer="v").json()["trace_id"]
    assert api("feed/explain", trace_id=trace_id).json()["served"] == ["lost"]
    dump.restore()
    cleared("other", creator="c-2")
    follow()
    assert api("feed/explain", trace_id=trace_id).status_code == 404
