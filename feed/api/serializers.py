"""What the feed's addresses take and give. Parameters are strict: what is not asked for is refused."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from feed import params
from feed.models import EventType
from feed.types import Network, Rung
from policies.api_fields import WholeNumberField

_TEXT_MAX = 128


class StrictParams(serializers.Serializer[Any]):
    """Refuses parameters that the address does not have, or has twice."""

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """Validate the parameters of one request.

        Raises:
            ValidationError: one error for each parameter at fault.
        """
        values: dict[str, Any] = _reader(cls).run_validation(data)
        return values

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


@cache
def _reader(kind: type[StrictParams]) -> StrictParams:
    """Make the one serializer that reads for all requests: it keeps nothing of them, and making one copies every field."""
    return kind()


class FeedParams(StrictParams):
    """Who asks for a slate, and how large it shall be."""

    viewer = serializers.CharField(max_length=_TEXT_MAX, default="", allow_blank=True)
    age = serializers.CharField(default=None, allow_blank=True, trim_whitespace=False)
    region = serializers.RegexField(r"^([A-Za-z]{2})?$", default="", allow_blank=True)
    language = serializers.RegexField(
        r"^([A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8})*)?$", max_length=35, default="", allow_blank=True
    )
    network = serializers.ChoiceField([n.value for n in Network], default=Network.WIFI.value)
    limit = WholeNumberField(min_value=1, max_value=params.LIMIT_MAX, default=params.LIMIT_DEFAULT)
    cursor = serializers.CharField(max_length=8_000, default="", allow_blank=True)


class RevocationParams(StrictParams):
    """From where to read the stream."""

    since = WholeNumberField(min_value=0, max_value=2**62, default=0)
    history = serializers.RegexField(
        r"^([0-9a-f]{32})?$", default="", allow_blank=True,
        help_text="The history that `since` comes from, as the stream gave it. Needed with any `since` above 0.",
    )  # fmt: skip


class ExplainParams(StrictParams):
    """A trace, and perhaps an item to follow through it. A viewer cannot be asked about."""

    trace_id = serializers.RegexField(r"^[0-9a-f]{32}$")
    external_id = serializers.CharField(max_length=_TEXT_MAX, required=False)


class EventBatch(StrictParams):
    """A batch; each event is checked by itself, so that one bad event does not lose the others."""

    events = serializers.ListField(child=serializers.JSONField(), max_length=params.EVENTS_MAX)


class EventSchema(serializers.Serializer[Any]):
    """One thing that a viewer did; `feed.events` checks each."""

    event_id = serializers.CharField(max_length=_TEXT_MAX, help_text="The client's own; the same id counts once.")
    type = serializers.ChoiceField(EventType.choices)
    viewer = serializers.CharField(max_length=_TEXT_MAX, required=False, allow_blank=True, allow_null=True)
    external_id = serializers.CharField(max_length=_TEXT_MAX)
    impression_id = serializers.CharField(max_length=_TEXT_MAX, required=False, allow_blank=True, allow_null=True)
    watch_ms = serializers.IntegerField(min_value=0, max_value=params.WATCH_MS_MAX, required=False, allow_null=True)
    at = serializers.DateTimeField(help_text="RFC 3339 with its offset.")


class EventBatchSchema(serializers.Serializer[Any]):
    """A batch of events; each is taken in or refused by itself."""

    events = serializers.ListField(child=EventSchema(), max_length=params.EVENTS_MAX)


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
    """A part of the stream; ask again with `since=next` and `history`."""

    revocations = RevocationSchema(many=True)
    next = serializers.IntegerField()
    history = serializers.CharField(help_text="Send it along with `since`.")
    is_more = serializers.BooleanField()


class RankedSchema(serializers.Serializer[Any]):
    """One candidate that was ranked, with its scores."""

    external_id = serializers.CharField(allow_null=True)
    prerank = serializers.FloatField(allow_null=True)
    rank = serializers.FloatField(allow_null=True)


class TraceExplanation(serializers.Serializer[Any]):
    """What happened in one request, stage by stage."""

    trace_id = serializers.CharField()
    at = serializers.DateTimeField()
    rung = serializers.ChoiceField([r.value for r in Rung])
    policy_versions = serializers.ListField(child=serializers.IntegerField())
    candidates = serializers.DictField(child=serializers.IntegerField(), help_text="How many each source gave.")
    removed = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(allow_null=True)),
        help_text="Who was taken out, by why.",
    )
    ranked = RankedSchema(many=True)
    served = serializers.ListField(child=serializers.CharField(allow_null=True))
    failures = serializers.DictField(child=serializers.CharField(), help_text="What each failed component said.")
    timings_ms = serializers.DictField(child=serializers.FloatField())


class GateSays(serializers.Serializer[Any]):
    """The gate's answer now, for whoever the item is for: it says nothing of the viewer of the request."""

    is_admitted = serializers.BooleanField()
    why_not = serializers.CharField(allow_null=True)
    is_for_everybody = serializers.BooleanField(help_text="Whether viewers of every age and place may see it.")
    age_seconds = serializers.FloatField(allow_null=True)


class StagesSay(serializers.Serializer[Any]):
    """What each stage would do now, for somebody whom the item is for."""

    rung = serializers.ChoiceField([r.value for r in Rung])
    stages = serializers.DictField(child=serializers.BooleanField(), help_text="Whether it is still there after each.")
    removed_by = serializers.ListField(child=serializers.CharField())
    place_when_ranked = serializers.IntegerField(allow_null=True)
    n_ranked = serializers.IntegerField()
    would_be_served = serializers.BooleanField()


class SlateSays(serializers.Serializer[Any]):
    """What the request did with the item."""

    at = serializers.DateTimeField()
    rung = serializers.ChoiceField([r.value for r in Rung])
    was_served = serializers.BooleanField()
    removed_by = serializers.ListField(child=serializers.CharField())
    place_when_ranked = serializers.IntegerField(allow_null=True, required=False)


class ItemExplanation(serializers.Serializer[Any]):
    """Why one item was or was not shown, then and now."""

    external_id = serializers.CharField()
    trace_id = serializers.CharField(required=False)
    then = SlateSays(required=False)
    gate = GateSays()
    now = StagesSay()


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
