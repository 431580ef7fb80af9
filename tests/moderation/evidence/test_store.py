"""Stored evidence: written with every machine judgement, refused where malformed, loaded whole and followed without gaps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import numpy as np
import psycopg
import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test import override_settings
from django.utils import timezone

from moderation.decisions.record import item_overturn
from moderation.detection.types import Finding
from moderation.evidence import store as evidence_store
from moderation.evidence.store import EvidenceStore, evidence_chunks, evidence_of, load_population
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, Item, ItemEvidence
from moderation.models.item import ItemState
from moderation.verdict.evidence_codec import CELL, encode_score, missing_mask, primary_subtag, unpack
from moderation.verdict.judge import evidence_batch
from moderation.verdict.judgement import Judgement
from policies.choices import DETECTORS, Outcome
from policies.decision.decide import EvidenceBatch, rows_of
from policies.live import active_policy
from policies.replay.population import Population
from tests.support import campaign_scenes
from tests.support.owner import owner
from tests.support.people import escalating_caption, person, ready, seen, text_item
from tests.support.stored_cases import NOON, keep, policies, random_case
from tests.support.stored_judgements import judged, machine

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    ready()
    evidence_store.forget()
    yield
    evidence_store.forget()


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


def evidence_in(item: Item) -> dict[str, Any]:
    """Return what the item's current decision stored."""
    assert item.current_decision
    evidence: dict[str, Any] = item.current_decision.evidence
    return evidence


def same(one: EvidenceBatch, other: EvidenceBatch) -> None:
    for name in EvidenceBatch.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


# --- writing -----------------------------------------------------------------------------------------------------


def test_an_upload_leaves_the_evidence_that_its_decision_rests_on() -> None:
    item = text_item("a", escalating_caption())
    row = ItemEvidence.objects.get(item=item)
    assert (row.decision_id, row.creator_id, row.at) == (item.current_decision_id, item.creator_id, item.created_at)
    assert not row.is_final
    policy = active_policy()
    same(load_population(timezone.now()).batch_for(policy), evidence_batch([evidence_in(item)], policy))


def test_a_later_judgement_replaces_the_evidence() -> None:
    item = text_item("a")
    found = Finding("terms", "1", "spam_scam", 0.8123456789, {"source": "ocr"})
    machine(item, judged(item, found, missing=("links",)))
    row = ItemEvidence.objects.get(item=item)
    item.refresh_from_db()
    assert (row.decision_id, row.is_final, row.missing) == (item.current_decision_id, True, missing_mask(["links"]))
    (cell,) = unpack(bytes(row.cells)).tolist()
    assert cell[0] == DETECTORS.index("ocr") << 4 | DETECTORS.index("terms")
    assert cell[3] == np.float32(0.812346)


def test_what_machines_see_after_a_person_decided_is_kept_and_changes_nothing_else() -> None:
    item = text_item("a", escalating_caption())
    senior = person("sana", "senior")
    decision = item_overturn(
        actor=senior, item_key=str(item.key), outcome=Outcome.CLEAR, category="", note="", min_age=0, territories=(),
        now=timezone.now(), expected_decision=seen(item),
    )  # fmt: skip
    machine(item, judged(item, Finding("links", "1", "spam_scam", 0.9)))
    item.refresh_from_db()
    assert item.current_decision_id == decision.pk
    row = ItemEvidence.objects.get(item=item)
    assert (row.is_final, len(unpack(bytes(row.cells)))) == (True, 1)


def test_a_campaign_sets_a_floor_and_leaves_what_was_found(settings: Any) -> None:
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    live_campaigns.forget()
    campaign_scenes.wave(8)
    found = dict(ItemEvidence.objects.values_list("item_id", "cells"))
    campaign_scenes.watch()
    assert set(ItemEvidence.objects.values_list("floor", flat=True)) == {int(Outcome.ESCALATE)}
    campaign_scenes.decide(person("lead", "senior"), Campaign.objects.get())
    campaign_scenes.apply_promised()
    assert set(ItemEvidence.objects.values_list("floor", flat=True)) == {int(Outcome.BLOCK)}
    assert dict(ItemEvidence.objects.values_list("item_id", "cells")) == found
    assert load_population(timezone.now()).floor.tolist() == [int(Outcome.BLOCK)] * 8


def test_a_member_that_is_held_anyway_keeps_the_floor_for_later(settings: Any) -> None:
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    live_campaigns.forget()
    held = campaign_scenes.wave(8)[0]
    machine(held, judged(held, missing=("text",)))
    campaign_scenes.watch()
    assert Item.objects.get(pk=held.pk).state == ItemState.HELD
    assert ItemEvidence.objects.get(item=held).floor == int(Outcome.ESCALATE)


# --- what the database refuses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("cells", b"\0" * (CELL.itemsize + 1)), ("cells", b"\0" * CELL.itemsize * 4097), ("kind", 3), ("kind", -2), ("claim", 4),
        ("standing", -2), ("market", "de"), ("market", "D"), ("language", "EN"), ("language", "e"), ("missing", -1),
        ("missing", 2 ** len(DETECTORS)), ("floor", 5), ("unlabelled", 5),
    ],
)  # fmt: skip
def test_a_malformed_row_is_refused(column: str, value: Any) -> None:
    item = text_item("a")
    with pytest.raises(IntegrityError), transaction.atomic():
        ItemEvidence.objects.filter(item=item).update(**{column: value})


def test_evidence_is_not_deleted() -> None:
    item = text_item("a")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM moderation_itemevidence WHERE item_id = %s", [item.pk])


# --- reading -----------------------------------------------------------------------------------------------------


def stored(n: int, prefix: str = "s-") -> list[Judgement]:
    rng = random.Random(n)
    versions = policies()[:1]
    return keep([random_case(rng, versions) for _ in range(n)], versions * n, prefix)


def test_a_load_in_many_spans_gives_all_items_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_store, "LOAD_SPAN", 7)
    judgements = stored(40)
    population = load_population(NOON)
    assert population.item_pk.tolist() == sorted(Item.objects.values_list("pk", flat=True))
    same(population.batch_for(policies()[0]), evidence_batch([j.evidence for j in judgements], policies()[0]))


def test_evidence_can_be_read_for_some_items_and_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence_store, "LOAD_SPAN", 10)
    stored(35)
    everything = load_population(NOON)
    policy = policies()[0]
    some = everything.item_pk[[3, 30, 17]]
    found = evidence_of([*some.tolist(), 10**9])
    assert found.item_pk.tolist() == sorted(some.tolist())
    same(found.batch_for(policy), rows_of(everything.batch_for(policy), np.isin(everything.item_pk, some)))
    chunks = list(evidence_chunks(after=int(everything.item_pk[4])))
    assert len(chunks) > 2
    assert [pk for chunk in chunks for pk in chunk.item_pk.tolist()] == everything.item_pk[5:].tolist()


def test_items_older_than_the_window_are_not_held() -> None:
    stored(5)
    with override_settings(SIMULATION_DAYS=1):
        assert len(load_population(NOON + timedelta(days=2))) == 0
        assert len(load_population(NOON + timedelta(minutes=4))) == 5


def test_new_and_changed_items_are_followed() -> None:
    first = text_item("a")
    known = load_population(timezone.now())
    second = text_item("b", escalating_caption())
    machine(first, judged(first, Finding("terms", "1", "hate", 0.7)))
    now = load_population(timezone.now())
    assert now.item_pk.tolist() == [first.pk, second.pk]
    policy = active_policy()
    assert now.batch_for(policy).scores[0, policy.categories.index("hate")] == np.float32(0.7)
    assert len(known) == 1  # what was handed out before does not change
    assert known.batch_for(policy).scores.max() < 0.7


def test_a_transaction_that_commits_late_is_not_skipped(
    two_writers: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    slow, quick = two_writers
    items = [text_item(name) for name in "abc"]
    assert load_population(timezone.now()).standing.tolist() == [1, 1, 1]
    set_standing(slow, items[0], 2)  # takes its transaction id first
    set_standing(quick, items[1], 3)
    quick.commit()
    assert load_population(timezone.now()).standing.tolist() == [1, 3, 1]
    text_item("d")
    assert load_population(timezone.now()).standing.tolist() == [1, 3, 1, 1]
    slow.commit()
    assert load_population(timezone.now()).standing.tolist() == [2, 3, 1, 1]


def test_a_transaction_that_runs_during_the_first_load_is_not_skipped(
    two_writers: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    slow, quick = two_writers
    items = [text_item(name) for name in "ab"]
    set_standing(slow, items[0], 2)
    set_standing(quick, items[1], 3)
    quick.commit()
    assert load_population(timezone.now()).standing.tolist() == [1, 3]
    slow.commit()
    assert load_population(timezone.now()).standing.tolist() == [2, 3]


def set_standing(writer: psycopg.Connection, item: Item, standing: int) -> None:
    writer.execute("UPDATE moderation_itemevidence SET standing = %s WHERE item_id = %s", (standing, item.pk))


def test_an_item_that_comes_late_takes_its_place_in_the_order(
    two_writers: tuple[psycopg.Connection, psycopg.Connection],
) -> None:
    """Evidence of an item with a lower key may be committed after that of one with a higher key."""
    slow, _ = two_writers
    first, second = text_item("a", escalating_caption()), text_item("b")
    row = slow.execute("SELECT * FROM moderation_itemevidence WHERE item_id = %s", (first.pk,)).fetchone()
    assert row
    slow.commit()
    with owner(without_triggers=True) as cursor:  # as if it had never been written
        cursor.execute("DELETE FROM moderation_itemevidence WHERE item_id = %s", [first.pk])
    assert load_population(timezone.now()).item_pk.tolist() == [second.pk]
    slow.execute(f"INSERT INTO moderation_itemevidence VALUES ({', '.join(['%s'] * len(row))})", row)
    slow.commit()
    population = load_population(timezone.now())
    assert population.item_pk.tolist() == [first.pk, second.pk]
    evidence = [evidence_in(item) for item in (first, second)]
    same(population.batch_for(active_policy()), evidence_batch(evidence, active_policy()))


def test_a_restored_database_is_loaded_afresh() -> None:
    text_item("a")
    store = EvidenceStore()
    assert len(store.population(timezone.now())) == 1
    store._xmin += 10**6  # as if the copy were of before what is held
    text_item("b")
    assert len(store.population(timezone.now())) == 2


def test_an_empty_store_is_an_empty_population() -> None:
    population: Population = load_population(timezone.now())
    assert (len(population), population.batch_for(active_policy()).scores.shape[0]) == (0, 0)


# --- small things ------------------------------------------------------------------------------------------------


def test_scores_are_stored_as_decisions_store_them() -> None:
    for score in (0.0, 0.1, 1 / 3, 0.92, 1.0, 4.9e-7, 0.9999999):
        assert encode_score(score) == round(float(np.float32(score)), 6)


@pytest.mark.parametrize(
    ("tag", "subtag"),
    [("en", "en"), ("de-AT", "de"), ("EN", "en"), ("und", ""), ("", ""), ("not a tag", ""), ("x-private", "")],
)
def test_a_language_is_its_primary_subtag(tag: str, subtag: str) -> None:
    assert primary_subtag(tag) == subtag
    assert (active_policy().language_index(tag) == -1) == (subtag == "")
