"""Who may know of the restricted partition. This is decided here, from the flag that a category carries, and nowhere else.

The database marks the items: `Item.is_restricted` is set by triggers where a decision names a category with the flag, or a
job waits in a restricted queue that no mere report opened. It is never unset.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, UUIDField, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from moderation.models import (
    AuditEvent,
    Campaign,
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
    SimulationRun,
)
from moderation.models.simulation import RunState
from policies.choices import PARTITION_QUEUES
from policies.models import Category
from policies.replay.outcomes import Simulation

#: Who has it may list, count and open what is in the partition.
PERMISSION = "moderation.review_restricted"

Person = AbstractUser | AnonymousUser
#: Somebody who may know of nothing hidden.
NOBODY = AnonymousUser()


def may_know(user: Person) -> bool:
    """Return whether somebody may know what is in the partition, and how much."""
    return user.has_perm(PERMISSION)


# --- categories and queues, by name -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hidden:
    """The categories and queues, by slug, that somebody may not know the contents of."""

    categories: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()


def find_hidden(user: Person) -> Hidden:
    """Return what a person may not know of, in two queries; nothing for those who may."""
    return Hidden(categories_hidden(user), queues_hidden(user))


def categories_hidden(user: Person, known: Iterable[Category] | None = None) -> frozenset[str]:
    """Return the categories whose contents a person may not know; without a query where all categories are at hand."""
    if may_know(user):
        return frozenset()
    flagged = _select_flagged() if known is None else known
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
    return bool(category) and _select_flagged().filter(slug=category).exists()


def is_partition(queue: str) -> bool:
    """Return whether a queue of this name is made a restricted one."""
    return queue in PARTITION_QUEUES


def _select_flagged() -> QuerySet[Category]:
    return Category.objects.filter(is_child_safety=True).order_by()


def _slugs() -> QuerySet[Category, Any]:
    return _select_flagged().values("slug")


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


def item_visible(user: Person, item: Item) -> bool:
    """Return whether a person may know of an item that is at hand."""
    return may_know(user) or not item.is_restricted


def item_hides_media(item: Item) -> bool:
    """Return whether an item's page shows no media, whoever looks: it is in the partition."""
    return item.is_restricted


def jobs_visible(user: Person) -> QuerySet[Job]:
    """Return the jobs a person may know of: of items and in queues that they may know of."""
    jobs = Job.objects.all()
    return jobs if may_know(user) else jobs.filter(queue__is_restricted=False, item__is_restricted=False)


def job_hides_media(job: Job) -> bool:
    """Return whether a job's page shows no media, whoever looks: it is about the partition."""
    return job.queue.is_restricted or item_hides_media(job.item)


def reports_visible(user: Person) -> QuerySet[Report]:
    """Return the reports a person may know of."""
    reports = Report.objects.all()
    return reports if may_know(user) else reports.filter(item__is_restricted=False).exclude(category__in=_slugs())


def decisions_visible(user: Person) -> QuerySet[Decision]:
    """Return the decisions that a person may count."""
    decisions = Decision.objects.all()
    return decisions if may_know(user) else decisions.exclude(item__in=items_restricted().values("pk"))


def messages_visible(user: Person) -> QuerySet[OutboxMessage]:
    """Return the promised work that a person may count."""
    messages = OutboxMessage.objects.all()
    return messages if may_know(user) else messages.exclude(item__in=items_restricted().values("pk"))


# --- campaigns ---------------------------------------------------------------------------------------------------


def campaigns_visible(user: Person) -> QuerySet[Campaign]:
    """Return the campaigns a person may know of.

    A campaign belongs to the partition when its category, or the one that people decided it in, carries the flag, and when
    every member does.
    """
    campaigns = Campaign.objects.all()
    return campaigns if may_know(user) else campaigns.exclude(_in_partition())


def _in_partition() -> Q:
    members = CampaignMember.objects.filter(campaign=OuterRef("pk"))
    all_hidden = Exists(members) & ~Exists(members.filter(item__is_restricted=False))
    return Q(category__in=_slugs()) | Q(decision_category__in=_slugs()) | Q(all_hidden)


def members_visible(user: Person, *, of: str = "") -> Q:
    """Return the condition on members of campaigns that a person may know of.

    Args:
        of: what leads to the members in the query, as in "members__".
    """
    return Q() if may_know(user) else Q(**{f"{of}item__is_restricted": False})


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


def verdicts_visible(user: Person) -> QuerySet[ShadowVerdict]:
    """Return the verdicts of shadows that a person may read and count."""
    verdicts = ShadowVerdict.objects.all()
    return verdicts if may_know(user) else verdicts.filter(item__is_restricted=False).exclude(category__in=_slugs())


def dead_letters_visible(user: Person) -> QuerySet[OutboxMessage]:
    """Return the messages that failed for good and are of no item that the person may not know of, newest first."""
    dead = messages_visible(user).filter(state=OutboxMessage.State.DEAD)
    return dead.select_related("item").order_by("-id")


# --- simulations -------------------------------------------------------------------------------------------------


def runs_visible(user: Person) -> QuerySet[SimulationRun]:
    """Return the simulations a person may read, with the number of items that they may be told of as `n_shown`.

    Those whose one result counts the partition are for its holders.
    """
    if may_know(user):
        return SimulationRun.objects.annotate(n_shown=Coalesce("n_items_whole", "n_items"))
    runs = SimulationRun.objects.annotate(n_shown=F("n_items"))
    return runs.filter(~Q(state=RunState.DONE) | Q(is_open=True))


def result_visible(user: Person, run: SimulationRun) -> Simulation | None:
    """Return what came out of a simulation, as far as a person may count it; None before it is done."""
    return run.simulation_whole if may_know(user) else run.simulation if run.is_open else None


def banks_visible(user: Person) -> QuerySet[HashBank]:
    """Return the hash banks that a person may know of: by their own flag, and by that of their category."""
    banks = HashBank.objects.all()
    return banks if may_know(user) else banks.filter(is_child_safety=False, category__is_child_safety=False)


#: Kinds of objects that never belong to the partition. Acts on any other kind than these and those that are asked about row
#: by row are shown to holders only: a new kind is hidden until somebody decides.
AUDIT_OPEN = frozenset({
    "activation", "api_key", "clearances", "clocked_schedule", "creator", "crontab", "domain", "emergency_term",
    "history", "interval", "periodic_task", "policy_version", "prompts", "reporter", "rerun", "role",
    "rollback_notice", "sign_in_provider", "sign_in_token", "simulation", "solar_schedule", "user", "wide_act",
})  # fmt: skip
#: Kinds of which each row is asked about.
AUDIT_ASKED = ("bank", "campaign", "item", "job", "message")
#: What `data` of an act on something else may name, and by what: a row that names what is hidden is hidden. Whatever else an
#: act says in `data` are numbers and names of things that do not belong to the partition; a test knows them all.
AUDIT_NAMES = {"item": "external id", "category": "slug", "campaign": "key", "queue": "slug"}
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


def audit_visible(user: Person) -> QuerySet[AuditEvent]:
    """Return the audit log, newest first, without acts in the partition, or that name what is in it, as far as the person may
    not know of them.

    The conditions are asked of each row that is shown, by index, rather than of whole tables.
    """
    events = AuditEvent.objects.select_related("actor").order_by("-id")
    if may_know(user):
        return events
    hidden_item = Exists(items_restricted().filter(external_id=OuterRef("object_key")))
    hidden_job = Exists(
        Job.objects.filter(Q(item__is_restricted=True) | Q(queue__is_restricted=True), key=OuterRef("own_key"))
    )
    hidden_message = Exists(OutboxMessage.objects.filter(key=OuterRef("own_key"), item__is_restricted=True))
    hidden_bank = Exists(
        HashBank.objects.filter(
            Q(is_child_safety=True) | Q(category__is_child_safety=True), slug=OuterRef("object_key")
        )
    )
    hidden_campaign = Exists(Campaign.objects.filter(_in_partition(), key=OuterRef("own_key")))
    known = events.annotate(own_key=_as_key("object_key")).filter(
        Q(object_type__in=AUDIT_OPEN)
        | Q(~hidden_item, object_type="item")
        | Q(~hidden_job, object_type="job")
        | Q(~hidden_message, object_type="message")
        | Q(~hidden_bank, object_type="bank")
        | Q(~hidden_campaign, object_type="campaign")
    )
    return _naming_nothing_hidden(known)


def _naming_nothing_hidden(events: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
    """Return the acts whose `data` names nothing of the partition; see AUDIT_NAMES."""
    named = {f"named_{name}": KeyTextTransform(name, "data") for name in AUDIT_NAMES}
    events = events.annotate(**named).annotate(
        named_item_key=_as_key("named_item"), named_campaign_key=_as_key("named_campaign")
    )
    # Two conditions on the item, by an index each: earlier rows name it by its key.
    return (
        events.exclude(Exists(_select_flagged().filter(slug=OuterRef("named_category"))))
        .exclude(Exists(items_restricted().filter(external_id=OuterRef("named_item"))))
        .exclude(Exists(items_restricted().filter(key=OuterRef("named_item_key"))))
        .exclude(Exists(Campaign.objects.filter(_in_partition(), key=OuterRef("named_campaign_key"))))
        .exclude(Exists(Queue.objects.filter(is_restricted=True, slug=OuterRef("named_queue"))))
    )


def _as_key(column: str) -> Case:
    """Return a column of text as a public key; NULL where it is none."""
    is_key = Q(**{f"{column}__regex": _UUID})
    return Case(When(is_key, then=Cast(column, UUIDField())), output_field=UUIDField())
