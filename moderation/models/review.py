"""Where work for people waits: queues, jobs and the leases on them."""

import pgtrigger
from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q

from moderation.models.base import PublicKeyModel
from policies.choices import PARTITION_QUEUES, RESTRICTED_QUEUE

#: For the bodies of triggers: sees that there is a queue of the restricted partition, and where its key is found.
PARTITION_MADE = f"""
    INSERT INTO moderation_queue (key, created_at, slug, title, severity, sla_minutes, is_restricted, position)
    SELECT gen_random_uuid(), now(), '{RESTRICTED_QUEUE}', 'Child safety', 5, 60, true, 100
    WHERE NOT EXISTS (SELECT 1 FROM moderation_queue WHERE slug = '{RESTRICTED_QUEUE}')
    ON CONFLICT (slug) DO NOTHING;
"""  # noqa: S608 # our own constants
PARTITION_PK = f"(SELECT id FROM moderation_queue WHERE slug = '{RESTRICTED_QUEUE}')"  # noqa: S608 # likewise

# What is opened for an item of the partition waits there, whoever opens it and for whatever reason.
_INTO_PARTITION = f"""
    IF EXISTS (SELECT 1 FROM moderation_item i WHERE i.id = NEW.item_id AND i.is_restricted)
       AND EXISTS (SELECT 1 FROM moderation_queue q WHERE q.id = NEW.queue_id AND NOT q.is_restricted)
    THEN
        {PARTITION_MADE}
        NEW.queue_id := {PARTITION_PK};
    END IF;
    RETURN NEW;
"""  # noqa: S608 # likewise
_RESTRICTS_ITEM = """
    IF EXISTS (SELECT 1 FROM moderation_queue q WHERE q.id = NEW.queue_id AND q.is_restricted) THEN
        UPDATE moderation_item SET is_restricted = true WHERE id = NEW.item_id AND NOT is_restricted;
    END IF;
    RETURN NULL;
"""


class Queue(PublicKeyModel):
    """A line of jobs of one sort."""

    slug = models.SlugField(max_length=40, unique=True)
    title = models.CharField(max_length=80)
    severity = models.PositiveSmallIntegerField(default=1)
    sla_minutes = models.PositiveIntegerField(default=240)
    is_restricted = models.BooleanField(default=False, help_text="Only people with the restricted permission see it.")
    position = models.PositiveSmallIntegerField(default=100)

    class Meta:
        ordering = ["position", "slug"]
        constraints = [
            models.CheckConstraint(name="moderation_queue_severity_range", condition=Q(severity__range=(1, 5))),
            models.CheckConstraint(name="moderation_queue_sla_positive", condition=Q(sla_minutes__gt=0)),
            models.CheckConstraint(
                name="moderation_queue_partition_restricted",
                condition=~Q(slug__in=PARTITION_QUEUES) | Q(is_restricted=True),
            ),
        ]

    def __str__(self) -> str:
        return self.title


class JobState(models.TextChoices):
    """Where a job is."""

    OPEN = "open", "Open"
    LEASED = "leased", "Being reviewed"
    DECIDED = "decided", "Decided"
    CLOSED = "closed", "Closed without a decision"


ACTIVE_JOB_STATES = (JobState.OPEN, JobState.LEASED)
#: What the holder of a job is told that was closed under them, where whoever closed it gave no reason.
TAKEN_WHY = "Its item was decided or withdrawn while you had it."
# Whoever closes a leased job or moves it into another queue, by whatever statement: its holder can be told, until the next has it.
# What is not open is kept for nobody.
_REMEMBER_HOLDER = f"""
    IF NEW.state <> 'open' THEN
        NEW.kept_for_id := NULL;
        NEW.kept_until := NULL;
    END IF;
    IF OLD.state = 'leased' AND (NEW.state = 'closed' OR NEW.state = 'open' AND NEW.queue_id <> OLD.queue_id) THEN
        NEW.taken_from_id := OLD.lease_holder_id;
        IF NEW.taken_why = '' THEN NEW.taken_why := '{TAKEN_WHY}'; END IF;
    ELSIF NEW.state IN ('leased', 'decided') THEN
        NEW.taken_from_id := NULL;
        NEW.taken_why := '';
    ELSIF NEW.taken_from_id IS NOT NULL AND NEW.taken_why = '' THEN
        NEW.taken_why := OLD.taken_why;
    END IF;
    RETURN NEW;
"""


class Job(PublicKeyModel):
    """One unit of review. A lease is its claim: holder, token and expiry together, or none of them.

    `taken_from` held it when it was closed under them or moved out of their reach, and `taken_why` is what they are told.
    """

    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="jobs")
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="jobs")
    state = models.CharField(max_length=8, choices=JobState.choices, default=JobState.OPEN)
    category = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=120)
    score = models.FloatField(default=0.0)
    language = models.CharField(
        max_length=3,
        blank=True,
        default="",
        db_default="",
        help_text="Primary subtag; empty where any reviewer will do.",
    )
    due_at = models.DateTimeField()
    # The place in the order: verdict.job_order says how these come about, and nothing else writes them.
    claim_by = models.DateTimeField(help_text="Due time less the head start of its harm; the earlier, the sooner.")
    harm = models.FloatField(default=0.0, db_default=0.0, help_text="Severity × probability × reach, 0 to 1.")
    is_imminent = models.BooleanField(default=False, db_default=False, help_text="Goes before all that is not.")
    lease_holder = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="leased_jobs"
    )
    lease_token = models.UUIDField(null=True)
    lease_expires_at = models.DateTimeField(null=True)
    n_leases = models.PositiveIntegerField(default=0)
    claimed_at = models.DateTimeField(null=True, help_text="When the last lease on it began.")
    decided_at = models.DateTimeField(null=True)
    handling_time = models.GeneratedField(
        expression=F("decided_at") - F("claimed_at"), output_field=models.DurationField(), db_persist=True
    )
    decision = models.OneToOneField("moderation.Decision", on_delete=models.PROTECT, null=True, related_name="job")
    closed_at = models.DateTimeField(null=True)
    taken_from = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # The database has the default as well: jobs are also inserted by the thousand, without the ORM.
    taken_why = models.CharField(max_length=200, blank=True, default="", db_default="")
    kept_for = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False,
        help_text="Whose it is first, until `kept_until`; empty then: nobody's, while a decision on it waits.",
    )  # fmt: skip
    kept_until = models.DateTimeField(null=True, help_text="An open job is given to nobody else before.")
    # A report alone says that the item belongs into the partition. People with the permission look, and meanwhile the item,
    # and any other job for it, stays where everybody else can see it.
    is_unconfirmed = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_job_taken_whole",
                condition=Q(taken_from__isnull=True, taken_why="")
                | (Q(state__in=(JobState.OPEN, JobState.CLOSED), taken_from__isnull=False) & ~Q(taken_why="")),
            ),
            models.CheckConstraint(
                name="moderation_job_lease_whole",
                condition=Q(
                    state=JobState.LEASED,
                    lease_holder__isnull=False,
                    lease_token__isnull=False,
                    lease_expires_at__isnull=False,
                )
                | Q(
                    ~Q(state=JobState.LEASED),
                    lease_holder__isnull=True,
                    lease_token__isnull=True,
                    lease_expires_at__isnull=True,
                ),
            ),
            models.CheckConstraint(
                name="moderation_job_decided_has_decision",
                condition=Q(state=JobState.DECIDED, decision__isnull=False)
                | Q(~Q(state=JobState.DECIDED), decision__isnull=True),
            ),
            models.CheckConstraint(
                name="moderation_job_claimed_when_held",
                condition=~Q(state__in=(JobState.LEASED, JobState.DECIDED)) | Q(claimed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="moderation_job_decided_at_whole",
                condition=Q(state=JobState.DECIDED, decided_at__gte=F("claimed_at"))
                | Q(~Q(state=JobState.DECIDED), decided_at__isnull=True),
            ),
            models.CheckConstraint(name="moderation_job_state_known", condition=Q(state__in=JobState.values)),
            models.CheckConstraint(name="moderation_job_harm_range", condition=Q(harm__range=(0, 1))),
            # A head start never makes a job later.
            models.CheckConstraint(name="moderation_job_claim_by_before_due", condition=Q(claim_by__lte=F("due_at"))),
            models.CheckConstraint(
                name="moderation_job_language_subtag", condition=Q(language="") | Q(language__regex=r"^[a-z]{2,3}$")
            ),
            models.CheckConstraint(
                name="moderation_job_kept_while_open",
                condition=Q(kept_until__isnull=True, kept_for__isnull=True)
                | Q(kept_until__isnull=False, state=JobState.OPEN),
            ),
            models.UniqueConstraint(
                fields=["item"],
                condition=Q(state__in=ACTIVE_JOB_STATES, is_unconfirmed=False),
                name="moderation_job_one_active",
            ),
            models.UniqueConstraint(
                fields=["item"],
                condition=Q(state__in=ACTIVE_JOB_STATES, is_unconfirmed=True),
                name="moderation_job_one_unconfirmed",
            ),
            models.UniqueConstraint(
                fields=["lease_holder"], condition=Q(state=JobState.LEASED), name="moderation_job_one_lease_each"
            ),
        ]
        indexes = [
            # job_claim, its three questions: imminent harm, what is due soon, what is to be claimed first
            models.Index(
                fields=["queue", "due_at", "created_at", "id"],
                name="moderation_job_imminent",
                condition=Q(state=JobState.OPEN, is_imminent=True),
            ),
            models.Index(
                fields=["queue", "due_at", "created_at", "id"],
                name="moderation_job_due",
                condition=Q(state=JobState.OPEN),
            ),
            models.Index(
                fields=["queue", "claim_by", "created_at", "id"],
                name="moderation_job_claim",
                condition=Q(state=JobState.OPEN),
            ),
            # The same, for people who read some languages only
            models.Index(
                fields=["language", "queue", "due_at", "created_at", "id"],
                name="moderation_job_due_in",
                condition=Q(state=JobState.OPEN),
            ),
            models.Index(
                fields=["language", "queue", "claim_by", "created_at", "id"],
                name="moderation_job_claim_in",
                condition=Q(state=JobState.OPEN),
            ),
            # job_claim: what is kept for whoever asks; queue_depths: what is not there to be claimed
            models.Index(
                fields=["kept_until"],
                name="moderation_job_kept",
                condition=Q(state=JobState.OPEN, kept_until__isnull=False),
            ),
            # service_times: how long the newest decided jobs took
            models.Index(fields=["-closed_at"], name="moderation_job_decided", condition=Q(state=JobState.DECIDED)),
            # outlooks: what came in the last day; jobs are stored in the order in which they are opened
            BrinIndex(fields=["created_at"], name="moderation_job_opened", pages_per_range=32),
            # leases_expire
            models.Index(fields=["lease_expires_at"], name="moderation_job_leases", condition=Q(state=JobState.LEASED)),
            # queue_depths: counts by queue without touching the table
            models.Index(
                fields=["queue", "state", "due_at", "created_at"],
                name="moderation_job_depths",
                condition=Q(state__in=ACTIVE_JOB_STATES),
            ),
        ]
        permissions = [
            ("review_jobs", "Can claim jobs and decide them"),
            ("review_restricted", "Can list, count and open restricted jobs"),
            ("overturn_decisions", "Can decide any item over an earlier decision"),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="remember_holder",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.AnyChange("state", "queue"),
                func=_REMEMBER_HOLDER,
            ),
            pgtrigger.Trigger(
                name="into_partition",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("queue_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(new__is_unconfirmed=False, new__state__in=ACTIVE_JOB_STATES),
                func=_INTO_PARTITION,
            ),
            pgtrigger.Trigger(
                name="restricts_item",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.UpdateOf("queue_id"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(new__is_unconfirmed=False),
                func=_RESTRICTS_ITEM,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.queue_id}: {self.reason}"
