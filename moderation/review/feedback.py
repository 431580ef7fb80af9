"""What comes back to whoever decided: what seniors changed and why, and what of theirs did not take effect. For them alone."""

from datetime import datetime

from django.contrib.auth.models import AbstractUser, User
from django.db import transaction
from django.db.models import Q, QuerySet

from moderation.audit.log import audit_write
from moderation.items.visibility import items_visible
from moderation.models import Overturn, WaitingDecision
from moderation.models.decision import DecisionStage
from moderation.models.waiting import WaitingState


def overturns_unread(person: AbstractUser) -> QuerySet[Overturn]:
    """Return what seniors changed of a person's decisions and they have not put aside, the newest first.

    Not what was taken back since, nor what they may not know of any more.
    """
    theirs = Overturn.objects.filter(person_id=person.pk, seen_at__isnull=True)
    standing = ~Q(decision__superseded_by__stage=DecisionStage.UNDONE)
    known = theirs.filter(standing, decision__item__in=items_visible(person).values("pk"))
    return known.select_related("decision__actor", "decision__item__creator", "earlier").order_by("-pk")


def overtaken_unread(person: AbstractUser) -> QuerySet[WaitingDecision]:
    """Return the decisions of a person that did not take effect and they have not put aside, the newest first."""
    theirs = WaitingDecision.objects.filter(actor_id=person.pk, state=WaitingState.OVERTAKEN, seen_at__isnull=True)
    return theirs.select_related("item__creator", "job").order_by("-settled_at")


@transaction.atomic
def overturn_seen(*, actor: User, key: str, now: datetime) -> bool:
    """Put aside what a senior changed; return whether there was something that they had not put aside. A repeat changes nothing."""
    unseen = Overturn.objects.filter(key=key, person=actor, seen_at__isnull=True)
    overturn = unseen.select_related("decision__item").select_for_update(of=("self",)).first()
    if overturn is None:
        return False
    unseen.update(seen_at=now)
    item = overturn.decision.item
    audit_write(actor=actor, action="decision.overturn_read", object_type="item", object_key=item.external_id)
    return True


@transaction.atomic
def overtaken_seen(*, actor: User, key: str, now: datetime) -> bool:
    """Put aside that a decision did not take effect, as `overturn_seen`."""
    unseen = WaitingDecision.objects.filter(key=key, actor=actor, state=WaitingState.OVERTAKEN, seen_at__isnull=True)
    waiting = unseen.select_related("item").select_for_update(of=("self",)).first()
    if waiting is None:
        return False
    unseen.update(seen_at=now)
    audit_write(actor=actor, action="decision.overtaken_read", object_type="item", object_key=waiting.item.external_id)
    return True
