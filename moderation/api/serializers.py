"""What the item and report endpoints take and give."""

from typing import Any

from rest_framework import serializers

from moderation.api.fields import IdentifierField, ItemIdField, LanguageField, RegionField, StrictSerializer, TextField
from moderation.intake.submit import Submission, UploadedMedia
from moderation.models.decision import DecisionStage
from moderation.models.item import DeepState, ItemState
from policies.api_fields import WholeNumberField
from policies.choices import BAND_KEYS, KIND_KEYS, Band, ItemKind, Outcome

MAX_CAPTION = 4_000
#: A day in milliseconds; nothing longer is a short video.
MAX_DURATION_MS = 86_400_000
OUTCOME_NAMES = [outcome.name for outcome in Outcome]


class ItemSubmission(StrictSerializer):
    """An upload. `media` and `cover` are files of a multipart form; without files JSON does as well."""

    external_id = ItemIdField(help_text="The platform's id of the upload; the same id always means the same content.")
    kind = serializers.ChoiceField(choices=KIND_KEYS)
    caption = TextField(max_length=MAX_CAPTION, required=False, allow_blank=True, default="")
    creator = IdentifierField(help_text="The platform's id of the creator.")
    language = LanguageField(
        required=False, allow_blank=True, default="", help_text="BCP 47, as claimed; detected as well."
    )
    region = RegionField(required=False, allow_blank=True, default="", help_text="ISO 3166-1 alpha-2.")
    duration_ms = WholeNumberField(required=False, min_value=0, max_value=MAX_DURATION_MS)
    audience = serializers.ChoiceField(choices=BAND_KEYS, required=False, help_text="What the creator claims.")
    media = serializers.FileField(required=False, help_text="The video or image itself.")
    cover = serializers.FileField(required=False, help_text="A still image that stands for the upload.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Check what one field demands of another."""
        wrong: dict[str, serializers.ErrorDetail] = {}
        is_text = attrs["kind"] == "text"
        if is_text and "media" in attrs:
            wrong["media"] = _detail("A text has no media; send kind video or image with it.", "not_allowed")
        if is_text and not attrs["caption"].strip():
            wrong["caption"] = _detail("A text needs a caption: there is nothing else to it.", "required")
        if not is_text and "media" not in attrs:
            wrong["media"] = _detail(f"Send the file: kind {attrs['kind']} needs media.", "required")
        if wrong:
            raise serializers.ValidationError(wrong)
        return attrs

    def submission(self, media: UploadedMedia | None, cover: UploadedMedia | None) -> Submission:
        """Return the validated upload with its checked files."""
        data = self.validated_data
        return Submission(
            external_id=data["external_id"],
            kind=ItemKind(KIND_KEYS.index(data["kind"])),
            caption=data["caption"],
            creator=data["creator"],
            language=data["language"],
            region=data["region"],
            duration_ms=data.get("duration_ms"),
            audience=Band(BAND_KEYS.index(data["audience"])) if "audience" in data else None,
            media=media,
            cover=cover,
        )


def _detail(text: str, code: str) -> serializers.ErrorDetail:
    return serializers.ErrorDetail(text, code=code)


class ReportSubmission(StrictSerializer):
    """A person's flag on an item."""

    external_id = IdentifierField(help_text="The item that is reported.")
    reporter = IdentifierField(help_text="The platform's id of the person; never shown to reviewers or creators.")
    category = TextField(max_length=40)
    text = TextField(max_length=2_000, required=False, allow_blank=True, default="")


# --- answers, described for the schema; the values come from queries --------------------------------------------


class Reason(serializers.Serializer[Any]):
    """One piece of evidence that a verdict rests on."""

    category = serializers.CharField(allow_null=True)
    detector = serializers.CharField(allow_null=True)
    score = serializers.FloatField(allow_null=True, min_value=0, max_value=1)
    threshold = serializers.FloatField(allow_null=True)
    where = serializers.JSONField(allow_null=True, help_text="Text span, frame and box, or matched hash with distance.")


class ItemStatus(serializers.Serializer[Any]):
    """Where an item stands now."""

    id = serializers.UUIDField()
    external_id = serializers.CharField()
    state = serializers.ChoiceField(choices=ItemState.values)
    outcome = serializers.ChoiceField(choices=OUTCOME_NAMES, allow_null=True)
    decided_by = serializers.CharField(allow_null=True, help_text="The rule that decided, or who did.")
    min_age = serializers.IntegerField()
    territories_blocked = serializers.ListField(child=serializers.CharField())
    reasons = Reason(many=True)
    missing = serializers.ListField(child=serializers.CharField(), help_text="Detectors that gave no answer.")
    policy_version = serializers.IntegerField(allow_null=True)
    decision_id = serializers.UUIDField(allow_null=True)
    deep = serializers.ChoiceField(choices=DeepState.values)


class HistoryFinding(serializers.Serializer[Any]):
    """One finding as it was cited."""

    detector = serializers.CharField()
    version = serializers.CharField()
    category = serializers.CharField()
    score = serializers.FloatField()
    where = serializers.JSONField()


class HistoryDecision(serializers.Serializer[Any]):
    """One decision with all that is needed to replay it."""

    decision_id = serializers.UUIDField()
    at = serializers.DateTimeField()
    stage = serializers.ChoiceField(choices=DecisionStage.values)
    outcome = serializers.ChoiceField(choices=OUTCOME_NAMES)
    decided_by = serializers.CharField()
    category = serializers.CharField(allow_blank=True)
    min_age = serializers.IntegerField()
    territories_blocked = serializers.ListField(child=serializers.CharField())
    span_ms = serializers.ListField(
        child=serializers.IntegerField(),
        allow_null=True,
        help_text="Where the part of the clip that breaks the rule begins and ends; null where nobody marked one.",
    )
    reasons = serializers.ListField(child=serializers.DictField())
    evidence = serializers.DictField()
    findings = HistoryFinding(many=True)
    policy_version = serializers.IntegerField()
    supersedes = serializers.UUIDField(allow_null=True)


class ItemHistory(serializers.Serializer[Any]):
    """Every decision on an item, oldest first."""

    external_id = serializers.CharField()
    decisions = HistoryDecision(many=True)


class ReportReceipt(serializers.Serializer[Any]):
    """A stored report."""

    id = serializers.UUIDField()
    external_id = serializers.CharField()
    category = serializers.CharField()
    at = serializers.DateTimeField()
