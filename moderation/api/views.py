"""The item and report endpoints: parse, call one service or query, answer."""

from contextlib import ExitStack, suppress
from typing import Any, ClassVar

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from moderation.api.errors import CONFLICT, INVALID, UNAVAILABLE, Refused
from moderation.api.parsers import StrictMultiPartParser
from moderation.api.serializers import ItemHistory, ItemStatus, ItemSubmission, ReportReceipt, ReportSubmission
from moderation.api.uploads import uploads_stored
from moderation.decisions.record import item_withdraw
from moderation.exceptions import ItemConflict, MediaGone
from moderation.intake.submit import Submitted, item_begin, item_submit
from moderation.items.queries import item_by_external_id, item_history, item_status
from moderation.models import Item
from moderation.reports.service import ReportInvalid, report_file

#: How often an upload is done again whose files others removed meanwhile.
_MAX_TRIES = 3


def actor_of(request: Request) -> str:
    """Return the name under which the audit log knows the caller."""
    key: Any = request.auth  # the console's key; moderation knows only that it has a name
    return f"api:{key.name}"


def _item(external_id: str) -> Item:
    item = item_by_external_id(external_id)
    if item is None:
        raise NotFound("There is no item with this external_id.")
    return item


class ItemList(APIView):
    """Uploads coming in."""

    scopes: ClassVar = {"POST": "items:write"}
    parser_classes = [*APIView.parser_classes, StrictMultiPartParser]

    @classmethod
    def max_body_bytes(cls) -> int:
        """Return the most that an upload can hold: a video, its cover and the fields around them."""
        return settings.MEDIA_MAX_VIDEO_BYTES + settings.MEDIA_MAX_IMAGE_BYTES + settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    @extend_schema(
        operation_id="item_submit",
        summary="Submit an upload and get its first verdict",
        request=ItemSubmission,
        responses={
            201: OpenApiResponse(ItemStatus, "Taken in and judged."),
            200: OpenApiResponse(ItemStatus, "The same was submitted before; nothing changed."),
            409: OpenApiResponse(description="The external_id belongs to an item with other content."),
            507: OpenApiResponse(description="There is no room left for media."),
        },
    )
    def post(self, request: Request) -> Response:
        """Take an upload in. Whatever is refused leaves nothing behind, neither rows nor files."""
        form = ItemSubmission(data=request.data)
        form.is_valid(raise_exception=True)
        for _ in range(_MAX_TRIES):
            with suppress(MediaGone):
                submitted = _submit(actor_of(request), form)
                return Response(item_status(submitted.item), status=201 if submitted.is_new else 200)
        raise Refused(
            UNAVAILABLE, "The files were removed while they were judged; nothing was stored. Send them again."
        )


def _submit(actor: str, form: ItemSubmission) -> Submitted:
    """Judge the words of an upload while its files are checked, then all of it.

    Raises:
        MediaGone: a file was removed by an upload of the same content that failed meanwhile.
    """
    data = form.validated_data
    with ExitStack() as turn:
        begun = item_begin(form.submission(None, None), turn=turn)
        stored = uploads_stored(kind=data["kind"], media=data.get("media"), cover=data.get("cover"))
        media, cover = turn.enter_context(stored)
        try:
            return item_submit(actor=actor, submission=form.submission(media, cover), begun=begun)
        except ItemConflict as error:
            raise Refused(CONFLICT, str(error), field="external_id", code="conflict") from error


class ItemDetail(APIView):
    """One item."""

    scopes: ClassVar = {"GET": "items:read", "DELETE": "items:write"}

    @extend_schema(operation_id="item_status", summary="Where an item stands now", responses=ItemStatus)
    def get(self, request: Request, external_id: str) -> Response:
        """Return the item's current state and the decision behind it."""
        return Response(item_status(_item(external_id)))

    @extend_schema(
        operation_id="item_withdraw",
        summary="Withdraw an item",
        responses={200: OpenApiResponse(ItemStatus, "Withdrawn.")},
    )
    def delete(self, request: Request, external_id: str) -> Response:
        """Withdraw the item: it leaves the feed like any revocation. Its record stays. Safe to repeat."""
        item_withdraw(actor=actor_of(request), item=_item(external_id), now=timezone.now())
        return Response(item_status(_item(external_id)))


class ItemHistoryView(APIView):
    """The decisions on one item."""

    scopes: ClassVar = {"GET": "items:read"}

    @extend_schema(operation_id="item_history", summary="Every decision on an item", responses=ItemHistory)
    def get(self, request: Request, external_id: str) -> Response:
        """Return every decision, oldest first, with its evidence and policy version."""
        item = _item(external_id)
        return Response({"external_id": item.external_id, "decisions": item_history(item)})


class ReportList(APIView):
    """Flags from people."""

    scopes: ClassVar = {"POST": "reports:write"}

    @extend_schema(
        operation_id="report_file",
        summary="Report an item",
        request=ReportSubmission,
        responses={201: OpenApiResponse(ReportReceipt, "Stored; a person will look. A repeat is the same report.")},
    )
    def post(self, request: Request) -> Response:
        """Store a person's report and see that a person looks at the item."""
        form = ReportSubmission(data=request.data)
        form.is_valid(raise_exception=True)
        data = form.validated_data
        try:
            report = report_file(actor=actor_of(request), now=timezone.now(), **data)
        except ReportInvalid as error:
            raise Refused(INVALID, str(error), field=error.field, code="unknown") from error
        receipt = {
            "id": report.key,
            "external_id": data["external_id"],
            "category": report.category,
            "at": report.created_at,
        }
        return Response(receipt, status=201)
