"""Editing drafts: sections, single thresholds, terms, copies; who is refused, and what is recorded."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from policies.decision.compile import compile_document
from policies.document.stored import document_of
from policies.errors import DraftConflict, PolicyError
from policies.models import Approval, Category, PolicyVersion, Term, TermList, VersionState
from policies.services.drafts import (
    section_replace,
    section_token,
    term_add,
    term_change,
    term_remove,
    term_token,
    threshold_set,
    version_copy,
    version_discard,
)
from policies.services.versions import (
    version_activate,
    version_approve,
    version_create,
    version_reject,
    version_submit,
)
from tests.support.policy_builders import seed_document, seed_policy, small_document


@pytest.fixture
def author(db: Any) -> User:
    return User.objects.create_user("author")


@pytest.fixture
def draft(author: User) -> PolicyVersion:
    return version_create(actor=author, document=seed_document(1))


def token(version: PolicyVersion, section: str) -> str:
    return section_token(document_of(version), section)


def last_note(version: PolicyVersion) -> tuple[str, str]:
    step = Approval.objects.filter(version=version).latest("id")
    return step.verb, step.note


def set_hate(author: User, draft: PolicyVersion, value: float | None, expected: str, **context: Any) -> Any:
    return threshold_set(
        actor=author, version=draft, category="hate", level="block", value=value, expected=expected, **context
    )


# --- sections ----------------------------------------------------------------------------------------------------


def test_it_moves_one_threshold_and_records_it_in_words(author: User, draft: PolicyVersion) -> None:
    [change] = set_hate(author, draft, 0.8, token(draft, "thresholds"), market="DE")
    assert change.sentence == "Hate in Germany: block from 0.80 (was 0.85)."
    assert draft.thresholds.get(category_id="hate", market="DE").block_at == 0.8
    assert draft.thresholds.get(category_id="hate", market="").block_at == 0.92
    assert last_note(draft) == ("edit", change.sentence)


def test_it_records_nothing_where_nothing_changed(author: User, draft: PolicyVersion) -> None:
    assert set_hate(author, draft, 0.92, token(draft, "thresholds")) == ()
    assert last_note(draft)[0] == "create"


def test_it_refuses_a_threshold_that_is_not_there(author: User, draft: PolicyVersion) -> None:
    with pytest.raises(PolicyError, match="no row"):
        set_hate(author, draft, 0.8, token(draft, "thresholds"), market="FR")
    with pytest.raises(PolicyError, match="level"):
        threshold_set(actor=author, version=draft, category="hate", level="ban", value=0.5, expected="")


def test_two_editors_of_one_section_do_not_overwrite_each_other(author: User, draft: PolicyVersion) -> None:
    seen = token(draft, "thresholds")
    set_hate(author, draft, 0.8, seen)
    with pytest.raises(DraftConflict):
        set_hate(User.objects.create_user("other"), draft, 0.99, seen)
    assert draft.thresholds.get(category_id="hate", market="").block_at == 0.8


def test_editors_of_different_sections_do_not_disturb_each_other(author: User, draft: PolicyVersion) -> None:
    thresholds, banks = token(draft, "thresholds"), token(draft, "banks")
    set_hate(author, draft, 0.8, thresholds)
    value = {"banks": document_of(draft)["banks"] | {"drugs": "block"}}
    section_replace(actor=author, version=draft, section="banks", value=value, expected=banks)
    assert document_of(draft)["banks"]["drugs"] == "block"


CHANGES: list[tuple[str, dict[str, Any]]] = [
    ("thresholds", {"thresholds": [*seed_document(1)["thresholds"], {"category": "drugs", "market": "FR", "block": 0.9}]}),
    ("detectors", {"detectors": seed_document(2)["detectors"]}),
    ("age_rules", {"age_rules": [{"market": "FR", "min_age": 16, "reason": "a law"}]}),
    ("territories", {"territories": []}),
    ("standings", {"standings": {"strained": "escalate"}, "unknown_language": "hold"}),
    ("banks", {"banks": {"child_safety": "block"}}),
    ("routing", {"routing": [{"queue": "general", "severity": 3, "sla_minutes": 60}]}),
    ("words", {"title": "Another title", "change_note": "Why."}),
]  # fmt: skip


@pytest.mark.parametrize(("section", "value"), CHANGES)
def test_it_replaces_a_section_and_nothing_else(
    author: User, draft: PolicyVersion, section: str, value: dict[str, Any]
) -> None:
    before = document_of(draft)
    section_replace(actor=author, version=draft, section=section, value=value, expected=section_token(before, section))
    after = document_of(PolicyVersion.objects.get(pk=draft.pk))
    compiled = compile_document(after)
    assert {key: after[key] for key in after if key not in value} == {
        key: before[key] for key in before if key not in value
    }
    assert compiled.digest == compile_document(before | value).digest
    assert last_note(draft)[0] == "edit"


def test_a_guideline_belongs_to_the_version_until_it_is_active(author: User, draft: PolicyVersion) -> None:
    seen = token(draft, "categories")
    old = Category.objects.get(slug="hate").guideline
    section_replace(
        actor=author, version=draft, section="categories", value={"hate": "Ask who is meant."}, expected=seen
    )
    assert Category.objects.get(slug="hate").guideline == old
    assert document_of(draft)["categories"]["hate"]["guideline"] == "Ask who is meant."
    version_submit(actor=author, version=draft)
    approver = User.objects.create_user("approver")
    version_activate(actor=approver, version=version_approve(actor=approver, version=draft))
    assert Category.objects.get(slug="hate").guideline == "Ask who is meant."


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("thresholds", {"thresholds": [{"category": "hate", "escalate": 0.9, "block": 0.5}]}, "thresholds[0].escalate"),
    ("thresholds", {"thresholds": []}, "thresholds"),
    ("thresholds", {"thresholds": [*seed_document(1)["thresholds"], {"category": "hate", "market": "UK", "block": 0.5}]}, "thresholds[14].market"),
    ("detectors", {"detectors": {**seed_document(1)["detectors"], "text": {"hold": ["nose"]}}}, "detectors.text.hold"),
    ("banks", {"banks": {"child_safety": "hold"}}, "banks.child_safety"),
    ("routing", {"routing": []}, "routing"),
    ("words", {"title": ""}, "title"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "value", "field"), WRONG)
def test_it_names_the_field_and_changes_nothing(
    author: User, draft: PolicyVersion, section: str, value: dict[str, Any], field: str
) -> None:
    before = document_of(draft)
    with pytest.raises(PolicyError) as error:
        section_replace(
            actor=author, version=draft, section=section, value=value, expected=section_token(before, section)
        )
    assert error.value.field == field
    assert document_of(draft) == before


def test_nothing_changes_after_draft(author: User, draft: PolicyVersion) -> None:
    seen = token(draft, "thresholds")
    version_submit(actor=author, version=draft)
    with pytest.raises(PolicyError, match="cannot change"):
        set_hate(author, draft, 0.8, seen)
    with pytest.raises(PolicyError, match="cannot change"):
        term_add(actor=author, version=draft, list_name="w", term={"text": "x y", "category": "hate", "score": 0.5})
    with pytest.raises(PolicyError, match="cannot change"):
        version_discard(actor=author, version=draft)


def test_whoever_wrote_a_part_cannot_approve_the_whole(author: User, draft: PolicyVersion) -> None:
    helper = User.objects.create_user("helper")
    set_hate(helper, draft, 0.8, token(draft, "thresholds"))
    version_submit(actor=author, version=draft)
    with pytest.raises(PolicyError, match="wrote a part"):
        version_approve(actor=helper, version=draft)
    assert version_approve(actor=User.objects.create_user("third"), version=draft).approver_id


# --- copies and discards -----------------------------------------------------------------------------------------


def test_a_copy_says_the_same_under_a_new_number(author: User, draft: PolicyVersion) -> None:
    other = User.objects.create_user("other")
    copied = version_copy(actor=other, version=draft)
    assert (copied.number, copied.author, copied.state, copied.change_note) == (draft.number + 1, other, "draft", "")
    assert compile_document(document_of(copied)).digest == seed_policy(1).digest


def test_a_copy_of_what_was_allowed_once_can_be_mended(author: User) -> None:
    old = version_create(actor=author, document=small_document(), is_new=True)
    Term.objects.create(list=TermList.objects.create(version=old, name="w"), text="the", category_id="hate", score=0.5)
    copied = version_copy(actor=author, version=old)
    with pytest.raises(PolicyError, match="nearly everything"):
        version_submit(actor=author, version=copied)
    term = Term.objects.get(list__version=copied)
    term_remove(actor=author, version=copied, key=term.key, expected=term_token(term))
    assert version_submit(actor=author, version=copied).state == "in_review"


def test_a_discarded_draft_is_retired_with_its_record(author: User, draft: PolicyVersion) -> None:
    gone = version_discard(actor=author, version=draft, note="a dead end")
    assert (gone.state, gone.approver, gone.activated_at, len(gone.digest)) == ("retired", None, None, 64)
    assert last_note(draft) == ("discard", "a dead end")
    with pytest.raises(PolicyError):
        version_activate(actor=author, version=gone)


def test_a_draft_that_contradicts_itself_can_be_discarded(author: User, draft: PolicyVersion) -> None:
    draft.routingrules.all().delete()
    assert version_discard(actor=author, version=draft).state == VersionState.RETIRED


def test_a_rejected_version_can_be_copied(author: User, draft: PolicyVersion) -> None:
    version_submit(actor=author, version=draft)
    rejected = version_reject(actor=User.objects.create_user("approver"), version=draft, note="too strict")
    assert version_copy(actor=author, version=rejected).is_draft


# --- terms -------------------------------------------------------------------------------------------------------

WORD = {"text": "blue banana", "category": "hate", "score": 0.7}


def test_it_adds_changes_and_removes_a_term(author: User, draft: PolicyVersion) -> None:
    term = term_add(actor=author, version=draft, list_name="wave", term=WORD)
    assert last_note(draft) == ("edit", "Term “blue banana” added to wave: hate, score 0.7.")
    term = Term.objects.get(key=term.key)
    changed = term_change(
        actor=author, version=draft, key=term.key, term=WORD | {"score": 0.9}, expected=term_token(term)
    )
    assert (changed.pk, Term.objects.get(pk=term.pk).score) == (term.pk, 0.9)
    term_remove(actor=author, version=draft, key=term.key, expected=term_token(Term.objects.get(pk=term.pk)))
    assert not TermList.objects.filter(version=draft, name="wave").exists()  # an empty list would only be in the way
    assert last_note(draft) == ("edit", "Term “blue banana” removed from wave (was: hate, score 0.9).")


@pytest.mark.parametrize(
    ("term", "field"),
    [
        (WORD | {"text": "a"}, "text"),
        (WORD | {"text": "hate.*"}, "text"),
        (WORD | {"category": "weather"}, "category"),
        (WORD | {"outcome": "block"}, "terms.wave[0]"),
        (WORD | {"language": "german"}, "language"),
    ],
)
def test_it_refuses_a_term_by_its_field(author: User, draft: PolicyVersion, term: dict[str, Any], field: str) -> None:
    with pytest.raises(PolicyError) as error:
        term_add(actor=author, version=draft, list_name="wave", term=term)
    assert error.value.field == field or error.value.field.endswith(f".{field}")
    assert not TermList.objects.filter(version=draft, name="wave").exists()


def test_a_term_is_in_a_list_once(author: User, draft: PolicyVersion) -> None:
    term_add(actor=author, version=draft, list_name="wave", term=WORD)
    with pytest.raises(PolicyError, match="already"):
        term_add(actor=author, version=draft, list_name="wave", term=WORD)
    other = term_add(actor=author, version=draft, list_name="wave", term=WORD | {"text": "green banana"})
    with pytest.raises(PolicyError, match="already"):
        term_change(actor=author, version=draft, key=other.key, term=WORD, expected=term_token(other))


def test_two_editors_of_one_term_do_not_overwrite_each_other(author: User, draft: PolicyVersion) -> None:
    term = term_add(actor=author, version=draft, list_name="wave", term=WORD)
    seen = term_token(term)
    term_change(actor=author, version=draft, key=term.key, term=WORD | {"score": 0.9}, expected=seen)
    with pytest.raises(DraftConflict, match="changed this term"):
        term_change(actor=author, version=draft, key=term.key, term=WORD | {"score": 0.1}, expected=seen)
    with pytest.raises(DraftConflict, match="changed this term"):
        term_remove(actor=author, version=draft, key=term.key, expected=seen)
    term_remove(actor=author, version=draft, key=term.key, expected=term_token(Term.objects.get(key=term.key)))
    with pytest.raises(DraftConflict, match="removed this term"):
        term_change(actor=author, version=draft, key=term.key, term=WORD, expected=seen)
