"""Editing a draft. Each service is one transaction: lock the version, check that it is a draft and that nobody changed the
same part meanwhile, check the whole against itself, change, and record the change in words in `Approval`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from policies.decision.compile import compile_parsed, digest_of
from policies.document.content import replace_section, term_row
from policies.document.diff import Change, diff_documents
from policies.document.draft_checks import check_section, check_term
from policies.document.rows import TermRow
from policies.document.schema import LEVEL_KEYS, OUTCOME_KEYS, parse_document, parse_terms
from policies.document.stored import document_of
from policies.errors import DraftConflict, PolicyError
from policies.models import Approval, PolicyVersion, Term, TermList, VersionState
from policies.services.versions import version_create

Verb = Approval.Verb
#: Changes told one by one in the record of an edit; a long list of terms is told by its number.
_MAX_TOLD = 40


def section_token(document: Mapping[str, Any], section: str) -> str:
    """Return what a section of a document says as a short digest: a form carries it, and an edit against another one is
    refused. `words` is title and note, `standings` includes the unknown language."""
    text = json.dumps(_section_of(document, section), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _section_of(document: Mapping[str, Any], section: str) -> dict[str, Any]:
    keys = {"words": ("title", "change_note"), "standings": ("standings", "unknown_language")}.get(section, (section,))
    return {key: document[key] for key in keys}


def term_token(term: Term) -> str:
    """Return what a term says as a short digest, as `section_token`."""
    said = [term.list_id, term.text, term.category_id, term.language, term.score, term.outcome]
    return hashlib.sha256(repr([*said, term.is_exception, term.whole_word]).encode()).hexdigest()[:16]


@transaction.atomic
def version_copy(*, actor: User, version: PolicyVersion) -> PolicyVersion:
    """Create a draft that says what a version says, of any state; its change note is empty, since nothing changed yet.

    Raises: PolicyError when the version contradicts itself, which only a draft can.
    """
    document = document_of(version) | {"change_note": ""}
    return version_create(actor=actor, document=document, is_new=False)


@transaction.atomic
def version_discard(
    *, actor: User, version: PolicyVersion, note: str = "", now: datetime | None = None
) -> PolicyVersion:
    """Give a draft up. It is retired with its record; it can be copied, and never decides.

    Raises: PolicyError when it is no draft.
    """
    version = _draft(version)
    version.digest = _digest(version)
    version.state, version.retired_at = VersionState.RETIRED, now or timezone.now()
    version.save()
    _record(version, actor, Verb.DISCARD, note)
    return version


def _digest(version: PolicyVersion) -> str:
    document = document_of(version)
    try:
        return digest_of(parse_document(document))
    except PolicyError:  # a draft that contradicts itself can be given up as well
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@transaction.atomic
def section_replace(
    *, actor: User, version: PolicyVersion, section: str, value: Mapping[str, Any], expected: str
) -> tuple[Change, ...]:
    """Let a section of a draft say something else, and return what changed; nothing is recorded where nothing did.

    1. lock the version  2. compare the section with what the editor saw  3. check the document as it would be
    4. replace the section's rows  5. record the changes as sentences

    Args:
        section: a key of the document other than `terms`, or `words` for title and change note.
        value: the keys of the document to change, as the document writes them; `categories` gives slug -> guideline.
        expected: the `section_token` of what the editor saw.

    Raises: DraftConflict when somebody changed the section since; PolicyError when the version is no draft, or naming the
        field that is wrong.
    """

    def change(document: dict[str, Any]) -> dict[str, Any]:
        if section == "categories":
            rows: dict[str, dict[str, Any]] = document["categories"]
            words = {slug: row | {"guideline": value.get(slug, row["guideline"])} for slug, row in rows.items()}
            return document | {"categories": words}
        return document | dict(value)

    return _edit(actor, version, section, change, expected)


@transaction.atomic
def threshold_set(
    *,
    actor: User,
    version: PolicyVersion,
    category: str,
    level: str,
    value: float | None,
    expected: str,
    market: str = "",
    language: str = "",
    band: str | None = None,
) -> tuple[Change, ...]:
    """Move one threshold of a draft and return what changed.

    Args:
        level: one of schema.LEVEL_KEYS.
        value: a score in [0, 1]; None for never.
        expected: the `section_token` of `thresholds` that the editor saw.
        market, language, band: which row; none of them is the base. `band` is one of choices.BAND_KEYS.

    Raises: DraftConflict; PolicyError when there is no such row, or as `section_replace`.
    """
    if level not in LEVEL_KEYS:
        raise PolicyError("level", f"must be one of {', '.join(LEVEL_KEYS)}")
    context = {"category": category, "market": market, "language": language, "band": band}

    def change(document: dict[str, Any]) -> dict[str, Any]:
        rows = [dict(row) for row in document["thresholds"]]
        found = [row for row in rows if all((row.get(key) or None) == (context[key] or None) for key in context)]
        if not found:
            raise PolicyError("thresholds", f"there is no row for {category} in this context")
        found[0][level] = value
        return document | {"thresholds": rows}

    return _edit(actor, version, "thresholds", change, expected)


def _edit(
    actor: User,
    version: PolicyVersion,
    section: str,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    expected: str,
) -> tuple[Change, ...]:
    version = _draft(version)
    before = document_of(version)
    if section_token(before, section) != expected:
        raise DraftConflict(section, "somebody else changed this part since you opened it")
    after = parse_document(change(before))
    check_section(after, section)
    compile_parsed(after)
    changes = diff_documents(parse_document(before), after)
    if changes:  # else the rows stay as they are, and nobody who has them open is disturbed
        replace_section(version, section, after)
        if section == "standings":
            replace_section(version, "words", after)
        _record(version, actor, Verb.EDIT, _tell(changes))
    return changes


def _tell(changes: tuple[Change, ...]) -> str:
    told = [change.sentence for change in changes[:_MAX_TOLD]]
    rest = len(changes) - len(told)
    return "\n".join([*told, f"and {rest} more"] if rest else told)


@transaction.atomic
def term_add(*, actor: User, version: PolicyVersion, list_name: str, term: Mapping[str, Any]) -> Term:
    """Add one term to a list of a draft, which is made where there is none of that name.

    Args:
        term: as a document writes it: text, category, language, score or outcome, exception, whole_word.

    Raises: PolicyError when the version is no draft, has the term already, or naming the field that is wrong.
    """
    version = _draft(version)
    row = _term_checked(version, list_name, term)
    terms, _ = TermList.objects.get_or_create(version=version, name=row.list_name)
    added = _read_stored(term_row(terms, row))
    _record(version, actor, Verb.EDIT, f"Term “{row.text}” added to {row.list_name}: {_means(row)}.")
    return added


@transaction.atomic
def term_change(*, actor: User, version: PolicyVersion, key: UUID, term: Mapping[str, Any], expected: str) -> Term:
    """Let a term of a draft say something else.

    Args:
        expected: the `term_token` of what the editor saw.

    Raises: DraftConflict when it was changed or removed since; PolicyError as `term_add`.
    """
    version = _draft(version)
    old = _term_expected(version, key, expected)
    row = _term_checked(version, old.list.name, term)
    was = f"“{old.text}” ({_means_stored(old)})"
    new = term_row(old.list, row)
    new.pk, new.key = old.pk, old.key
    _read_stored(new)
    _record(version, actor, Verb.EDIT, f"Term {was} in {old.list.name} is now “{row.text}”: {_means(row)}.")
    return new


@transaction.atomic
def term_remove(*, actor: User, version: PolicyVersion, key: UUID, expected: str) -> None:
    """Take a term out of a draft, and its list with the last one.

    Raises: DraftConflict when it was changed or removed since; PolicyError when the version is no draft.
    """
    version = _draft(version)
    old = _term_expected(version, key, expected)
    _record(version, actor, Verb.EDIT, f"Term “{old.text}” removed from {old.list.name} (was: {_means_stored(old)}).")
    old.delete()
    if not old.list.terms.exists():
        old.list.delete()


def _term_checked(version: PolicyVersion, list_name: str, term: Mapping[str, Any]) -> TermRow:
    [row] = parse_terms(list_name, [term])
    check_term(row, f"terms.{row.list_name}[0]")
    if not version.thresholds.filter(category_id=row.category).exists():
        raise PolicyError("terms.category", f"{row.category!r} is not a category of this version")
    return row


def _read_stored(term: Term) -> Term:
    try:
        with transaction.atomic():
            term.save()
    except IntegrityError as error:
        raise PolicyError(
            "terms.text", f"{term.text!r} is in this list already for that category and language"
        ) from error
    return term


def _term_expected(version: PolicyVersion, key: UUID, expected: str) -> Term:
    term = Term.objects.select_related("list").filter(list__version=version, key=key).first()
    if term is None:
        raise DraftConflict("terms", "somebody else removed this term since you opened it")
    if term_token(term) != expected:
        raise DraftConflict("terms", "somebody else changed this term since you opened it")
    return term


def _means(row: TermRow) -> str:
    if row.is_exception:
        return f"an exception for {row.category}"
    said = f"score {row.score:.10g}" if row.outcome is None else OUTCOME_KEYS[row.outcome]
    return f"{row.category}, {said}"


def _means_stored(term: Term) -> str:
    if term.is_exception:
        return f"an exception for {term.category_id}"
    said = f"score {term.score:.10g}" if term.outcome is None else OUTCOME_KEYS[term.outcome]
    return f"{term.category_id}, {said}"


def _draft(version: PolicyVersion) -> PolicyVersion:
    found = PolicyVersion.objects.select_for_update().get(pk=version.pk)
    if not found.is_draft:
        raise PolicyError("state", f"version {found.number} is {found.get_state_display().lower()}; it cannot change")
    return found


def _record(version: PolicyVersion, actor: User, verb: Verb, note: str) -> None:
    Approval.objects.create(version=version, actor=actor, verb=verb, note=note)
