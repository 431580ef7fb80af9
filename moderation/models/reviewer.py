"""What is known of those who review, so that each gets jobs they can judge and bear; and which jobs they gave back."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from moderation.models.base import PublicKeyModel


class Reviewer(PublicKeyModel):
    """One person's seat; who has no row reads all languages, works on all queues and has set no limit.

    `opted_out` and `grave_per_day` are the person's own: no page shows them to anybody else.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="reviewer")
    languages = ArrayField(
        models.CharField(max_length=3), default=list, db_default=[], blank=True,
        help_text="Primary subtags of the languages that they read; empty: all.",
    )  # fmt: skip
    queues = ArrayField(
        models.CharField(max_length=40), default=list, db_default=[], blank=True,
        help_text="Slugs of the queues that they are trained for; empty: all. Set by seniors.",
    )  # fmt: skip
    opted_out = ArrayField(
        models.CharField(max_length=40), default=list, db_default=[], blank=True,
        help_text="Slugs of the categories that they do not want to be given.",
    )  # fmt: skip
    grave_per_day = models.PositiveSmallIntegerField(
        null=True, help_text="Jobs from grave queues that they are given in a day (UTC) at most; empty: no limit."
    )
    n_grave = models.PositiveIntegerField(default=0, db_default=0, help_text="Given on `grave_on`.")
    grave_on = models.DateField(null=True)
    at_work_at = models.DateTimeField(null=True, help_text="When they last asked for a job; empty after a hand-over.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_reviewer_count_has_day", condition=Q(n_grave=0) | Q(grave_on__isnull=False)
            ),
        ]
        indexes = [
            # who is at work: a job comes back to whoever gave it back only where nobody else could take it
            models.Index(
                fields=["-at_work_at"], name="moderation_reviewer_at_work", condition=Q(at_work_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.user_id)


class JobPass(models.Model):
    """Somebody gave a job back undecided: it is not theirs again until somebody else had it. Why is not told here.

    Deleted by the next claim of the job.
    """

    job = models.ForeignKey("moderation.Job", on_delete=models.PROTECT, related_name="passes")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    passed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            # The order of the columns serves job_claim, which asks for all of one person's.
            models.UniqueConstraint(fields=["person", "job"], name="moderation_jobpass_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.job_id}"
