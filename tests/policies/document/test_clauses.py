"""Clauses: what a document may say of them, that they are content, and how they are chosen by keys."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from policies.decision.compile import compile_document
from policies.document.clauses import letters
from policies.document.diff import diff_documents
from policies.document.schema import parse_document
from policies.document.stored import document_of, dump_yaml, load_yaml
from policies.errors import PolicyError
from policies.services.drafts import section_replace, section_token, version_copy
from policies.services.versions import version_create
from tests.support.policy_builders import seed_document, small_document

Document = dict[str, Any]
SLUR = {"key": "slur", "name": "Slur", "outcome": "block", "sentences": {"en": "A slur.", "de": "Ein Schimpfwort."}}
AGED = {"key": "symbol", "name": "Symbol", "outcome": "restrict", "min_age": 18, "sentences": {"en": "A symbol."}}


def with_clauses(**of: list[dict[str, Any]]) -> Document:
    return small_document(clauses=of)


WRONG: list[tuple[Document, str]] = [
    (with_clauses(vice=[SLUR]), "not a category of this version"),
    (with_clauses(hate=[SLUR, SLUR]), "is there twice"),
    (with_clauses(hate=[SLUR], drugs=[SLUR]), "is there twice"),
    (with_clauses(hate=[SLUR | {"key": f"slur-{n}"} for n in range(10)]), "9 at most"),
    (with_clauses(hate=[SLUR | {"key": "A slur"}]), "small letters, digits and hyphens"),
    (with_clauses(hate=[SLUR | {"outcome": "hold"}]), "must be one of clear, restrict, escalate, block"),
    (with_clauses(hate=[SLUR | {"min_age": 18}]), "belongs to the outcome restrict"),
    (with_clauses(hate=[SLUR | {"outcome": "restrict"}]), "belongs to the outcome restrict"),
    (with_clauses(hate=[AGED | {"min_age": 17}]), "must be one of (13, 16, 18)"),
    (with_clauses(hate=[SLUR | {"sentences": {}}]), "must say in some language"),
    (with_clauses(hate=[SLUR | {"sentences": {"German": "x"}}]), "two or three small letters"),
    (with_clauses(hate=[SLUR | {"sentences": {"en": "  "}}]), "must not be empty"),
    (with_clauses(hate=[SLUR | {"sentences": {"en": "x" * 601}}]), "more than 600"),
    (with_clauses(hate=[SLUR | {"weight": 2}]), "is not a field of a policy"),
]


@pytest.mark.parametrize(("document", "why"), WRONG)
def test_what_cannot_be_is_refused_with_its_place(document: Document, why: str) -> None:
    with pytest.raises(PolicyError, match="clauses") as error:
        parse_document(document)
    assert why in str(error.value)


def test_every_seeded_category_has_mild_clauses_in_three_languages() -> None:
    for number in (1, 2):
        document = seed_document(number)
        assert set(document["clauses"]) == set(document["categories"])
        for rows in document["clauses"].values():
            assert 2 <= len(rows) <= 4
            assert all(set(row["sentences"]) == {"en", "de", "es"} for row in rows)


def test_they_go_to_rows_and_back_and_through_yaml(db: None) -> None:
    version = version_create(actor=User.objects.create_user("author"), document=seed_document(1))
    document = document_of(version)
    assert document["clauses"] == seed_document(1)["clauses"]
    assert load_yaml(dump_yaml(document))["clauses"] == document["clauses"]
    copied = version_copy(actor=version.author, version=version)
    assert document_of(copied)["clauses"] == document["clauses"]
    assert compile_document(document_of(copied)).digest == compile_document(document).digest


def _alter(change: Callable[[list[dict[str, Any]]], object]) -> str:
    document = copy.deepcopy(with_clauses(hate=[SLUR, AGED]))
    change(document["clauses"]["hate"])
    return compile_document(document).digest


def test_they_are_part_of_the_digest_and_a_version_without_any_keeps_its_own() -> None:
    said = [
        _alter(lambda rows: None),
        _alter(lambda rows: rows[0]["sentences"].update(en="Another.")),
        _alter(lambda rows: rows[0].update(name="Word")),
        _alter(lambda rows: rows[1].update(min_age=16)),
        _alter(lambda rows: rows.reverse()),
        compile_document(small_document()).digest,
    ]
    assert len(set(said)) == len(said)
    assert compile_document(small_document(clauses={})).digest == compile_document(small_document()).digest


CHANGES: list[tuple[Callable[[list[dict[str, Any]]], object], str]] = [
    (lambda rows: rows.append(SLUR | {"key": "new", "name": "New"}), "Clause new for Hate: “New”, by default block (new)."),
    (lambda rows: rows.pop(0), "Clause slur for Hate: removed (was: “Slur”, by default block)."),
    (lambda rows: rows[1].update(min_age=16), "Clause symbol for Hate: “Symbol”, by default only 16 and over (was “Symbol”, by default only 18 and over)."),
    (lambda rows: rows[0].update(outcome="clear"), "Clause slur for Hate: “Slur”, help message (was “Slur”, by default block)."),
    (lambda rows: rows[0]["sentences"].update(de="Ein Wort."), "Clause slur for Hate, what its creator is told in German: “Ein Wort.” (was “Ein Schimpfwort.”)."),
    (lambda rows: rows[0]["sentences"].pop("de"), "Clause slur for Hate, what its creator is told in German: removed (was: “Ein Schimpfwort.”)."),
    (lambda rows: rows.reverse(), "Order of the clauses for Hate: Symbol, Slur (was Slur, Symbol)."),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_a_diff_tells_them_in_sentences(change: Callable[[list[dict[str, Any]]], object], sentence: str) -> None:
    before = with_clauses(hate=[SLUR, AGED])
    after = copy.deepcopy(before)
    change(after["clauses"]["hate"])
    assert [one.sentence for one in diff_documents(parse_document(before), parse_document(after))] == [sentence]


def test_a_draft_lets_them_change_and_records_who_did(db: None) -> None:
    author = User.objects.create_user("author")
    version = version_create(actor=author, document=seed_document(1))
    document = document_of(version)
    clauses = copy.deepcopy(document["clauses"])
    clauses["hate"].reverse()
    changes = section_replace(
        actor=author, version=version, section="clauses", value={"clauses": clauses},
        expected=section_token(document, "clauses"),
    )  # fmt: skip
    assert [change.section for change in changes] == ["clauses"]
    assert [row["key"] for row in document_of(version)["clauses"]["hate"]] == [
        "hate-symbol",
        "hate-slur",
        "hate-attack",
    ]
    assert "Order of the clauses for Hate" in version.approvals.get(verb="edit").note


def test_a_sentence_is_told_in_the_first_language_that_it_has() -> None:
    [row] = parse_document(with_clauses(hate=[SLUR])).clauses
    assert row.language_for("de-AT", "en") == "de"
    assert row.language_for("fr", "en") == "en"
    assert row.language_for("und") == "de"


def test_letters_of_the_seeded_policy_say_what_they_mean() -> None:
    rows = parse_document(seed_document(1)).categories
    given_ = letters({row.slug: row.name for row in rows})
    assert given_["hate"] == "h"
    assert given_["violence"] == "v"
    assert given_["self_harm"] == "s"
    assert given_["harassment"] == "a"


_SLUGS = [f"{letter}{n}" for letter in "abh" for n in range(20)]


@given(st.dictionaries(st.sampled_from(_SLUGS), st.text("ab hZé9", max_size=8), max_size=40))
def test_letters_are_small_and_each_is_given_once(names: dict[str, str]) -> None:
    given_ = [letter for letter in letters(names).values() if letter]
    assert len(given_) == len(set(given_)) == min(len(names), 26)
    assert all(letter in "abcdefghijklmnopqrstuvwxyz" for letter in given_)


def test_a_category_that_is_added_below_changes_no_letter_above() -> None:
    before = letters({"hate": "Hate", "drugs": "Drugs"})
    after = letters({"hate": "Hate", "drugs": "Drugs", "harassment": "Harassment"})
    assert before.items() <= after.items()
