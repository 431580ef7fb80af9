"""Reads of versions for people: what one says, how two differ, and the terms of one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet

from policies.document.diff import Change, diff_documents
from policies.document.rows import Document
from policies.document.schema import parse_document
from policies.document.stored import documents_of
from policies.errors import PolicyError
from policies.live import version_list
from policies.models import Approval, PolicyVersion, Term, TermList, VersionState


@dataclass(frozen=True, slots=True)
class Content:
    """What a version says. `parsed` is None where it contradicts itself, which only a draft can; `problem` says how."""

    document: dict[str, Any]
    parsed: Document | None
    problem: str


@dataclass(frozen=True, slots=True)
class VersionDiff:
    """How one version differs from another; no changes where one of them contradicts itself, and `problem` says how."""

    old: PolicyVersion
    new: PolicyVersion
    changes: tuple[Change, ...]
    problem: str

    @property
    def n_stricter(self) -> int:
        """How many changes are stricter beyond doubt."""
        return sum(change.stricter is True for change in self.changes)

    @property
    def n_milder(self) -> int:
        """How many changes are milder beyond doubt."""
        return sum(change.stricter is False for change in self.changes)


def version_content(version: PolicyVersion, *, with_terms: bool = False) -> Content:
    """Return what a version says, in one query; its terms only where they are asked for."""
    [document] = documents_of([version], with_terms=with_terms)
    return Content(document, *_parse(document))


def version_diff(old: PolicyVersion, new: PolicyVersion) -> VersionDiff:
    """Return how `new` differs from `old`, in one query."""
    documents = documents_of([old, new])
    _drop_common_terms(*documents)
    (before, wrong_before), (after, wrong_after) = (_parse(document) for document in documents)
    changes = diff_documents(before, after) if before and after else ()
    return VersionDiff(old, new, changes, wrong_after or wrong_before)


def _drop_common_terms(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Leave in two documents only the terms that differ: of ten thousand, hardly any do, and checking each takes time."""
    for name in old["terms"].keys() & new["terms"].keys():
        rows = old["terms"][name], new["terms"][name]
        said = [{tuple(row.items()) for row in some} for some in rows]
        for document, some, others in ((old, rows[0], said[1]), (new, rows[1], said[0])):
            document["terms"][name] = [row for row in some if tuple(row.items()) not in others]


def _parse(document: dict[str, Any]) -> tuple[Document | None, str]:
    try:
        return parse_document(document), ""
    except PolicyError as error:
        return None, str(error)


def version_of(number: int) -> PolicyVersion | None:
    """Return a version with the people behind it; None where there is no such number."""
    return version_list().filter(number=number).first()


def base_of(version: PolicyVersion, versions: Iterable[PolicyVersion]) -> PolicyVersion | None:
    """Return which of all versions one is to be compared with: the active one, or for that and its predecessors the one
    which was active before; None for the first."""
    others = [other for other in versions if other.pk != version.pk]
    if version.activated_at is None:
        return next((other for other in others if other.state == VersionState.ACTIVE), None)
    before = [v for v in others if v.activated_at and v.activated_at < version.activated_at]
    return max(before, key=lambda v: v.activated_at or version.created_at, default=None)


def version_steps(version: PolicyVersion) -> list[Approval]:
    """Return the record of a version, the newest step first."""
    return list(version.approvals.select_related("actor").order_by("-id"))


def writers_in(steps: Iterable[Approval]) -> set[int]:
    """Return who wrote a version or a part of it, from its record; `live.version_writers` without a query."""
    return {step.actor_id for step in steps if step.verb in {Approval.Verb.CREATE, Approval.Verb.EDIT}}


def term_lists(version: PolicyVersion) -> QuerySet[TermList]:
    """Return a version's lists with the number of their terms as `n` and of their exceptions as `n_exceptions`."""
    exceptions = Count("terms", filter=Q(terms__is_exception=True))
    return version.termlists.annotate(n=Count("terms"), n_exceptions=exceptions).order_by("name")


def terms_found(version: PolicyVersion, *, list_name: str = "", text: str = "", category: str = "") -> QuerySet[Term]:
    """Return terms of a version by list, part of the text, and category, in alphabetical order."""
    terms = Term.objects.filter(list__version=version).select_related("list")
    if list_name:
        terms = terms.filter(list__name=list_name)
    if category:
        terms = terms.filter(category_id=category)
    if text:
        terms = terms.filter(text__icontains=text)
    return terms.order_by("text", "id")


def term_of(version: PolicyVersion, key: UUID) -> Term | None:
    """Return one term of a version."""
    return Term.objects.select_related("list").filter(list__version=version, key=key).first()
