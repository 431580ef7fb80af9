"""A draft beside the active version: flows, jobs, flips and labels are those that counting item by item gives."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pytest

from policies.choices import BAND_KEYS, Outcome
from policies.decision.compile import compile_document
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import VerdictBatch, decide, explain
from policies.replay.outcomes import BANDS, OUTCOMES, SAMPLED, Simulation
from policies.replay.population import Cells, Filter, Population, cells_of, source_code
from policies.replay.simulation import Cancelled, Labels, simulate
from tests.support.policy_builders import seed_document, seed_policy, small_document
from tests.support.populations import LANGUAGES, MARKETS, population_of, upload

N = 3_000


def draft_policy(**changes: Any) -> CompiledPolicy:
    """Return the first version with other thresholds, an override and another age rule."""
    document = seed_document(1) | changes
    by_category = {row["category"]: row for row in document["thresholds"] if len(row) and "market" not in row}
    by_category["violence"]["block"] = 0.8
    by_category["hate"]["escalate"] = 0.7
    document["thresholds"].append({"category": "hate", "market": "BR", "escalate": 0.3, "block": 0.6})
    document["territories"].append({"category": "violence", "at": 0.2, "regions": ["FR"], "reason": "test"})
    return compile_document(document)


ACTIVE, DRAFT = seed_policy(1), draft_policy()


@pytest.fixture(scope="module")
def population() -> Population:
    return population_of(ACTIVE, N)


@pytest.fixture(scope="module")
def simulation(population: Population) -> Simulation:
    return simulate(population, ACTIVE, DRAFT)


def verdicts(population: Population, policy: CompiledPolicy) -> VerdictBatch:
    return decide(population.batch_for(policy), policy)


def outcomes(population: Population, policy: CompiledPolicy) -> list[int]:
    return [int(outcome) for outcome in np.maximum(verdicts(population, policy).outcome, population.floor)]


def test_its_words_are_those_of_the_enumerations() -> None:
    assert tuple(outcome.name.lower() for outcome in Outcome) == OUTCOMES
    assert BANDS == BAND_KEYS


def test_every_item_goes_from_what_it_was_to_what_it_would_be(population: Population, simulation: Simulation) -> None:
    pairs = Counter(zip(outcomes(population, ACTIVE), outcomes(population, DRAFT), strict=True))
    assert simulation.n_items == N == simulation.total.n
    for before in range(5):
        for after in range(5):
            assert simulation.total.counts[before][after] == pairs[before, after]
    assert simulation.total.n_changed > 50
    assert simulation.total.newly(Outcome.BLOCK) == sum(n for (a, b), n in pairs.items() if b == 4 and a != 4)
    assert simulation.total.no_longer(Outcome.ESCALATE) == sum(n for (a, b), n in pairs.items() if a == 2 and b != 2)
    assert simulation.total.n_stricter + simulation.total.n_milder == simulation.total.n_changed


@pytest.mark.parametrize(
    ("name", "column", "names"),
    [("by_language", "language", LANGUAGES), ("by_market", "market", MARKETS), ("by_audience", "claim", BANDS)],
)
def test_flows_by_context_count_each_item_once(
    population: Population, simulation: Simulation, name: str, column: str, names: tuple[str, ...]
) -> None:
    before, after = outcomes(population, ACTIVE), outcomes(population, DRAFT)
    groups = [names[g] if g >= 0 else "" for g in getattr(population, column).tolist()]
    counted = Counter(zip(groups, before, after, strict=True))
    flows = {flow.name: flow for flow in getattr(simulation, name)}
    assert set(flows) == set(groups)
    assert sum(flow.n for flow in flows.values()) == N
    assert all(flows[g].counts[a][b] == n for (g, a, b), n in counted.items())


def test_an_item_counts_for_the_category_that_decides_its_stricter_verdict(
    population: Population, simulation: Simulation
) -> None:
    one, other = verdicts(population, ACTIVE), verdicts(population, DRAFT)
    before, after = outcomes(population, ACTIVE), outcomes(population, DRAFT)
    names: Counter[str] = Counter()
    for i in range(N):
        verdict = other if after[i] >= before[i] else one
        names[ACTIVE.categories[verdict.category[i]] if verdict.category[i] >= 0 else ""] += 1
    assert {flow.name: flow.n for flow in simulation.by_category} == dict(names)


def test_jobs_are_what_is_escalated_or_held_for_good(population: Population, simulation: Simulation) -> None:
    for policy, attribute in ((ACTIVE, "n_before"), (DRAFT, "n_after")):
        verdict, counted = verdicts(population, policy), Counter[str]()
        for i in range(N):
            outcome, language = int(verdict.outcome[i]), population.language[i]
            is_held = outcome == Outcome.HOLD
            if population.floor[i] >= Outcome.ESCALATE or not (
                outcome == Outcome.ESCALATE or (is_held and population.is_final[i])
            ):
                continue
            category = policy.categories[verdict.category[i]] if verdict.category[i] >= 0 else ""
            tag = LANGUAGES[language] if language >= 0 else "und"
            queue = policy.queue_of(category=category, language=tag, kind=int(population.kind[i]), is_held=is_held)
            counted[queue] += 1
        assert {row.queue: getattr(row, attribute) for row in simulation.queues if getattr(row, attribute)} == dict(
            counted
        )
    hours = (N - 1) / 60
    assert simulation.hours == pytest.approx(hours)
    assert all(row.per_hour_after == pytest.approx(row.n_after / hours) for row in simulation.queues)
    days = hours / 24
    assert sum(row.before for row in simulation.by_hour) * days == pytest.approx(
        sum(q.n_before for q in simulation.queues)
    )


def test_flipped_items_come_nearest_to_the_threshold_first(population: Population, simulation: Simulation) -> None:
    before, after = outcomes(population, ACTIVE), outcomes(population, DRAFT)
    changed = {int(population.item_pk[i]): i for i in range(N) if before[i] != after[i]}
    assert len(simulation.flipped) == min(200, len(changed))
    margins = [item.margin if item.margin is not None else float("inf") for item in simulation.flipped]
    assert margins == sorted(margins)
    for item in simulation.flipped:
        i = changed[item.item_pk]
        assert (item.before, item.after) == (before[i], after[i])
        stricter = DRAFT if item.after > item.before else ACTIVE
        deciding = explain(population.batch_for(stricter), i, stricter)[0]
        assert deciding.rule == (item.rule_after if stricter is DRAFT else item.rule_before)
        if item.level:
            threshold = item.threshold_after if stricter is DRAFT else item.threshold_before
            assert item.score == pytest.approx(deciding.score, abs=1e-6)
            assert threshold == pytest.approx(deciding.threshold, abs=1e-6)


def test_restrictions_for_more_or_fewer_people_are_counted_apart() -> None:
    strict = small_document(
        thresholds=[{"category": "hate", "restrict_16": 0.3, "block": 0.9}, {"category": "drugs", "block": 0.9}]
    )
    active, draft = compile_document(small_document()), compile_document(strict)
    item = upload(active, {"hate": 0.35})
    assert (simulate(item, active, draft).n_narrowed, simulate(item, active, draft).n_widened) == (1, 0)
    assert (simulate(item, draft, active).n_narrowed, simulate(item, draft, active).n_widened) == (0, 1)


def test_labels_are_counted_by_stratum_and_by_how_they_came_about(population: Population) -> None:
    rng = np.random.default_rng(3)
    known = rng.choice(N, 400, replace=False)
    labels = Labels(
        categories=("hate", "drugs"),
        item_pk=np.append(population.item_pk[known], 99_999_999),
        outcome=rng.choice([0, 1, 4], 401).astype(np.uint8),
        category=rng.integers(-1, 2, 401).astype(np.int16),
        sampled=rng.integers(0, 4, 401).astype(np.uint8),
    )
    found = simulate(population, ACTIVE, DRAFT, labels=labels)
    assert found.n_labels == 400  # one label is of an item from elsewhere
    before, after = outcomes(population, ACTIVE), outcomes(population, DRAFT)
    one, other = verdicts(population, ACTIVE), verdicts(population, DRAFT)

    def acts(i: int, outcome: list[int], verdict: VerdictBatch, category: str) -> bool:
        return outcome[i] >= 2 and (not category or verdict.category[i] == ACTIVE.categories.index(category))

    for row in found.strata:
        mine = [
            (k, i) for k, i in enumerate(known)
            if SAMPLED[labels.sampled[k]] == row.sampled
            and acts(i, before, one, row.category) == row.acts_before and acts(i, after, other, row.category) == row.acts_after
        ]  # fmt: skip
        harmful = [
            k for k, _ in mine
            if labels.outcome[k] and (not row.category or (labels.category[k] >= 0 and labels.categories[labels.category[k]] == row.category))
        ]  # fmt: skip
        everyone = [
            i for i in range(N)
            if acts(i, before, one, row.category) == row.acts_before and acts(i, after, other, row.category) == row.acts_after
        ]  # fmt: skip
        assert (row.n_items, row.n_labels, row.n_violating) == (len(everyone), len(mine), len(harmful))


def test_a_saved_simulation_comes_back_as_it_was(simulation: Simulation) -> None:
    assert Simulation.from_json(json.loads(json.dumps(simulation.as_json(), allow_nan=False))) == simulation


def test_other_words_and_banks_are_said_not_to_be_replayed(population: Population) -> None:
    assert simulate(population, ACTIVE, DRAFT).not_replayed == ()
    assert simulate(population, ACTIVE, draft_policy(terms={}, banks={"child_safety": "block"})).not_replayed == (
        "terms",
        "banks",
    )


def test_nothing_changes_beside_itself(population: Population) -> None:
    same = simulate(population, ACTIVE, ACTIVE)
    assert same.total.n_changed == same.n_narrowed == same.n_widened == len(same.flipped) == 0


def test_it_answers_for_no_items_at_all(population: Population) -> None:
    nobody = population.where(Filter(markets=("ZZ",)))
    found = simulate(nobody, ACTIVE, DRAFT, labels=Labels.none())
    assert (len(nobody), found.n_items, found.total.n, found.queues, found.flipped) == (0, 0, 0, (), ())


def test_progress_rises_to_one_and_can_end_it(population: Population) -> None:
    told: list[float] = []
    simulate(population, ACTIVE, DRAFT, progress=told.append)
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0.0, 1.0)

    def stop(share: float) -> None:
        if share > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        simulate(population, ACTIVE, DRAFT, progress=stop)


def test_a_filter_keeps_its_items_with_their_evidence(population: Population) -> None:
    wanted = Filter(since=600, until=60_000, markets=("DE", ""), languages=("tr", "en"), bands=(1, 3), kinds=(0, 2))
    assert Filter.from_json(json.loads(json.dumps(wanted.as_json()))) == wanted
    part = population.where(wanted)
    keep = [
        i for i in range(N)
        if 600 <= population.at[i] < 60_000 and population.market[i] in {0, -1} and population.language[i] in {0, 2}
        and population.claim[i] in {1, 3} and population.kind[i] in {0, 2}
    ]  # fmt: skip
    assert part.item_pk.tolist() == population.item_pk[keep].tolist()
    np.testing.assert_array_equal(part.batch_for(ACTIVE).scores, population.batch_for(ACTIVE).scores[keep])
    np.testing.assert_array_equal(part.batch_for(ACTIVE).hard, population.batch_for(ACTIVE).hard[keep])
    assert part.hours == pytest.approx((60_000 - 600) / 3600)


def test_a_category_that_a_version_does_not_know_counts_as_unlabelled(population: Population) -> None:
    small = compile_document(small_document())
    batch = population.batch_for(small)
    full = population.batch_for(ACTIVE)
    others = [i for i, name in enumerate(ACTIVE.categories) if name not in small.categories]
    found = (full.scores[:, others] > 0).any(axis=1) | (full.hard[:, others] > 0).any(axis=1)
    assert batch.unlabelled is not None
    assert (batch.unlabelled[found] >= Outcome.HOLD).all()
    assert (batch.unlabelled[~found] == population.unlabelled[~found]).all()
    assert (decide(batch, small).outcome[found] >= Outcome.HOLD).all()


def test_what_a_detector_found_counts_only_where_the_version_uses_it() -> None:
    place = {name: i for i, name in enumerate(ACTIVE.detectors)}
    item = upload(ACTIVE, {})
    seen = Cells(
        np.zeros(2, np.int32),
        np.array([source_code(place["vision"], place["vision"]), source_code(place["ocr"], place["terms"])], np.uint8),
        np.zeros(2, np.uint16), np.array([0.99, 0.98], np.float32), np.zeros(2, np.uint8),
    )  # fmt: skip
    from dataclasses import replace

    for kind, expected in ((0, 0.98), (1, 0.98), (2, 0.0)):  # nobody reads a text's pictures; version 1 has no vision
        clip = replace(item, cells=seen, kind=np.array([kind], np.int8))
        assert clip.batch_for(ACTIVE).scores[0, 0] == np.float32(expected)


def test_a_batch_made_for_one_version_is_shared_where_the_other_differs_little(population: Population) -> None:
    from dataclasses import fields

    first = population.batch_for(ACTIVE)
    for policy in (ACTIVE, DRAFT, seed_policy(2), compile_document(small_document())):
        shared, own = population.rebatch(first, ACTIVE, policy), population.batch_for(policy)
        for column in fields(own):
            np.testing.assert_array_equal(getattr(shared, column.name), getattr(own, column.name))
    assert population.rebatch(first, ACTIVE, DRAFT).scores is first.scores


def test_dense_evidence_becomes_cells_and_comes_back(population: Population) -> None:
    batch = population.batch_for(ACTIVE)
    again = cells_of(batch.scores, batch.hard)
    assert len(again) == ((batch.scores != 0) | (batch.hard != 0)).sum()
