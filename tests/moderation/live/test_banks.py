"""How a process follows the banks: whole, in pieces, by what changed; and what it says when it cannot."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connections, transaction

from moderation.banks.service import NewEntry, bank_add_entries, bank_set_ratio, bank_upsert
from moderation.detection.hashes.detector import BankIndex
from moderation.detection.types import Subject
from moderation.live import bank_rows, onpath
from moderation.live import banks as live_banks
from moderation.live.banks import BankFollower, BanksUnavailable
from moderation.live.onpath import bank_index
from moderation.models import HashBank, HashEntry
from policies.choices import ItemKind, Outcome
from policies.live import active_policy
from tests.support import people
from tests.support.owner import owner

pytestmark = pytest.mark.django_db(transaction=True)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    people.ready()
    yield
    live_banks.replace_current(None)


def value(i: int) -> str:
    return hashlib.sha256(str(i).encode()).hexdigest()


def add(slug: str, *numbers: int, algorithm: str = "pdq", category: str = "violence") -> HashBank:
    bank = bank_upsert(actor="test", slug=slug, category=category, outcome=Outcome.BLOCK)
    bank_add_entries(actor="test", bank=bank, entries=[NewEntry(algorithm, value(i)) for i in numbers])
    return bank


def loaded() -> BankFollower:
    follower = BankFollower()
    follower.refresh()
    return follower


def index_of(follower: BankFollower) -> BankIndex:
    assert follower.view.index is not None
    return follower.view.index


def has(follower: BankFollower, i: int) -> bool:
    return bool(index_of(follower).match_pdq(value(i), 100))


def test_a_load_in_pieces_holds_every_entry_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank_rows, "_CHUNK", bank_rows._CHUNK.replace("LIMIT 20000", "LIMIT 3"))
    add("known", *range(1, 9))
    add("files", *range(20, 25), algorithm="sha256")
    follower = loaded()
    assert len(index_of(follower)) == 13
    assert all(has(follower, i) for i in range(1, 9))
    assert index_of(follower).match_sha256(value(21))[0].entry.bank == "files"


def test_a_match_says_what_the_row_says() -> None:
    bank = add("known", 7)
    row = bank.entries.get()
    [match] = index_of(loaded()).match_pdq(value(7), 100)
    entry = match.entry
    assert (entry.bank, entry.bank_key, entry.entry_key) == ("known", str(bank.key), str(row.key))
    assert (entry.value, entry.category, entry.outcome) == (value(7), "violence", Outcome.BLOCK)


def test_the_database_draws_as_the_entry_does() -> None:
    add("known", *range(1, 40))
    bank_set_ratio(actor="test", slug="known", ratio=0.5)
    index = index_of(loaded())
    columns = index._pdq.base.columns
    is_on = columns.in_force(index.banks)
    for i in range(len(columns)):
        entry = index._entry("pdq", columns, i)
        assert int(columns.draw[i]) == entry.draw
        assert bool(is_on[i]) == entry.is_enabled


def test_what_is_added_is_followed_without_a_load(monkeypatch: pytest.MonkeyPatch) -> None:
    add("known", 1)
    follower = loaded()
    monkeypatch.setattr(bank_rows, "load_all", lambda: pytest.fail("it loaded everything"))
    add("known", 2)
    add("later", 3)
    add("later", 4, algorithm="sha256")
    follower.refresh()
    assert [has(follower, i) for i in (1, 2, 3)] == [True, True, True]
    assert index_of(follower).match_sha256(value(4))


def test_nothing_new_keeps_the_view_itself() -> None:
    add("known", 1)
    follower = loaded()
    view = follower.view
    follower.refresh()
    assert follower.view is view


def test_no_bank_at_all_is_a_view_and_no_reason_to_load_again(monkeypatch: pytest.MonkeyPatch) -> None:
    follower = loaded()
    monkeypatch.setattr(bank_rows, "load_all", lambda: pytest.fail("it loaded everything"))
    follower.refresh()
    assert len(index_of(follower)) == 0


def test_a_retired_entry_leaves_and_a_restored_one_returns() -> None:
    bank = add("known", 1, 2)
    follower = loaded()
    entry = bank.entries.get(value=value(1))
    HashEntry.objects.filter(pk=entry.pk).update(retired_at=entry.created_at, retire_reason="x")
    follower.refresh()
    assert [has(follower, i) for i in (1, 2)] == [False, True]
    assert len(index_of(follower)) == 1
    HashEntry.objects.filter(pk=entry.pk).update(retired_at=None)
    follower.refresh()
    assert [has(follower, i) for i in (1, 2)] == [True, True]
    assert len(index_of(follower)) == 2
    HashEntry.objects.filter(pk=entry.pk).update(retired_at=entry.created_at)
    follower.refresh()
    assert [has(follower, i) for i in (1, 2)] == [False, True]


def test_a_change_shares_what_did_not_change() -> None:
    bank = add("known", 1, 2, 3)
    follower = loaded()
    base = index_of(follower)._pdq.base
    add("known", 4)
    HashEntry.objects.filter(bank=bank, value=value(2)).update(flooded_at=bank.created_at)
    follower.refresh()
    now = index_of(follower)._pdq
    assert now.base.columns.value is base.columns.value
    assert (len(now), len(now.recent.columns)) == (4, 2)
    assert index_of(follower).match_pdq(value(2), 100)[0].entry.is_quarantined


def test_with_many_changes_the_index_is_built_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bank_rows, "MAX_CHANGES", 3)
    add("known", 1)
    follower = loaded()
    for i in range(2, 7):
        add("known", i)
        follower.refresh()
    assert all(has(follower, i) for i in range(1, 7))
    assert index_of(follower).n_recent <= 3


def test_a_switched_bank_is_followed_without_a_new_table() -> None:
    add("known", 1)
    follower = loaded()
    table = index_of(follower)._pdq
    bank_set_ratio(actor="test", slug="known", ratio=0.0)
    follower.refresh()
    assert not has(follower, 1)
    assert index_of(follower)._pdq is table


def test_what_commits_late_is_not_missed() -> None:
    """A transaction that began first and commits last is below every number that was seen since; the snapshot knows it."""
    add("known", 1)
    is_written, may_commit = threading.Event(), threading.Event()

    def slowly() -> None:
        with transaction.atomic():
            add("slow", 5)
            is_written.set()
            may_commit.wait(10)
        connections.close_all()

    thread = threading.Thread(target=slowly)
    thread.start()
    is_written.wait(10)
    follower = loaded()
    add("quick", 6)
    follower.refresh()
    assert [has(follower, i) for i in (5, 6)] == [False, True]
    may_commit.set()
    thread.join()
    follower.refresh()
    assert [has(follower, i) for i in (5, 6)] == [True, True]


def test_many_changes_are_loaded_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    add("known", 1)
    follower = loaded()
    monkeypatch.setattr(bank_rows, "MAX_CHANGES", 2)
    add("known", *range(2, 9))
    follower.refresh()
    assert all(has(follower, i) for i in range(1, 9))


def test_a_database_that_went_back_is_loaded_anew() -> None:
    add("known", 1)
    follower = loaded()
    with owner(without_triggers=True) as cursor:
        cursor.execute("TRUNCATE moderation_hashbank CASCADE")
    add("other", 2)
    follower.refresh()
    assert [has(follower, i) for i in (1, 2)] == [False, True]


def test_a_failed_refresh_keeps_the_old_and_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add("known", 1)
    follower = loaded()
    failures = live_banks.BANK_REFRESH.labels("failed")
    before = failures._value.get()

    def broken(mark: object) -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(bank_rows, "changes_since", broken)
    assert not follower.try_refresh()
    assert has(follower, 1)
    assert failures._value.get() == before + 1
    assert "banks_not_refreshed" in caplog.text


def test_banks_that_were_not_compared_for_too_long_are_stale() -> None:
    clock = Clock()
    follower = BankFollower(clock)

    def is_stale() -> bool:
        return follower.is_stale

    assert is_stale()
    with pytest.raises(BanksUnavailable):
        follower.usable_index()
    follower.refresh()
    clock.now += live_banks.BANKS_MAX_AGE_SECONDS
    assert not is_stale()
    clock.now += 0.1
    assert is_stale()
    with pytest.raises(BanksUnavailable):
        follower.usable_index()


def hashes_of_an_upload() -> tuple[str, int]:
    subject = Subject(ItemKind.IMAGE, "", "en", "", file_hashes={"media": value(4)})
    result = next(r for r in onpath.onpath_run(subject, active_policy()) if r.detector == "hashes")
    return (result.missing.why if result.missing else ""), len(result.findings)


def test_a_process_that_cannot_load_counts_hashes_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    add("files", 4, algorithm="sha256")
    onpath.forget()

    def broken() -> None:
        raise DatabaseError("gone")

    monkeypatch.setattr(bank_rows, "mark_now", broken)
    assert hashes_of_an_upload() == ("failed", 0)
    with pytest.raises(BanksUnavailable):
        bank_index(active_policy())
    monkeypatch.undo()
    onpath.forget()
    assert hashes_of_an_upload() == ("", 1)


def test_stale_banks_still_match_but_prove_no_innocence() -> None:
    add("files", 4, algorithm="sha256")
    clock = Clock()
    follower = BankFollower(clock)
    live_banks.replace_current(follower)
    assert hashes_of_an_upload() == ("", 1)
    clock.now += live_banks.BANKS_MAX_AGE_SECONDS + 1
    follower._asked_at = clock.now  # nobody could ask in the meantime
    assert hashes_of_an_upload() == ("failed", 1)


def test_uploads_go_on_with_the_old_banks_while_new_ones_are_loaded(
    monkeypatch: pytest.MonkeyPatch, settings: pytest.FixtureRequest
) -> None:
    settings.BANKS_FOLLOW_IN_THREAD = True  # type: ignore[attr-defined]
    monkeypatch.setattr(live_banks, "BANKS_CHECK_SECONDS", 0.01)
    add("files", 4, algorithm="sha256")
    onpath.forget()
    assert hashes_of_an_upload() == ("", 1)
    is_loading, may_go_on = threading.Event(), threading.Event()
    real = bank_rows.changes_since

    def slow(mark: bank_rows.Mark) -> object:
        is_loading.set()
        may_go_on.wait(10)
        return real(mark)

    monkeypatch.setattr(bank_rows, "changes_since", slow)
    assert is_loading.wait(10)
    assert hashes_of_an_upload() == ("", 1)
    may_go_on.set()
    monkeypatch.undo()
    live_banks.replace_current(None)
