"""The feed over HTTP: parse, call one thing, answer. Keys with `feed:read` see the feed and nothing else,
and only those with `feed:explain` how a slate came about."""

from dataclasses import asdict
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from feed import home
from feed.api.errors import StreamGone
from feed.api.serializers import (
    EventBatch,
    EventBatchSchema,
    ExplainParams,
    FeedParams,
    IntakeSchema,
    ItemExplanation,
    RevocationParams,
    RevocationsSchema,
    SlateSchema,
    TraceExplanation,
)
from feed.cursors import CursorError
from feed.events import events_record
from feed.explain import ItemUnknown, explain_item, explain_trace
from feed.serialise import revocations_json, slate_json
from moderation.gate import door as gate

_REVOCATIONS = {
    200: RevocationsSchema,
    410: OpenApiResponse(description="Another history: drop the whole cache and start at 0"),
}


class FeedView(APIView):
    """The home feed of one viewer."""

    scopes: ClassVar = {"GET": "feed:read"}

    @extend_schema(operation_id="feed", parameters=[FeedParams], responses=SlateSchema)
    def get(self, request: Request) -> Response:
        """Return a slate of items that are cleared for this viewer now, and of nothing else."""
        wanted = FeedParams.read(request.query_params)
        try:
            slate = home.slate(**wanted)
        except CursorError:
            message = "The cursor is damaged or older than a day. Start without one."
            raise serializers.ValidationError({"cursor": [message]}) from None
        return _fresh(slate_json(slate))


class RevocationsView(APIView):
    """What clients must drop from their caches."""

    scopes: ClassVar = {"GET": "feed:read"}

    @extend_schema(operation_id="feed_revocations", parameters=[RevocationParams], responses=_REVOCATIONS)
    def get(self, request: Request) -> Response:
        """Return revocations and narrowings after a revision, in order. Rows above `next` may come again.

        A foreign `history`, or a `since` that the stream has not reached, is 410: drop the whole cache and start at 0.
        """
        wanted = RevocationParams.read(request.query_params)
        try:
            page = gate.current().revocations(wanted["since"], wanted["history"])
        except gate.HistoryGone:
            raise StreamGone from None
        return _fresh(revocations_json(page))


class ExplainView(APIView):
    """Why this, and why not that."""

    scopes: ClassVar = {"GET": "feed:explain"}

    @extend_schema(
        operation_id="feed_explain",
        parameters=[ExplainParams],
        responses={
            200: PolymorphicProxySerializer(
                component_name="Explanation",
                serializers=[TraceExplanation, ItemExplanation],
                resource_type_field_name=None,
            ),
            404: OpenApiResponse(description="There is no such trace (they are kept for an hour), or no such item."),
        },
    )
    def get(self, request: Request) -> Response:
        """Return, stage by stage, what happened in a request, or what became of one item in it and would now."""
        wanted = ExplainParams.read(request.query_params)
        try:
            found = explain_item(**wanted, now=timezone.now()) if "external_id" in wanted else explain_trace(**wanted)
        except ItemUnknown:
            raise NotFound("No such item.") from None
        if found is None:
            raise NotFound("No such trace; they are kept for an hour.")
        return _fresh(found)


class EventsView(APIView):
    """What viewers did."""

    scopes: ClassVar = {"POST": "events:write"}
    #: Each is checked by itself, its texts included.
    rows_field: ClassVar = "events"

    @classmethod
    def max_body_bytes(cls) -> int:
        """Return the most that a batch can hold: what any JSON may."""
        return settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    @extend_schema(operation_id="events", request=EventBatchSchema, responses={202: IntakeSchema})
    def post(self, request: Request) -> Response:
        """Take in at most 500 events; each counts once, however often it is sent."""
        batch = EventBatch.read(request.data)
        return Response(asdict(events_record(raw_events=batch["events"], now=timezone.now())), status=202)


def _fresh(body: dict[str, Any]) -> Response:
    """Answer what no cache on the way may keep: a copy would outlive a revocation."""
    return Response(body, headers={"Cache-Control": "no-store"})
