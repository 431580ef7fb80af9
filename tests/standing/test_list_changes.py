"""When a list changes: what is stored follows at once, and what was judged with the old list follows when it has settled."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.db import connection
from django.utils import timezone

from moderation import tasks
from moderation.banks import service as banks
from moderation.decisions.clearances import clearances_expire
from moderation.exceptions import JudgementOverdue
from moderation.intake import submit
from moderation.items.queries import item_status
from moderation.live import domains as live_domains
from moderation.live.lists import ListsUnavailable
from moderation.models import Clearance, ListChange, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.lists import ListKind
from moderation.outbox.promise import TOPIC_EXAMINE, TOPIC_RENEW
from moderation.rejudge.list_changes import NotSettledYet, list_change_look, list_change_settle
from moderation.rejudge.list_subjects import select_concerned
from moderation.rejudge.service import items_judge_again
from moderation.verdict import list_ages
from moderation.verdict.judge import judge
from policies.choices import Outcome, Standing
from tests.support.world import DOMAINS, OWN_TERM, World

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING: frozenset[str] = frozenset()
#: What a change forbids, by the list that changes.
CHANGES: dict[str, tuple[frozenset[str], str, Callable[[World], None]]] = {
    "terms": (frozenset({"zorblax"}), "", lambda world: world.term("zorblax")),
    "domains": (frozenset({DOMAINS[0]}), "", lambda world: world.domain(DOMAINS[0])),
    "banks": (NOTHING, "known", lambda world: world.entry()),
    "versions": (frozenset({OWN_TERM}), "", lambda world: world.activate()),
}


def state(world: World, name: str = "") -> str:
    return str(world.item(name or next(iter(world.things))).state)


@pytest.mark.parametrize("name", CHANGES)
def test_what_three_uploaders_send_while_a_list_changes_is_not_served_once_it_has_settled(
    world: World, name: str
) -> None:
    words, file, change = CHANGES[name]
    for n in range(20):
        _send(world, n, words, file, lambda: change(world))
        change(world)  # back again
        world.check()
        _clear(world)


def test_what_three_uploaders_send_while_they_are_suspended_is_not_served_once_it_has_settled(world: World) -> None:
    for n in range(20):
        names = [f"uploader-{n}-{i}" for i in range(3)]
        for name in names:
            world.upload(name, NOTHING, "")  # or there would be nobody to suspend

        def suspend(names: list[str] = names) -> None:
            for name in names:
                world.standing(name, Standing.SUSPENDED)

        _send(world, n, NOTHING, "", suspend)
        _clear(world)


def _clear(world: World) -> None:
    """Withdraw what was sent, so that the next round's comparison is as quick as the first's."""
    for name in world.things:
        world.withdraw(name)
    world.things.clear()


def _send(world: World, n: int, words: frozenset[str], file: str, change: Callable[[], object]) -> None:
    """Let three uploaders send before and after a change, all stored after it; compare once it has settled."""
    before = set(world.things)
    for i in range(3):
        world.begin(f"uploader-{n}-{i}", words, file)
    change()
    for i in range(3):
        world.begin(f"uploader-{n}-{i}", words, file)
    world.finish()
    for uploaded in set(world.things) - before:
        world.examine(uploaded)
    world.check()


def test_of_two_terms_one_is_withdrawn_and_the_other_still_holds(world: World) -> None:
    world.upload("ada", frozenset({"zorblax", "quuxwort"}), "")
    world.term("zorblax")
    world.term("quuxwort")
    world.term("zorblax")
    assert state(world) == "blocked"
    world.term("quuxwort")
    assert state(world) == "cleared"


@pytest.mark.parametrize("name", ["terms", "domains", "banks"])
def test_what_is_listed_again_stops_again(world: World, name: str) -> None:
    words, file, change = CHANGES[name]
    world.upload("ada", words, file)
    world.examine(next(iter(world.things)))
    for wanted in ("blocked", "cleared", "blocked", "cleared", "blocked"):
        change(world)
        assert state(world) == wanted


def test_a_withdrawn_term_leaves_what_the_version_blocks(world: World) -> None:
    world.activate()
    world.upload("ada", frozenset({OWN_TERM, "zorblax"}), "")
    world.term("zorblax")
    world.term("zorblax")
    assert state(world) == "blocked"
    world.activate()


@pytest.mark.parametrize("campaign", [None, Outcome.CLEAR])
def test_a_versions_own_term_reaches_a_campaigns_members_and_lets_go_of_them(
    world: World, campaign: Outcome | None
) -> None:
    world.upload("ada", frozenset({OWN_TERM}), "")
    world.gather(list(world.things))
    if campaign is not None:
        world.decide_campaign(campaign)
    before = state(world)
    for wanted in ("blocked", before):
        world.activate()
        assert state(world) == wanted
        world.check()


def test_a_term_reaches_what_is_written_in_pictures_and_what_was_examined_long_ago(world: World) -> None:
    world.upload("ada", NOTHING, "written")
    world.examine(next(iter(world.things)))
    assert state(world) == "cleared"
    world.term("quuxwort")
    assert state(world) == "blocked"


@pytest.mark.parametrize("is_doubted", [False, True])
@pytest.mark.parametrize("in_batches", [False, True])
def test_a_hash_whose_retirement_is_only_asked_for_is_looked_for(
    world: World, monkeypatch: pytest.MonkeyPatch, is_doubted: bool, in_batches: bool
) -> None:
    """Added to a bank of child safety; before anybody looks for it, one person asks to retire it, and a second never agrees."""
    if in_batches:
        monkeypatch.setattr("moderation.banks.service._BATCH", 1)
    world.upload("ada", NOTHING, "known")
    world.examine(next(iter(world.things)))
    assert state(world) == "cleared"
    bank = banks.bank_upsert(actor="test", slug="opaque", category="child_safety", outcome=Outcome.BLOCK)
    values = ["0" * 64, world.stage.files["known"].sha256, "f" * 64]
    banks.bank_add_entries(actor="test", bank=bank, entries=[banks.NewEntry("sha256", value) for value in values])
    if is_doubted:
        key = str(bank.entries.get(value=values[1]).key)
        banks.entry_retire(actor=world.stage.author, key=key, reason="I doubt it", now=timezone.now())
    world.look()
    assert state(world) == "blocked"


def test_a_look_for_new_hashes_looks_for_no_others(world: World) -> None:
    """What is added is told apart from what the bank had, also where the bank has some of it already."""
    world.upload("ada", NOTHING, "known")
    bank, entry = world.stage.bank, banks.NewEntry("sha256", world.stage.files["known"].sha256)
    banks.bank_add_entries(actor="test", bank=bank, entries=[entry])
    banks.bank_add_entries(actor="test", bank=bank, entries=[entry, banks.NewEntry("sha256", "0" * 64)])
    first, second = ListChange.objects.order_by("pk")
    item = world.item(next(iter(world.things)))
    assert select_concerned(first)([item]) == [item.pk]
    assert select_concerned(second)([item]) == []


def test_a_change_of_a_bank_as_an_earlier_release_noted_it_is_looked_for_in_all_of_the_bank(world: World) -> None:
    world.upload("ada", NOTHING, "known")
    entry = banks.NewEntry("sha256", world.stage.files["known"].sha256)
    banks.bank_add_entries(actor="test", bank=world.stage.bank, entries=[entry])
    old = ListChange(kind=ListKind.BANKS, subject={"bank": world.stage.bank.pk, "txid": 1})
    item = world.item(next(iter(world.things)))
    assert select_concerned(old)([item]) == [item.pk]


def test_nothing_gets_wider_while_a_list_cannot_be_read(world: World) -> None:
    world.upload("ada", frozenset({"zorblax"}), "")
    world.term("zorblax")
    item = world.item(next(iter(world.things)))
    with mock.patch.object(live_domains, "_read", side_effect=_away()), pytest.raises(ListsUnavailable):
        world.term("zorblax")
    item.refresh_from_db()
    assert item.state == "blocked"
    assert OutboxMessage.objects.filter(topic="moderation.tasks.list_change_look", state="pending").count() == 1
    world.look()
    item.refresh_from_db()
    assert item.state == "cleared"


def _away() -> Exception:
    from django.db import OperationalError

    return OperationalError("gone")


def test_a_detector_that_was_exchanged_is_asked_again_before_anything_gets_wider(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.upload("ada", frozenset({"zorblax"}), "written")
    name = next(iter(world.things))
    world.examine(name)
    world.term("zorblax")
    item = world.item(name)
    monkeypatch.setattr("moderation.detection.ocr.detector.OcrDetector.version", "another")
    world.term("zorblax")
    item.refresh_from_db()
    assert item.state == "blocked"
    assert OutboxMessage.objects.filter(item=item, topic=TOPIC_EXAMINE, state="pending").exists()


def test_a_change_that_nobody_noted_lets_nothing_get_wider(world: World) -> None:
    """The lists are read, then one changes and says so: the verdict is made anew, by the new one."""
    world.upload("ada", frozenset({"zorblax", "quuxwort"}), "")
    world.term("zorblax")
    item = world.item(next(iter(world.things)))
    calls: list[int] = []

    def add() -> None:
        with mock.patch.object(world, "look"):
            world.term("quuxwort")
        connection.close()

    def meanwhile(*args: Any, **kwargs: Any) -> Any:
        if not calls:
            calls.append(1)
            other = threading.Thread(target=add)  # by a connection of its own, which rolls nothing back
            other.start()
            other.join(30)
        return judge(*args, **kwargs)

    with mock.patch("moderation.rejudge.service.judge", meanwhile):
        world.term("zorblax")
    item.refresh_from_db()
    assert item.state == "blocked"


def test_the_second_look_waits_for_transactions_of_before(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.upload("ada", NOTHING, "")
    monkeypatch.setattr("moderation.rejudge.list_changes.SETTLED_AFTER_SECONDS", 0.2)
    monkeypatch.setattr("moderation.db.transactions.xmin", lambda: 0)
    world.begun = {"none": None}  # type: ignore[dict-item] # so that the second look stays promised
    world.term("zorblax")
    message = OutboxMessage.objects.get(topic="moderation.tasks.list_change_settle", state="pending")
    with pytest.raises(NotSettledYet):
        list_change_settle(message)
    monkeypatch.undo()
    list_change_settle(message)
    assert ListChange.objects.get().settled_at


def test_a_first_look_goes_on_from_where_it_was(world: World) -> None:
    for _ in range(3):
        world.upload("ada", frozenset({"zorblax"}), "")
    names = list(world.things)
    with mock.patch.object(world, "look"):
        world.term("zorblax")
    change = ListChange.objects.get()
    ListChange.objects.update(cursor=world.item(names[2]).pk)
    list_change_look(OutboxMessage.objects.get(topic="moderation.tasks.list_change_look"))
    change.refresh_from_db()
    assert (change.n_looked_at, state(world, names[2]), state(world, names[0])) == (2, "cleared", "blocked")


def test_a_verdict_that_took_too_long_is_not_stored(world: World) -> None:
    """What was judged by lists of long ago is judged again: nobody looks for it any more."""
    _, submission, _ = world.submission("ada", frozenset({"zorblax"}), "")
    begun = submit.item_begin(submission)
    world.term("zorblax")
    old = replace(begun, at=begun.at - list_ages.JUDGEMENT_MAX_SECONDS - 1)
    item = submit.item_submit(actor="api:test", submission=submission, begun=old).item
    assert item.state == "blocked"


def test_a_verdict_that_becomes_too_old_while_it_is_stored_is_rolled_back(world: World) -> None:
    _, submission, _ = world.submission("ada", NOTHING, "")
    begun = submit.item_begin(submission)
    ages = iter([False, True])
    with mock.patch.object(submit.Begun, "is_overdue", property(lambda self: next(ages, False))):
        item = submit.item_submit(actor="api:test", submission=submission, begun=begun).item
    assert item.decisions.count() == 1
    assert issubclass(JudgementOverdue, Exception)


# --- clearances that expired ---------------------------------------------------------------------------------------


def expire(world: World) -> None:
    Clearance.objects.update(valid_until=timezone.now() - timedelta(seconds=1))
    assert clearances_expire(now=timezone.now()) == 1


def renew() -> None:
    for message in OutboxMessage.objects.filter(topic=TOPIC_RENEW, state="pending"):
        tasks.item_renew(str(message.key))


def test_an_expired_clearance_is_judged_again_and_granted_anew(world: World) -> None:
    world.upload("ada", NOTHING, "")
    expire(world)
    assert not Clearance.objects.get().is_granted
    told = item_status(world.item(next(iter(world.things))))
    assert (told["state"], told["outcome"], told["decided_by"]) == ("held", "HOLD", "clearance.expired")
    renew()
    clearance = Clearance.objects.get()
    assert clearance.is_granted
    assert clearance.valid_until > timezone.now() + timedelta(days=1)
    world.check()


def test_an_expired_clearance_of_what_is_forbidden_meanwhile_stays_away(world: World) -> None:
    world.upload("ada", frozenset({"zorblax"}), "")
    with mock.patch.object(world, "look"):  # the change's own look did not come yet
        world.term("zorblax")
    expire(world)
    renew()
    assert not Clearance.objects.get().is_granted
    assert state(world) == "blocked"


def test_what_a_person_cleared_is_granted_anew(world: World) -> None:
    world.upload("ada", NOTHING, "")
    world.open_page(next(iter(world.things)))
    world.decide(Outcome.RESTRICT, page=-1)
    expire(world)
    renew()
    clearance = Clearance.objects.get()
    assert (clearance.is_granted, clearance.min_age) == (True, 18)


def test_an_expired_clearance_stays_away_while_lists_cannot_be_read(world: World) -> None:
    world.upload("ada", NOTHING, "")
    expire(world)
    with mock.patch.object(live_domains, "_read", side_effect=_away()):
        renew()
    assert not Clearance.objects.get().is_granted
    assert OutboxMessage.objects.get(topic=TOPIC_RENEW).state == "pending"


# --- people --------------------------------------------------------------------------------------------------------


def test_hard_evidence_that_a_person_saw_does_not_speak_again_and_other_evidence_does(world: World) -> None:
    world.upload("ada", frozenset({"zorblax", "quuxwort"}), "")
    name = next(iter(world.things))
    world.term("zorblax")
    world.open_page(name)
    world.decide(Outcome.CLEAR, page=-1)
    items_judge_again(item_pks=[world.item(name).pk], stage=DecisionStage.LISTS)
    assert state(world) == "cleared"
    world.term("quuxwort")  # of the same category, and as strict
    assert state(world) == "held"
    world.term("quuxwort")
    assert state(world) == "cleared"  # what they decided holds again
    world.check()


def test_a_versions_own_term_stops_what_a_person_cleared_before_it_and_lets_go_of_it(world: World) -> None:
    world.upload("ada", frozenset({OWN_TERM}), "")
    world.open_page(next(iter(world.things)))
    world.decide(Outcome.CLEAR, page=-1)
    for wanted in ("held", "cleared"):
        world.activate()
        assert state(world) == wanted
        world.check()
