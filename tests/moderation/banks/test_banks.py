"""Banks and their entries: what may be weakened and by whom, floods, and what people say of matches."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.test import TestCase
from django.utils import timezone

from moderation import tasks
from moderation.banks import matches as bank_matches
from moderation.banks import service as banks
from moderation.banks.matches import floods_guard, match_judge, matches_collect
from moderation.banks.service import NewEntry, bank_add_entries, bank_set_ratio, bank_upsert
from moderation.exceptions import BankInvalid
from moderation.models import AuditEvent, HashBank, HashEntry, HashMatch, MatchFeedback
from policies.choices import Outcome
from tests.support import people, scenes

pytestmark = pytest.mark.django_db

KNOWN = "f0" * 32


@pytest.fixture(autouse=True)
def _ready() -> None:
    people.ready()


def known(slug: str = "known", category: str = "violence", value: str = KNOWN) -> HashEntry:
    bank = bank_upsert(actor="test", slug=slug, category=category, outcome=Outcome.BLOCK)
    bank_add_entries(actor="test", bank=bank, entries=[NewEntry("pdq", value)])
    return bank.entries.get(value=value)


def opaque() -> HashEntry:
    return known("opaque", "child_safety")


def refused(change: Callable[[], object]) -> None:
    """Hold the database itself to a rule, with the services left out."""
    with pytest.raises(DatabaseError), transaction.atomic():
        change()


def actions() -> list[str]:
    return list(AuditEvent.objects.filter(object_type="bank").order_by("pk").values_list("action", flat=True))


# --- what the database refuses -----------------------------------------------------------------------------------


def test_the_database_keeps_a_child_safety_bank_whole() -> None:
    bank = HashBank.objects.filter(pk=opaque().bank_id)
    refused(lambda: bank.update(enabled_ratio=0.99))
    refused(lambda: bank.update(outcome=Outcome.ESCALATE))
    refused(lambda: bank.update(is_child_safety=False))
    refused(lambda: bank.update(category_id="violence"))
    refused(lambda: bank._raw_delete(bank.db))


def test_the_database_knows_which_category_makes_a_child_safety_bank() -> None:
    fields: dict[str, Any] = {"slug": "x", "title": "x", "category_id": "child_safety", "outcome": Outcome.BLOCK}
    refused(lambda: HashBank.objects.create(**fields, is_child_safety=False))


def test_the_database_keeps_hashes() -> None:
    entry = HashEntry.objects.filter(pk=known().pk)
    refused(lambda: entry._raw_delete(entry.db))
    refused(lambda: entry.update(value="00" * 32))
    refused(lambda: entry.update(algorithm="sha256"))
    refused(lambda: entry.update(retired_at=timezone.now()))  # without a reason
    refused(lambda: entry.update(share_level="PINK"))


def test_the_database_wants_two_people_to_retire_a_child_safety_hash() -> None:
    entry, now = HashEntry.objects.filter(pk=opaque().pk), timezone.now()
    one, other = people.person("one", "admin"), people.person("other", "admin")
    refused(lambda: entry.update(retired_at=now, retire_reason="x"))
    refused(lambda: entry.update(retired_at=now, retire_reason="x", retired_by=one))
    refused(lambda: entry.update(retired_at=now, retire_reason="x", retired_by=one, retire_asked_by=one))
    entry.update(retired_at=now, retire_reason="x", retired_by=one, retire_asked_by=other)


def test_each_person_has_one_word_on_a_match() -> None:
    entry, person = known(), people.person("one")
    MatchFeedback.objects.create(entry=entry, person=person, is_right=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        MatchFeedback.objects.create(entry=entry, person=person, is_right=False)


# --- retiring ----------------------------------------------------------------------------------------------------


def test_a_wrong_hash_is_retired_and_restored() -> None:
    entry, admin = known(), people.person("one", "admin")
    with pytest.raises(BankInvalid, match="why"):
        banks.entry_retire(actor=admin, key=str(entry.key), reason=" ", now=timezone.now())
    done = banks.entry_retire(actor=admin, key=str(entry.key), reason="a logo", now=timezone.now())
    assert (done.retired_by_id, done.retire_reason) == (admin.pk, "a logo")
    with pytest.raises(BankInvalid, match="already"):
        banks.entry_retire(actor=admin, key=str(entry.key), reason="again", now=timezone.now())
    assert banks.entry_restore(actor=admin, key=str(entry.key)).retired_at is None
    with pytest.raises(BankInvalid, match="in force"):
        banks.entry_restore(actor=admin, key=str(entry.key))
    assert actions()[-2:] == ["entry.retired", "entry.restored"]


def test_a_child_safety_hash_is_retired_by_two() -> None:
    entry, one, other = opaque(), people.person("one", "admin"), people.person("other", "admin")

    def retire(actor: Any) -> HashEntry:
        return banks.entry_retire(actor=actor, key=str(entry.key), reason="a blank frame", now=timezone.now())

    assert retire(one).retired_at is None
    with pytest.raises(BankInvalid, match="second person"):
        retire(one)
    assert retire(other).retired_at is not None
    assert actions()[-2:] == ["entry.retire_asked", "entry.retired"]


def test_a_request_to_retire_can_be_turned_down() -> None:
    entry, one, other = opaque(), people.person("one", "admin"), people.person("other", "admin")
    banks.entry_retire(actor=one, key=str(entry.key), reason="x", now=timezone.now())
    assert banks.entry_restore(actor=other, key=str(entry.key)).retire_asked_by is None
    assert actions()[-1] == "entry.retire_refused"
    assert banks.entry_retire(actor=other, key=str(entry.key), reason="y", now=timezone.now()).retired_at is None


def test_a_ratio_is_checked() -> None:
    known()
    for ratio in (-0.1, 1.1, float("nan")):
        with pytest.raises(BankInvalid, match="0 to 1"):
            bank_set_ratio(actor="test", slug="known", ratio=ratio)
    with pytest.raises(BankInvalid, match="no bank"):
        bank_set_ratio(actor="test", slug="none", ratio=1.0)
    opaque()
    with pytest.raises(BankInvalid, match="always whole"):
        bank_set_ratio(actor="test", slug="opaque", ratio=0.5)


# --- matches and floods ------------------------------------------------------------------------------------------


def met(entry: HashEntry, name: str, creator: str, detector: str = "hashes") -> Any:
    """Return an item that matched an entry, by a stored finding."""
    from moderation.detection.types import Finding

    where = {"bank": entry.bank.slug, "entry": str(entry.key), "algorithm": "pdq", "distance": 3}
    finding = Finding(detector, "1", entry.bank.category_id, 1.0, where, Outcome.BLOCK)
    return scenes.item_judged(name, findings=[finding], creator=creator)


def test_matches_are_counted_once_from_findings() -> None:
    entry = known()
    item = met(entry, "a", "mira")
    met(entry, "b", "tom", detector="frames")
    scenes.item_judged("odd", findings=[scenes.bank_hit("violence")])  # its entry is no key of ours
    assert matches_collect(now=timezone.now()) == 2
    assert matches_collect(now=timezone.now()) == 0
    match = HashMatch.objects.get(item=item)
    assert (match.entry, match.bank, match.creator, match.distance) == (entry, entry.bank, item.creator, 3)


@pytest.fixture
def _low(settings: Any) -> None:
    settings.BANKS_FLOOD_CREATORS = 3


def flood(entry: HashEntry, n: int, *, of: str = "", first: int = 0) -> None:
    for i in range(first, first + n):
        met(entry, f"{entry.bank.slug}-{i}", of or f"creator-{i}")
    matches_collect(now=timezone.now())


def guarded(now: datetime | None = None) -> list[HashEntry]:
    with TestCase.captureOnCommitCallbacks(execute=True):
        return floods_guard(now=now or timezone.now())


@pytest.mark.usefixtures("_low")
def test_a_hash_that_many_creators_meet_is_quarantined(caplog: pytest.LogCaptureFixture) -> None:
    entry = known()
    flood(entry, 2)
    assert guarded() == []
    flood(entry, 1, first=2)
    assert guarded() == [entry]
    assert guarded() == []
    entry.refresh_from_db()
    assert entry.flooded_at is not None
    assert actions()[-1] == "entry.quarantined"
    assert "bank_flood" in caplog.text


@pytest.mark.usefixtures("_low")
def test_one_creator_alone_cannot_soften_a_hash() -> None:
    entry = known()
    flood(entry, 12, of="the-same")
    assert guarded() == []


@pytest.mark.usefixtures("_low")
def test_old_matches_are_no_flood() -> None:
    flood(known(), 3)
    assert guarded(timezone.now() + timedelta(hours=2)) == []


@pytest.mark.usefixtures("_low")
def test_a_flooded_child_safety_hash_alarms_and_goes_on_blocking() -> None:
    from moderation.live.banks import BankFollower

    entry = opaque()
    flood(entry, 3)
    assert guarded() == [entry]
    assert actions()[-1] == "entry.flood_alarmed"
    follower = BankFollower()
    follower.refresh()
    assert follower.view.index is not None
    [match] = follower.view.index.match_pdq(KNOWN, 100)
    assert match.entry.outcome == Outcome.BLOCK


# Inside one transaction the follower could not tell this one's changes from what it has read, once others commit meanwhile.
@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_low")
def test_a_quarantined_hash_escalates_in_every_process_and_a_released_one_blocks_again() -> None:
    from moderation.live.banks import BankFollower

    entry, admin = known(), people.person("one", "admin")
    follower = BankFollower()

    def outcome() -> Outcome:
        follower.refresh()
        assert follower.view.index is not None
        return follower.view.index.match_pdq(KNOWN, 100)[0].entry.outcome

    assert outcome() == Outcome.BLOCK
    flood(entry, 3)
    guarded()
    assert outcome() == Outcome.ESCALATE
    banks.entry_release(actor=admin, key=str(entry.key), now=timezone.now())
    assert outcome() == Outcome.BLOCK
    assert guarded() == []  # a person vouched for it
    assert guarded(timezone.now() + timedelta(minutes=59)) == []
    with pytest.raises(BankInvalid, match="not held back"):
        banks.entry_release(actor=admin, key=str(entry.key), now=timezone.now())


@pytest.mark.usefixtures("_low")
def test_a_persons_word_for_a_hash_lasts_a_day() -> None:
    entry, admin, now = known(), people.person("one", "admin"), timezone.now()
    flood(entry, 3)
    guarded()
    banks.entry_release(actor=admin, key=str(entry.key), now=now - banks.FLOOD_EXEMPT)
    assert guarded() == [entry]


def test_the_task_does_both(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(bank_matches, "matches_collect", lambda now: done.append("collected"))
    monkeypatch.setattr(bank_matches, "floods_guard", lambda now: done.append("guarded"))
    tasks.bank_matches_watch()
    assert done == ["collected", "guarded"]


# --- what people say ---------------------------------------------------------------------------------------------


def test_people_say_what_a_match_is_and_may_change_their_minds() -> None:
    entry, one, other = known(), people.person("one"), people.person("other")
    item = met(entry, "a", "mira")
    for person, is_right in ((one, True), (other, False), (one, False)):
        match_judge(actor=person, entry_key=str(entry.key), item=item, is_right=is_right, note="seen both")
    assert sorted(MatchFeedback.objects.values_list("person__username", "is_right")) == [
        ("one", False),
        ("other", False),
    ]
    assert actions()[-3:] == ["match.confirmed", "match.disputed", "match.disputed"]


def test_a_word_needs_a_match() -> None:
    entry, one = known(), people.person("one")
    item = scenes.item_judged("innocent")
    with pytest.raises(BankInvalid, match="did not match"):
        match_judge(actor=one, entry_key=str(entry.key), item=item, is_right=False)
    with pytest.raises(BankInvalid, match="no such hash"):
        match_judge(actor=one, entry_key="00000000-0000-0000-0000-000000000007", item=None, is_right=False)
