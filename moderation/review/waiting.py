"""What a person decides and lets somebody see more waits a moment: until then it clears nothing and can be taken back.

All that narrows acts at once. A worker makes the decision at its time, by the service that decides at once and with its checks;
where the world changed meanwhile, it makes none, and the job is its maker's again with what they had typed.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.decisions.basis import basis_of, parts_of
from moderation.decisions.locking import item_locked
from moderation.decisions.record import PersonVerdict, overturn_record, verdict_check
from moderation.exceptions import DecisionChanged, ModerationError
from moderation.items.visibility import item_visible
from moderation.live.lists import lists_mark
from moderation.models import Clearance, Decision, Item, Job, WaitingDecision
from moderation.models.decision import NEW_HARD_EVIDENCE, DecisionStage
from moderation.models.review import JobState
from moderation.models.waiting import WaitingState
from moderation.rejudge.service import items_judge_again
from moderation.review.drafts import draft_drop_beside, draft_restore, drafts_settle
from moderation.review.held import item_under_lease, job_keep, job_under_lease, unlease
from moderation.review.leases import job_end
from moderation.verdict.lists_mark import ListsMark
from policies.choices import Outcome
from policies.live import active_policy

log = structlog.get_logger(__name__)

#: Where no worker comes for so long after its time, the job of a decision that waits is anybody's again.
GRACE = timedelta(seconds=60)
#: Decisions that one run of the task makes at most.
_BATCH = 200
#: What somebody is told who may not know of the item any more.
HIDDEN = "New evidence came in before it took effect, and others decide on this item now."


def widens(item: Item, verdict: PersonVerdict, now: datetime) -> bool:
    """Whether a verdict on a locked item lets anybody see what nobody, or fewer, could."""
    if not verdict.outcome.is_servable:
        return False
    granted = Clearance.objects.filter(item=item, is_granted=True, valid_until__gte=now).first()
    if granted is None:
        return True
    return verdict.min_age < granted.min_age or not set(granted.territories_blocked) <= set(verdict.territories)


@transaction.atomic
def job_send(
    *,
    actor: User,
    job_key: str,
    lease_token: str,
    expected_decision: str,
    outcome: Outcome,
    category: str,
    note: str,
    min_age: int,
    territories: Sequence[str],
    now: datetime,
    answer: str = "",
    span: tuple[int, int] | None = None,
    clause: str = "",
) -> Decision | WaitingDecision:
    """Decide a job that the actor holds: at once, or a moment later where it lets somebody see more.

    1. lock the item, then the job, and check the lease,
    2. what narrows, and all where nothing waits by setting, is recorded and ends the job as in `job_decide`,
    3. check all that `job_decide` checks, write down what is to be decided, end the lease. Nobody gets the job meanwhile,
    4. audit.

    Args, Raises: as `job_decide`.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers decide jobs.")
    item = item_under_lease(job_key)
    job = job_under_lease(job_key, actor, lease_token, now)
    verdict = PersonVerdict(outcome, category, note, min_age, tuple(territories), span, clause)
    if not settings.CLEARING_WAITS_SECONDS or not widens(item, verdict, now):
        return job_end(
            actor=actor,
            job=job,
            item=item,
            expected_decision=expected_decision,
            verdict=verdict,
            answer=answer,
            now=now,
        )
    waiting = _wait(actor, item, job, expected_decision, verdict, answer, DecisionStage.REVIEW, now)
    unlease(job, JobState.OPEN)
    job.kept_until = waiting.due_at + GRACE
    job.save()
    drafts_settle(actor=actor, item=item)
    return waiting


@transaction.atomic
def overturn_send(
    *,
    actor: User,
    item_key: str,
    expected_decision: str,
    outcome: Outcome,
    category: str,
    note: str,
    min_age: int,
    territories: Sequence[str],
    now: datetime,
    span: tuple[int, int] | None = None,
) -> Decision | WaitingDecision:
    """Decide an item over an earlier decision: at once, or a moment later where it lets somebody see more.

    Raises:
        PermissionDenied, DecisionInvalid, DecisionChanged, ItemNotOpen: as `item_overturn`.
    """
    if not actor.has_perm("moderation.overturn_decisions"):
        raise PermissionDenied("Only seniors overturn decisions.")
    item = item_locked(key=item_key)
    verdict = PersonVerdict(outcome, category, note, min_age, tuple(territories), span)
    if not settings.CLEARING_WAITS_SECONDS or not widens(item, verdict, now):
        draft_drop_beside(actor=actor, on=item)
        return overturn_record(actor=actor, item=item, expected_decision=expected_decision, verdict=verdict, now=now)
    draft_drop_beside(actor=actor, on=item)
    return _wait(actor, item, None, expected_decision, verdict, "", DecisionStage.SENIOR, now)


def _wait(
    actor: User,
    item: Item,
    job: Job | None,
    expected_decision: str,
    verdict: PersonVerdict,
    answer: str,
    stage: DecisionStage,
    now: datetime,
) -> WaitingDecision:
    verdict_check(actor=actor, item=item, expected_decision=expected_decision, verdict=verdict, policy=active_policy())
    for earlier in WaitingDecision.objects.select_for_update().filter(item=item, state=WaitingState.WAITING):
        _overtake(earlier, item, f"{actor.get_username()} decided this item before it took effect.", now)
    mark = lists_mark()
    waiting = WaitingDecision.objects.create(
        item=item,
        job=job,
        actor=actor,
        stage=stage,
        outcome=verdict.outcome,
        min_age=verdict.min_age,
        territories_blocked=sorted(verdict.territories),
        category=verdict.category,
        clause=verdict.clause,
        note=verdict.note.strip(),
        span_from_ms=verdict.span[0] if verdict.span else None,
        span_until_ms=verdict.span[1] if verdict.span else None,
        answer=answer[:2_000],
        expected_decision=expected_decision,
        lists_n=mark.n,
        lists_newest=mark.newest,
        due_at=now + timedelta(seconds=settings.CLEARING_WAITS_SECONDS),
        created_at=now,
    )
    _audit(waiting, item, "decision.waits", actor, outcome=verdict.outcome.name)
    return waiting


def _audit(waiting: WaitingDecision, item: Item, action: str, actor: AbstractUser | str, **data: object) -> None:
    audit_write(
        actor=actor, action=action, object_type="item", object_key=item.external_id, waiting=str(waiting.key), **data
    )


# --- taking effect -----------------------------------------------------------------------------------------------


def waiting_apply_due(*, now: datetime) -> int:
    """Make the decisions whose time has come; return how many waited no longer.

    Each in a transaction of its own: the work can end anywhere and be repeated, or run twice at once. One that fails stays, keeps
    no other waiting, and clears nothing meanwhile.
    """
    due = WaitingDecision.objects.filter(state=WaitingState.WAITING, due_at__lte=now).order_by("due_at", "pk")
    n_settled = 0
    for pk in due.values_list("pk", flat=True)[:_BATCH]:
        try:
            n_settled += waiting_apply(pk=pk, now=now)
        except Exception as error:  # whatever it is, the others must not wait for it
            log.exception("waiting_decision_failed", waiting=pk, error=type(error).__name__)
    return n_settled


def waiting_apply(*, pk: int, now: datetime) -> bool:
    """Make a decision that waited, or none where the world has changed; return whether it waits no longer.

    1. where a list changed since it was made, judge the item by the lists of now: what speaks against it then stands,
    2. lock the item, the job and the row; one that waits no longer, or not yet long enough, is left as it is,
    3. record the decision as the person's, with all checks of one that is made now, or let it be overtaken.

    Raises:
        ListsUnavailable, policies.errors.PolicyUnavailable: nobody can tell now; it goes on waiting.
    """
    mark = _look_again(WaitingDecision.objects.get(pk=pk))
    with transaction.atomic():
        item = item_locked(waiting_decisions=pk)
        job = Job.objects.select_for_update(of=("self",)).select_related("queue").filter(waiting_decisions=pk).first()
        waiting = WaitingDecision.objects.select_for_update().get(pk=pk)
        if waiting.state != WaitingState.WAITING or waiting.due_at > now or lists_mark() != mark:
            return False
        actor = User.objects.get(pk=waiting.actor_id)  # as they are now, whatever they could do then
        try:
            with transaction.atomic():
                decision = _decide(waiting, item, job, actor, now)
        except ModerationError as error:
            _overtake(waiting, item, _say_why(error, item, actor, waiting), now)
        else:
            waiting.state, waiting.settled_at, waiting.decision = WaitingState.APPLIED, now, decision
            waiting.save(update_fields=["state", "settled_at", "decision"])
    return True


def _look_again(waiting: WaitingDecision) -> ListsMark:
    """Judge the item of a decision by the lists of now where they are others than its maker's; return the mark of now."""
    mark = lists_mark()
    if (mark.n, mark.newest) != (waiting.lists_n, waiting.lists_newest) and waiting.state == WaitingState.WAITING:
        items_judge_again(item_pks=[waiting.item_id], stage=DecisionStage.LISTS)
    return mark


class _NotTheirs(ModerationError):
    """The person may not decide this (any more), or the job is somebody else's or over."""


def _decide(waiting: WaitingDecision, item: Item, job: Job | None, actor: User, now: datetime) -> Decision:
    is_senior = waiting.stage == DecisionStage.SENIOR
    permission = "moderation.overturn_decisions" if is_senior else "moderation.review_jobs"
    if not actor.has_perm(permission):
        raise _NotTheirs("Its maker could not decide any more when it was to take effect.")
    if not item_visible(actor, item):
        raise _NotTheirs(HIDDEN)
    verdict = verdict_of(waiting)
    expected = waiting.expected_decision
    if job is None:
        return overturn_record(actor=actor, item=item, expected_decision=expected, verdict=verdict, now=now)
    if _basis_token(actor, item) == expected and job.state != JobState.OPEN:
        raise _NotTheirs(_JOB_GONE.get(job.state, "The job was decided before it took effect."))
    return job_end(
        actor=actor, job=job, item=item, expected_decision=expected, verdict=verdict, answer=waiting.answer, now=now,
        decided_at=waiting.created_at,
    )  # fmt: skip


_JOB_GONE: dict[str, str] = {
    JobState.LEASED: "It waited too long, so the job went to somebody else.",
    JobState.CLOSED: "The item needed no person any more before it took effect.",
}


def verdict_of(waiting: WaitingDecision) -> PersonVerdict:
    """Return what a decision that waits will say."""
    return PersonVerdict(
        Outcome(waiting.outcome),
        waiting.category,
        waiting.note,
        waiting.min_age,
        tuple(waiting.territories_blocked),
        waiting.span_ms,
        waiting.clause,
    )


def _basis_token(actor: User, item: Item) -> str:
    """Return what a person's page of an item that is made now would carry; "" where there is none."""
    basis = basis_of(actor, pk=item.pk)
    return basis.token if basis else ""


def _say_why(error: ModerationError, item: Item, actor: User, waiting: WaitingDecision) -> str:
    """Return in words for its maker why a decision did not take effect; nothing of what they may not know."""
    if not item_visible(actor, item):
        return HIDDEN
    if item.withdrawn_at:
        return "The platform withdrew the item before it took effect."
    if not isinstance(error, DecisionChanged):
        return str(error)[:200]
    then, now = parts_of(waiting.expected_decision), basis_of(actor, pk=item.pk)
    if then is None or now is None or then[0] != now.decision:
        return _say_who(item.current_decision)
    if then[2] != now.parts[2]:
        return "Machines found hard evidence before it took effect."
    if then[1] != now.parts[1]:
        return "Somebody reported the item before it took effect."
    return "The item's campaign changed before it took effect."


def _say_who(decision: Decision | None) -> str:
    if decision is None:
        return "The item changed before it took effect."
    if decision.decided_by == NEW_HARD_EVIDENCE or decision.decided_by.startswith("hard."):
        return "New hard evidence came in before it took effect."
    if decision.actor:
        return f"{decision.actor.get_username()} decided this item before it took effect."[:200]
    return _BY_STAGE.get(decision.stage, "Machines decided this item again before it took effect.")


_BY_STAGE: dict[str, str] = {
    DecisionStage.CAMPAIGN: "The item was decided with its campaign before it took effect.",
    DecisionStage.ACTIVATION: "A new policy version decided the item before it took effect.",
    DecisionStage.UNDONE: "Somebody took an earlier decision on the item back before it took effect.",
}


def _overtake(waiting: WaitingDecision, item: Item, why: str, now: datetime) -> None:
    """Let a locked row come to nothing: its job is its maker's first, with what they had typed, and they are told why."""
    waiting.state, waiting.settled_at, waiting.why = WaitingState.OVERTAKEN, now, why[:200]
    waiting.save(update_fields=["state", "settled_at", "why"])
    _audit(waiting, item, "decision.overtaken", "system")
    actor = waiting.actor
    job = Job.objects.select_for_update(of=("self",)).filter(waiting_decisions=waiting.pk).first()
    draft_restore(actor=actor, on=job or item, fields=fields_of(waiting), basis=waiting.expected_decision, now=now)
    if job is None or job.state != JobState.OPEN:
        return
    if actor.is_active and actor.has_perm("moderation.review_jobs") and item_visible(actor, item):
        job_keep(job=job, person=actor, now=now)
    else:  # it is anybody's who may have it
        job.kept_until = None
        job.save(update_fields=["kept_until"])


def fields_of(waiting: WaitingDecision | Decision) -> dict[str, str]:
    """Return what a person had sent, as the fields of their page; times in seconds."""
    begins, ends = waiting.span_ms or (None, None)
    return {
        "outcome": str(waiting.outcome),
        "category": waiting.category,
        "clause": waiting.clause,
        "note": waiting.note,
        "span_from": "" if begins is None else f"{begins / 1_000:g}",
        "span_until": "" if ends is None else f"{ends / 1_000:g}",
        "min_age": str(waiting.min_age or ""),
        "territories": ", ".join(waiting.territories_blocked),
        "answer": waiting.answer if isinstance(waiting, WaitingDecision) else "",
    }
