"""Giving a job back undecided: for a reason, with a question to seniors, or at the end of a shift.

That something was too much for somebody is written nowhere: the rows are those of a job given back without a word.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.exceptions import HandBackInvalid
from moderation.jobs.opening import queue_of
from moderation.jobs.questions import question_ask
from moderation.models import Job, JobNote, Question, Reviewer
from moderation.models.job_note import NoteKind, SkipReason
from moderation.models.review import JobState
from moderation.review.drafts import draft_hand_back
from moderation.review.held import item_under_lease, job_give_back, job_pass, job_under_lease
from moderation.verdict.routing import route_job
from policies.choices import SENIOR_QUEUE
from policies.live import active_policy

_NOTES = {
    SkipReason.LANGUAGE: "Its last holder does not read its language.",
    SkipReason.TECHNICAL: "Its last holder could not judge it for a technical reason.",
}


@transaction.atomic
def job_skip(*, actor: User, job_key: str, lease_token: str, reason: str, note: str, now: datetime) -> Job:
    """Give a job back for a reason; it is not the actor's again before somebody else had it.

    A language or a technical reason is a note for the next holder and is audited. Advice is asked of seniors, the note being the
    question. What was too much is nobody's business: no reason and no note are kept, anywhere.

    Raises:
        LeaseLost: it is not theirs (any more).
        HandBackInvalid: there is no such reason, or advice is asked for without a question.
    """
    if reason not in SkipReason.values:
        raise HandBackInvalid("reason", "Choose why you skip it.")
    if reason == SkipReason.ADVICE:
        return job_ask(actor=actor, job_key=job_key, lease_token=lease_token, question=note, now=now).job
    job = job_under_lease(job_key, actor, lease_token, now)
    draft_hand_back(actor=actor, job=job)
    if reason == SkipReason.TOO_MUCH:
        job_give_back(job=job, actor=actor, now=now)
        return job
    job_pass(job=job, actor=actor, now=now)
    text = f"{_NOTES[SkipReason(reason)]} {note.strip()}".strip()
    _leave(job, actor, text, now)
    audit_write(actor=actor, action="job.skipped", object_type="job", object_key=job.key, reason=reason)
    return job


def _leave(job: Job, actor: User, text: str, now: datetime) -> None:
    JobNote.objects.create(job=job, kind=NoteKind.LEFT, author=actor, text=text[:500], created_at=now)


@transaction.atomic
def job_ask(*, actor: User, job_key: str, lease_token: str, question: str, now: datetime) -> Question:
    """Pass a job to the seniors with a question. It keeps its due time, and the answer comes back to the asker.

    1. lock the item, then the job, and check the lease,
    2. give it back, then move it, so that nobody is told that it was taken from them. What waits in the partition stays
       there: its people are the seniors,
    3. put the question, audit without its words.

    Raises:
        LeaseLost: it is not theirs (any more).
        HandBackInvalid: there is no question.
    """
    if not question.strip():
        raise HandBackInvalid("question", "Write what you want to know; the senior reads nothing else of you.")
    item = item_under_lease(job_key)
    job = job_under_lease(job_key, actor, lease_token, now)
    job_pass(job=job, actor=actor, now=now)
    draft_hand_back(actor=actor, job=job)
    if not job.queue.is_restricted:
        route = route_job(
            active_policy(), category=job.category, language=item.language, kind=item.kind, queue=SENIOR_QUEUE
        )
        job.queue = queue_of(route)
        job.save(update_fields=["queue"])
    asked = question_ask(job=job, asker=actor, text=question, now=now)
    audit_write(actor=actor, action="job.asked", object_type="job", object_key=job.key, question=str(asked.key))
    return asked


@transaction.atomic
def shift_end(*, actor: User, note: str, now: datetime) -> int:
    """Hand over at the end of a shift: give back all that the actor holds, with a note for whoever has it next.

    What is kept for them is anybody's as well. From then on they do not count as at work, so what they alone could take goes to
    others. A repeat changes nothing.

    Returns the number of jobs that were given back.

    Raises:
        PermissionDenied: the actor may not review.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers have shifts.")
    held = Job.objects.select_for_update(of=("self",), no_key=True).filter(lease_holder=actor, state=JobState.LEASED)
    jobs = list(held)
    for job in jobs:
        job_give_back(job=job, actor=actor, now=now)
        if note.strip():
            _leave(job, actor, note.strip(), now)
    Job.objects.filter(state=JobState.OPEN, kept_for=actor).update(kept_for=None, kept_until=None)
    was_at_work = Reviewer.objects.filter(user=actor, at_work_at__isnull=False).update(at_work_at=None)
    if jobs or was_at_work:
        audit_write(
            actor=actor, action="shift.ended", object_type="user", object_key=actor.get_username(), n_jobs=len(jobs)
        )
    return len(jobs)


@transaction.atomic
def answer_seen(*, actor: User, key: str, now: datetime) -> bool:
    """Put an answer aside that its asker has read; return whether there was one that they had not."""
    unseen = Question.objects.filter(key=key, asker=actor, answered_at__isnull=False, seen_at__isnull=True)
    question = unseen.select_related("job").select_for_update(of=("self",)).first()
    if question is None:
        return False
    unseen.update(seen_at=now)
    audit_write(actor=actor, action="job.answer_read", object_type="job", object_key=question.job.key)
    return True


def question_of(actor: User, key: str) -> Question | None:
    """Return a question that the actor asked."""
    return Question.objects.filter(key=key, asker=actor).first()
