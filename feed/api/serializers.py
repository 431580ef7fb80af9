"""What the feed's addresses take and give. Parameters are strict: what is not asked for is refused."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from feed import params
from feed.types import Network, Rung
from policies.api_fields import WholeNumberField

_TEXT_MAX = 128


class StrictParams(serializers.Serializer[Any]):
    """Refuses parameters that the address does not have, or has twice."""

    def to_internal_value(self, data: Any) -> Any:
        """Return the values.

        Raises:
            ValidationError: one error for each parameter at fault.
        """
        if not isinstance(data, Mapping | QueryDict):
            return super().to_internal_value(data)
        wrong = {str(name)[:64]: "There is no such parameter." for name in data if name not in self.fields}
        if isinstance(data, QueryDict):
            wrong |= {name: "Sent more than once." for name, sent in data.lists() if len(sent) > 1}
        if wrong:
            raise serializers.ValidationError(wrong, code="unknown")
        return super().to_internal_value(data)


class _ViewerParams(StrictParams):
    viewer = serializers.CharField(max_length=_TEXT_MAX, default="", allow_blank=True)
    age = serializers.CharField(default=None, allow_blank=True, trim_whitespace=False)
    region = serializers.RegexField(r"^([A-Za-z]{2})?$", default="", allow_blank=True)
    language = serializers.RegexField(
        r"^([A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*)?$", max_length=35, default="", allow_blank=True
    )


class FeedParams(_ViewerParams):
    """Who asks for a slate, and how large it shall be."""

    network = serializers.ChoiceField([n.value for n in Network], default=Network.WIFI.value)
    limit = WholeNumberField(min_value=1, max_value=params.LIMIT_MAX, default=params.LIMIT_DEFAULT)
    cursor = serializers.CharField(max_length=8_000, default="", allow_blank=True)


class RevocationParams(StrictParams):
    """From where to read the stream."""

    since = WholeNumberField(min_value=0, max_value=2**62, default=0)


class ExplainParams(_ViewerParams):
    """Either a trace, or an item and a viewer."""

    trace_id = serializers.RegexField(r"^[0-9a-f]{32}$", required=False)
    external_id = serializers.CharField(max_length=_TEXT_MAX, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the values where exactly one of the two was asked for."""
        if ("trace_id" in attrs) == ("external_id" in attrs):
            raise serializers.ValidationError("Give either trace_id or external_id.", code="required")
        return attrs


class EventBatch(StrictParams):
    """A batch; each event is checked by itself, so that one bad event does not lose the others."""

    events = serializers.ListField(child=serializers.JSONField(), max_length=params.EVENTS_MAX)


class ClearanceSchema(serializers.Serializer[Any]):
    """The permission that an item is served under."""

    decision_id = serializers.UUIDField()
    policy_version = serializers.IntegerField()
    revision = serializers.IntegerField()
    valid_until = serializers.DateTimeField()


class FeedItemSchema(serializers.Serializer[Any]):
    """One item of a slate."""

    external_id = serializers.CharField()
    creator = serializers.CharField()
    caption = serializers.CharField()
    media_url = serializers.CharField(allow_null=True)
    duration_ms = serializers.IntegerField(allow_null=True)
    min_age = serializers.IntegerField()
    reason = serializers.CharField()
    clearance = ClearanceSchema()
    impression_id = serializers.CharField()


class SlateSchema(serializers.Serializer[Any]):
    """A slate."""

    items = FeedItemSchema(many=True)
    cursor = serializers.CharField(allow_null=True)
    rung = serializers.ChoiceField([r.value for r in Rung])
    trace_id = serializers.CharField()
    served_at = serializers.DateTimeField()


class RevocationSchema(serializers.Serializer[Any]):
    """One item to drop, or to show to fewer people."""

    external_id = serializers.CharField()
    revision = serializers.IntegerField()
    effect = serializers.ChoiceField(["revoke", "narrow"])
    min_age = serializers.IntegerField()
    territories_blocked = serializers.ListField(child=serializers.CharField())
    valid_until = serializers.DateTimeField()
    decision_id = serializers.UUIDField()
    at = serializers.DateTimeField()


class RevocationsSchema(serializers.Serializer[Any]):
    """A part of the stream; ask again with `since=next`."""

    revocations = RevocationSchema(many=True)
    next = serializers.IntegerField()
    is_more = serializers.BooleanField()


class RejectedSchema(serializers.Serializer[Any]):
    """One event that was not taken in."""

    index = serializers.IntegerField()
    event_id = serializers.CharField(allow_null=True)
    code = serializers.CharField()
    detail = serializers.CharField()


class IntakeSchema(serializers.Serializer[Any]):
    """What became of a batch."""

    accepted = serializers.IntegerField()
    duplicates = serializers.IntegerField()
    rejected = RejectedSchema(many=True)
