"""Waves of near-identical captions: what each caption reads like, the campaigns found, and what belongs to them."""

from datetime import datetime

import pgtrigger
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q

from moderation.models.base import PublicKeyModel, append_only, min_age_check, min_age_field, territories_field
from policies.choices import Outcome
from policies.triggers import no_truncate

#: What people decided on a campaign stays; a single item is overturned, never the campaign.
_DECISION_FINAL = """
    IF (NEW.state, NEW.outcome, NEW.min_age, NEW.territories_blocked, NEW.decision_category, NEW.note,
        NEW.decided_by_id, NEW.decided_at)
       IS DISTINCT FROM
       (OLD.state, OLD.outcome, OLD.min_age, OLD.territories_blocked, OLD.decision_category, OLD.note,
        OLD.decided_by_id, OLD.decided_at)
    THEN
        RAISE EXCEPTION 'the decision of campaign % is final', OLD.key USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


# A wave cannot be turned on somebody: what it only looks like joins it through a person, whether the watch named it or not.
# The history is asked, as `campaign_watch` does: what stops an item for a moment makes it no part of a wave. An upload that joins
# as it arrives has one decision, of the same moment: two machines' clocks must not have it refused.
_BYSTANDER_ADMITTED = """
    IF EXISTS (
        SELECT 1 FROM moderation_campaignbystander b WHERE b.campaign_id = NEW.campaign_id AND b.item_id = NEW.item_id
    ) OR EXISTS (
        SELECT 1 FROM moderation_decision d JOIN moderation_campaign c ON c.id = NEW.campaign_id
        WHERE d.item_id = NEW.item_id AND d.outcome <= 1
          AND d.created_at < LEAST(COALESCE(c.began_at, c.created_at), NEW.joined_at)
    ) THEN
        RAISE EXCEPTION 'item % looks like campaign % and joins it through a person only', NEW.item_id, NEW.campaign_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


class CaptionSignature(models.Model):
    """What a caption reads like; short captions have no bands and are never compared.

    Working data of the last hours: it can be made again from captions, and old rows are deleted.
    """

    item = models.OneToOneField("moderation.Item", on_delete=models.PROTECT, primary_key=True, related_name="+")
    creator = models.ForeignKey("moderation.Creator", on_delete=models.PROTECT, related_name="+", db_index=False)
    values = models.BinaryField()
    bands = ArrayField(models.BigIntegerField(), default=list)
    submitted_at = models.DateTimeField()

    class Meta:
        indexes = [
            GinIndex(fields=["bands"], name="moderation_signature_bands"),  # candidates, by any shared band
            models.Index(fields=["submitted_at"], name="moderation_signature_recent"),  # what is new, what is old
        ]

    def __str__(self) -> str:
        return f"signature of item {self.item_id}"


class CampaignState(models.TextChoices):
    """Whether people have decided."""

    OPEN = "open", "To be decided"
    DECIDED = "decided", "Decided"


class Campaign(PublicKeyModel):
    """Near-identical captions of many creators within minutes: one unit of review, with one decision for all its members.

    `representatives` are the signatures that decide who belongs, fixed when it is opened; `bands` are their keys.
    Counts are those of the last look at it.
    """

    state = models.CharField(max_length=8, choices=CampaignState.choices, default=CampaignState.OPEN)
    category = models.CharField(max_length=40, help_text="What most of its members are suspected of.")
    first_item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="+")
    representatives = models.BinaryField()
    bands = ArrayField(models.BigIntegerField())
    signature_version = models.PositiveSmallIntegerField()
    n_items = models.PositiveIntegerField(default=0)
    n_creators = models.PositiveIntegerField(default=0)
    last_joined_at = models.DateTimeField()
    began_at = models.DateTimeField(null=True, help_text="What was served before this was not a part of the wave.")
    due_at = models.DateTimeField()
    live_until = models.DateTimeField(help_text="Captions that come later do not join any more.")
    is_for_seniors = models.BooleanField(default=False)
    outcome = models.PositiveSmallIntegerField(choices=Outcome.choices, null=True)
    min_age = min_age_field()
    territories_blocked = territories_field()
    decision_category = models.CharField(max_length=40, blank=True)
    note = models.TextField(blank=True)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    applied_at = models.DateTimeField(null=True, help_text="Every member of that moment has the decision.")
    undone_at = models.DateTimeField(
        null=True, help_text="From then on it sets no floor; its members were judged again."
    )
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    undo_note = models.CharField(max_length=300, blank=True)
    lease_holder = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    lease_expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_campaign_state_known", condition=Q(state__in=CampaignState.values)),
            models.CheckConstraint(
                name="moderation_campaign_decided_whole",
                condition=Q(
                    state=CampaignState.DECIDED,
                    decided_by__isnull=False,
                    decided_at__isnull=False,
                    outcome__in=[Outcome.CLEAR, Outcome.RESTRICT, Outcome.BLOCK],
                )
                | Q(
                    state=CampaignState.OPEN,
                    decided_by__isnull=True,
                    decided_at__isnull=True,
                    outcome__isnull=True,
                    applied_at__isnull=True,
                    min_age=0,
                    territories_blocked=[],
                ),
            ),
            models.CheckConstraint(
                name="moderation_campaign_says_why",
                condition=Q(outcome__isnull=True)
                | Q(outcome=Outcome.CLEAR)
                | (Q(note__gt="") & Q(decision_category__gt="")),
            ),
            models.CheckConstraint(
                name="moderation_campaign_restricts_something",
                condition=(Q(outcome=Outcome.RESTRICT) & (Q(min_age__gt=0) | ~Q(territories_blocked=[])))
                | Q(Q(outcome__isnull=True) | ~Q(outcome=Outcome.RESTRICT), min_age=0, territories_blocked=[]),
            ),
            min_age_check("moderation_campaign_min_age_known"),
            models.CheckConstraint(
                name="moderation_campaign_lives_after_opening", condition=Q(live_until__gt=models.F("created_at"))
            ),
            models.CheckConstraint(
                name="moderation_campaign_undone_whole",
                condition=Q(undone_at__isnull=True, undone_by__isnull=True, undo_note="")
                | Q(
                    undone_at__isnull=False,
                    undone_by__isnull=False,
                    undo_note__regex=r"\S",
                    outcome__in=[Outcome.RESTRICT, Outcome.BLOCK],
                ),
            ),
            models.CheckConstraint(
                name="moderation_campaign_lease_whole",
                condition=Q(lease_holder__isnull=True, lease_expires_at__isnull=True)
                | Q(lease_holder__isnull=False, lease_expires_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["live_until"], name="moderation_campaign_live"),  # every process: what may be joined
            models.Index(  # the campaigns page: what waits
                fields=["due_at"], name="moderation_campaign_waiting", condition=Q(state=CampaignState.OPEN)
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="decision_final",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__state="decided"),
                func=_DECISION_FINAL,
            ),
            pgtrigger.Protect(
                name="undone_final",
                operation=pgtrigger.Update,
                condition=pgtrigger.Condition(
                    "OLD.undone_at IS NOT NULL AND (NEW.undone_at, NEW.undone_by_id, NEW.undo_note)"
                    " IS DISTINCT FROM (OLD.undone_at, OLD.undone_by_id, OLD.undo_note)"
                ),
            ),
            pgtrigger.Protect(
                name="meaning_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange(
                    "key", "first_item", "representatives", "bands", "signature_version", "began_at"
                ),
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"campaign {str(self.key)[:8]} ({self.state})"

    def is_held_by_other(self, person_pk: int | None, now: datetime) -> bool:
        """Whether somebody else works on it, by a live lease."""
        lives = self.lease_expires_at is not None and self.lease_expires_at > now
        return lives and self.lease_holder_id != person_pk


class CampaignMember(models.Model):
    """That an item belongs to a campaign; of all campaigns there ever were it belongs to one at most.

    `decision` is the item's decision that the campaign's decision led to; an item that a person decided by itself, or that
    was withdrawn, is settled (`settled_at`) without one. One that a person left out has no floor under it.
    """

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="members")
    item = models.OneToOneField("moderation.Item", on_delete=models.PROTECT, related_name="campaign_member")
    creator = models.ForeignKey("moderation.Creator", on_delete=models.PROTECT, related_name="+", db_index=False)
    joined_at = models.DateTimeField()
    admitted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    left_out_at = models.DateTimeField(null=True, help_text="An exception: its own evidence decides on it.")
    left_out_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    settled_at = models.DateTimeField(null=True)
    decision = models.OneToOneField("moderation.Decision", on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_campaignmember_settled_whole",
                condition=Q(decision__isnull=True) | Q(settled_at__isnull=False),
            ),
            models.CheckConstraint(
                name="moderation_campaignmember_left_out_by_somebody",
                condition=Q(left_out_at__isnull=True, left_out_by__isnull=True)
                | Q(left_out_at__isnull=False, left_out_by__isnull=False),
            ),
        ]
        indexes = [
            models.Index(  # campaign_apply: who still waits for the decision
                fields=["campaign", "id"],
                name="moderation_campaign_unsettled",
                condition=Q(settled_at__isnull=True),
            ),
        ]
        triggers = [
            pgtrigger.Protect(
                name="membership_fixed",
                operation=pgtrigger.Update,
                condition=pgtrigger.AnyChange("campaign", "item", "creator", "joined_at", "admitted_by"),
            ),
            pgtrigger.Trigger(
                name="bystander_admitted",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__admitted_by_id__isnull=True),
                func=_BYSTANDER_ADMITTED,
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"item {self.item_id} of campaign {self.campaign_id}"


class CampaignBystander(models.Model):
    """An item that reads like a campaign and is left alone: it was served before the wave began, or its creator stands well.

    A person may make it a member. Otherwise strangers could have it taken down by copying its caption.
    """

    class Why(models.TextChoices):
        """What keeps it out."""

        SERVED_BEFORE = "served_before", "Was served before the wave began"
        GOOD_STANDING = "good_standing", "Its creator stands well"

    campaign = models.ForeignKey(Campaign, on_delete=models.PROTECT, related_name="bystanders")
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="+")
    why = models.CharField(max_length=15, choices=Why.choices)
    found_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["campaign", "item"], name="moderation_campaignbystander_once"),
            models.CheckConstraint(
                name="moderation_campaignbystander_why_known",
                condition=Q(why__in=["served_before", "good_standing"]),
            ),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"item {self.item_id} beside campaign {self.campaign_id}"
