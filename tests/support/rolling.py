"""Versions and items for tests of rolling out."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection

from moderation.models import Finding, Item
from policies import live as live_policies
from policies.models import PolicyVersion
from policies.services.versions import version_approve, version_create, version_submit
from tests.support.policy_builders import seed_document

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
    live_policies.invalidate()


def raise_score(item: Item, score: float, category: str) -> None:
    """Put a score into what is stored of an item, as if the classifier had found it."""
    decision = item.decisions.order_by("-pk")[0]
    version = decision.evidence["versions"]["text"]
    Finding.objects.create(
        decision=decision, item=item, detector="text", detector_version=version, category=category, score=score,
        where={"field": "caption"},
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE moderation_itemevidence SET cells = decode('ff00', 'hex') || "
            "(SELECT substring(int4send(id::int) FROM 4 FOR 1) || substring(int4send(id::int) FROM 3 FOR 1) FROM policies_category WHERE slug = %s)"
            " || %s WHERE item_id = %s",
            [category, struct.pack("<f", score), item.pk],
        )
