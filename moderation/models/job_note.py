"""What whoever opens a job is told beside its evidence: why it was raised, what the last holder left, what is asked of them."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel, append_only
from policies.triggers import no_truncate


class NoteKind(models.TextChoices):
    """Where a note comes from."""

    RAISED = "raised", "Raised"  # by a report or by evidence; `data` says from where to where
    LEFT = "left", "Left by its last holder"


class SkipReason(models.TextChoices):
    """Why somebody skips a job. What each of them leads to is `job_skip`."""

    LANGUAGE = "language", "Not my language"
    ADVICE = "advice", "I need advice"
    TOO_MUCH = "too_much", "Too much for me"
    TECHNICAL = "technical", "Something technical"


class JobNote(PublicKeyModel):
    """A line for the next holder of a job, or for the one who has it now. For ever: the job's history is never lost."""

    job = models.ForeignKey("moderation.Job", on_delete=models.PROTECT, related_name="notes")
    kind = models.CharField(max_length=8, choices=NoteKind.choices)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    text = models.CharField(max_length=500)
    data = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_jobnote_not_blank", condition=~Q(text="")),
            models.CheckConstraint(
                name="moderation_jobnote_kind_author",
                condition=Q(kind=NoteKind.RAISED, author__isnull=True) | Q(kind=NoteKind.LEFT, author__isnull=False),
            ),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class Question(PublicKeyModel):
    """What a reviewer asked of seniors about a job, and what came back.

    `job` is the one that waits for the senior. The answer is whatever the senior wrote, or the note of their decision.
    """

    job = models.ForeignKey("moderation.Job", on_delete=models.PROTECT, related_name="questions")
    asker = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="questions_asked")
    text = models.CharField(max_length=2_000)
    answer = models.CharField(max_length=2_000, blank=True, default="", db_default="")
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    answered_at = models.DateTimeField(null=True)
    decision = models.ForeignKey(
        "moderation.Decision", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    seen_at = models.DateTimeField(null=True, help_text="When the asker said that they have read the answer.")

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_question_not_blank", condition=~Q(text="")),
            models.CheckConstraint(
                name="moderation_question_answered_whole",
                condition=Q(answered_at__isnull=True, answered_by__isnull=True, answer="", decision__isnull=True)
                | (Q(answered_at__isnull=False, answered_by__isnull=False) & ~Q(answer="")),
            ),
            models.CheckConstraint(
                name="moderation_question_seen_after_answer",
                condition=Q(seen_at__isnull=True) | Q(answered_at__isnull=False),
            ),
        ]
        indexes = [
            # questions_answered: what came back to somebody and they have not read
            models.Index(
                fields=["asker", "answered_at"],
                name="moderation_question_unread",
                condition=Q(answered_at__isnull=False, seen_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job_id}: {self.text[:40]}"
