"""Emergency terms: live at once and everywhere, reviewed by another, gone unless confirmed; refused where they would hit all."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest import mock
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from moderation.decisions.record import PersonVerdict, decision_by_person
from moderation.detection import ensemble
from moderation.emergency.service import (
    emergency_term_add,
    emergency_term_confirm,
    emergency_term_reject,
    emergency_term_withdraw,
    emergency_terms_expire,
)
from moderation.live import emergency_terms as emergency_source
from moderation.models import AuditEvent, Clearance, EmergencyTerm, Item, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.emergency import EmergencyState
from moderation.rejudge import list_changes as service
from moderation.rejudge.list_changes import list_change_look
from moderation.rollout.activation import activation_start
from moderation.rollout.queries import emergency_terms
from policies.choices import Outcome
from policies.errors import PolicyError
from tests.support.owner import owner
from tests.support.people import ready, seen, text_item
from tests.support.rolling import approved, fresh, people

#: English beyond doubt, so that every detector reads it.
CAPTION = "Baking bread with my grandmother after the zorblax dance"

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def seeded(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[None]:
    monkeypatch.setattr(ensemble, "_COSTLY_MS", 1e9)
    ready()
    yield
    fresh()
    emergency_source.forget()


def add(text: str = "zorblax dance", **options: Any) -> EmergencyTerm:
    values = {"category": "violence", "note": "a wave since noon", "now": timezone.now(), **options}
    return emergency_term_add(actor=people()[0], text=text, **values)


def work(topic: str, act: Any) -> None:
    """Do what was promised."""
    for message in OutboxMessage.objects.filter(topic=topic, state="pending"):
        act(message)


def test_what_holds_the_term_is_blocked_from_then_on() -> None:
    assert text_item("before", CAPTION).state == "cleared"
    term = add()
    item = text_item("after", "Baking bread with my grandmother after the ZORBLAX   dance")
    assert item.state == "blocked"
    decision = item.current_decision
    assert decision
    assert (decision.decided_by, decision.category) == ("hard.violence", "violence")
    assert decision.reasons[0]["where"]["emergency"] == str(term.key)
    assert text_item("other").state == "cleared"


@pytest.mark.parametrize(
    ("outcome", "state"), [(Outcome.ESCALATE, "held"), (Outcome.HOLD, "held"), (Outcome.RESTRICT, "restricted")]
)
def test_it_does_what_it_says(outcome: Outcome, state: str) -> None:
    add(outcome=outcome)
    assert text_item("after", CAPTION).state == state


def test_what_is_served_already_is_looked_at_again() -> None:
    served, other = text_item("served", CAPTION), text_item("other")
    term = add()
    work(service.TOPIC_LOOK, list_change_look)
    for item in (served, other):
        item.refresh_from_db()
    assert (served.state, other.state) == ("blocked", "cleared")
    assert not Clearance.objects.get(item=served).is_granted
    assert served.current_decision
    assert served.current_decision.stage == DecisionStage.EMERGENCY
    term.refresh_from_db()
    assert (term.n_rechecked, term.n_caught) == (2, 1)
    assert not OutboxMessage.objects.filter(topic=service.TOPIC_LOOK).exclude(state="done").exists()


def test_what_a_person_cleared_is_held_for_a_senior() -> None:
    served = text_item("served", CAPTION)
    with transaction.atomic():
        item = Item.objects.select_for_update(of=("self",)).select_related("current_decision").get(pk=served.pk)
        decision_by_person(
            actor=people()[1], item=item, verdict=PersonVerdict(Outcome.CLEAR), stage=DecisionStage.REVIEW,
            now=timezone.now(), expected_decision=seen(item),
        )  # fmt: skip
    add()
    work(service.TOPIC_LOOK, list_change_look)
    served.refresh_from_db()
    assert served.state == "held"
    assert served.jobs.get(state="open").queue.slug == "seniors"


def test_old_uploads_are_looked_at_as_well() -> None:
    old = text_item("old", CAPTION)
    with owner(without_triggers=True) as cursor:
        cursor.execute("UPDATE moderation_item SET created_at = now() - interval '800 days'")
    add()
    work(service.TOPIC_LOOK, list_change_look)
    old.refresh_from_db()
    assert old.state == "blocked"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Write a word"),
        ("x" * 121, "Write a word"),
        ("a", "One letter"),
        ("!!!", "no letter"),
        ("the and you", "nearly every text"),
        ("Тhe", "nearly every text"),
    ],
)
def test_a_term_that_matches_nothing_or_everything_is_refused(text: str, why: str) -> None:
    with pytest.raises(PolicyError, match=why) as error:
        add(text)
    assert error.value.field == "text"


def test_a_term_that_hits_many_of_the_newest_captions_is_refused() -> None:
    for n in range(8):
        text_item(f"many-{n}", f"sunny beach number {n}", creator=f"c-{n}")
    with pytest.raises(PolicyError, match="8 of the newest 8 captions"):
        add("beach")


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"category": "no_such"}, "category"),
        ({"outcome": Outcome.CLEAR}, "outcome"),
        ({"note": "  "}, "note"),
    ],
)
def test_what_is_missing_or_wrong_is_named(options: dict[str, Any], field: str) -> None:
    with pytest.raises(PolicyError) as error:
        add(**options)
    assert error.value.field == field


def test_a_term_that_is_in_force_is_refused() -> None:
    add()
    with pytest.raises(PolicyError, match="in force already"):
        add()


def test_who_may_not_is_refused() -> None:
    from tests.support.people import person

    with pytest.raises(PermissionDenied):
        emergency_term_add(
            actor=person("ana"), text="zorblax", category="violence", note="x", now=timezone.now()
        )  # fmt: skip
    term = add()
    with pytest.raises(PermissionDenied):
        emergency_term_confirm(actor=person("bo", "policy-editor"), key=str(term.key), now=timezone.now())
    with pytest.raises(PermissionDenied):
        emergency_term_withdraw(actor=people()[1], key=str(term.key), now=timezone.now())


def test_another_person_confirms_and_then_it_stays() -> None:
    term = add()
    with pytest.raises(PolicyError, match="author"):
        emergency_term_confirm(actor=people()[0], key=str(term.key), now=timezone.now())
    emergency_term_confirm(actor=people()[1], key=str(term.key), note="seen it", now=timezone.now())
    assert emergency_terms_expire(now=timezone.now() + timedelta(days=3)) == 0
    assert text_item("later", CAPTION).state == "blocked"
    with pytest.raises(PolicyError, match="confirmed already"):
        emergency_term_confirm(actor=people()[1], key=str(term.key), now=timezone.now())


def test_a_confirmation_that_comes_too_late_is_refused_also_where_its_request_began_in_time() -> None:
    """The row's lock, or the machine, may have made it wait: what came meanwhile was judged without the term."""
    term = add()
    over = timezone.now()
    EmergencyTerm.objects.update(expires_at=over)
    with pytest.raises(PolicyError, match="expired"):
        emergency_term_confirm(actor=people()[1], key=str(term.key), now=over - timedelta(milliseconds=5))


def test_a_term_confirmed_in_its_last_moment_reaches_what_came_before_that_was_stored() -> None:
    """It is confirmed in time; its time is over, and everybody drops it, before the confirmation is committed."""
    term = add()
    work(service.TOPIC_LOOK, list_change_look)
    EmergencyTerm.objects.update(expires_at=timezone.now() + timedelta(seconds=0.5))
    made: list[Item] = []

    def uploads() -> None:
        made.append(text_item("meanwhile", CAPTION))
        connection.close()

    with transaction.atomic():
        emergency_term_confirm(actor=people()[1], key=str(term.key), now=timezone.now())
        time.sleep(0.6)
        emergency_source.forget()
        thread = threading.Thread(target=uploads)
        thread.start()
        thread.join(30)
        assert made[0].state == "cleared"
    work(service.TOPIC_LOOK, list_change_look)
    made[0].refresh_from_db()
    assert made[0].state == "blocked"


def test_what_a_term_did_is_still_told_once_it_is_confirmed() -> None:
    text_item("served", CAPTION)
    text_item("other")
    term = add()
    work(service.TOPIC_LOOK, list_change_look)
    emergency_term_confirm(actor=people()[1], key=str(term.key), now=timezone.now())
    work(service.TOPIC_LOOK, list_change_look)
    term.refresh_from_db()
    assert (term.n_rechecked, term.n_caught) == (2, 1)


def test_unconfirmed_it_ends_by_itself_and_lets_go_what_it_stopped(settings: Any) -> None:
    settings.EMERGENCY_HOURS = 1
    served = text_item("served", CAPTION)
    term = add()
    caught = text_item("caught", CAPTION)
    work(service.TOPIC_LOOK, list_change_look)
    served.refresh_from_db()
    assert (served.state, caught.state) == ("blocked", "blocked")
    later = timezone.now() + timedelta(minutes=61)
    assert not term.is_matching(later)
    assert emergency_terms_expire(now=later) == 1
    term.refresh_from_db()
    assert term.state == EmergencyState.EXPIRED
    work(service.TOPIC_LOOK, list_change_look)
    for item in (served, caught):
        item.refresh_from_db()
        assert item.state == "cleared"
        assert Clearance.objects.get(item=item).is_granted


def test_an_expired_term_is_not_matched_even_before_it_is_ended() -> None:
    add()
    EmergencyTerm.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    emergency_source.forget()
    assert text_item("after", CAPTION).state == "cleared"


def test_a_rejected_term_lets_go_what_only_it_stopped() -> None:
    term = add()
    caught = text_item("caught", CAPTION)
    with pytest.raises(PolicyError, match="Say why"):
        emergency_term_reject(actor=people()[1], key=str(term.key), note=" ", now=timezone.now())
    emergency_term_reject(actor=people()[1], key=str(term.key), note="a song", now=timezone.now())
    work(service.TOPIC_LOOK, list_change_look)
    caught.refresh_from_db()
    assert caught.state == "cleared"
    assert text_item("after", CAPTION).state == "cleared"
    with pytest.raises(PolicyError, match="not in force"):
        emergency_term_reject(actor=people()[1], key=str(term.key), note="again", now=timezone.now())


def test_its_author_takes_it_back() -> None:
    term = add()
    emergency_term_withdraw(actor=people()[0], key=str(term.key), now=timezone.now())
    assert text_item("after", CAPTION).state == "cleared"
    actions = list(AuditEvent.objects.filter(object_key=str(term.key)).values_list("action", flat=True))
    assert actions == ["emergency.added", "emergency.withdrawn"]


def test_it_ends_when_a_version_that_contains_it_is_active() -> None:
    term = add()
    caught = text_item("caught", CAPTION)
    emergency_term_confirm(actor=people()[1], key=str(term.key), now=timezone.now())

    def edit(document: dict[str, Any]) -> None:
        name = next(iter(document["terms"]))
        document["terms"][name].append({"text": "Zorblax Dance", "category": "violence", "outcome": "block"})

    activation_start(actor=people()[1], version=approved(edit), now=timezone.now())
    fresh()
    assert emergency_terms_expire(now=timezone.now()) == 1
    term.refresh_from_db()
    assert (term.state, term.review_note) == (EmergencyState.EXPIRED, "Policy 3 contains it")
    work(service.TOPIC_LOOK, list_change_look)
    caught.refresh_from_db()
    assert caught.state == "blocked"
    with pytest.raises(PolicyError, match="does this already"):
        add()


def test_a_view_that_cannot_be_read_again_counts_as_no_answer() -> None:
    add()
    text_item("warm")
    emergency_source.forget()
    broken = mock.patch.object(EmergencyTerm.objects, "filter", side_effect=OperationalError("gone"))
    with broken:
        item = text_item("unknown")
    assert item.state == "held"
    assert item.current_decision
    assert item.current_decision.evidence["missing"]["terms"] == "failed"


def test_knowing_the_terms_costs_one_query_a_second(django_assert_num_queries: Any) -> None:
    emergency_source.refresh()
    with django_assert_num_queries(0):
        emergency_source.refresh()
        assert emergency_source.current().index.n_terms == 0


def test_the_list_shows_what_waits_for_review_first() -> None:
    first, second = add(), add("blorptime song")
    emergency_term_reject(actor=people()[1], key=str(second.key), note="no", now=timezone.now())
    third = add("quuxify this")
    emergency_term_confirm(actor=people()[1], key=str(first.key), now=timezone.now())
    assert list(emergency_terms()) == [third, first, second]


@pytest.mark.parametrize(
    "change",
    [
        {"state": "rejected", "ended_at": timezone.now()},
        {"state": "expired"},
        {"outcome": Outcome.CLEAR},
        {"state": "somewhere"},
        {"note": " "},
        {"text": " "},
    ],
)
def test_the_database_refuses_terms_that_cannot_be(change: dict[str, Any]) -> None:
    term = add()
    with pytest.raises(IntegrityError), transaction.atomic():
        EmergencyTerm.objects.filter(pk=term.pk).update(**change)


def test_the_database_refuses_an_author_who_reviews() -> None:
    term = add()
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
        EmergencyTerm.objects.filter(pk=term.pk).update(
            reviewer=term.author, reviewed_at=timezone.now(), state="confirmed"
        )


_CHILD = """
import sys, time
import django
django.setup()
from moderation.live import emergency_terms as emergency_source
emergency_source.refresh()
print("ready", emergency_source.current().index.n_terms, flush=True)
while True:
    emergency_source.refresh()
    if emergency_source.current().index.scan("my zorblax dance"):
        print(time.time(), flush=True)
        break
    time.sleep(0.02)
"""


def test_every_process_knows_within_two_seconds() -> None:
    """Two processes, each looking as uploads make it look; both know within two seconds of the commit."""
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}"))
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "console.settings"}
    nodes = [
        subprocess.Popen([sys.executable, "-c", _CHILD], env=environment, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    try:
        for node in nodes:
            assert node.stdout
            assert node.stdout.readline() == "ready 0\n"
        add()
        committed = time.time()
        known = [float(node.stdout.readline()) for node in nodes if node.stdout]
        assert max(known) - committed <= 2.0
    finally:
        for node in nodes:
            node.kill()
            node.wait()
            if node.stdout:
                node.stdout.close()
