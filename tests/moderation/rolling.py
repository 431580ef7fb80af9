"""Versions and items for tests of rolling out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from policies import selectors
from policies.models import PolicyVersion
from policies.services import version_approve, version_create, version_submit
from tests.policies.builders import seed_document

#: Whoever changes a document in place.
Edit = Callable[[dict[str, Any]], None]


def people() -> tuple[User, User]:
    """Return an author and an approver with all that they need."""
    made = []
    for name in ("editor", "approver"):
        user, _ = User.objects.get_or_create(username=name, defaults={"is_superuser": True})
        made.append(user)
    return made[0], made[1]


def approved(edit: Edit | None = None, *, title: str = "Another") -> PolicyVersion:
    """Return a version that was approved and decides nothing yet: the first one, with changes."""
    author, approver = people()
    document = seed_document(1)
    document["title"] = title
    if edit:
        edit(document)
    version = version_create(actor=author, document=document)
    version_submit(actor=author, version=version)
    version_approve(actor=approver, version=version)
    return PolicyVersion.objects.get(pk=version.pk)


def thresholds(category: str, **levels: float) -> Edit:
    """Return an edit that sets the base thresholds of a category."""

    def edit(document: dict[str, Any]) -> None:
        rows = [row for row in document["thresholds"] if row["category"] == category]
        base = next(row for row in rows if not {"market", "language", "band"} & set(row))
        for level in ("restrict_13", "restrict_16", "restrict_18", "escalate", "block"):
            base.pop(level, None)
        base |= levels

    return edit


def fresh() -> None:
    """Let this process look which versions there are."""
    selectors.invalidate()
