"""What looking leaves behind: vectors of frames and clips, and the prompts that policy holds frames against."""

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from pgvector.django import VectorField

from moderation.models.base import PublicKeyModel, append_only
from policies.triggers import no_truncate

# FOR SHARE makes a change of a prompt wait for a running publication, and the other way round.
_LOOK = """
    SELECT state INTO found FROM moderation_promptset WHERE id = {row}.prompt_set_id FOR SHARE;
    IF found IS DISTINCT FROM 'draft' AND found IS NOT NULL THEN
        RAISE EXCEPTION 'prompt set % is %; its prompts cannot change', {row}.prompt_set_id, found
            USING ERRCODE = 'check_violation';
    END IF;
"""
_FROZEN_PROMPT = (
    f"IF TG_OP <> 'INSERT' THEN {_LOOK.format(row='OLD')} END IF;"
    f"IF TG_OP <> 'DELETE' THEN {_LOOK.format(row='NEW')} RETURN NEW; END IF;"
    "RETURN OLD;"
)
_FROZEN_SET = """
    IF TG_OP = 'DELETE' THEN
        IF OLD.state <> 'draft' THEN
            RAISE EXCEPTION 'prompt set % was used; it cannot go', OLD.number USING ERRCODE = 'check_violation';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.state <> 'draft' AND (NEW.number, NEW.key, NEW.title, NEW.note, NEW.author_id, NEW.publisher_id, NEW.digest, NEW.created_at)
       IS DISTINCT FROM (OLD.number, OLD.key, OLD.title, OLD.note, OLD.author_id, OLD.publisher_id, OLD.digest, OLD.created_at) THEN
        RAISE EXCEPTION 'prompt set % was used; its content cannot change', OLD.number USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'draft' AND NEW.state = 'draft' THEN
        RAISE EXCEPTION 'prompt set % was used; it is no draft again', OLD.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""


class FrameEmbedding(models.Model):
    """One frame of a file as one model sees it: a unit vector. Kept, so that other prompts cost no second look."""

    sha256 = models.CharField(max_length=64)
    model = models.CharField(max_length=80)
    ms = models.PositiveIntegerField()
    vector = VectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256", "model", "ms"], name="moderation_frameembedding_once"),
            models.CheckConstraint(
                name="moderation_frameembedding_sha256_hex", condition=Q(sha256__regex=r"^[0-9a-f]{64}$")
            ),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} at {self.ms} ms"


class ClipEmbedding(models.Model):
    """A whole file as one model sees it: the mean of its frames, as a unit vector."""

    sha256 = models.CharField(max_length=64)
    model = models.CharField(max_length=80)
    n_frames = models.PositiveIntegerField()
    vector = VectorField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["sha256", "model"], name="moderation_clipembedding_once"),
            models.CheckConstraint(name="moderation_clipembedding_has_frames", condition=Q(n_frames__gt=0)),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.sha256[:12]} by {self.model}"


class PromptSet(PublicKeyModel):
    """A version of the prompts: immutable once it was used. Without an active one, those that came with the model count."""

    class State(models.TextChoices):
        """Where a set is."""

        DRAFT = "draft", "Draft"
        ACTIVE = "active", "In force"
        RETIRED = "retired", "Retired"

    number = models.PositiveIntegerField(unique=True)
    title = models.CharField(max_length=120)
    note = models.TextField(blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.DRAFT)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    publisher = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    digest = models.CharField(max_length=8, blank=True)
    edited_at = models.DateTimeField()
    published_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(
                name="moderation_promptset_state_known", condition=Q(state__in=["draft", "active", "retired"])
            ),
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="active"), name="moderation_promptset_one_active"
            ),
            models.CheckConstraint(
                name="moderation_promptset_four_eyes", condition=Q(publisher=None) | ~Q(publisher=F("author"))
            ),
            models.CheckConstraint(
                name="moderation_promptset_published_whole",
                condition=Q(state="draft", publisher=None, published_at=None, digest="")
                | (
                    Q(state__in=["active", "retired"], publisher__isnull=False, published_at__isnull=False)
                    & ~Q(digest="")
                ),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="frozen_after_draft",
                when=pgtrigger.Before,
                operation=pgtrigger.Update | pgtrigger.Delete,
                func=_FROZEN_SET,
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"Prompts {self.number}: {self.title}"

    @property
    def is_draft(self) -> bool:
        """True while the prompts may still change."""
        return self.state == self.State.DRAFT


class Prompt(models.Model):
    """One sentence of a set. Without a category it is harmless, and every category is held against it."""

    prompt_set = models.ForeignKey(PromptSet, on_delete=models.CASCADE, related_name="prompts")
    category = models.ForeignKey(
        "policies.Category", to_field="slug", on_delete=models.PROTECT, related_name="+", null=True
    )
    is_harmful = models.BooleanField()
    text = models.CharField(max_length=200)
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["prompt_set", "category", "is_harmful", "text"],
                nulls_distinct=False,
                name="moderation_prompt_once",
            ),
            models.CheckConstraint(name="moderation_prompt_says_something", condition=~Q(text="")),
            models.CheckConstraint(
                name="moderation_prompt_harm_has_category", condition=Q(is_harmful=False) | Q(category__isnull=False)
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="frozen_after_draft",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
                declare=[("found", "text")],
                func=_FROZEN_PROMPT,
            ),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return self.text
