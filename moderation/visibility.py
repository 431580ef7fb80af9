"""Who may know of the restricted partition. This is decided here, from the flag that a category carries, and nowhere else.

The database marks the items: `Item.is_restricted` is set by triggers where a decision names a category with the flag, or a
job waits in a restricted queue that no mere report opened. It is never unset.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, UUIDField, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from moderation.models import (
    AuditEvent,
    CampaignMember,
    Decision,
    HashBank,
    Item,
    Job,
    OutboxMessage,
    Queue,
    Report,
    ScoreWeek,
    ShadowVerdict,
)
from moderation.routing import PARTITION_QUEUES
from policies.models import Category

#: Who has it may list, count and open what is in the partition.
PERMISSION = "moderation.review_restricted"

Person = AbstractUser | AnonymousUser


def may_know(user: Person) -> bool:
    """Return whether somebody may know what is in the partition, and how much."""
    return user.has_perm(PERMISSION)


# --- categories and queues, by name -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hidden:
    """The categories and queues, by slug, that somebody may not know the contents of."""

    categories: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()


def hidden_from(user: Person) -> Hidden:
    """Return what a person may not know of, in two queries; nothing for those who may."""
    return Hidden(categories_hidden(user), queues_hidden(user))


def categories_hidden(user: Person, known: Iterable[Category] | None = None) -> frozenset[str]:
    """Return the categories whose contents a person may not know; without a query where all categories are at hand."""
    if may_know(user):
        return frozenset()
    flagged = _flagged() if known is None else known
    return frozenset(category.slug for category in flagged if category.is_child_safety)


def queues_hidden(user: Person, known: Iterable[tuple[str, bool]] | None = None) -> frozenset[str]:
    """Return the queues whose contents a person may not know; those that a policy would make are among them.

    Args:
        known: slug of each queue, and whether it is restricted; without a query where they are at hand.
    """
    if may_know(user):
        return frozenset()
    queues = Queue.objects.values_list("slug", "is_restricted") if known is None else known
    return frozenset([*(slug for slug, is_restricted in queues if is_restricted), *PARTITION_QUEUES])


def category_visible(user: Person, category: str) -> bool:
    """Return whether a person may know how much there is in a category."""
    return may_know(user) or not is_flagged(category)


def is_flagged(category: str) -> bool:
    """Return whether a category carries the flag that makes its items restricted."""
    return bool(category) and _flagged().filter(slug=category).exists()


def is_partition(queue: str) -> bool:
    """Return whether a queue of this name is made a restricted one."""
    return queue in PARTITION_QUEUES


def _flagged() -> QuerySet[Category]:
    return Category.objects.filter(is_child_safety=True).order_by()


def _slugs() -> QuerySet[Category, Any]:
    return _flagged().values("slug")


def queues_visible(user: Person) -> QuerySet[Queue]:
    """Return the queues a person may know of, the gravest first; the partition's do not exist for others."""
    queues = Queue.objects.order_by("-severity", "slug")
    return queues if may_know(user) else queues.filter(is_restricted=False)


# --- items and what belongs to them -------------------------------------------------------------------------------


def items_restricted() -> QuerySet[Item]:
    """Return the restricted partition."""
    return Item.objects.filter(is_restricted=True)


def items_visible(user: Person) -> QuerySet[Item]:
    """Return the items a person may know of."""
    return Item.objects.all() if may_know(user) else Item.objects.filter(is_restricted=False)


def jobs_visible(user: Person) -> QuerySet[Job]:
    """Return the jobs a person may know of: of items and in queues that they may know of."""
    jobs = Job.objects.all()
    return jobs if may_know(user) else jobs.filter(queue__is_restricted=False, item__is_restricted=False)


def job_hides_media(job: Job) -> bool:
    """Return whether a job's page shows no media, whoever looks: it is about the partition."""
    return job.queue.is_restricted or job.item.is_restricted


def reports_visible(user: Person) -> QuerySet[Report]:
    """Return the reports a person may know of."""
    reports = Report.objects.all()
    return reports if may_know(user) else reports.filter(item__is_restricted=False).exclude(category__in=_slugs())


def decisions_visible(user: Person) -> QuerySet[Decision]:
    """Return the decisions that a person may count."""
    decisions = Decision.objects.all()
    return decisions if may_know(user) else decisions.exclude(item__in=items_restricted().values("pk"))


def n_hidden_members(user: Person, campaign_pks: Iterable[int]) -> dict[int, int]:
    """Return how many members of campaigns a person may not know of, by campaign; campaigns without any are left out."""
    if may_know(user):
        return {}
    members = CampaignMember.objects.filter(campaign__in=list(campaign_pks), item__in=items_restricted().values("pk"))
    counts: dict[int, int] = {}
    for campaign in members.values_list("campaign_id", flat=True):
        counts[campaign] = counts.get(campaign, 0) + 1
    return counts


def score_weeks_visible(user: Person) -> QuerySet[ScoreWeek]:
    """Return the summaries of scores that a person may read."""
    weeks = ScoreWeek.objects.all()
    return weeks if may_know(user) else weeks.exclude(category__in=_slugs())


def verdicts_visible(user: Person, verdicts: list[ShadowVerdict]) -> list[ShadowVerdict]:
    """Return verdicts of a shadow that a person may read; their items are loaded."""
    if may_know(user):
        return verdicts
    hidden = categories_hidden(user)
    return [v for v in verdicts if not v.item.is_restricted and v.category not in hidden]


def dead_letters_visible(user: Person) -> QuerySet[OutboxMessage]:
    """Return the messages that failed for good and are of no item that the person may not know of, newest first."""
    letters = OutboxMessage.objects.select_related("item").filter(state=OutboxMessage.State.DEAD).order_by("-id")
    return letters if may_know(user) else letters.exclude(item__in=items_restricted().values("pk"))


def banks_visible(user: Person) -> QuerySet[HashBank]:
    """Return the hash banks that a person may know of: by their own flag, and by that of their category."""
    banks = HashBank.objects.all()
    return banks if may_know(user) else banks.filter(is_child_safety=False, category__is_child_safety=False)


#: Kinds of objects that never belong to the partition. Acts on any other kind than these and those that are asked about row
#: by row are shown to holders only: a new kind is hidden until somebody decides.
AUDIT_OPEN = frozenset({
    "activation", "api_key", "campaign", "clearances", "clocked_schedule", "creator", "crontab", "domain", "emergency_term", "history", "interval",
    "periodic_task", "policy_version", "prompts", "reporter", "rerun", "role", "rollback_notice", "sign_in_provider", "sign_in_token",
    "simulation", "solar_schedule", "user",
})  # fmt: skip
#: Kinds of which each row is asked about.
AUDIT_ASKED = ("bank", "item", "job", "message")
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def audit_visible(user: Person) -> QuerySet[AuditEvent]:
    """Return the audit log, newest first, without acts in the partition that the person may not know of.

    The conditions are asked of each row that is shown, by index, rather than of whole tables.
    """
    events = AuditEvent.objects.select_related("actor").order_by("-id")
    if may_know(user):
        return events
    about_item = items_restricted().filter(external_id=OuterRef("object_key"))
    about_job = Job.objects.filter(key=OuterRef("own_key")).filter(
        Q(item__is_restricted=True) | Q(queue__is_restricted=True)
    )
    about_message = OutboxMessage.objects.filter(key=OuterRef("own_key"), item__is_restricted=True)
    about_bank = HashBank.objects.filter(slug=OuterRef("object_key")).filter(
        Q(is_child_safety=True) | Q(category__is_child_safety=True)
    )
    is_key = Q(object_type__in=("job", "message"), object_key__regex=_UUID)
    own_key = Case(When(is_key, then=Cast("object_key", UUIDField())), output_field=UUIDField())
    return (
        events.annotate(own_key=own_key, named_category=KeyTextTransform("category", "data"))
        .filter(
            Q(object_type__in=AUDIT_OPEN)
            | Q(~Exists(about_item), object_type="item")
            | Q(~Exists(about_job), object_type="job")
            | Q(~Exists(about_message), object_type="message")
            | Q(~Exists(about_bank), object_type="bank")
        )
        .exclude(Exists(_flagged().filter(slug=OuterRef("named_category"))))
    )
