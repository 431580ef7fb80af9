"""Drafts of decisions: what a person had typed and not sent is there again wherever, and whenever, they open the page of it.

On a job they are kept for whoever has or had it; on a campaign, and over an item's earlier decision, for whoever may decide it.
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import JSONObject

from moderation.exceptions import DraftTooLarge
from moderation.items.visibility import campaigns_visible, items_visible, jobs_visible
from moderation.models import AuditEvent, Campaign, DecisionDraft, Item, Job
from moderation.models.draft import MAX_DRAFT_CHARACTERS
from moderation.models.job_note import SkipReason
from moderation.models.review import JobState
from moderation.models.waiting import WaitingState

#: What of a page is kept. Not among them: whatever says what a decision was made on or by which claim, and why a job is skipped.
DECISION_FIELDS = (
    "outcome",
    "category",
    "clause",
    "note",
    "min_age",
    "territories",
    "answer",
    "span_from",
    "span_until",
)
HAND_BACK_FIELDS = ("skip_note", "question")
KEPT_DAYS = 14


@transaction.atomic
def draft_keep(
    *, actor: User, job_key: str, fields: Mapping[str, str], basis: str, now: datetime
) -> DecisionDraft | None:
    """Keep what somebody typed on a job's page in place of what they had typed before; None where there is nothing to keep.

    1. lock the job, so that this comes before the person's decision, or sees it and keeps nothing,
    2. check that they have or had the job, and may still know of it,
    3. write, or delete where all was emptied.

    Args:
        fields: the page's fields as they were sent; others than those of a draft are passed over.
        basis: token of the `Basis` that the page was made from.

    Raises:
        Job.DoesNotExist: there is none that they may know of.
        PermissionDenied: they never had it, or may not review.
        DraftTooLarge: it is more than fits; what was kept before stays.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers have drafts of decisions.")
    job = jobs_visible(actor).select_for_update(of=("self",), no_key=True).get(key=job_key)
    if not _has_had(actor, job):
        raise PermissionDenied("Only who has or had the job keeps a draft of its decision.")
    typed = _clean(fields)
    if _is_decided_by(actor, job) or typed == {"category": job.category}:
        typed = {}
    return _write(actor, {"job": job}, typed, basis, now)


@transaction.atomic
def draft_keep_beside(
    *, actor: User, on: Campaign | Item, fields: Mapping[str, str], basis: str, now: datetime
) -> DecisionDraft | None:
    """Keep what somebody typed into the decision on a campaign, or over an item's earlier one, as `draft_keep`.

    1. lock what it is about, so that this comes before the person's decision, or sees it and keeps nothing,
    2. check that they may decide it, and may still know of it, 3. write, or delete where all was emptied.

    Raises:
        PermissionDenied: they may not decide it, or know of it.
        DraftTooLarge: as `draft_keep`.
    """
    is_campaign = isinstance(on, Campaign)
    if not actor.has_perm("moderation.review_jobs" if is_campaign else "moderation.overturn_decisions"):
        raise PermissionDenied("Only who may decide this has a draft of its decision.")
    known = campaigns_visible(actor) if isinstance(on, Campaign) else items_visible(actor)
    locked = known.select_for_update(of=("self",), no_key=True).filter(pk=on.pk).first()
    if locked is None:
        raise PermissionDenied("This is no business of theirs any more.")
    typed = {name: value for name, value in _clean(fields).items() if name in DECISION_FIELDS}
    if isinstance(locked, Campaign):
        is_done = locked.outcome is not None or typed == {"category": locked.category}
        return _write(actor, {"campaign": locked}, {} if is_done else typed, basis, now)
    return _write(actor, {"item": locked}, {} if _has_sent(actor, locked, basis) else typed, basis, now)


def _write(
    actor: AbstractUser, of: Mapping[str, Any], typed: dict[str, str], basis: str, now: datetime
) -> DecisionDraft | None:
    """Write a draft in place of the one there is, or delete that where nothing was typed."""
    if not typed:
        DecisionDraft.objects.filter(person_id=actor.pk, **of).delete()
        return None
    if len(json.dumps(typed, ensure_ascii=False)) > MAX_DRAFT_CHARACTERS:
        raise DraftTooLarge(
            f"This is more than a draft holds ({MAX_DRAFT_CHARACTERS:,} characters), so it was not kept. "
            "It stays on this page: shorten it, or copy it to a safe place."
        )
    values = {"fields": typed, "basis": basis[:200], "updated_at": now}
    return DecisionDraft.objects.update_or_create(person_id=actor.pk, **of, defaults=values)[0]


def _has_had(actor: User, job: Job) -> bool:
    if actor.pk in (job.lease_holder_id, job.taken_from_id):
        return True
    claims = AuditEvent.objects.filter(object_key=str(job.key), object_type="job", action="job.claimed", actor=actor)
    return claims.exists()


def _has_sent(actor: User, item: Item, basis: str) -> bool:
    """Whether what was typed on a page of an item is sent already: their decision on it is made, or waits to be."""
    current = item.current_decision
    is_made = current is not None and current.actor_id == actor.pk and not basis.startswith(str(current.key))
    waiting = item.waiting_decisions.filter(actor=actor, job=None, state=WaitingState.WAITING)
    return is_made or waiting.filter(expected_decision=basis).exists()


def _is_decided_by(actor: User, job: Job) -> bool:
    """Whether their decision on the job is made, or waits to be."""
    if job.state == JobState.OPEN and job.kept_until is not None:
        return job.waiting_decisions.filter(actor=actor, state=WaitingState.WAITING).exists()
    return job.state == JobState.DECIDED and job.decision is not None and job.decision.actor_id == actor.pk


def _clean(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what was typed, without what is empty and what no database takes.

    Whoever says that a job was too much for them is promised that nothing of it is written down, so neither is the word beside it.
    """
    names = DECISION_FIELDS + HAND_BACK_FIELDS
    values = {name: _storable(fields.get(name, "")) for name in names}
    if fields.get("reason") == SkipReason.TOO_MUCH:
        values["skip_note"] = ""
    return {name: value for name, value in values.items() if value.strip()}


def _storable(text: str) -> str:
    return text.replace("\0", "").encode(errors="ignore").decode()


def draft_of(actor: User, job: Job) -> DecisionDraft | None:
    """Return the person's own draft on a job that they may (still) know of."""
    return DecisionDraft.objects.filter(person=actor, job__in=jobs_visible(actor).filter(pk=job.pk)).first()


def draft_beside(actor: User, on: Campaign | Item) -> DecisionDraft | None:
    """Return the person's own draft of a decision on a campaign, or over an item's earlier one, that they may know of."""
    if not actor.has_perm("moderation.review_jobs" if isinstance(on, Campaign) else "moderation.overturn_decisions"):
        return None
    of = {"campaign": on} if isinstance(on, Campaign) else {"item": on}
    return DecisionDraft.objects.filter(person=actor, **of).first()


def draft_drop_beside(*, actor: AbstractUser, on: Campaign | Item) -> bool:
    """Delete the person's own draft there: it was sent, or is given up; return whether there was one."""
    of = {"campaign": on} if isinstance(on, Campaign) else {"item": on}
    return bool(DecisionDraft.objects.filter(person_id=actor.pk, **of).delete()[0])


def draft_column(person_id: int, of: str = "job") -> Subquery:
    """Return a person's own draft as a column of jobs or campaigns, for pages whose queries are counted; `draft_in` reads it."""
    own = DecisionDraft.objects.filter(person_id=person_id, **{of: OuterRef("pk")})
    return Subquery(own.values(json=JSONObject(fields="fields", basis="basis", updated_at="updated_at")))


def draft_in(column: Mapping[str, Any] | None) -> DecisionDraft | None:
    """Return what `draft_column` found."""
    if column is None:
        return None
    return DecisionDraft(**{**column, "updated_at": datetime.fromisoformat(column["updated_at"])})


def draft_drop(*, actor: User, job_key: str) -> bool:
    """Delete the person's own draft on a job; return whether there was one. A repeat changes nothing."""
    return bool(DecisionDraft.objects.filter(person=actor, job__key=job_key).delete()[0])


def drafts_settle(*, actor: AbstractUser, item: Item) -> int:
    """Delete what a person had typed on an item's jobs: it was sent, and recorded. Inside the transaction of their decision."""
    return DecisionDraft.objects.filter(person_id=actor.pk, job__item=item).delete()[0]


def draft_restore(*, actor: AbstractUser, on: Job | Item, fields: Mapping[str, str], basis: str, now: datetime) -> None:
    """Make what a person had sent a draft again, since it counts no more; inside the transaction that decides so.

    What is more than a draft holds stays where it was sent.
    """
    of = {"job": on} if isinstance(on, Job) else {"item": on}
    with suppress(DraftTooLarge):
        _write(actor, of, _clean(fields), basis, now)


def draft_hand_back(*, actor: User, job: Job) -> None:
    """Forget the words beside a job's giving back: they were sent. What was typed of a decision stays.

    Inside the transaction that gives the job back, with it locked.
    """
    mine = DecisionDraft.objects.filter(person=actor, job=job).first()
    if mine is None:
        return
    mine.fields = {name: value for name, value in mine.fields.items() if name not in HAND_BACK_FIELDS}
    if mine.fields:
        mine.save(update_fields=["fields"])
    else:
        mine.delete()


def drafts_expire(*, now: datetime) -> int:
    """Delete drafts that nobody touched for long; return how many."""
    return DecisionDraft.objects.filter(updated_at__lt=now - timedelta(days=KEPT_DAYS)).delete()[0]
