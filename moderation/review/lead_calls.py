"""Telling whoever leads: a call from a job, and that somebody has seen to it."""

from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet

from moderation.audit.log import audit_write
from moderation.items.visibility import jobs_visible
from moderation.models import LeadCall
from moderation.review.held import job_under_lease

DEFAULT_TEXT = "Please look at this job."


@transaction.atomic
def lead_call(*, actor: User, job_key: str, lease_token: str, text: str, now: datetime) -> LeadCall:
    """Tell whoever leads about a job that the actor holds; while the call is open, a repeat returns it.

    Raises:
        PermissionDenied, LeaseLost.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers call whoever leads.")
    job = job_under_lease(job_key, actor, lease_token, now)
    call, is_new = LeadCall.objects.get_or_create(
        job=job,
        seen_at=None,
        defaults={"caller": actor, "text": text.strip()[:500] or DEFAULT_TEXT, "created_at": now},
    )
    if is_new:
        audit_write(actor=actor, action="lead.called", object_type="job", object_key=job.key, call=str(call.key))
    return call


@transaction.atomic
def lead_call_see(*, actor: User, call_key: str, now: datetime) -> LeadCall:
    """Note that somebody who leads has seen to a call; a repeat changes nothing.

    Raises:
        PermissionDenied: the actor does not lead.
        LeadCall.DoesNotExist: there is none that they may know of.
    """
    if not actor.has_perm("moderation.overturn_decisions"):
        raise PermissionDenied("Only seniors see to calls.")
    call = _visible(actor).select_for_update(of=("self",)).get(key=call_key)
    if call.seen_at is None:
        call.seen_at, call.seen_by = now, actor
        call.save(update_fields=["seen_at", "seen_by"])
        audit_write(
            actor=actor, action="lead.call_seen", object_type="job", object_key=call.job.key, call=str(call.key)
        )
    return call


def lead_calls_open(user: User) -> list[LeadCall]:
    """Return the calls that nobody has seen to yet, the oldest first, as far as the person may know of their jobs."""
    return list(lead_calls_waiting(user).select_related("caller", "job__queue", "job__item").order_by("created_at"))


def lead_calls_waiting(user: User) -> QuerySet[LeadCall]:
    """Return these calls in no order."""
    return _visible(user).filter(seen_at__isnull=True)


def _visible(user: User) -> QuerySet[LeadCall]:
    return LeadCall.objects.filter(job__in=jobs_visible(user)).select_related("job")
