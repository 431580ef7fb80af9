"""Bytes follow the clearance: whatever ends it ends the address, for every kind of question, in the middle of an answer too."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from console.models import SCOPES, ApiKey
from moderation.decisions.clearances import clearances_expire
from moderation.decisions.record import decision_by_machine, item_overturn
from moderation.detection.media.streaming import BLOCK_BYTES
from moderation.gate import door as gate
from moderation.gate.door import Gate, Viewer
from moderation.gate.media_urls import Part
from moderation.models import Item
from moderation.models.decision import DecisionStage
from moderation.rollout.activation import activation_start, activations_resume
from moderation.verdict.judge import judge
from moderation.verdict.judgement import Context
from policies.choices import Band, ItemKind, Outcome, Standing
from policies.live import active_policy
from tests.support import people as services
from tests.support import scenes
from tests.support.addresses import ADULT, ALIVE, DEAD, address, answers, body, end
from tests.support.clearances import cleared, permit, revoke
from tests.support.rolling import approved, fresh, people, raise_score, thresholds

CONTENT = bytes(range(256)) * 40
LONG = bytes(range(256)) * 256 * 64  # 4 MiB
TEEN = Viewer(Band.TEEN_13_15, "GB")
Follow = Callable[[], None]


@pytest.fixture
def judged(follow: Follow) -> Iterator[Item]:
    """Yield an item that the seeded policy cleared for everybody."""
    services.ready()
    item = scenes.item_judged(
        "shown",
        kind=ItemKind.IMAGE,
        media=scenes.stored(CONTENT, mime="image/png"),
        cover=scenes.stored(b"a cover of its own", mime="image/png"),
    )
    assert item.state == "cleared"
    follow()
    yield item
    fresh()


def senior_says(item: Item, outcome: Outcome, **limits: Any) -> None:
    senior = User.objects.filter(username="senior-1").first() or scenes.person("senior")
    verdict = {"category": "violence", "note": "seen", "min_age": 0, "territories": (), **limits}
    verdict["expected_decision"] = services.seen(item)
    item_overturn(actor=senior, item_key=str(item.key), outcome=outcome, now=timezone.now(), **verdict)


def machine_says(item: Item, category: str) -> None:
    """Decide an item anew as the deep pass does after a bank match."""
    found = [scenes.bank_hit(category)]
    policy, context = active_policy(), Context(int(ItemKind.IMAGE), "GB", "en", None, int(Standing.NEW))
    judgement = judge(scenes._results(found, ()), context, policy)
    decision_by_machine(
        item=item, judgement=judgement, policy=policy, stage=DecisionStage.DEEP, is_final=True, now=timezone.now()
    )
    item.refresh_from_db()
    assert item.state == "blocked"


def withdraw(item: Item) -> None:
    _, secret = ApiKey.issue(name="tests", scopes=list(SCOPES))
    api = Client(headers={"Authorization": f"Api-Key {secret}"})
    assert api.delete(f"/api/v1/items/{item.external_id}").status_code == 200


def activate_stricter(item: Item) -> None:
    raise_score(item, 0.2, "violence")
    version = approved(thresholds("violence", block=0.1))
    activation_start(actor=people()[1], version=version, note="for a test", now=timezone.now())
    assert activations_resume(budget_seconds=120)
    item.refresh_from_db()
    assert item.state == "blocked"


ENDS: dict[str, Callable[[Item], None]] = {
    "a block": lambda item: senior_says(item, Outcome.BLOCK),
    "an escalation": lambda item: senior_says(item, Outcome.ESCALATE),
    "a restriction above the band": lambda item: senior_says(item, Outcome.RESTRICT, min_age=16),
    "a restriction of the place": lambda item: senior_says(item, Outcome.RESTRICT, territories=("GB",)),
    "a known clip": lambda item: machine_says(item, "violence"),
    "child safety": lambda item: machine_says(item, "child_safety"),
    "DELETE": withdraw,
    "an activation": activate_stricter,
}


@pytest.mark.parametrize("what", ENDS)
def test_the_address_dies_with(what: str, judged: Item, client: Client, follow: Follow) -> None:
    urls = [address(judged, TEEN, part) for part in (Part.MEDIA, Part.COVER)]
    assert [answers(client, url) for url in urls] == [ALIVE, ALIVE]
    etags = [client.head(url)["ETag"] for url in urls]
    ENDS[what](judged)
    follow()
    assert [answers(client, url) for url in urls] == [DEAD, DEAD]
    for url, etag in zip(urls, etags, strict=True):  # what a browser has kept is no reason
        known = client.get(url, headers={"If-None-Match": etag})
        assert (known.status_code, known["Cache-Control"]) == (404, "no-store")
        assert client.get(url, headers={"Range": "bytes=0-", "If-Range": etag}).status_code == 404


def test_a_restriction_leaves_it_to_those_who_are_old_enough(judged: Item, client: Client, follow: Follow) -> None:
    adults, teens = address(judged, ADULT), address(judged, TEEN)
    senior_says(judged, Outcome.RESTRICT, min_age=16)
    follow()
    assert (answers(client, adults), answers(client, teens)) == (ALIVE, DEAD)
    senior_says(judged, Outcome.CLEAR, category="", note="")
    follow()
    assert (answers(client, adults), answers(client, teens)) == (ALIVE, ALIVE)


def test_a_restriction_of_a_place_leaves_it_to_other_places_but_not_to_nowhere(
    judged: Item, client: Client, follow: Follow
) -> None:
    urls = [address(judged, Viewer(Band.ADULT, region)) for region in ("GB", "FR", "")]
    senior_says(judged, Outcome.RESTRICT, territories=("GB",))
    follow()
    assert [answers(client, url) for url in urls] == [DEAD, ALIVE, DEAD]


def test_it_dies_when_the_clearance_expires_before_anybody_says_so(client: Client, follow: Follow) -> None:
    item = cleared("short", media=scenes.stored(CONTENT), valid_until=timezone.now() + timedelta(seconds=3))
    follow()
    url = address(item)
    assert client.get(url).status_code == 200
    time.sleep(max(0.0, (item.clearance.valid_until - timezone.now()).total_seconds()) + 0.05)
    assert answers(client, url) == DEAD
    assert clearances_expire(now=timezone.now()) == 1
    follow()
    assert answers(client, url) == DEAD


def test_it_dies_while_the_gate_is_too_old_to_know(client: Client, follow: Follow) -> None:
    now = [1_000.0]
    gate.replace_current(Gate(clock=lambda: now[0], max_age_seconds=1.0))
    item = cleared("old-view", media=scenes.stored(CONTENT))
    follow()
    url = address(item)
    assert client.get(url).status_code == 200
    now[0] += 1.5
    assert answers(client, url) == DEAD
    follow()
    assert answers(client, url) == ALIVE


def test_a_gate_without_a_view_sends_nothing(client: Client, follow: Follow) -> None:
    item = cleared("no-view", media=scenes.stored(CONTENT))
    follow()
    url = address(item)
    gate.replace_current(Gate())
    assert answers(client, url) == DEAD


def blocks_until(response: Any, n: int, then: Callable[[], None]) -> bytes:
    """Read an answer; after so many blocks let something happen; return all that came."""
    came = []
    for at, block in enumerate(response, 1):
        came.append(block)
        if at == n:
            then()
    end(response)
    return b"".join(came)


@pytest.mark.parametrize("headers", [{}, {"Range": "bytes=100-"}])
def test_an_answer_under_way_breaks_off_at_the_next_block(
    client: Client, follow: Follow, headers: dict[str, str]
) -> None:
    item = cleared("long", media=scenes.stored(LONG))
    follow()

    def take_down() -> None:
        revoke(item)
        follow()

    response = client.get(address(item), headers=headers)
    assert len(blocks_until(response, 3, take_down)) == 3 * BLOCK_BYTES


def test_an_answer_breaks_off_when_its_address_is_over(
    client: Client, follow: Follow, monkeypatch: pytest.MonkeyPatch
) -> None:
    item = cleared("slow", media=scenes.stored(LONG), valid_until=timezone.now() + timedelta(days=1))
    follow()
    response = client.get(address(item))
    later = timezone.now() + timedelta(minutes=11)

    def wait() -> None:
        monkeypatch.setattr("console.pages.media.views.timezone.now", lambda: later)

    assert len(blocks_until(response, 2, wait)) == 2 * BLOCK_BYTES


def test_an_answer_that_may_go_on_goes_on(client: Client, follow: Follow) -> None:
    item = cleared("goes-on", media=scenes.stored(LONG))
    follow()
    response = client.get(address(item))

    def narrow() -> None:
        permit(item, min_age=18)
        follow()

    assert blocks_until(response, 3, narrow) == LONG


def test_twins_of_one_content_live_and_die_each_by_its_own_clearance(client: Client, follow: Follow) -> None:
    file = scenes.stored(CONTENT)
    first, second = cleared("first", media=file), cleared("second", media=file)
    follow()
    urls = address(first), address(second)
    revoke(first)
    follow()
    assert [answers(client, url) for url in urls] == [DEAD, ALIVE]
    revoke(second)
    follow()
    assert [answers(client, url) for url in urls] == [DEAD, DEAD]


def test_the_address_in_the_feed_is_of_this_kind(client: Client, follow: Follow) -> None:
    from feed import index
    from feed.index import Index
    from moderation.gate.media_urls import ticket_read

    item = cleared("fed", media=scenes.stored(CONTENT), min_age=16)
    follow()
    index.HELD.replace(Index())
    index.current().refresh()
    _, secret = ApiKey.issue(name="tests", scopes=list(SCOPES))
    try:
        answer = client.get(
            "/api/v1/feed", {"age": "17", "region": "de"}, headers={"Authorization": f"Api-Key {secret}"}
        ).json()
    finally:
        index.HELD.replace(None)
    url = answer["items"][0]["media_url"]
    ticket = ticket_read(url.removeprefix("/media/"), time.time())
    assert ticket is not None
    assert (ticket.item_key, ticket.part, ticket.viewer) == (item.key, Part.MEDIA, Viewer(Band.TEEN_16_17, "DE"))
    assert body(client.get(url)) == CONTENT


VIEWERS = [Viewer(band, region) for band in Band for region in ("GB", "FR", "")]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("grant"), st.sampled_from([0, 13, 16, 18]), st.sampled_from([(), ("GB",), ("FR", "GB")])),
        st.just(("revoke",)),
        st.just(("expire",)),
        st.just(("forget to follow",)),
    ),
    min_size=1,
    max_size=6,
)


@examples(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_whatever_happens_the_bytes_answer_as_the_gate_does(client: Client, follow: Follow, steps: list[Any]) -> None:
    item = cleared(f"random-{time.monotonic_ns()}", media=scenes.stored(CONTENT))
    follow()
    urls = {viewer: address(item, viewer) for viewer in VIEWERS}
    for step in steps:
        match step:
            case ("grant", min_age, territories):
                permit(item, min_age=min_age, territories=territories)
            case ("revoke",):
                revoke(item)
            case ("expire",):
                permit(item, valid_until=timezone.now() - timedelta(seconds=1))
        if step != ("forget to follow",):
            follow()
        for viewer, url in urls.items():
            is_shown = not gate.current().why_not(item.pk, viewer, timezone.now())
            assert client.get(url).status_code == (200 if is_shown else 404), (steps, step, viewer)
        expected = _rule(item, timezone.now())
        assert {v: client.head(url).status_code == 200 for v, url in urls.items()} == expected


def _rule(item: Item, now: Any) -> dict[Viewer, bool]:
    """Return who may have it, from the row itself."""
    stands = type(item.clearance).objects.get(item=item)
    return {
        viewer: stands.is_granted
        and stands.valid_until > now
        and viewer.age >= stands.min_age
        and not (stands.territories_blocked and (not viewer.region or viewer.region in stands.territories_blocked))
        for viewer in VIEWERS
    }


def test_nothing_of_it_lies_where_the_web_server_could_hand_it_out(follow: Follow, client: Client) -> None:
    file = scenes.stored(CONTENT)
    assert default_storage.exists(file.storage_key)
    assert client.get(f"/media/{file.storage_key}").status_code == 404
