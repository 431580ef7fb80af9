"""Cleared items for tests of the gate and the feed, written straight into the record."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from moderation.models import Clearance, Creator, Decision, Item, MediaFile
from moderation.models.decision import DecisionStage
from policies.choices import ItemKind, Outcome
from policies.models import PolicyVersion


def version() -> PolicyVersion:
    """Return some policy version."""
    author, _ = User.objects.get_or_create(username="author")
    return PolicyVersion.objects.get_or_create(number=1, defaults={"title": "First", "author": author})[0]


def item_make(
    external_id: str,
    *,
    creator: str = "creator-1",
    region: str = "",
    language: str = "en",
    created_at: datetime | None = None,
    kind: ItemKind = ItemKind.TEXT,
    media: MediaFile | None = None,
    cover: MediaFile | None = None,
) -> Item:
    """Return an item that nobody has decided yet."""
    maker, _ = Creator.objects.get_or_create(external_id=creator)
    return Item.objects.create(
        external_id=external_id, kind=kind, caption=f"about {external_id}", creator=maker, region=region,
        language_detected=language, content_hash=hashlib.sha256(external_id.encode()).hexdigest(),
        created_at=created_at or timezone.now(), media=media, cover=cover,
    )  # fmt: skip


def decide(item: Item, outcome: Outcome, *, min_age: int = 0, territories: Sequence[str] = ()) -> Decision:
    """Return a new decision on an item, after the one before it."""
    return Decision.objects.create(
        item=item, outcome=outcome, min_age=min_age, territories_blocked=list(territories),
        stage=DecisionStage.ACTIVATION, decided_by="test", evidence_digest=uuid.uuid4().hex * 2,
        policy_version=version(), supersedes=Decision.objects.filter(item=item).order_by("-id").first(),
    )  # fmt: skip


@transaction.atomic
def permit(
    item: Item,
    *,
    is_granted: bool = True,
    min_age: int = 0,
    territories: Sequence[str] = (),
    valid_until: datetime | None = None,
) -> Clearance:
    """Decide an item and write its clearance."""
    is_plain = not min_age and not territories
    outcome = (Outcome.CLEAR if is_plain else Outcome.RESTRICT) if is_granted else Outcome.BLOCK
    decision = decide(item, outcome, min_age=min_age, territories=territories)
    clearance = Clearance.objects.filter(item=item).first() or Clearance(item=item)
    clearance.decision, clearance.policy_version = decision, decision.policy_version
    clearance.is_granted, clearance.min_age = is_granted, min_age
    clearance.territories_blocked = list(territories)
    clearance.valid_until = valid_until or timezone.now() + timedelta(days=1)
    clearance.txid = clearance.revision = 0
    clearance.changed_at = timezone.now()
    clearance.save()
    # by primary key: callers hold copies of the row that they made it with
    state = ("restricted" if not is_plain else "cleared") if is_granted else "blocked"
    Item.objects.filter(pk=item.pk).update(current_decision=decision, state=state)
    return Clearance.objects.get(pk=clearance.pk)


def cleared(external_id: str, **kwargs: object) -> Item:
    """Return an item that is cleared, as `item_make` and `permit` take it."""
    limits = {name: kwargs.pop(name) for name in ("min_age", "territories", "valid_until") if name in kwargs}
    item = item_make(external_id, **kwargs)  # type: ignore[arg-type]
    permit(item, **limits)  # type: ignore[arg-type]
    return item


def revoke(item: Item) -> Clearance:
    """Take an item's clearance away."""
    return permit(item, is_granted=False)
