"""What viewers did, and what follows for ranking. Viewers are keyed hashes; items belong to moderation."""

from django.db import models
from django.db.models import Q


class EventType(models.TextChoices):
    """What happened."""

    IMPRESSION = "impression", "Shown"
    WATCH = "watch", "Watched"
    FINISH = "finish", "Watched to the end"
    LIKE = "like", "Liked"
    SHARE = "share", "Shared"
    FOLLOW = "follow", "Followed its creator"
    SKIP = "skip", "Skipped"
    NOT_INTERESTED = "not_interested", "Not interested"
    REPORT = "report", "Reported"


class Event(models.Model):
    """One act of one viewer on one item, as a client told it; deduplicated by `event_id`, the client's name for it."""

    event_id = models.CharField(max_length=128, unique=True)
    type = models.CharField(max_length=16, choices=EventType.choices)
    viewer_hash = models.CharField(max_length=32, blank=True)
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="+")
    region = models.CharField(max_length=2, blank=True)
    impression_id = models.CharField(max_length=64, blank=True)
    watch_ms = models.PositiveIntegerField(null=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="feed_event_type_known", condition=Q(type__in=EventType.values)),
            models.CheckConstraint(name="feed_event_id_not_blank", condition=~Q(event_id="")),
            models.CheckConstraint(
                name="feed_event_region_iso", condition=Q(region="") | Q(region__regex=r"^[A-Z]{2}$")
            ),
            models.CheckConstraint(
                name="feed_event_viewer_hashed", condition=Q(viewer_hash="") | Q(viewer_hash__regex=r"^[0-9a-f]{32}$")
            ),
        ]
        indexes = [models.Index(fields=["at"], name="feed_event_recent")]  # popularity_refresh

    def __str__(self) -> str:
        return f"{self.type} at {self.at:%Y-%m-%d %H:%M}"


class Popularity(models.Model):
    """How much an item is liked now in one region; the empty region is everywhere."""

    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="+")
    region = models.CharField(max_length=2, blank=True)
    score = models.FloatField()
    as_of = models.DateTimeField()

    class Meta:
        verbose_name_plural = "popularity"
        constraints = [
            models.UniqueConstraint(fields=["item", "region"], name="feed_popularity_one_each"),
            models.CheckConstraint(name="feed_popularity_not_negative", condition=Q(score__gte=0)),
        ]
        indexes = [
            models.Index(fields=["region", "-score"], name="feed_popularity_top")  # the popular source's table
        ]

    def __str__(self) -> str:
        return f"{self.score:.2f} in {self.region or 'all regions'}"
