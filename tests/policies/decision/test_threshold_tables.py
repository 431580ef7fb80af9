"""The quick tables of thresholds and ages say what a slow search through the rows says, and cost what their size costs."""

from __future__ import annotations

import itertools
import string
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.choices import BAND_KEYS, KIND_KEYS, Band
from policies.decision import threshold_tables
from policies.decision.compile import compile_document, compile_parsed
from policies.document.rows import Document, ThresholdRow
from policies.document.schema import LEVEL_KEYS, MAX_CATEGORIES, MAX_ROUTES, languages_of, markets_of, parse_document
from policies.errors import PolicyError
from tests.support.policy_builders import seed_document, small_document

MARKETS = ["".join(pair) for pair in itertools.product(string.ascii_uppercase, repeat=2)]
LANGUAGES = [market.lower() for market in MARKETS]


# --- the same as a slow search ------------------------------------------------------------------------------------


def _filled(levels: tuple[float | None, ...]) -> list[float]:
    """Return the levels with a null taking the next stricter one."""
    return [min((level for level in levels[i:] if level is not None), default=float("inf")) for i in range(len(levels))]


def _holding(rows: list[ThresholdRow], market: str, language: str, band: int) -> Any:
    """Return the levels that hold in one context, by looking at every row."""
    here = [row for row in rows if row.market in {"", market} and row.language in {"", language}]
    plain = [row for row in here if row.band is None and not row.is_base] or [row for row in here if row.is_base]
    return np.min([_filled(row.levels) for row in plain + [row for row in here if row.band == band]], axis=0)


def _with_unknown(table: Any, axes: tuple[int, ...], strictest: Any) -> Any:
    for axis in axes:
        table = np.concatenate([table, strictest(table, axis=axis, keepdims=True)], axis=axis)
    return table


def slow_thresholds(document: Document) -> tuple[Any, Any]:
    """Return the profiles and which of them holds where, one context after the other."""
    markets, languages = (*markets_of(document), ""), (*languages_of(document), "")
    known = np.zeros((len(markets), len(languages), len(Band), len(LEVEL_KEYS), len(document.categories)), np.float32)
    for c, category in enumerate(document.categories):
        rows = [row for row in document.thresholds if row.category == category.slug]
        for (m, market), (la, language), b in itertools.product(enumerate(markets), enumerate(languages), Band):
            known[m, la, b, :, c] = _holding(rows, market, language, b)
    known = _with_unknown(known, (0, 1, 2), np.min)
    profiles, where = np.unique(known.reshape(-1, known.shape[3] * known.shape[4]), axis=0, return_inverse=True)
    return profiles.reshape(-1, known.shape[3], known.shape[4], 1), where.reshape(-1)


def slow_age_years(document: Document) -> Any:
    """Return the least age for each kind and market, one after the other."""
    markets = (*markets_of(document), "")
    years = np.zeros((len(KIND_KEYS), len(markets)), np.uint8)
    for k, (m, market) in itertools.product(range(len(KIND_KEYS)), enumerate(markets)):
        hold = [row.min_age for row in document.ages if row.kind in {None, k} and row.market in {"", market}]
        years[k, m] = max(hold, default=0)
    return _with_unknown(years, (0, 1), np.max)


_LEVELS = st.tuples(*[st.none() | st.sampled_from([0.0, -0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]) for _ in LEVEL_KEYS])
_CATEGORY = st.sampled_from(["hate", "drugs", "fraud"])
_MARKET, _LANGUAGE = st.sampled_from(["", "DE", "BR", "JP"]), st.sampled_from(["", "de", "tr", "jpn"])
_CONTEXT = st.tuples(_CATEGORY, _MARKET, _LANGUAGE, st.none() | st.sampled_from(BAND_KEYS))
_AGES = st.dictionaries(
    st.tuples(st.none() | st.sampled_from(KIND_KEYS), st.sampled_from(["", "DE", "FR"])), st.sampled_from([13, 16, 18]), max_size=6
)  # fmt: skip


def _row(context: tuple[str, str, str, str | None], levels: tuple[float | None, ...]) -> dict[str, Any]:
    category, market, language, band = context
    given_ = [level for level in levels if level is not None]
    ordered = iter(sorted(given_))
    said = {key: next(ordered) for key, level in zip(LEVEL_KEYS, levels, strict=True) if level is not None}
    return {"category": category, "market": market, "language": language, "band": band, **said}


@settings(deadline=None, max_examples=120)
@given(
    base=st.tuples(_LEVELS, _LEVELS, _LEVELS), rows=st.dictionaries(_CONTEXT, _LEVELS, max_size=12), ages=_AGES, order=st.randoms()
)  # fmt: skip
def test_the_tables_say_what_a_slow_search_says(base: Any, rows: Any, ages: Any, order: Any) -> None:
    categories = ("hate", "drugs", "fraud")
    rows |= {(category, "", "", None): levels for category, levels in zip(categories, base, strict=True)}
    thresholds = [_row(context, levels) for context, levels in rows.items()]
    order.shuffle(thresholds)
    document = parse_document(
        small_document(
            categories={category: {"name": category, "severity": 3} for category in categories},
            thresholds=thresholds,
            age_rules=[{"kind": k, "market": m, "min_age": age, "reason": "x"} for (k, m), age in ages.items()],
        )
    )
    policy = compile_parsed(document)
    profiles, where = slow_thresholds(document)
    np.testing.assert_array_equal(policy.thresholds, profiles)
    np.testing.assert_array_equal(policy.profile_of, where)
    years, claim_years = slow_age_years(document), np.array([0, 13, 16, 18, 18])
    np.testing.assert_array_equal(policy.rank_min_age[policy.age_rank], years)
    said = np.maximum(years[:, :, None], claim_years)
    np.testing.assert_array_equal(policy.context_age, np.broadcast_to(said[..., None], policy.context_age.shape))
    assert (str(policy.thresholds.dtype), str(policy.profile_of.dtype)) == ("float32", "uint16")


@pytest.mark.parametrize("number", [1, 2])
def test_the_tables_of_the_seeded_policies_say_what_a_slow_search_says(number: int) -> None:
    document = parse_document(seed_document(number))
    policy = compile_parsed(document)
    profiles, where = slow_thresholds(document)
    np.testing.assert_array_equal(policy.thresholds, profiles)
    np.testing.assert_array_equal(policy.profile_of, where)


# --- what it costs ------------------------------------------------------------------------------------------------


def _thresholds(rows: list[dict[str, Any]], n_categories: int = 9) -> dict[str, Any]:
    categories = {f"kind_{i}": {"name": "Kind", "severity": 3} for i in range(n_categories)}
    return small_document(
        categories=categories, thresholds=[*({"category": slug, "block": 0.95} for slug in categories), *rows]
    )


@pytest.mark.parametrize("n", [100, 230])
def test_a_few_kilobytes_of_rows_are_compiled_in_time(n: int) -> None:
    # Each row names a market and a language of its own, so the table has a place for every pair of them.
    rows = [
        {"category": "kind_0", "market": MARKETS[i], "language": LANGUAGES[i], "block": i / (2 * n)} for i in range(n)
    ]
    document = parse_document(_thresholds(rows))
    began = time.process_time()
    compile_parsed(document)
    assert time.process_time() - began < 2  # it took 9 s for a hundred rows, and minutes for two hundred


def test_an_age_for_every_kind_and_market_is_compiled_in_time() -> None:
    rules = [{"kind": k, "market": m, "min_age": 16, "reason": "x"} for m in MARKETS for k in KIND_KEYS]
    document = parse_document(small_document(age_rules=rules))
    began = time.process_time()
    compile_parsed(document)
    assert time.process_time() - began < 2


def test_rows_that_span_more_than_one_version_can_have_are_refused_before_they_are_compiled() -> None:
    rows = [{"category": "kind_0", "market": m, "language": la, "block": 0.5} for m, la in zip(MARKETS, LANGUAGES, strict=True)]  # fmt: skip
    began = time.process_time()
    with pytest.raises(PolicyError, match="676 markets, 676 languages and 9 categories are more") as refused:
        parse_document(_thresholds(rows))
    assert refused.value.field == "thresholds"
    with pytest.raises(PolicyError, match="more than one version can have"):
        parse_document(_thresholds(rows, n_categories=1))
    assert time.process_time() - began < 2


def test_more_sets_than_a_table_can_number_are_refused_and_not_taken_for_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [{"category": "kind_0", "market": MARKETS[i], "block": i / 100} for i in range(10)]
    assert len(compile_document(_thresholds(rows)).thresholds) == 11
    monkeypatch.setattr(threshold_tables, "_MAX_PROFILES", 11)
    compile_document(_thresholds(rows))
    monkeypatch.setattr(threshold_tables, "_MAX_PROFILES", 10)
    with pytest.raises(PolicyError, match="more than 10 different sets"):
        compile_document(_thresholds(rows))


def test_more_categories_or_routes_than_there_are_numbers_for_are_refused() -> None:
    with pytest.raises(PolicyError) as categories:
        parse_document(_thresholds([], n_categories=MAX_CATEGORIES + 1))
    route = {"queue": "general", "severity": 3, "sla_minutes": 60}
    with pytest.raises(PolicyError) as routes:
        parse_document(small_document(routing=[route] * (MAX_ROUTES + 1)))
    assert (categories.value.field, routes.value.field) == ("categories", "routing")
    most = compile_document(_thresholds([], n_categories=MAX_CATEGORIES))
    assert most.rank_rule.max() == len(most.rules) - 1
