"""Reads of wide acts and their samples, as far as a person may know of them. Nothing here changes anything."""

from collections.abc import Sequence
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet, TextField, Value
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from moderation.items.queries import items_search
from moderation.items.visibility import banks_visible, campaigns_visible, may_know
from moderation.models import Item, WideAct
from moderation.models.wide_act import WideKind, WideState
from moderation.wide.acts import PERMISSIONS
from moderation.wide.radius import Radius, Reach
from policies.models import Category

_OF_CAMPAIGNS = (WideKind.CAMPAIGN, WideKind.CAMPAIGN_UNDO)


def acts_visible(user: AbstractUser) -> QuerySet[WideAct]:
    """Return the acts that a person could ask for themselves and whose subject they may know of, the newest first."""
    kinds = [kind for kind, permission in PERMISSIONS.items() if user.has_perm(permission)]
    acts = WideAct.objects.filter(kind__in=kinds).select_related("asked_by", "answered_by").order_by("-id")
    if may_know(user):
        return acts
    known = campaigns_visible(user).annotate(subject=Cast("key", TextField())).values("subject")
    banks = banks_visible(user).values("slug")
    flagged = Category.objects.filter(is_child_safety=True).values("slug")
    named = Coalesce(KeyTextTransform("category", "act"), Value(""), output_field=TextField())
    return (
        acts.annotate(named=named)
        .exclude(named__in=flagged)
        .filter(
            ~Q(kind__in=(*_OF_CAMPAIGNS, WideKind.BANK))
            | Q(kind__in=_OF_CAMPAIGNS, subject__in=known)
            | Q(kind=WideKind.BANK, subject__in=banks)
        )
    )


def acts_waiting(user: AbstractUser) -> QuerySet[WideAct]:
    """Return what waits for a second person and may be read by this one."""
    return acts_visible(user).filter(state=WideState.WAITING)


def act_waiting(kind: WideKind, subject: str) -> WideAct | None:
    """Return the act of a kind that waits for one subject."""
    return (
        WideAct.objects.select_related("asked_by").filter(kind=kind, subject=subject, state=WideState.WAITING).first()
    )


def act_of(user: AbstractUser, key: UUID | str) -> WideAct | None:
    """Return one act that a person may read."""
    try:
        return acts_visible(user).filter(key=key).first()
    except ValidationError:
        return None


def reach_stored(user: AbstractUser, act: WideAct) -> Reach:
    """Return what the asker saw, as far as this person may count it."""
    return Radius(*(Reach.of(act.radius[name]) for name in ("open", "whole"))).seen_by(user)


def sample_items(user: AbstractUser, pks: Sequence[int]) -> list[Item]:
    """Return the items of a sample in its order, without those that a person may not know of."""
    found = {item.pk: item for item in items_search(user).filter(pk__in=pks)}
    return [found[pk] for pk in pks if pk in found]
