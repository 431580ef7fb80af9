"""Taking back one's own decision: one that still waits comes to nothing, one that stands is judged anew, as if it had not been made.

Either way its job is the person's again, with what they had typed; what they held meanwhile is kept for them.
"""

from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.decisions.locking import item_locked
from moderation.decisions.undo import decision_undo
from moderation.exceptions import UndoRefused
from moderation.items.visibility import item_visible
from moderation.jobs.opening import job_open, job_unconfirmed, queue_of
from moderation.live.lists import ListsChanged, ListsUnavailable
from moderation.models import Decision, Item, Job, Question, WaitingDecision
from moderation.models.decision import NEW_HARD_EVIDENCE, DecisionStage
from moderation.models.item import DeepState
from moderation.models.review import JobState
from moderation.models.waiting import WaitingState
from moderation.outbox.promise import TOPIC_EXAMINE, TOPIC_REEXAMINE, message_add
from moderation.rejudge.list_scan import contents_of
from moderation.rejudge.service import Judge
from moderation.review.drafts import draft_restore
from moderation.review.held import job_hand
from moderation.review.leases import job_held, leases_expire
from moderation.review.waiting import fields_of
from moderation.verdict.routing import route_job
from policies.choices import SENIOR_QUEUE, UNEXAMINED_QUEUE, Outcome
from policies.errors import PolicyUnavailable
from policies.live import active_policy

#: A list may change again while an item is judged; more often than this in a row is a fault.
_MAX_TRIES = 5
_UNKNOWN = "There is no such decision of yours."
_HIDDEN = "New evidence came in since, and others decide on this item now."
_LATER = "What is in force cannot be read just now, so nothing was taken back. Try again in a moment."
#: Queues that a category does not lead to.
_APART = (SENIOR_QUEUE, UNEXAMINED_QUEUE)


def undo(*, actor: User, key: str, now: datetime) -> Job | None:
    """Take back one's own decision and return its job, theirs again; None where it has none to give back to them.

    A repeat changes nothing and returns the job that they hold.

    Args:
        key: public key of a decision, or of one that waits or waited.

    Raises:
        PermissionDenied: the actor may not review.
        UndoRefused: it is none of theirs, or something newer stands; the message says what.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers take back decisions.")
    leases_expire(now=now, holder=actor)
    waiting = WaitingDecision.objects.filter(actor=actor, key=key).first()
    if waiting is not None and waiting.state != WaitingState.APPLIED:
        job, is_settled = _take_back(actor, waiting.pk, now)
        if is_settled:
            return job
        waiting.refresh_from_db()
    decision = waiting.decision if waiting else Decision.objects.filter(actor=actor, key=key).first()
    if decision is None:
        raise UndoRefused(_UNKNOWN)
    return _undo(actor, decision, now)


@transaction.atomic
def _take_back(actor: User, pk: int, now: datetime) -> tuple[Job | None, bool]:
    """Let a decision that waits come to nothing; return its job, and whether that is all there is to do.

    1. lock the item, the job and the row: a worker that came first has made it a decision,
    2. settle the row, hand the job back where nobody else has it, with what was typed; audit.
    """
    item = item_locked(waiting_decisions=pk)
    job = Job.objects.select_for_update(of=("self",)).select_related("queue").filter(waiting_decisions=pk).first()
    waiting = WaitingDecision.objects.select_for_update().get(pk=pk)
    if waiting.state == WaitingState.APPLIED:
        return None, False
    if waiting.state != WaitingState.WAITING:  # a second press, or told already that it was overtaken
        return job_held(actor), True
    waiting.state, waiting.settled_at = WaitingState.TAKEN_BACK, now
    waiting.save(update_fields=["state", "settled_at"])
    audit_write(
        actor=actor, action="decision.taken_back", object_type="item", object_key=item.external_id,
        waiting=str(waiting.key),
    )  # fmt: skip
    draft_restore(actor=actor, on=job or item, fields=fields_of(waiting), basis=waiting.expected_decision, now=now)
    if job is None or job.state != JobState.OPEN or not item_visible(actor, item):
        return None, True
    job_hand(job=job, person=actor, now=now)
    return job, True


def _undo(actor: User, decision: Decision, now: datetime) -> Job | None:
    """Put what stands without a decision in its place; where a list changes meanwhile, once more with the new one."""
    try:
        judges = Judge()
        for _ in range(_MAX_TRIES):
            try:
                return _undo_once(actor, decision, judges, now)
            except ListsChanged:
                judges.refresh()
    except (ListsUnavailable, PolicyUnavailable):
        raise UndoRefused(_LATER) from None
    raise UndoRefused(_LATER)


@transaction.atomic
def _undo_once(actor: User, decision: Decision, judges: Judge, now: datetime) -> Job | None:
    """Take a decision back that was made.

    1. lock the item; the decision has to be what stands, and nobody else at work on the item,
    2. judge all of its content by what is in force, and record what stands without the decision,
    3. open a job and hand it to the actor, with what they had typed; audit.
    """
    item = item_locked(pk=decision.item_id)
    if _is_undone(decision):
        return job_held(actor)
    _check(actor, item, decision)
    content = contents_of([Item.objects.select_related("creator", "media", "cover").get(pk=item.pk)]).get(item.pk)
    if content is None:
        raise UndoRefused("Machines have not looked at this item yet, so nobody can say what would stand without it.")
    verdict = judges.verdict(content)
    undone = decision_undo(
        item=item, judgement=verdict.judgement, policy=verdict.policy, is_whole=verdict.is_whole,
        is_final=item.deep_state != DeepState.QUEUED, now=now,
    )  # fmt: skip
    if not verdict.is_whole:
        message_add(topic=TOPIC_EXAMINE, item=item, rank_at=now)
    if verdict.judgement.awaits_detector:  # it could not matter then; now it may
        message_add(topic=TOPIC_REEXAMINE, item=item, rank_at=now)
    audit_write(
        actor=actor, action="decision.undone", object_type="item", object_key=item.external_id,
        undone=str(decision.key), decision=str(undone.key), outcome=Outcome(undone.outcome).name,
    )  # fmt: skip
    item.refresh_from_db(fields=["is_restricted"])
    if not item_visible(actor, item):
        return None
    job = _reopen(actor, item, decision, undone, now)
    draft_restore(actor=actor, on=job, fields=fields_of(decision), basis="", now=now)
    job_hand(job=job, person=actor, now=now)
    return job


def _is_undone(decision: Decision) -> bool:
    return Decision.objects.filter(supersedes=decision, stage=DecisionStage.UNDONE).exists()


def _check(actor: User, item: Item, decision: Decision) -> None:
    """Raise UndoRefused where something newer stands than a decision on a locked item, or somebody else is at it."""
    if not item_visible(actor, item):
        raise UndoRefused(_HIDDEN)
    if item.withdrawn_at:
        raise UndoRefused("The platform has withdrawn this item since; nothing is left to decide.")
    current = item.current_decision
    if current is not None and current.pk != decision.pk:
        raise UndoRefused(f"{_say_newer(current)} Your decision stands no more, so there is nothing to take back.")
    other = WaitingDecision.objects.filter(item=item, state=WaitingState.WAITING).exclude(actor=actor)
    if waiting := other.select_related("actor").first():
        raise UndoRefused(
            f"{waiting.actor.get_username()} has just decided this item anew; it takes effect in a moment."
        )
    leased = Job.objects.filter(item=item, state=JobState.LEASED, is_unconfirmed=False).exclude(lease_holder=actor)
    if leased.exists():
        raise UndoRefused("Somebody else is looking at this item just now. Ask them, or try again when they are done.")


def _say_newer(current: Decision) -> str:
    if current.decided_by == NEW_HARD_EVIDENCE or current.decided_by.startswith("hard."):
        return "New hard evidence came in since."
    if current.actor:
        return f"{current.actor.get_username()} has decided this item since."
    return "The item was decided again since: " + DecisionStage(current.stage).label.lower() + "."


def _reopen(actor: User, item: Item, decision: Decision, undone: Decision, now: datetime) -> Job:
    """Return the job in which a decision that was taken back is made anew: open, where the one before it was."""
    before, policy = Job.objects.select_related("queue").filter(decision=decision).first(), active_policy()
    category = decision.category or (before.category if before else "") or undone.category
    reason = "Taken back by whoever had decided it"
    score = before.score if before else 0.5
    if before is not None and before.is_unconfirmed and not item.is_restricted:
        return job_unconfirmed(item=item, policy=policy, category=before.category, score=score, reason=reason, now=now)
    queue = before.queue.slug if before else SENIOR_QUEUE
    job = job_open(
        item=item, policy=policy, category=category, score=score, reason=reason,
        queue_slug=queue if queue in _APART else "", due_by=before.due_at if before else None, now=now,
    )  # fmt: skip
    if decision.outcome == Outcome.ESCALATE:
        _recall(actor, item, job, undone, queue, now)
    return job


def _recall(actor: User, item: Item, job: Job, undone: Decision, queue: str, now: datetime) -> None:
    """Take a job back from the seniors that was passed on to them, with the question in it."""
    Question.objects.filter(job=job, asker=actor, answered_at__isnull=True).update(
        answer="Taken back by whoever had asked.", answered_by=actor, answered_at=now, seen_at=now, decision=undone
    )
    if job.queue.slug == SENIOR_QUEUE and queue != SENIOR_QUEUE and not job.queue.is_restricted:
        job.queue = queue_of(route_job(active_policy(), category=job.category, language=item.language, kind=item.kind))
        job.save(update_fields=["queue"])
