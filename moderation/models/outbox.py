"""Work that a transaction promised: the row is the promise, the broker only carries it.

A message is finished when its consumer says so in the transaction of its result, so a lost broker message is a delay.
"""

from django.db import models
from django.db.models import Q
from django.utils import timezone

from moderation.models.base import PublicKeyModel


class OutboxMessage(PublicKeyModel):
    """One task to run at least once. `dead` is a dead letter: visible, alarmed, and re-driven by a person.

    Work with a `queue` of its own (the deep pass) stays here, ordered by `rank_at`, and only a few of it are with the broker.
    """

    class State(models.TextChoices):
        """Where the message is."""

        PENDING = "pending", "To be sent"
        SENT = "sent", "Sent, not yet done"
        DONE = "done", "Done"
        DEAD = "dead", "Dead letter"

    topic = models.CharField(max_length=80)
    part = models.CharField(
        max_length=20, blank=True, help_text="One detector's share of the work; empty for all of it."
    )
    queue = models.CharField(max_length=20, blank=True, help_text="Where it waits for workers; empty: its topic's own.")
    rank_at = models.DateTimeField(default=timezone.now, help_text="Deep work goes by this moment, earliest first.")
    payload = models.JSONField(default=dict)
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, null=True, related_name="outbox")
    state = models.CharField(max_length=8, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    available_at = models.DateTimeField(default=timezone.now)
    claimed_until = models.DateTimeField(null=True, help_text="A consumer works on it and says so until then.")
    done_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_outbox_done_has_time",
                condition=Q(state="done", done_at__isnull=False) | Q(~Q(state="done"), done_at__isnull=True),
            ),
            # One unfinished promise of a kind for an item: two producers cannot make the work run twice at once.
            models.UniqueConstraint(
                fields=["item", "topic", "part"],
                condition=Q(state__in=["pending", "sent"]),
                name="moderation_outbox_one_open",
            ),
        ]
        indexes = [
            # outbox_relay: what is due, oldest first
            models.Index(
                fields=["available_at"], name="moderation_outbox_due", condition=Q(state__in=["pending", "sent"])
            ),
            models.Index(fields=["-id"], name="moderation_outbox_dead", condition=Q(state="dead")),  # dead letters page
            # outbox_relay: what is next in a queue of the deep pass; pressure: how late that queue is
            models.Index(
                fields=["queue", "rank_at"],
                name="moderation_outbox_next",
                condition=Q(state__in=["pending", "sent"], queue__gt=""),
            ),
            # outbox_relay: how much of a queue the broker holds already
            models.Index(fields=["queue"], name="moderation_outbox_carried", condition=Q(state="sent", queue__gt="")),
        ]

    def __str__(self) -> str:
        return f"{self.topic} ({self.state})"
