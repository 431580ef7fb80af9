"""Uploads, their creators and their files. Content never changes after it was accepted."""

from datetime import datetime

import pgtrigger
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Lower, NullIf

from moderation.models.base import PublicKeyModel
from moderation.models.review import PARTITION_MADE, PARTITION_PK
from moderation.models.search import FIRST_WORDS
from policies.choices import Band, ItemKind, Standing
from policies.triggers import no_truncate

# The other half of the clearance's constraint (see there): whoever moves an item on takes its clearance along.
_CLEARANCE_FOLLOWS = """
    IF EXISTS (
        SELECT FROM moderation_clearance c JOIN moderation_item i ON i.id = c.item_id
        WHERE c.item_id = NEW.id AND c.is_granted
            AND (i.current_decision_id IS DISTINCT FROM c.decision_id OR i.withdrawn_at IS NOT NULL)
    ) THEN
        RAISE EXCEPTION 'clearance of item % does not rest on its current decision, or the item is withdrawn', NEW.id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_clearance_is_current';
    END IF;
    RETURN NULL;
"""

# Whoever held its job may not know of the item any more, so the claim on it ends.
_TAKES_JOBS_ALONG = f"""
    IF EXISTS (
        SELECT 1 FROM moderation_job j JOIN moderation_queue q ON q.id = j.queue_id
        WHERE j.item_id = NEW.id AND j.state IN ('open', 'leased') AND NOT q.is_restricted
    ) THEN
        {PARTITION_MADE}
        UPDATE moderation_job
        SET queue_id = {PARTITION_PK}, state = 'open', lease_holder_id = NULL, lease_token = NULL, lease_expires_at = NULL
        WHERE item_id = NEW.id AND state IN ('open', 'leased')
          AND queue_id IN (SELECT id FROM moderation_queue WHERE NOT is_restricted);
    END IF;
    RETURN NULL;
"""  # noqa: S608 # our own constants


class Creator(PublicKeyModel):
    """Who uploaded; known to us by the platform's id only."""

    external_id = models.CharField(max_length=128, unique=True)
    display_name = models.CharField(max_length=128, blank=True)
    region = models.CharField(max_length=2, blank=True)
    standing = models.PositiveSmallIntegerField(choices=Standing.choices, default=Standing.NEW)
    expected_views = models.PositiveIntegerField(
        null=True,
        help_text="Views of one upload lately; empty where nothing is known. Decides who waits, never what is decided.",
    )

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_creator_standing_known", condition=Q(standing__in=Standing.values)),
        ]

    def __str__(self) -> str:
        return self.external_id


class MediaFile(PublicKeyModel):
    """One file by content: the same bytes are stored once, whoever sends them."""

    sha256 = models.CharField(max_length=64, unique=True)
    storage_key = models.CharField(max_length=200)
    mime = models.CharField(max_length=64)
    n_bytes = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField(null=True)
    height = models.PositiveIntegerField(null=True)
    duration_ms = models.PositiveIntegerField(null=True)
    pdq = models.CharField(max_length=64, blank=True)
    pdq_quality = models.PositiveSmallIntegerField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_mediafile_sha256_hex", condition=Q(sha256__regex=r"^[0-9a-f]{64}$")
            ),
            models.CheckConstraint(name="moderation_mediafile_not_empty", condition=Q(n_bytes__gt=0)),
        ]
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete), no_truncate()]

    def __str__(self) -> str:
        return self.sha256[:12]

    @property
    def is_video(self) -> bool:
        """True for moving pictures."""
        return self.mime.startswith("video/")


class ItemState(models.TextChoices):
    """What the platform is told; follows the current decision."""

    PENDING = "pending", "Pending"
    CLEARED = "cleared", "Cleared"
    RESTRICTED = "restricted", "Restricted"
    HELD = "held", "Held"
    BLOCKED = "blocked", "Blocked"


class DeepState(models.TextChoices):
    """How far the slow models are with an item."""

    QUEUED = "queued", "Queued"
    DONE = "done", "Done"
    NOT_NEEDED = "not_needed", "Not needed"
    FAILED = "failed", "Failed"


class PrimarySubtag(Func):
    """The primary subtag of a language tag: `pt` of `pt-BR`."""

    function = "split_part"
    template = "%(function)s(%(expressions)s, '-', 1)"
    arity = 1
    output_field = models.CharField()


def language_column() -> Coalesce:
    """Return the language that an item is taken to be in, as a column: the detected one, else what its uploader claims, without
    its region; empty where neither is known. Indexed, so that it is written in one way."""
    return Coalesce(NullIf("language_detected", Value("")), PrimarySubtag(Lower("language_claimed")))


class Item(PublicKeyModel):
    """One upload: caption, media, creator, language, region."""

    external_id = models.CharField(max_length=128, unique=True)
    kind = models.PositiveSmallIntegerField(choices=ItemKind.choices)
    caption = models.TextField(blank=True)
    creator = models.ForeignKey(Creator, on_delete=models.PROTECT, related_name="items")
    language_claimed = models.CharField(max_length=35, blank=True)
    language_detected = models.CharField(max_length=35, blank=True)
    region = models.CharField(max_length=2, blank=True)
    duration_ms = models.PositiveIntegerField(null=True)
    audience_claim = models.PositiveSmallIntegerField(choices=Band.choices, null=True)
    media = models.ForeignKey(MediaFile, on_delete=models.PROTECT, null=True, related_name="items")
    cover = models.ForeignKey(MediaFile, on_delete=models.PROTECT, null=True, related_name="cover_items")
    content_hash = models.CharField(max_length=64)
    state = models.CharField(max_length=12, choices=ItemState.choices, default=ItemState.PENDING)
    deep_state = models.CharField(max_length=12, choices=DeepState.choices, default=DeepState.NOT_NEEDED)
    current_decision = models.ForeignKey("moderation.Decision", on_delete=models.PROTECT, null=True, related_name="+")
    withdrawn_at = models.DateTimeField(null=True)
    # Set by triggers alone, and never unset; moderation.items.visibility says what follows.
    is_restricted = models.BooleanField(default=False, db_default=False, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_item_kind_known", condition=Q(kind__in=ItemKind.values)),
            models.CheckConstraint(name="moderation_item_state_known", condition=Q(state__in=ItemState.values)),
            models.CheckConstraint(name="moderation_item_deep_known", condition=Q(deep_state__in=DeepState.values)),
            models.CheckConstraint(
                name="moderation_item_media_present", condition=Q(kind=ItemKind.TEXT) | Q(media__isnull=False)
            ),
            models.CheckConstraint(
                name="moderation_item_region_iso", condition=Q(region="") | Q(region__regex=r"^[A-Z]{2}$")
            ),
            models.CheckConstraint(name="moderation_item_id_not_blank", condition=~Q(external_id="")),
            # A state other than pending is only ever the consequence of a decision.
            models.CheckConstraint(
                name="moderation_item_state_decided",
                condition=Q(state=ItemState.PENDING) | Q(current_decision__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at"], name="moderation_item_recent"),  # items explorer, newest first
            models.Index(fields=["creator", "-created_at"], name="moderation_item_creator"),  # velocity, creator page
            # items_reconcile: what still waits for a decision or for the slow models
            models.Index(
                fields=["created_at"],
                name="moderation_item_waiting",
                condition=Q(state=ItemState.PENDING) | Q(deep_state=DeepState.QUEUED),
            ),
            # visibility: the restricted partition is small, and every page of those outside asks what is in it
            models.Index(fields=["id"], name="moderation_item_restricted", condition=Q(is_restricted=True)),
            # items explorer: by what is rare, newest first
            models.Index(fields=["state", "-created_at"], name="moderation_item_state"),
            models.Index(language_column(), F("created_at").desc(), name="moderation_item_language"),
        ]
        permissions = [
            ("explore_items", "Can search items and read their history"),
            ("redrive_deadletters", "Can re-drive dead letters"),
            ("view_dashboards", "Can see dashboards"),
        ]
        triggers = [
            pgtrigger.Protect(
                name="content_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(
                    "key", "external_id", "kind", "caption", "creator", "media", "cover", "content_hash", "created_at"
                ),
            ),
            pgtrigger.Trigger(
                name="clearance_follows",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.AnyChange("current_decision", "withdrawn_at"),
                func=_CLEARANCE_FOLLOWS,
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
            pgtrigger.Trigger(name="has_words", when=pgtrigger.After, operation=pgtrigger.Insert, func=FIRST_WORDS),
            # A writer with an old copy of the row must not bring an item back into sight.
            pgtrigger.Trigger(
                name="stays_restricted",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__is_restricted=True, new__is_restricted=False),
                func="NEW.is_restricted := true; RETURN NEW;",
            ),
            pgtrigger.Trigger(
                name="takes_jobs_along",
                when=pgtrigger.After,
                operation=pgtrigger.UpdateOf("is_restricted"),  # type: ignore[no-untyped-call]
                condition=pgtrigger.Q(old__is_restricted=False, new__is_restricted=True),
                func=_TAKES_JOBS_ALONG,
            ),
        ]

    def __str__(self) -> str:
        return self.external_id

    def is_expired(self, now: datetime) -> bool:
        """Whether its clearance has run out, so that nobody is served although its decision cleared it.

        Looks only at a clearance that was selected along: no query for it.
        """
        if self.state not in {ItemState.CLEARED, ItemState.RESTRICTED} or not Item.clearance.is_cached(self):
            return False
        clearance = getattr(self, "clearance", None)
        return clearance is not None and not (clearance.is_granted and clearance.valid_until > now)

    @property
    def lasts_ms(self) -> int | None:
        """How long it lasts: as measured in the file, else as its uploader says."""
        return (self.media.duration_ms if self.media else None) or self.duration_ms

    @property
    def language(self) -> str:
        """The language that detectors are asked for: the detected one, else the claim, else `und`."""
        return self.language_detected or self.language_claimed or "und"
