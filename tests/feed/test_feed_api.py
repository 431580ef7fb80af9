"""The feed over HTTP: the contract, what is refused, and that only what is cleared for this viewer comes."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from openapi_schema_validator import OAS31Validator

from console.models import SCOPES, ApiKey
from feed.traces import HELD, TraceKeeper
from feed.viewers import viewer_hash
from moderation.gate import door as gate
from moderation.models import ClearanceRevision
from tests.support.clearances import cleared, item_make, permit, revoke

Api = Callable[..., Any]
Follow = Callable[[], None]


def ids(answer: Any) -> list[str]:
    """Return the external ids of a slate."""
    assert answer.status_code == 200, answer.content
    return [item["external_id"] for item in answer.json()["items"]]


def test_it_answers_as_the_contract_says(api: Api, follow: Follow) -> None:
    item = cleared("a", region="DE", min_age=16)
    follow()
    answer = api("feed", viewer="v-1", age="30", region="DE", language="de", network="cellular", limit=5)
    body = answer.json()
    assert set(body) == {"items", "cursor", "rung", "trace_id", "served_at"}
    assert (body["rung"], body["cursor"]) == ("full", None)
    assert set(body["items"][0]) == {
        "external_id", "creator", "caption", "media_url", "duration_ms", "min_age", "reason", "clearance", "impression_id"
    }  # fmt: skip
    clearance = body["items"][0]["clearance"]
    assert set(clearance) == {"decision_id", "policy_version", "revision", "valid_until"}
    assert clearance["decision_id"] == str(item.clearance.decision.key)
    assert body["items"][0]["min_age"] == 16
    assert answer["Cache-Control"] == "no-store"


def test_it_serves_nothing_that_is_not_cleared_for_the_viewer(api: Api, follow: Follow) -> None:
    for n in range(3):
        cleared(f"all-{n}", creator=f"c-{n}")
    cleared("teen", min_age=13, creator="x1")
    cleared("adult", min_age=18, creator="x2")
    cleared("not-in-de", territories=["DE"], creator="x3")
    cleared("over", valid_until=timezone.now() - timedelta(seconds=1), creator="x4")
    item_make("undecided", creator="x5")
    revoke(cleared("revoked", creator="x6"))
    follow()
    everybody = {"all-0", "all-1", "all-2"}
    assert set(ids(api("feed"))) == everybody
    strange = ("+40", " 40", "40 ", "4_0", "٤٠", "４０", "40.0", "4e1", "0x28", "40,", "²", "9" * 50)
    for age in ("nan", "-1", "121", "abc", "", "inf", "12", *strange):
        assert set(ids(api("feed", age=age, region="DE"))) == everybody
    assert set(ids(api("feed", age="13", region="DE"))) == everybody | {"teen"}
    assert set(ids(api("feed", age="40", region="DE"))) == everybody | {"teen", "adult"}
    assert set(ids(api("feed", age="40", region="FR"))) == everybody | {"teen", "adult", "not-in-de"}
    assert set(ids(api("feed", age="40", region="ZZ"))) == everybody | {"teen", "adult"}


def test_a_revoked_item_leaves_even_when_the_index_has_not_noticed(api: Api, follow: Follow) -> None:
    from moderation.gate import door as gate

    item = cleared("a")
    follow()
    assert ids(api("feed")) == ["a"]
    revoke(item)
    gate.current().refresh()
    assert ids(api("feed")) == []


def test_pages_follow_one_another_without_repeats(api: Api, follow: Follow) -> None:
    for n in range(25):
        cleared(f"i-{n}", creator=f"c-{n}")
    follow()
    seen: list[str] = []
    cursor = ""
    for _ in range(10):
        answer = api("feed", limit=4, cursor=cursor, viewer="v")
        seen += ids(answer)
        cursor = answer.json()["cursor"]
        if cursor is None:
            break
        cleared(f"new-{len(seen)}", creator=f"n-{len(seen)}")
        follow()
    assert len(seen) == len(set(seen)) >= 25
    assert {f"i-{n}" for n in range(25)} <= set(seen)


def test_no_creator_fills_a_page(api: Api, follow: Follow) -> None:
    for n in range(6):
        cleared(f"busy-{n}", creator="busy")
    for n in range(6):
        cleared(f"other-{n}", creator=f"o-{n}", created_at=timezone.now() - timedelta(hours=50))
    follow()
    items = api("feed", limit=8).json()["items"]
    creators = [item["creator"] for item in items]
    assert Counter(creators)["busy"] == 2
    places = [n for n, creator in enumerate(creators) if creator == "busy"]
    assert places[1] - places[0] > 3


def test_language_region_and_connection_move_what_fits_forward(api: Api, follow: Follow) -> None:
    cleared("german", language="de-AT", region="AT", creator="a", created_at=timezone.now() - timedelta(hours=20))
    cleared("english", language="en", region="GB", creator="b")
    follow()
    assert ids(api("feed", language="en-US")) == ["english", "german"]
    assert ids(api("feed", language="de")) == ["german", "english"]
    assert ids(api("feed", language="de", region="AT"))[0] == "german"


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "51"}, {"limit": "many"}, {"network": "fax"}, {"region": "DEU"}, {"region": "1"},
        {"language": "not a language"}, {"viewer": "v" * 129}, {"cursor": "forged"}, {"cursor": "a:b:c"},
        {"explain": "1"}, {"viewer": "a\x00b"}, {"age": "a\x00b"},
    ],
)  # fmt: skip
def test_bad_parameters_are_refused(api: Api, follow: Follow, query: dict[str, str]) -> None:
    answer = api("feed", **query)
    assert answer.status_code == 422
    assert answer["Content-Type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == list(query)


def test_a_cursor_of_another_purpose_or_with_a_changed_letter_is_refused(api: Api, follow: Follow) -> None:
    for n in range(3):
        cleared(f"i-{n}", creator=f"c-{n}")
    follow()
    cursor = api("feed", limit=2).json()["cursor"]
    changed = ("B" if cursor[0] != "B" else "C") + cursor[1:]
    assert api("feed", cursor=changed).status_code == 422
    assert api("feed", cursor=cursor).status_code == 200


def test_a_key_sees_what_its_scope_says(client: Client, follow: Follow) -> None:
    _, reader = ApiKey.issue(name="reader", scopes=["feed:read"])
    _, writer = ApiKey.issue(name="writer", scopes=["items:write", "events:write"])
    for path in ("feed", "feed/revocations"):
        url = f"/api/v1/{path}"
        assert client.get(url).status_code == 401
        assert client.get(url, headers={"Authorization": f"Api-Key {writer}"}).status_code == 403
        assert client.get(url, headers={"Authorization": f"Api-Key {reader}"}).status_code in {200, 404}
        assert client.post(url, headers={"Authorization": f"Api-Key {reader}"}).status_code == 405
    assert client.post("/api/v1/events", headers={"Authorization": f"Api-Key {reader}"}).status_code == 403


def settled(api: Api, follow: Follow, since: int) -> Any:
    """Ask until `next` has moved past the newest change: open transactions of other tests on the server hold it back."""
    newest = ClearanceRevision.objects.order_by("-revision").values_list("revision", flat=True)[0]
    deadline = time.monotonic() + 60
    named = {"since": since, "history": gate.current().history} if since else {}
    while (page := api("feed/revocations", **named).json())["next"] < newest and time.monotonic() < deadline:
        time.sleep(0.05)
        follow()
    return page


def test_the_revocation_stream_is_followed_from_where_it_says(api: Api, follow: Follow) -> None:
    item = cleared("a")
    cleared("b")
    follow()
    start = settled(api, follow, 0)
    assert start["revocations"] == []
    assert start["next"] >= 2
    clearance = revoke(item)
    permit(item, territories=["FR"])
    permit(item, territories=["FR"], min_age=16)
    follow()
    page = settled(api, follow, start["next"])
    assert [(row["external_id"], row["effect"], row["min_age"]) for row in page["revocations"]] == [
        ("a", "revoke", 0), ("a", "narrow", 16)
    ]  # fmt: skip
    assert page["revocations"][0]["revision"] == clearance.revision
    assert page["is_more"] is False
    again = api("feed/revocations", since=page["next"], history=page["history"]).json()
    assert again["revocations"] == []
    assert again["history"] == start["history"] == page["history"]
    assert api("feed/revocations", since="-1").status_code == 422
    assert api("feed/revocations", since="x").status_code == 422
    assert api("feed/revocations", after="1").status_code == 422


def test_explain_says_what_happened_in_a_request(api: Api, follow: Follow) -> None:
    cleared("a", creator="a")
    cleared("b", creator="b")
    follow()
    slate = api("feed", viewer="someone", age="20", region="DE", limit=1).json()
    told = api("feed/explain", trace_id=slate["trace_id"]).json()
    assert told["served"] == [slate["items"][0]["external_id"]]
    assert told["candidates"] == {"source.fresh": 2, "source.popular_in_region": 0}
    assert told["ranked"][0]["external_id"] == told["served"][0]
    assert (told["rung"], told["policy_versions"]) == ("full", [1])
    unknown = api("feed/explain", trace_id=uuid.uuid4().hex)
    assert (unknown.status_code, unknown["Content-Type"]) == (404, "application/problem+json")
    assert api("feed/explain", trace_id="x").status_code == 422
    assert api("feed/explain").status_code == 422


def test_an_explanation_is_what_the_description_says(api: Api, follow: Follow) -> None:
    cleared("a", creator="a")
    follow()
    slate = api("feed", viewer="someone", age="20", region="DE", limit=1).json()
    schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    trace = {"$ref": "#/components/schemas/TraceExplanation", "components": schema["components"]}
    OAS31Validator(trace).validate(api("feed/explain", trace_id=slate["trace_id"]).json())


def test_explain_says_why_not_that(api: Api, follow: Follow) -> None:
    cleared("shown", creator="a")
    cleared("older", creator="b", min_age=16)
    revoke(cleared("gone", creator="c"))
    follow()
    trace_id = api("feed", viewer="kid", age="13", region="DE").json()["trace_id"]

    shown = api("feed/explain", external_id="shown", trace_id=trace_id).json()
    assert shown["gate"]["is_admitted"]
    assert shown["gate"]["is_for_everybody"]
    assert (shown["then"]["was_served"], shown["then"]["place_when_ranked"]) == (True, 1)
    assert shown["now"]["would_be_served"]

    older = api("feed/explain", external_id="older", trace_id=trace_id).json()
    assert (older["gate"]["why_not"], older["gate"]["is_for_everybody"]) == (None, False)
    assert not older["then"]["was_served"]
    assert older["now"]["would_be_served"], "to somebody whom it is for; whether the viewer is one of them is not told"

    gone = api("feed/explain", external_id="gone", trace_id=trace_id).json()
    assert gone["gate"]["why_not"] == "not_granted"
    assert api("feed/explain", external_id="never", trace_id=trace_id).status_code == 404


def test_explain_takes_a_scope_of_its_own(client: Client, follow: Follow) -> None:
    cleared("a")
    follow()
    keys = {scope: {"Authorization": f"Api-Key {ApiKey.issue(name=scope, scopes=[scope])[1]}"} for scope in SCOPES}
    trace_id = client.get("/api/v1/feed", headers=keys["feed:read"]).json()["trace_id"]
    url = f"/api/v1/feed/explain?trace_id={trace_id}"
    got = {scope: client.get(url, headers=headers).status_code for scope, headers in keys.items()}
    assert got == dict.fromkeys(SCOPES, 403) | {"feed:explain": 200}
    assert client.get("/api/v1/feed", headers=keys["feed:explain"]).status_code == 403


@pytest.mark.parametrize("asked", ["viewer", "age", "region", "language"])
def test_explain_cannot_be_asked_about_a_viewer(api: Api, follow: Follow, asked: str) -> None:
    cleared("a")
    follow()
    trace_id = api("feed", viewer="kid").json()["trace_id"]
    answer = api("feed/explain", trace_id=trace_id, **{asked: "en"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [asked]
    alone = api("feed/explain", external_id="a")
    assert [error["field"] for error in alone.json()["errors"]] == ["trace_id"]


def test_explain_tells_nothing_of_a_viewer_beyond_the_trace(api: Api, follow: Follow) -> None:
    cleared("a")
    follow()
    first = api("feed", viewer="someone-opaque", age="13", region="DE", language="de").json()["trace_id"]
    second = api("feed", viewer="someone-opaque", age="13", region="DE", language="de").json()["trace_id"]
    for query in ({"trace_id": first}, {"trace_id": first, "external_id": "a"}):
        told = api("feed/explain", **query).json()
        assert not {"band", "bands", "region", "language", "viewer", "viewer_hash", "latest_slate"} & keys_within(told)
        assert not {"someone-opaque", viewer_hash("someone-opaque"), second, "DE", "13_15"} & values_within(told)


def test_explain_tells_band_and_region_of_nobody_whatever_items_are_asked_about(api: Api, follow: Follow) -> None:
    limits: list[tuple[str, dict[str, Any]]] = [(f"from-{age}", {"min_age": age}) for age in (13, 16, 18)]
    limits += [(f"not-in-{place}", {"territories": [place]}) for place in ("DE", "FR")]
    for hours, (name, limit) in enumerate(limits):  # apart, so that no two scores are equal up to rounding
        cleared(name, creator=f"of-{name}", created_at=timezone.now() - timedelta(hours=hours), **limit)
    follow()
    viewers = [("8", "DE"), ("14", "DE"), ("17", "FR"), ("40", "FR"), ("40", "")]
    traces = [
        api("feed", viewer="opaque", age=age, region=region, limit=1).json()["trace_id"] for age, region in viewers
    ]
    for name in ("from-13", "from-16", "from-18", "not-in-DE", "not-in-FR"):
        told = [api("feed/explain", external_id=name, trace_id=trace_id).json() for trace_id in traces]
        now = [
            (one["gate"]["is_admitted"], one["gate"]["why_not"], one["gate"]["is_for_everybody"], one["now"])
            for one in told
        ]
        assert now == [now[0]] * len(viewers), name
        assert now[0][0]


def test_explain_has_one_word_for_age_and_place(api: Api, follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    item = cleared("a")
    follow()
    trace_id = api("feed", viewer="kid").json()["trace_id"]
    kept = HELD.get().find(trace_id) or {}
    for why in ("age", "territory"):
        removed = {f"gate.{why}": [item.pk]}  # narrowed while the request was made
        monkeypatch.setattr(TraceKeeper, "find", lambda *_, removed=removed: {**kept, "removed": removed})
        assert api("feed/explain", trace_id=trace_id).json()["removed"] == {"gate.audience": ["a"]}
        told = api("feed/explain", trace_id=trace_id, external_id="a").json()
        assert told["then"]["removed_by"] == ["gate.audience"]


def keys_within(told: Any) -> set[str]:
    """Return every name in an answer."""
    if isinstance(told, dict):
        return set(told) | {name for value in told.values() for name in keys_within(value)}
    return {name for value in told for name in keys_within(value)} if isinstance(told, list) else set()


def values_within(told: Any) -> set[object]:
    """Return every plain value in an answer."""
    if isinstance(told, dict | list):
        parts = told.values() if isinstance(told, dict) else told
        return {value for part in parts for value in values_within(part)}
    return {told}
