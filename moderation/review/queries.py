"""Reads for the queues' overview and the page of one job."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet, Value, Window

from moderation.items.match_words import own_words_column
from moderation.items.queries import (
    BASIS_RELATIONS,
    basis_columns,
    decision_trail,
    items_search,
    latest_findings,
    made_column,
)
from moderation.items.transcript import Transcript, transcript_column, transcript_in
from moderation.items.viewing import viewing_column, viewing_in
from moderation.items.visibility import (
    job_hides_media,
    jobs_visible,
    may_know,
    messages_visible,
    queues_visible,
    reports_visible,
)
from moderation.models import (
    CreatorAct,
    Decision,
    DecisionDraft,
    Finding,
    Item,
    Job,
    JobNote,
    LeadCall,
    OutboxMessage,
    Question,
    Queue,
    Report,
    Reviewer,
    ViewingChoice,
)
from moderation.models.review import ACTIVE_JOB_STATES, JobState
from moderation.review.drafts import draft_column, draft_in
from moderation.review.kept_counts import count_kept
from moderation.verdict.routing import QueueFacts, queue_facts
from policies.live import active_policy


@dataclass(frozen=True, slots=True)
class QueueDepth:
    """How much waits in a queue."""

    slug: str
    title: str
    severity: int
    sla_minutes: int
    is_restricted: bool
    n_open: int
    n_leased: int
    n_overdue: int
    oldest_seconds: float | None


def queue_depths(user: AbstractUser, now: datetime) -> list[QueueDepth]:
    """Return what waits in each queue that the user may see, the gravest first, in three queries; decided jobs are not touched.

    What has a decision waiting, or is kept for somebody, is not open to anybody else.

    Severity and time to decide are those of the version in force; a queue that it does not name keeps what it was made with.
    """
    by_queue = count_kept(
        "depths", lambda: _count_waiting(now), lambda rows: sum(row["n_open"] for row in rows.values())
    )
    by_queue = {pk: {**row} for pk, row in by_queue.items()}  # what is kept is everybody's
    kept = Job.objects.filter(state=JobState.OPEN, kept_until__gt=now).exclude(kept_for=user.pk).values("queue_id")
    for row in kept.annotate(n=Count("pk")):
        if counted := by_queue.get(row["queue_id"]):
            counted["n_open"] = max(counted["n_open"] - row["n"], 0)
    facts = queue_facts(active_policy())
    depths = [_depth(queue, facts.get(queue.slug), by_queue.get(queue.pk, {}), now) for queue in queues_visible(user)]
    return sorted(depths, key=lambda depth: (-depth.severity, depth.slug))


def _count_waiting(now: datetime) -> dict[int, dict[str, Any]]:
    """Return what waits by queue, from an index alone: rows are counted, not their keys."""
    waiting = Job.objects.filter(state__in=ACTIVE_JOB_STATES).values("queue_id")
    counts = waiting.annotate(
        n_open=Count(Value(1), filter=Q(state=JobState.OPEN)),
        n_leased=Count(Value(1), filter=Q(state=JobState.LEASED)),
        n_overdue=Count(Value(1), filter=Q(due_at__lt=now)),
        oldest=Min("created_at", filter=Q(state=JobState.OPEN)),
    )
    return {row["queue_id"]: dict(row) for row in counts}


def _depth(queue: Queue, facts: QueueFacts | None, row: Mapping[str, Any], now: datetime) -> QueueDepth:
    return QueueDepth(
        slug=queue.slug,
        title=queue.title,
        severity=facts.severity if facts else queue.severity,
        sla_minutes=facts.sla_minutes if facts else queue.sla_minutes,
        is_restricted=queue.is_restricted,
        n_open=row.get("n_open", 0),
        n_leased=row.get("n_leased", 0),
        n_overdue=row.get("n_overdue", 0),
        oldest_seconds=(now - row["oldest"]).total_seconds() if row.get("oldest") else None,
    )


@dataclass(frozen=True, slots=True)
class JobPage:
    """All that the job page shows."""

    job: Job
    item: Item
    decisions: list[Decision]
    findings: list[Finding]
    reports: list[Report]
    notes: list[JobNote]
    questions: list[Question]
    draft: DecisionDraft | None
    viewing: ViewingChoice
    transcript: Transcript | None
    creator_items: Sequence[Item]
    n_creator_blocked: int


def _told_kinds() -> ArraySubquery:
    """Return what its creator was told from a job, by kind."""
    return ArraySubquery(CreatorAct.objects.filter(job=OuterRef("pk")).values("kind"))


def _is_lead_called() -> Exists:
    """Return whether a call about a job waits for somebody who leads."""
    return Exists(LeadCall.objects.filter(job=OuterRef("pk"), seen_at__isnull=True))


def job_page(job_key: str, user: AbstractUser) -> JobPage | None:
    """Return a job that the user may know of with its item, evidence, history and reports, their own draft and way of looking,
    and what they said of its matches as `own_words`.

    The creator's other items and the reports are those that the user may know of.
    """
    basis = basis_columns(user, "item_id")
    job = (
        jobs_visible(user)
        .select_related("queue", "lease_holder", "decision", "item__creator", "item__media", "item__cover")
        .select_related("item__current_decision__policy_version", *(f"item__{name}" for name in BASIS_RELATIONS))
        .annotate(own_words=own_words_column(user.pk, "item_id"), own_draft=draft_column(user.pk), **basis)
        .annotate(own_viewing=viewing_column(user.pk, "category"), heard=transcript_column("item__media__sha256"))
        .annotate(told_kinds=_told_kinds(), is_lead_called=_is_lead_called(), made=made_column("item__media"))
        .filter(key=job_key)
        .first()
    )
    if job is None:
        return None
    for name in (*basis, "made"):  # the item is read with the job, in one look
        setattr(job.item, name, getattr(job, name))
    decisions = list(decision_trail(job.item))
    n_blocked = Window(Count("pk", filter=Q(state="blocked")))  # over all of them, though only the latest are read
    others = items_search(user).filter(creator=job.item.creator).exclude(pk=job.item.pk).annotate(n_blocked=n_blocked)
    latest = list(others[:8])
    return JobPage(
        job=job,
        item=job.item,
        decisions=decisions,
        findings=latest_findings(decisions),
        reports=list(reports_visible(user).filter(item=job.item).order_by("-created_at")),
        notes=list(job_notes(job_key)),
        questions=list(job.questions.filter(answered_at__isnull=True).select_related("asker").order_by("-created_at")),
        draft=draft_in(getattr(job, "own_draft", None)),
        viewing=viewing_in(getattr(job, "own_viewing", None), job.category),
        transcript=None if job_hides_media(job) else transcript_in(getattr(job, "heard", None)),
        creator_items=latest,
        n_creator_blocked=latest[0].n_blocked if latest else 0,
    )


def job_notes(job_key: str) -> QuerySet[JobNote]:
    """Return what a job's holder is told beside the evidence, the newest first."""
    return JobNote.objects.filter(job__key=job_key).select_related("author").order_by("-created_at", "-pk")


def severity_of(job: Job) -> int:
    """Return how grave a job's queue is by the version in force; of one that it does not name, as it was made."""
    facts = queue_facts(active_policy()).get(job.queue.slug)
    return facts.severity if facts else job.queue.severity


def answers_back(user: AbstractUser) -> QuerySet[Question]:
    """Return the answers to a person's questions that they have not put aside, the newest first; the partition's only to those
    who may know of it.
    """
    mine = Question.objects.filter(asker_id=user.pk, answered_at__isnull=False, seen_at__isnull=True)
    known = mine.filter(job__in=jobs_visible(user))
    return known.select_related("job__item", "answered_by", "decision").order_by("-answered_at")


def reviewers_listed() -> QuerySet[Reviewer]:
    """Return those who have claimed a job or said something of their seat, without what is theirs alone."""
    listed = Reviewer.objects.filter(user__is_active=True).select_related("user")
    return listed.only("key", "languages", "queues", "at_work_at", "user__username").order_by("user__username")


def item_jobs(user: AbstractUser, item: Item) -> QuerySet[Job]:
    """Return an item's jobs that the user may know of, newest first."""
    return jobs_visible(user).filter(item=item).select_related("queue").order_by("-id")


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for machines and people, for health, metrics and the home page."""

    n_dead: int
    n_waiting: int
    oldest_message_at: datetime | None
    n_active_jobs: int


def backlog() -> Backlog:
    """Return how much waits."""
    return _backlog(OutboxMessage.objects.all(), Job.objects.all())


def backlog_visible(user: AbstractUser) -> Backlog:
    """Return the same as far as a person may count it: without what is of items that they may not know of."""
    return count_kept(
        ("backlog", may_know(user)),
        lambda: _backlog(messages_visible(user), jobs_visible(user)),
        lambda waits: waits.n_active_jobs + waits.n_waiting + waits.n_dead,
    )


def job_ages(now: datetime) -> dict[str, float]:
    """Return the age in seconds of the oldest open job of each queue that has one."""
    rows = Job.objects.filter(state=JobState.OPEN).values("queue__slug").annotate(oldest=Min("created_at"))
    return {row["queue__slug"]: (now - row["oldest"]).total_seconds() for row in rows}


def _backlog(promised: QuerySet[OutboxMessage], jobs: QuerySet[Job]) -> Backlog:
    # Each by its own small index: what was done once is by far the most, and is not looked at.
    parts = (
        _counted("dead", promised.filter(state="dead")),
        _counted("waiting", promised.filter(state__in=["pending", "sent"])),
        _counted("jobs", jobs.filter(state__in=ACTIVE_JOB_STATES)),
    )
    counts = {what: (n, oldest) for what, n, oldest in parts[0].union(*parts[1:], all=True)}
    nothing = (0, None)
    n_waiting, oldest = counts.get("waiting", nothing)
    return Backlog(counts.get("dead", nothing)[0], n_waiting, oldest, counts.get("jobs", nothing)[0])


def _counted(what: str, rows: QuerySet[Any]) -> QuerySet[Any, Any]:
    """Return one row: what was counted, how many there are, and when the oldest was made; none where there are none."""
    named = rows.order_by().annotate(what=Value(what)).values("what")
    counted: QuerySet[Any, Any] = named.annotate(n=Count("*"), oldest=Min("created_at"))
    return counted.values_list("what", "n", "oldest")
