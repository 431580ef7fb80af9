"""Documents: YAML and term files in, rows, and the same document out again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from pytest_django import DjangoAssertNumQueries

from policies.decision.compile import compile_document
from policies.document.schema import parse_document
from policies.document.stored import document_of, documents_of, dump_yaml, line_of, load_yaml, read_terms
from policies.document.yaml_form import YamlRefused, read_yaml
from policies.errors import PolicyError
from policies.models import Category
from policies.services.versions import version_create
from tests.support.policy_builders import SEEDS, seed_document, seed_policy, small_document


@pytest.fixture
def author(db: Any) -> User:
    return User.objects.create_user("author")


@pytest.mark.parametrize("number", [1, 2])
def test_it_gives_back_from_rows_what_was_written(author: User, number: int) -> None:
    version = version_create(actor=author, document=seed_document(number))
    document = document_of(version)
    assert compile_document(document).digest == seed_policy(number).digest
    assert compile_document(load_yaml(dump_yaml(document))).digest == seed_policy(number).digest


def test_it_keeps_the_words_that_people_read(author: User) -> None:
    version = version_create(actor=author, document=seed_document(1))
    written, read = parse_document(seed_document(1)), parse_document(document_of(version))
    assert read.categories == written.categories
    assert (read.title, read.change_note, read.ages, read.routing) == (
        written.title, written.change_note, written.ages, written.routing,
    )  # fmt: skip


def test_it_refuses_a_category_that_means_something_else(author: User) -> None:
    version_create(actor=author, document=small_document())
    other = small_document()
    other["categories"]["hate"]["severity"] = 2
    with pytest.raises(PolicyError) as refused:
        version_create(actor=author, document=other)
    assert refused.value.field == "categories.hate.severity"
    assert Category.objects.get(slug="hate").severity == 4


def test_it_writes_nothing_of_a_document_that_is_wrong(author: User) -> None:
    with pytest.raises(PolicyError):
        version_create(actor=author, document=small_document(routing=[]))
    assert not Category.objects.exists()


@pytest.mark.parametrize(
    "text",
    ["a: [", "- 1", "just words", "a: 1\na: 2", "terms: {x: {file: ../v1.yaml}}", "terms: {x: {file: none.csv}}", "!!python/name:os.system x"],
)  # fmt: skip
def test_it_refuses_yaml_that_is_no_document(text: str) -> None:
    with pytest.raises(PolicyError):
        load_yaml(text, SEEDS)


def test_it_reads_term_files_only_from_a_folder() -> None:
    with pytest.raises(PolicyError, match="only from a folder"):
        load_yaml("terms: {x: {file: terms.csv}}")


def test_it_reads_plain_lines_and_csv() -> None:
    assert read_terms("# a list\n one two \n\nthree\n", category="hate", score=0.5) == [
        {"text": "one two", "category": "hate", "score": 0.5},
        {"text": "three", "category": "hate", "score": 0.5},
    ]
    text = "\ufefftext,category,language,score,outcome,exception,whole_word\nbad word,hate,en,0.7,,,\nfine,hate,,,,yes,no\n"
    assert read_terms(text) == [
        {"text": "bad word", "category": "hate", "language": "en", "score": 0.7},
        {"text": "fine", "category": "hate", "exception": True, "whole_word": False},
    ]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("text,category,score\nx y,hate,much", "terms[0].score"),
        ("text,category,exception\nx y,hate,perhaps", "terms[0].exception"),
        ("text,category,weight\nx y,hate,3", "terms[0]"),
        ("text,category\nx y,hate,too,many", "terms[0]"),
    ],
)
def test_it_names_the_term_that_cannot_be_read(text: str, field: str) -> None:
    with pytest.raises(PolicyError) as refused:
        read_terms(text)
    assert refused.value.field == field


def test_it_ships_terms_in_several_languages_for_every_category() -> None:
    terms = seed_policy(1).terms
    assert len(terms) >= 150
    assert {term.category for term in terms} == set(seed_policy(1).categories)
    assert {"en", "de", "fr", "es", "pt", "tr", "ja", "ar"} <= {term.language for term in terms}
    assert all(term.text.startswith("zzq-") for term in terms if term.category == "child_safety")


def test_it_explains_the_seeded_policy_in_comments() -> None:
    for path in SEEDS.glob("*.yaml"):
        text = Path(path).read_text(encoding="utf-8")
        assert text.count("#") >= 15
        assert yaml.safe_load(text)["title"]


def test_it_reads_documents_in_one_query(author: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    versions = [version_create(actor=author, document=seed_document(number)) for number in (1, 2)]
    with django_assert_num_queries(1):
        first, second = documents_of(versions)
    assert compile_document(first).digest == seed_policy(1).digest
    assert compile_document(second).digest == seed_policy(2).digest
    with django_assert_num_queries(1):
        [bare] = documents_of(versions[:1], with_terms=False)
    assert (bare["terms"], bare["thresholds"]) == ({}, first["thresholds"])


YAML = """\
number: 3
title: x
thresholds:
  - {category: hate,
     block: 1.5}
  - category: drugs
    block: 2
terms:
  wave:
    - text: a
"""


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("title", 2),
        ("thresholds[0].block", 5),
        ("thresholds[1].block", 7),
        ("thresholds[1].escalate", 6),  # absent: the line of the row
        ("terms.wave[0].text", 10),
        ("nowhere", 1),
        ("thresholds[9]", 3),
    ],
)
def test_it_finds_the_line_of_a_field(field: str, line: int) -> None:
    assert line_of(read_yaml(YAML)[1], field) == line


def test_it_finds_the_line_where_yaml_breaks() -> None:
    with pytest.raises(YamlRefused) as refused:
        read_yaml("a: 1\nb: [")
    assert refused.value.line in {2, 3}
    assert line_of(read_yaml("")[1], "title") == 1
