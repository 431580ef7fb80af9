"""A restored database is another history, however it was restored: nothing that was read before is served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

from moderation.audit.histories import history_begin
from moderation.db import histories
from moderation.db.histories import Continuity, HistoryUnknown, history_now, history_renew
from moderation.decisions import evidence
from moderation.evidence.store import EvidenceStore
from moderation.gate.door import Gate, HistoryGone, Viewer
from moderation.live.banks import BankFollower
from moderation.models import AuditEvent, History, Item
from policies.choices import Band
from tests.support.clearances import cleared, permit, revoke
from tests.support.dumps import Dump
from tests.support.owner import owner

pytestmark = pytest.mark.django_db(transaction=True)
ADULT = Viewer(Band.ADULT, "DE")


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Yield a gate without a thread: it follows when told to."""
    made = Gate(max_age_seconds=60.0)
    yield made
    made.stop()


def admitted(gate: Gate, *items: Item) -> list[str]:
    answer = gate.admit([item.pk for item in items], ADULT, timezone.now())
    return [token.external_id for token in answer.cleared]


def vacuum_full() -> None:
    from moderation.db.owner import as_owner

    with as_owner(), connection.cursor() as cursor:
        cursor.execute("VACUUM FULL moderation_clearance")


# --- what tells two histories apart ---------------------------------------------------------------------------------


def test_a_history_goes_on_while_nothing_is_restored() -> None:
    before = history_now()
    permit(cleared("a"))
    after = history_now()
    assert after.id == before.id
    assert len(after.id) == 32
    assert after.drawn > before.drawn
    assert after.flushed > before.flushed
    assert after.after(before) is Continuity.UNBROKEN


def test_an_open_transaction_that_is_taken_back_does_not_end_it(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    before = gate.history
    with transaction.atomic():
        revoke(item)
        transaction.set_rollback(True)
    gate.refresh()
    assert gate.history == before
    assert admitted(gate, item) == ["a"]


def test_a_new_start_of_the_server_reads_again_and_is_the_same_history() -> None:
    now = history_now()
    assert now.after(replace(now, server="yesterday")) is Continuity.RESTARTED


@pytest.mark.parametrize("changes", [{"signs": "x"}, {"drawn": 2**60}, {"flushed": 2**60}])
def test_other_signs_or_a_counter_that_went_back_are_another_history(changes: dict[str, Any]) -> None:
    now = history_now()
    assert now.after(replace(now, **changes)) is Continuity.OTHER


@pytest.mark.parametrize("table", histories.FOLLOWED)
def test_every_table_that_is_followed_is_told_apart_when_it_is_emptied_or_made_anew(table: str) -> None:
    before = history_now()
    with transaction.atomic():
        with owner(without_triggers=True) as cursor:
            cursor.execute(f"TRUNCATE {table} CASCADE")
        assert history_now().after(before) is Continuity.OTHER
        transaction.set_rollback(True)
    assert history_now().after(before) is Continuity.UNBROKEN
    with transaction.atomic():
        with owner() as cursor:
            cursor.execute(f"ALTER TABLE {table} RENAME TO former")
            cursor.execute(f"CREATE TABLE {table} (LIKE former)")
        assert history_now().after(before) is Continuity.OTHER
        transaction.set_rollback(True)


def test_rewriting_a_table_counts_as_another_history_to_be_safe(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    before = gate.history
    vacuum_full()
    gate.refresh()
    assert gate.history != before
    assert admitted(gate, item) == ["a"]


def test_the_command_begins_another_one_and_says_who(gate: Gate) -> None:
    gate.refresh()
    before, key = gate.history, History.objects.get().key
    call_command("history_new")
    gate.refresh()
    assert gate.history not in {"", before}
    assert History.objects.get().key != key
    assert AuditEvent.objects.get(action="history.begun").object_key == str(History.objects.get().key)


def test_a_database_without_a_history_is_not_served_from(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    with owner(without_triggers=True) as cursor:
        cursor.execute("DELETE FROM moderation_history")
    try:
        with pytest.raises(HistoryUnknown, match="history_new"):
            gate.refresh()
        with pytest.raises(HistoryUnknown):
            gate.revocations(0)
        with pytest.raises(HistoryUnknown):
            BankFollower().refresh()
        with pytest.raises(HistoryUnknown):
            EvidenceStore().population(timezone.now())
    finally:
        call_command("history_new")
    gate.refresh()
    assert admitted(gate, item) == ["a"]


# --- restores under the gate -------------------------------------------------------------------------------------------


def test_a_restore_of_an_earlier_dump_is_noticed_at_the_next_look(gate: Gate) -> None:
    kept = cleared("kept")
    dump = Dump.take()
    gate.refresh()
    later = cleared("later")
    gate.refresh()
    assert admitted(gate, kept, later) == ["kept", "later"]
    before = gate.history
    dump.restore()
    gate.refresh()
    assert admitted(gate, kept, later) == ["kept"]
    assert gate.history != before


def test_it_is_noticed_where_the_counters_have_grown_past_what_was_seen(gate: Gate) -> None:
    cleared("kept")
    dump = Dump.take()
    lost = cleared("lost")
    gate.refresh()
    assert admitted(gate, lost) == ["lost"]
    dump.restore()
    others = [cleared(f"other-{n}") for n in range(3)]
    assert others[0].pk == lost.pk, "the same number is another item now"
    revoke(others[0])
    assert history_now().drawn > gate._source.history().drawn - 1
    gate.refresh()
    assert admitted(gate, *others) == ["other-1", "other-2"]


def test_a_restore_by_rows_shows_in_the_sequence_and_gets_a_new_key(gate: Gate) -> None:
    """With triggers off rows can be put back without a trace in any file; the counter that went back is one."""
    item = cleared("a")
    dump = Dump.take()
    gate.refresh()
    revoke(item)
    permit(item)
    gate.refresh()
    key, before = History.objects.get().key, gate.history
    dump.restore(row_by_row=True)
    other = Gate(max_age_seconds=60.0)
    other.refresh()
    assert other.history == before, "one that starts now cannot know"
    gate.refresh()
    assert History.objects.get().key != key
    assert gate.history != before
    other.refresh()
    assert other.history == gate.history, "it is told by the one that noticed"
    with pytest.raises(HistoryGone):
        other.revocations(1, before)
    other.stop()


def test_the_command_tells_of_what_no_counter_shows(gate: Gate) -> None:
    item = cleared("a")
    dump = Dump.take()
    gate.refresh()
    permit(item)
    lost = cleared("lost")
    gate.refresh()
    dump.restore(row_by_row=True)
    for n in range(4):
        cleared(f"other-{n}")
    call_command("history_new")
    gate.refresh()
    assert admitted(gate, lost) == ["other-0"]


def test_a_poll_that_waits_for_a_restore_sees_all_of_it(gate: Gate) -> None:
    kept, lost = cleared("kept"), cleared("lost")
    revoke(lost)
    dump = Dump.take()
    permit(lost)
    gate.refresh()
    assert admitted(gate, kept, lost) == ["kept", "lost"]
    with transaction.atomic():
        dump.restore()
        with pytest.raises(psycopg.OperationalError, match="timeout"):
            gate.refresh()
    gate._source.close()
    gate.refresh()
    assert admitted(gate, kept, lost) == ["kept"]


# --- other followers -------------------------------------------------------------------------------------------------


def test_banks_of_another_history_match_nothing_until_they_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = BankFollower()
    follower.refresh()
    first = follower.view
    call_command("history_new")
    load: Callable[[], object] = follower._load
    monkeypatch.setattr(follower, "_load", lambda: 1 / 0)
    assert not follower.try_refresh()
    dropped = follower.view
    assert dropped.index is None
    assert follower.is_stale
    monkeypatch.setattr(follower, "_load", load)
    follower.refresh()
    assert follower.view.index is not None
    assert follower.view.version != first.version, "what was found with the former lists is not evidence of these"


def test_banks_are_loaded_whole_where_the_server_was_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = BankFollower()
    follower.refresh()
    index, mark = follower.view.index, follower._mark
    assert mark
    follower.refresh()
    assert follower.view.index is index
    follower._mark = replace(mark, history=replace(mark.history, server="yesterday"))
    follower.refresh()
    assert follower.view.index is not index


def test_stored_evidence_of_another_history_is_forgotten() -> None:
    store = EvidenceStore()
    store.population(timezone.now())
    reader = store._reader
    store.population(timezone.now())
    assert store._reader is reader
    call_command("history_new")
    store.population(timezone.now())
    assert store._reader is not reader


def test_small_things_kept_by_number_are_forgotten_with_their_history(gate: Gate) -> None:
    gate.refresh()
    evidence._codes.known["policy"] = (0.0, {"hate": 1})
    gate.refresh()
    assert evidence._codes.known
    call_command("history_new")
    gate.refresh()
    assert not evidence._codes.known


# --- what is on record ---------------------------------------------------------------------------------------------


def _begun() -> list[tuple[str, str, dict[str, Any]]]:
    rows = AuditEvent.objects.filter(action="history.begun", object_type="history").order_by("pk")
    return list(rows.values_list("actor_name", "object_key", "data"))


def test_a_history_that_a_process_renewed_is_in_the_audit_log() -> None:
    before = history_now().key
    with connection.cursor() as cursor:
        history_renew(cursor.execute, before)
        history_renew(cursor.execute, before)  # another process noticed the same
    assert _begun() == [("system", history_now().key, {"was": before, "via": "a counter went back"})]


def test_a_history_that_somebody_began_is_there_once_and_under_their_name() -> None:
    before = history_now().key
    history_begin(actor="mira")
    assert _begun() == [("mira", history_now().key, {"was": before})]
    assert history_now().key != before


def test_a_history_that_was_changed_by_hand_is_there_as_well() -> None:
    before = history_now().key
    with connection.cursor() as cursor:
        cursor.execute("UPDATE public.moderation_history SET key = gen_random_uuid()")
    ((actor, key, data),) = _begun()
    assert (actor, key, data["was"], data["db_role"]) == ("unknown", history_now().key, before, "gatehouse_app")
