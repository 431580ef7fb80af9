"""What a term or a bank would touch of what is stored is said before; near misses are named; the look ends in time."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from moderation.banks.radius import bank_radius
from moderation.banks.requests import bank_import_ask, bank_ratio_ask, bank_ratio_confirm
from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert
from moderation.emergency.radius import term_radius
from moderation.emergency.service import emergency_term_add
from moderation.exceptions import WideActInvalid
from moderation.models import HashBank, Item, MediaFile, OutboxMessage, WideAct
from moderation.outbox.messages import message_begin
from moderation.rejudge.list_changes import TOPIC_LOOK, list_change_look
from policies.choices import ItemKind, Outcome
from tests.support.people import person, ready, text_item

pytestmark = pytest.mark.django_db

_HASH = "f0" * 32


@pytest.fixture(autouse=True)
def _ready(db: None) -> None:
    ready()


def _term(text: str, **changes: Any) -> Any:
    return term_radius(**{"text": text, "category": "hate", "language": "", "outcome": Outcome.BLOCK, **changes})


def test_a_term_touches_what_it_then_decides_and_names_what_it_only_just_misses() -> None:
    hits = [text_item(f"h-{i}", f"The purple zepp3lin rises, part {i}", creator=f"c-{i}") for i in range(3)]
    near = text_item("near", "A purplezeppelinesque evening", creator="c-8")
    text_item("other", "Baking bread", creator="c-9")
    found = _term("purple zeppelin")
    assert set(found.radius.whole.sample) == {item.pk for item in hits}
    assert (found.radius.whole.n_items, found.radius.whole.n_creators, found.is_whole) == (3, 3, True)
    assert found.near == (near.pk,)
    emergency_term_add(
        actor=person("eve", "policy-editor"),
        text="purple zeppelin",
        category="hate",
        note="A wave.",
        now=timezone.now(),
    )
    for message in OutboxMessage.objects.filter(topic=TOPIC_LOOK):
        begun = message_begin(key=str(message.key), now=timezone.now())
        assert begun
        list_change_look(begun)
    assert set(Item.objects.filter(state="blocked").values_list("pk", flat=True)) == {item.pk for item in hits}


def test_a_look_that_runs_out_of_time_says_what_it_saw(settings: Any) -> None:
    settings.WIDE_LOOK_ITEMS, settings.WIDE_LOOK_MS = 1, 50
    for i in range(3):
        text_item(f"h-{i}", f"The purple zeppelin rises, part {i}", creator=f"c-{i}")
    found = _term("purple zeppelin")
    assert found.n_looked_at >= 1
    assert found.radius.whole.n_items >= 1
    assert found.is_whole == (found.n_looked_at == 3)


def _bank() -> HashBank:
    bank = bank_upsert(actor="system", slug="known", category="violence", outcome=Outcome.BLOCK)
    bank_add_entries(actor="system", bank=bank, entries=[NewEntry("pdq", _HASH)])
    return bank


def test_a_bank_that_matches_nothing_is_switched_by_one_person() -> None:
    bank = _bank()
    text_item("t-1")
    assert bank_radius(bank).radius.whole.n_items == 0
    done = bank_ratio_ask(actor=person("ada", "admin"), slug="known", ratio=0.0, now=timezone.now())
    assert isinstance(done, HashBank)
    assert done.enabled_ratio == 0.0


def test_a_bank_of_which_not_everything_was_looked_at_waits_for_a_second_person(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _bank()
    monkeypatch.setattr("moderation.rejudge.list_changes._BATCH", 1)
    settings.WIDE_LOOK_ITEMS = 1
    for i in range(3):
        text_item(f"t-{i}")
    ada = person("ada", "admin")
    act = bank_ratio_ask(actor=ada, slug="known", ratio=0.5, now=timezone.now())
    assert isinstance(act, WideAct)
    assert HashBank.objects.get().enabled_ratio == 1.0
    with pytest.raises(PermissionDenied):
        bank_ratio_confirm(actor=person("rita"), act_key=str(act.key), now=timezone.now())
    done = bank_ratio_confirm(actor=person("abe", "admin"), act_key=str(act.key), now=timezone.now())
    assert done.enabled_ratio == 0.5


def test_hashes_that_match_that_much_are_not_imported_into_a_bank_in_force(settings: Any) -> None:
    bank, ada = _bank(), person("ada", "admin")
    for i in range(2):
        item = text_item(f"p-{i}", creator=f"c-{i}")
        file = MediaFile.objects.create(
            sha256=f"{i:064x}", storage_key=f"k-{i}", mime="image/png", n_bytes=1, pdq="0f" * 32, pdq_quality=100
        )
        Item.objects.bulk_create(
            [Item(external_id=f"q-{i}", kind=ItemKind.IMAGE, creator=item.creator, media=file, content_hash="0" * 64)]
        )
        Item.objects.filter(external_id=f"q-{i}").update(current_decision=item.current_decision)

    def take() -> Any:
        row = f"s,pdq,{'0f' * 32},POSITIVE_CLASS,"
        lines = io.StringIO(f"collab,signal_type,signal_str,category,tags\n{row}\n")
        return bank_import_ask(actor=ada, bank=bank, lines=lines, form="csv", max_rows=10)

    settings.WIDE_ACT_ITEMS = 2
    with pytest.raises(WideActInvalid, match="match 2 stored items"):
        take()
    assert bank.entries.count() == 1
    settings.WIDE_ACT_ITEMS = 3
    done, found = take()
    assert done.n_new == 1
    assert found
    assert found.radius.whole.n_items == 2
