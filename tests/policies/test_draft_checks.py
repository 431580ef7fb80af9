"""What a draft may not say although its rows are well formed."""

from __future__ import annotations

from typing import Any

import pytest

from policies.draft_checks import check_draft, check_section
from policies.exceptions import PolicyError
from policies.schema import parse_document
from tests.policies.builders import seed_document, small_document


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


def test_a_section_is_checked_alone() -> None:
    document = parse_document(small_document(age_rules=[{"market": "ZZ", "min_age": 16, "reason": "x"}]))
    check_section(document, "thresholds")
    check_section(document, "banks")
    with pytest.raises(PolicyError):
        check_section(document, "age_rules")
