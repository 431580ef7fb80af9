"""Checks and locks the lease that a person works under, ends it, and remembers who passed on the job or for whom it is kept."""

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractUser, User

from moderation.audit.log import audit_write
from moderation.decisions.locking import item_locked
from moderation.exceptions import LeaseLost
from moderation.models import Item, Job, JobPass
from moderation.models.review import JobState


def item_under_lease(job_key: str) -> Item:
    """Lock the item of a job, which comes before the job itself.

    Raises:
        LeaseLost: there is no such job.
    """
    try:
        return item_locked(jobs__key=job_key)
    except Item.DoesNotExist:
        raise LeaseLost("There is no such job.") from None


def job_under_lease(job_key: str, actor: User, token: str, now: datetime) -> Job:
    """Lock the actor's leased job.

    Raises:
        LeaseLost: the lease is over or is not theirs.
    """
    job = Job.objects.select_for_update(of=("self",)).select_related("queue").filter(key=job_key).first()
    live = job is not None and job.state == JobState.LEASED and job.lease_holder_id == actor.pk
    if not (
        job and live and str(job.lease_token) == str(token) and job.lease_expires_at and job.lease_expires_at > now
    ):
        raise LeaseLost(_why_lost(job, actor))
    return job


def _why_lost(job: Job | None, actor: User) -> str:
    """Return what a person is told who does not hold a job (any more)."""
    if job is not None and job.taken_from_id == actor.pk:
        return f"{job.taken_why} Nothing from you was recorded."
    if job is not None and job.kept_for_id == actor.pk:
        return "You went back to an earlier job, so this one waits for you: it is the next that you get."
    return "Your claim on this job is over, so it went back to its queue. Claim the next one."


def unlease(job: Job, state: JobState) -> None:
    """End the lease of a job, in memory."""
    job.state = state
    job.lease_holder, job.lease_token, job.lease_expires_at = None, None, None


def job_pass(*, job: Job, actor: User, now: datetime) -> None:
    """Open a job again that somebody gives back, and remember whom it is not to come back to. Why is not written down.

    Inside a transaction, with the job locked.
    """
    unlease(job, JobState.OPEN)
    job.save()
    JobPass.objects.update_or_create(job=job, person=actor, defaults={"passed_at": now})


def job_give_back(*, job: Job, actor: User, now: datetime) -> None:
    """Give a job back without a word: all that is written of it, whatever the reason was. Called as `job_pass` is."""
    job_pass(job=job, actor=actor, now=now)
    audit_write(actor=actor, action="job.released", object_type="job", object_key=job.key)


def job_keep(*, job: Job, person: AbstractUser, now: datetime) -> None:
    """Open a job that a person shall get before anybody else, inside a transaction with the job locked.

    Imminent harm is kept for nobody: whoever asks next has it.
    """
    unlease(job, JobState.OPEN)
    is_kept = not job.is_imminent
    job.kept_for_id = person.pk if is_kept else None
    job.kept_until = now + timedelta(seconds=settings.LEASE_SECONDS) if is_kept else None
    job.save()


def job_hand(*, job: Job, person: AbstractUser, now: datetime) -> None:
    """Lease an open job to the person whose it was, inside a transaction with its item locked; what they hold is kept for them.

    A job that is theirs again is no other one that they were given: it does not count against what they can bear in a day.
    """
    held = Job.objects.select_for_update(of=("self",)).filter(lease_holder=person.pk, state=JobState.LEASED).first()
    if held is not None and held.pk != job.pk:
        job_keep(job=held, person=person, now=now)
        audit_write(actor=person, action="job.put_aside", object_type="job", object_key=held.key)
    job.state, job.lease_holder_id, job.lease_token = JobState.LEASED, person.pk, uuid.uuid4()
    job.lease_expires_at = now + timedelta(seconds=settings.LEASE_SECONDS)
    job.claimed_at, job.n_leases = now, job.n_leases + 1
    job.kept_for_id = job.kept_until = None
    job.save()
    audit_write(actor=person, action="job.claimed", object_type="job", object_key=job.key, again=True)
