"""What a draft may not say although its rows are well formed."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.choices import KIND_KEYS
from policies.document.draft_checks import check_draft, check_routing, check_section, check_term
from policies.document.rows import RouteRow
from policies.document.schema import parse_document, parse_terms
from policies.errors import PolicyError
from tests.support.policy_builders import seed_document, small_document


def refused(**changes: Any) -> PolicyError:
    """Return why a small document with changes is refused; its rows must be well formed."""
    document = parse_document(small_document(**changes))
    with pytest.raises(PolicyError) as error:
        check_draft(document)
    return error.value


@pytest.mark.parametrize("number", [1, 2])
def test_the_seeded_policies_pass(number: int) -> None:
    check_draft(parse_document(seed_document(number)))


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"thresholds": [*small_document()["thresholds"], {"category": "hate", "market": "UK", "block": 0.5}]}, "thresholds[2].market", "the United Kingdom is GB"),
        ({"thresholds": [*small_document()["thresholds"], {"category": "hate", "market": "XX", "block": 0.5}]}, "thresholds[2].market", "'XX' is not the code of a country"),
        ({"age_rules": [{"market": "EU", "min_age": 16, "reason": "x"}]}, "age_rules[0].market", "European Union"),
        ({"territories": [{"category": "hate", "at": 0.5, "regions": ["DE", "ZZ"]}]}, "territories[0].regions", "'ZZ'"),
    ],
)  # fmt: skip
def test_it_refuses_a_place_that_does_not_exist(changes: dict[str, Any], field: str, words: str) -> None:
    error = refused(**changes)
    assert (error.field, words in error.message) == (field, True)


@pytest.mark.parametrize(
    "text",
    [
        r"\bhate\b",
        "hate.*you",
        "[ab]c",
        "(one|two) words",
        "^start$",
        "hate*",
        "*hate",
        "go away{2,3}",
        ".+ here",
    ],
)
def test_it_refuses_a_term_that_is_written_like_a_pattern(text: str) -> None:
    error = refused(terms={"wave": [{"text": "fine words", "category": "hate", "score": 0.5}, {"text": text, "category": "hate", "score": 0.5}]})  # fmt: skip
    assert error.field == "terms.wave[1].text"
    assert "pattern" in error.message


#: What a pattern is, said in one expression, which takes the cube of a text's length.
PATTERN = re.compile(r"\\[a-zA-Z]|\.[*+?]|\[[^\]]*\]|\([^)]*\|[^)]*\)|^\^|^\*|\*$|\{\d+(,\d*)?\}")
[WORD] = parse_terms("wave", [{"text": "zorblat", "category": "hate", "score": 0.5}])


@given(text=st.text(st.sampled_from("ab1()|[]{},.*^\\"), max_size=16))
def test_a_pattern_is_what_the_slow_expression_finds(text: str) -> None:
    try:
        check_term(replace(WORD, text=f"zorblat {text}"), "terms.wave[0]")
        is_refused = False
    except PolicyError:
        is_refused = True
    assert is_refused is (PATTERN.search(f"zorblat {text}") is not None)


@pytest.mark.parametrize("text", ["(" * 60_000 + "|" * 60_000, "[" * 120_000, "(|" * 60_000, "{1" * 60_000])
def test_looking_for_a_pattern_takes_no_longer_than_reading(text: str) -> None:
    began = time.process_time()
    check_term(replace(WORD, text=f"zorblat{text}"), "terms.wave[0]")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize("text", ["the", "to be or not to be", "und die", "pour vous"])
def test_it_refuses_a_term_of_common_words_alone(text: str) -> None:
    error = refused(terms={"wave": [{"text": text, "category": "hate", "score": 0.5}]})
    assert "nearly everything" in error.message


def test_it_lets_ordinary_terms_and_exceptions_pass() -> None:
    words = ["f*ck this", "ca$h now$", "c++ sucks", "don't you dare", "the end is near", "18+ content", "what now?"]
    terms = [{"text": text, "category": "hate", "score": 0.5} for text in words]
    terms.append({"text": "to be or not to be", "category": "hate", "exception": True})
    check_draft(parse_document(small_document(terms={"fine": terms})))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"category": "hate"}),
        ({"category": "hate"}, {"category": "hate", "language": "de"}),
        ({"kind": "video"}, {"kind": "video", "language": "de"}),
        ({"category": "hate"}, {"category": "hate"}),
    ],
)
def test_it_refuses_a_route_that_nothing_reaches(first: dict[str, Any], second: dict[str, Any]) -> None:
    plain = {"queue": "general", "severity": 3, "sla_minutes": 60}
    error = refused(routing=[plain | first, plain | second, plain])
    assert error.field == "routing[1]"
    assert "rule 1 takes all" in error.message


_ROUTE = st.builds(
    RouteRow,
    category=st.sampled_from(["", "hate", "drugs"]),
    language=st.sampled_from(["", "de", "tr"]),
    kind=st.sampled_from([None, 0, 1]),
    queue=st.just("general"),
    severity=st.just(3),
    sla_minutes=st.just(60),
)


def _unreached(rows: list[RouteRow]) -> tuple[int, int] | None:
    """Return the first rule that nothing reaches and the first that takes all of it, by comparing each with each."""
    for i, row in enumerate(rows):
        for j, by in enumerate(rows[:i]):
            if by.category in {"", row.category} and by.language in {"", row.language} and by.kind in {None, row.kind}:
                return i, j
    return None


@given(rows=st.lists(_ROUTE, max_size=8))
def test_a_route_that_nothing_reaches_is_the_one_that_comparing_each_with_each_finds(rows: list[RouteRow]) -> None:
    expected = _unreached(rows)
    if expected is None:
        check_routing(rows)
        return
    with pytest.raises(PolicyError) as error:
        check_routing(rows)
    assert error.value.field == f"routing[{expected[0]}]"
    assert f"rule {expected[1] + 1} takes all" in error.value.message


def test_very_many_routes_are_checked_in_time() -> None:
    codes = [f"{a}{b}{c}" for a in "abcdefghijklm" for b in "abcdefghijklmnopqrstuvwxyz" for c in "abcdefghijklmnopqrstuvwxyz"]  # fmt: skip
    rows = [RouteRow("hate", code, kind, "general", 3, 60) for code in codes for kind in range(len(KIND_KEYS))]
    began = time.process_time()
    check_routing(rows)
    assert time.process_time() - began < 2


def test_a_section_is_checked_alone() -> None:
    document = parse_document(small_document(age_rules=[{"market": "ZZ", "min_age": 16, "reason": "x"}]))
    check_section(document, "thresholds")
    check_section(document, "banks")
    with pytest.raises(PolicyError):
        check_section(document, "age_rules")
