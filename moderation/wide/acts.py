"""Asking for a wide act, and answering: the service of the act's kind does it, in the transaction of the confirmation."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.exceptions import WideActInvalid
from moderation.models import WideAct
from moderation.models.wide_act import WideKind, WideState
from moderation.wide.radius import Radius, has_grown

#: What one has to be allowed to ask for an act of a kind, and so to answer it.
PERMISSIONS: Mapping[str, str] = {
    WideKind.CAMPAIGN: "moderation.review_jobs",
    WideKind.CAMPAIGN_UNDO: "moderation.review_jobs",
    WideKind.ACTIVATION: "policies.approve_versions",
    WideKind.ROLLBACK: "policies.approve_versions",
    WideKind.BANK: "moderation.manage_banks",
}

_GONE = "This does not wait for anybody any more; nothing was changed."


@transaction.atomic
def act_ask(
    *, actor: User, kind: WideKind, subject: str, act: Mapping[str, Any], radius: Radius, now: datetime
) -> WideAct:
    """Note what somebody asks for and what they saw of its radius; nothing is done yet.

    Who asks again for the same thing takes their earlier request back with it.

    Raises:
        PermissionDenied.
        WideActInvalid: somebody else asked for it already.
    """
    _check_may(actor, kind)
    earlier = WideAct.objects.select_for_update(of=("self",)).filter(
        kind=kind, subject=subject, state=WideState.WAITING
    )
    for other in earlier.select_related("asked_by"):
        if other.asked_by_id != actor.pk:
            raise WideActInvalid(
                f"{other.asked_by.get_username()} asked for this already; it waits for a second person."
            )
        _answer(other, actor, WideState.WITHDRAWN, "Asked for anew", now)
    asked = WideAct.objects.create(
        kind=kind,
        subject=subject,
        act=dict(act),
        radius=radius.as_json(),
        n_items=radius.whole.n_items,
        n_views=radius.whole.n_views,
        asked_by=actor,
        created_at=now,
    )
    _audit(actor, asked, "asked")
    return asked


def act_subject(*, key: str, kind: WideKind) -> str:
    """Return what an act of a kind is done to, so that it can be locked first.

    Raises:
        WideActInvalid: there is no such act.
    """
    with suppress(ValidationError):
        if found := WideAct.objects.filter(key=key, kind=kind).first():
            return found.subject
    raise WideActInvalid(_GONE)


def act_lock(*, actor: User, key: str, kinds: tuple[WideKind, ...]) -> WideAct:
    """Lock and return an act that waits, inside the caller's transaction, for somebody who may answer it.

    Raises:
        PermissionDenied: the actor may not do such a thing.
        WideActInvalid: it does not wait any more, or the actor asked for it.
    """
    act, rows = None, WideAct.objects.select_for_update(of=("self",)).select_related("asked_by")
    with suppress(ValidationError):
        act = rows.filter(key=key, kind__in=kinds).first()
    if act is None or not act.is_waiting:
        raise WideActInvalid(_GONE)
    _check_may(actor, WideKind(act.kind))
    return act


@transaction.atomic
def act_confirm(*, actor: User, act: WideAct, radius: Radius, now: datetime) -> WideAct:
    """Note the confirmation of a locked act, inside the transaction that does it.

    Args:
        radius: what it reaches now.

    Raises:
        WideActInvalid: the actor asked for it (four eyes), the asker may not do such a thing any more, or it reaches further than
            they saw.
    """
    if act.asked_by_id == actor.pk:
        raise WideActInvalid("You asked for this; somebody else has to confirm it.")
    if not act.asked_by.has_perm(PERMISSIONS[act.kind]):
        raise WideActInvalid("Whoever asked for this may not do it any more; ask for it yourself.")
    if has_grown(radius, n_items=act.n_items, n_views=act.n_views):
        raise WideActInvalid(
            "It reaches further now than when it was asked for, by more than is allowed. Whoever asked has to look again."
        )
    act.n_items_then = radius.whole.n_items
    return _answer(act, actor, WideState.CONFIRMED, "", now)


@transaction.atomic
def act_refuse(*, actor: User, key: str, note: str, now: datetime) -> WideAct:
    """Turn an act down, or take back one's own.

    Raises:
        PermissionDenied.
        WideActInvalid: it does not wait any more, or nothing says why.
    """
    act = act_lock(actor=actor, key=key, kinds=tuple(WideKind))
    if act.asked_by_id == actor.pk:
        return _answer(act, actor, WideState.WITHDRAWN, note, now)
    if not note.strip():
        raise WideActInvalid("Say why; whoever asked reads it.")
    return _answer(act, actor, WideState.REFUSED, note, now)


def acts_end(*, actor: User, kind: WideKind, subject: str, now: datetime) -> None:
    """End what waits for a subject that was dealt with otherwise, inside the transaction that did it."""
    waiting = WideAct.objects.select_for_update(of=("self",)).filter(
        kind=kind, subject=subject, state=WideState.WAITING
    )
    for act in waiting.select_related("asked_by"):
        state = WideState.WITHDRAWN if act.asked_by_id == actor.pk else WideState.REFUSED
        _answer(act, actor, state, "It was decided otherwise", now)


def _answer(act: WideAct, actor: User, state: WideState, note: str, now: datetime) -> WideAct:
    act.state, act.answered_by, act.answered_at = state, actor, now
    act.answer_note = note.strip()[:300]
    act.save(update_fields=["state", "answered_by", "answered_at", "answer_note", "n_items_then"])
    _audit(actor, act, str(state))
    return act


def _check_may(actor: User, kind: WideKind) -> None:
    if not actor.has_perm(PERMISSIONS[kind]):
        raise PermissionDenied("Your role does not include this.")


def _audit(actor: User, act: WideAct, verb: str) -> None:
    audit_write(
        actor=actor,
        action=f"wide_act.{verb}",
        object_type="wide_act",
        object_key=act.key,
        kind=act.kind,
        n_items=act.radius["open"]["n_items"],
        asked_by=act.asked_by_id,
    )
