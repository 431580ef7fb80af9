"""The gate follows clearances by transaction id: nothing is skipped, whatever the order of commits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest
from django.db import connection
from django.utils import timezone

from moderation.gate.door import Gate, RevocationPage, Viewer
from moderation.gate.source import Mark
from moderation.models import Item
from policies.choices import Band
from tests.support.clearances import cleared, permit, revoke

pytestmark = pytest.mark.django_db(transaction=True)
ADULT = Viewer(Band.ADULT, "DE")


@pytest.fixture
def gate() -> Iterator[Gate]:
    """Yield a gate without a thread: it follows when told to."""
    made = Gate()
    yield made
    made.stop()


@pytest.fixture
def two_writers() -> Iterator[tuple[psycopg.Connection, psycopg.Connection]]:
    """Yield two connections, each of which can hold a transaction open."""
    params = {
        name: value for name, value in connection.get_connection_params().items()
        if name in {"dbname", "user", "password", "host", "port"}
    }  # fmt: skip
    with psycopg.connect(**params) as first, psycopg.connect(**params) as second:
        yield first, second
        first.rollback()
        second.rollback()


def revoke_in(writer: psycopg.Connection, item: Item) -> int:
    """Revoke an item inside a writer's open transaction; return the revision it drew."""
    row = writer.execute(
        "UPDATE moderation_clearance SET is_granted = false WHERE item_id = %s RETURNING revision", (item.pk,)
    ).fetchone()
    assert row
    return int(row[0])


def admitted(gate: Gate, *items: Item) -> list[str]:
    """Return the external ids that the gate clears for an adult."""
    answer = gate.admit([item.pk for item in items], ADULT, timezone.now())
    return [token.external_id for token in answer.cleared]


def test_it_admits_nothing_before_it_has_a_view(gate: Gate) -> None:
    item = cleared("a")
    answer = gate.admit([item.pk], ADULT, timezone.now())
    assert answer.denied == [(item.pk, "stale")]
    assert answer.is_stale


def test_it_admits_what_is_cleared_and_denies_what_it_does_not_hold(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    answer = gate.admit([item.pk, item.pk + 10_000, -1], ADULT, timezone.now())
    assert [token.external_id for token in answer.cleared] == ["a"]
    assert answer.denied == [(item.pk + 10_000, "unknown"), (-1, "unknown")]


def test_its_token_says_under_which_decision_the_item_is_served(gate: Gate) -> None:
    clearance = permit(cleared("a"), min_age=16)
    gate.refresh()
    token = gate.admit([clearance.item_id], ADULT, timezone.now()).cleared[0]
    assert token.decision_key == clearance.decision.key
    assert (token.revision, token.min_age, token.policy_version) == (clearance.revision, 16, 1)
    assert abs((token.valid_until - clearance.valid_until).total_seconds()) < 1e-3


def test_it_takes_revocations_and_later_permissions(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    assert admitted(gate, item) == ["a"]
    revoke(item)
    gate.refresh()
    assert admitted(gate, item) == []
    permit(item)
    gate.refresh()
    assert admitted(gate, item) == ["a"]


def test_commits_in_reverse_order_skip_nothing(
    gate: Gate, two_writers: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    early, late = cleared("early"), cleared("late")
    gate.refresh()
    first, second = two_writers
    revision_first = revoke_in(first, early)
    revision_second = revoke_in(second, late)
    assert revision_first < revision_second

    second.commit()
    gate.refresh()
    assert admitted(gate, early, late) == ["early"]
    seen = revision_second  # what a reader that tails `revision > last seen` would go on from

    first.commit()
    gate.refresh()
    assert admitted(gate, early, late) == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM moderation_clearance WHERE revision > %s", (seen,))
        assert cursor.fetchone()[0] == 0, "revision > last seen would never have found the first revocation"


def test_a_transaction_with_a_late_id_and_an_early_commit_is_read_again_without_harm(
    gate: Gate, two_writers: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    held, quick = cleared("held"), cleared("quick")
    gate.refresh()
    first, second = two_writers
    revoke_in(first, held)
    for _ in range(3):
        revoke_in(second, quick)
        second.commit()
        gate.refresh()
        assert admitted(gate, held, quick) == ["held"]
    first.rollback()
    gate.refresh()
    assert admitted(gate, held, quick) == ["held"]


def test_a_database_that_went_back_in_time_is_loaded_whole(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    gate._xmin = 2**60  # as if the restored copy had fewer transactions than we have seen
    revoke(item)
    gate.refresh()
    assert admitted(gate, item) == []
    assert gate._xmin < 2**60


def test_another_history_is_loaded_whole(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    gate._columns.is_granted[item.pk] = False  # a state that this database never had
    assert gate._history
    gate._history = replace(gate._history, signs="another")
    gate.refresh()
    assert admitted(gate, item) == ["a"]


def test_a_new_connection_reads_again_what_came_shortly_before(gate: Gate) -> None:
    item = cleared("a")
    gate.refresh()
    revoke(item)
    gate._source.close()
    gate.refresh()
    assert admitted(gate, item) == []


def refreshed_until_settled(gate: Gate, since: int) -> RevocationPage:
    """Refresh until the stream's next has reached its last row: another test's open transaction, in another database of
    the same server, holds it back as ours would."""
    deadline = time.monotonic() + 60
    while True:
        gate.refresh()
        page = gate.revocations(since, gate.history)
        if (page.rows and page.next >= page.rows[-1].revision) or time.monotonic() > deadline:
            return page
        time.sleep(0.05)


def test_the_stream_gives_no_next_that_an_open_transaction_could_still_pass(
    gate: Gate, two_writers: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    early, late = cleared("early"), cleared("late")
    gate.refresh()
    start, history = gate.revocations(0).next, gate.history
    first, second = two_writers
    revision_early = revoke_in(first, early)
    revoke_in(second, late)
    second.commit()
    gate.refresh()

    page = gate.revocations(start, history)
    assert [row.external_id for row in page.rows] == ["late"], "what is visible is sent early"
    assert page.next < revision_early

    first.commit()
    again = refreshed_until_settled(gate, page.next)
    assert [row.external_id for row in again.rows] == ["early", "late"]
    assert again.next == again.rows[-1].revision
    assert gate.revocations(again.next, history).rows == []


def test_a_snapshot_bound_alone_would_have_let_the_stream_pass_an_open_transaction(
    gate: Gate, two_writers: tuple[psycopg.Connection, psycopg.Connection]
) -> None:
    """The snapshot's xmax is one past the last completed id: a running transaction may stand at or above it."""
    item = cleared("a")
    gate.refresh()
    first, _ = two_writers
    for _ in range(50):  # another test's transaction may end in between: they share the server's counter
        xid = int(first.execute("SELECT pg_current_xact_id()::text::bigint").fetchone()[0])  # type: ignore[index]
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
            xmax = cursor.fetchone()[0]
        if xmax <= xid:
            break
        first.rollback()
    assert xmax <= xid
    revision = revoke_in(first, item)
    mark = gate._source.mark(-1)
    assert mark is not None
    assert mark.last_revision >= revision
    assert mark.before_xid > xid


def test_the_stream_carries_narrowings_and_not_new_permissions(gate: Gate) -> None:
    older, fewer, wider = cleared("older"), cleared("fewer"), cleared("wider", min_age=18)
    gate.refresh()
    start, history = gate.revocations(0).next, gate.history
    permit(older, min_age=16)
    permit(fewer, territories=["DE"])
    permit(wider)
    cleared("new")
    gate.refresh()
    rows = gate.revocations(start, history).rows
    assert [(row.external_id, row.is_granted) for row in rows] == [("older", True), ("fewer", True)]


def test_many_marks_are_thinned_and_the_newest_stays(gate: Gate) -> None:
    gate._xmin = 0
    for n in range(1, 3_000):
        gate._settle(Mark(n, n + 10))
    assert len(gate._marks) <= 1_000
    assert gate._marks[-1].last_revision >= 2_998
    gate._xmin = 10**9
    gate._settle(None)
    assert gate._settled >= 2_998


def test_a_gate_under_a_stream_of_changes_ends_where_the_database_does(gate: Gate) -> None:
    items = [cleared(f"i{n}") for n in range(20)]
    stop = threading.Event()

    def follow() -> None:
        while not stop.is_set():
            gate.refresh()
            time.sleep(0.002)

    thread = threading.Thread(target=follow)
    thread.start()
    for n in range(100):
        item = items[n % 20]
        revoke(item) if (n // 20) % 2 == 0 else permit(item)
    stop.set()
    thread.join()
    gate.refresh()
    expected = [i.external_id for i in Item.objects.filter(clearance__is_granted=True).order_by("pk")]
    assert admitted(gate, *items) == expected
