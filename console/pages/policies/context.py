"""What the pages of a policy version share: its head with tabs, changes in groups, and the forms of a refusal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.contrib.auth.models import User

from console.access import may
from console.pages.policies.steps import Offer, offers
from policies.document.diff import SECTIONS, Change
from policies.models import PolicyVersion

#: Changes of one section that a page shows; a term list can have thousands.
MAX_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Group:
    """The changes of one section; `n_more` are not shown."""

    title: str
    changes: list[Change]
    n_more: int


def in_groups(changes: Iterable[Change]) -> list[Group]:
    """Return changes, which are in order, by section."""
    groups = [(SECTIONS[section], list(rows)) for section, rows in groupby(changes, key=lambda change: change.section)]
    return [Group(title, rows[:MAX_SHOWN], max(len(rows) - MAX_SHOWN, 0)) for title, rows in groups]


def offers_to(user: User, version: PolicyVersion, writers: set[int]) -> list[Offer]:
    """Return what can be done next with a version, seen by a person; `writers` are those who wrote it."""
    return offers(version, may=lambda code: may(user, code), is_writer=user.pk in writers)


def head(version: PolicyVersion, tab: str) -> dict[str, Any]:
    """Return the context of `policies/parts/head.html`."""
    return {"version": version, "tab": tab}


def percent_of(part: int, whole: int) -> str:
    """Return a share in percent with one place; a dash where there is nothing to share."""
    return f"{100 * part / whole:.1f} %" if whole else "–"
