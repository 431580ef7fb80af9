"""Stored media, each answer and each range of it after the question whether it may still go out.

What a feed's address names is asked of this process's gate; what a reviewer's names, of their session and permissions. Every
byte goes through here, from a folder or from a bucket. A refusal never says why, and no cache keeps it.
"""

import re
import time
from collections.abc import Callable
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.access import EXPLORE, REVIEW, item_media_visible, may_still_see_media, requires
from console.http import BlocksResponse, HtmxRequest
from console.pages.looks import media_looked
from console.pages.media.streams import Place, Places
from moderation.detection.media.streaming import Stream, open_at
from moderation.files.thumbs import thumb_fetch
from moderation.gate import door as gate
from moderation.gate.media_urls import Part, Ticket, ticket_read
from moderation.items.media_parts import ItemFile, item_file

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
#: What we are willing to call a file in a browser; anything else is only ever downloaded.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/webm", "video/quicktime"})
#: So many bytes are handed to the server at once: a slow reader of them holds no thread. Longer answers are streams.
AT_ONCE_BYTES = 2**20
#: Whether a person may still see what is being streamed to them is asked of the database this often, in seconds.
_PERSON_SECONDS = 2.0
#: A player may keep what it has and must ask before it uses it again: then the answer is 304, or 404.
_ASK_AGAIN = "private, no-cache"
#: What reviewers look at stays on no disk of theirs.
_KEEP_NOTHING = "private, no-store"


_places = Places(lambda: settings.MEDIA_STREAMS)


class _Busy(Exception):
    """There is no place for another stream."""


@require_safe
def media(request: HttpRequest, signed: str) -> HttpResponseBase:
    """Answer with a file of an item while the gate clears it for the viewer whom the address was made for."""
    ticket = ticket_read(signed, time.time())
    file = item_file(ticket.item_key, ticket.part) if ticket else None
    if ticket is None or file is None or not _is_cleared(ticket, file):
        return _refuse()
    return _answer(request, file, lambda: _is_cleared(ticket, file), keep=_ASK_AGAIN)


def _is_cleared(ticket: Ticket, file: ItemFile) -> bool:
    """Ask the gate, as the feed does. A view that is too old clears nothing."""
    now = timezone.now()
    is_over = now.timestamp() >= ticket.ends_at
    return not is_over and not gate.current().why_not(file.item_id, ticket.viewer, now)


@require_safe
@requires(EXPLORE, REVIEW)
def item_media(request: HtmxRequest, key: UUID, part: str) -> HttpResponseBase:
    """Answer with a file of an item to somebody who may see it: of a restricted one, to holders of that permission only."""
    user = request.user
    try:
        item = item_media_visible(user, key)
        file = thumb_fetch(item) if part == Part.THUMB else item_file(key, Part(part))
    except (Http404, ValueError):
        return _refuse()
    if file is None:
        return _refuse()
    media_looked(user, item)
    return _answer(request, file, _asking_now_and_then(lambda: may_still_see_media(user, key)), keep=_KEEP_NOTHING)


def _asking_now_and_then(may: Callable[[], bool]) -> Callable[[], bool]:
    """Return a check that asks at most every _PERSON_SECONDS and says yes in between; the caller has just asked."""
    asked_at = time.monotonic()

    def may_go_on() -> bool:
        nonlocal asked_at
        if time.monotonic() - asked_at < _PERSON_SECONDS:
            return True
        asked_at = time.monotonic()
        return may()

    return may_go_on


def _refuse() -> HttpResponse:
    """Say that there is nothing here: forged, too old, unknown, not cleared and not permitted look the same."""
    headers = {"Cache-Control": "no-store"}
    return _without_log(HttpResponse("Not found.", status=404, content_type="text/plain", headers=headers))


def _without_log(response: HttpResponse) -> HttpResponse:
    """Keep the address out of the log: it says how old somebody is and where, and may still be good."""
    response._has_been_logged = True  # type: ignore[attr-defined]  # how Django is told not to warn of a 4xx or 5xx
    return response


def _answer(request: HttpRequest, file: ItemFile, may_go_on: Callable[[], bool], *, keep: str) -> HttpResponseBase:
    """Answer with a file that may be sent now: whole, or the one range asked for, or that it is known already."""
    if request.headers.get("If-None-Match") == _etag(file):
        return _headers(HttpResponse(status=304), file, keep)
    asked = _range_asked(request, file)
    span = _span(asked, file.n_bytes)
    if span is None:
        unsatisfied = {"Content-Range": f"bytes */{file.n_bytes}"}
        return _headers(_without_log(HttpResponse(status=416, headers=unsatisfied)), file, keep)
    try:
        response = _head(file, span) if request.method == "HEAD" else _body(file, span, may_go_on, bool(asked))
    except FileNotFoundError:
        return _refuse()
    except _Busy:
        return _later()
    return _headers(response, file, keep)


def _later() -> HttpResponse:
    """Say that there is no place for another stream; ranges of the same file are answered."""
    headers = {"Retry-After": "1", "Cache-Control": "no-store"}
    return _without_log(
        HttpResponse("Too many files are being sent.", status=503, content_type="text/plain", headers=headers)
    )


def _etag(file: ItemFile) -> str:
    """Return a file's entity tag. Its hash names its content for ever, so it is the strongest there is."""
    return f'"{file.sha256}"'


def _range_asked(request: HttpRequest, file: ItemFile) -> str:
    """Return the Range header, empty where we do not understand it, or where If-Range names another content.

    Then the whole file is due (RFC 9110, 13.1.5 and 14.2).
    """
    condition = request.headers.get("If-Range", _etag(file))
    asked = request.headers.get("Range", "") if condition == _etag(file) else ""
    # Several ranges at once are not worth a multipart answer: players never ask for them, and the whole file answers them too.
    match = _RANGE.fullmatch(asked)
    return asked if match and any(match.groups()) else ""


def _span(asked: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte to send: of a range, or of the whole file; None where the range lies beyond its end."""
    match = _RANGE.fullmatch(asked)
    if match is None:
        return 0, size - 1
    first, last = match.groups()
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else None
    span = int(first), min(int(last) if last else size - 1, size - 1)
    return span if span[0] <= span[1] else None


def _head(file: ItemFile, span: tuple[int, int]) -> HttpResponseBase:
    if not default_storage.exists(file.key):
        raise FileNotFoundError(file.key)
    return _span_of(HttpResponse(), file, span)


def _body(file: ItemFile, span: tuple[int, int], may_go_on: Callable[[], bool], is_range: bool) -> HttpResponseBase:
    """Answer with a span of a file: at once where it is short, as a stream where there is a place for one.

    Without a place a range is cut short, which RFC 9110 (15.3.7) allows and after which players ask for the rest; a whole
    file takes the place of a reader that takes too little, or has to wait.

    Raises:
        _Busy: it is long, whole, and there is no place.
        FileNotFoundError: storage has lost it.
    """
    first, last = span
    length = last - first + 1
    if length > AT_ONCE_BYTES and (place := _places.take(from_slow=not is_range)):
        return _span_of(BlocksResponse(_stream(file, first, length, may_go_on, place)), file, span)
    if length > AT_ONCE_BYTES and not is_range:
        raise _Busy
    length = min(length, AT_ONCE_BYTES)
    with open_at(file.key, first, length) as opened:
        return _span_of(HttpResponse(opened.read(length)), file, (first, first + length - 1))


def _stream(file: ItemFile, first: int, length: int, may_go_on: Callable[[], bool], place: Place) -> Stream:
    """Return what sends a long span while it may, and while it has its place."""
    try:
        opened = open_at(file.key, first, length)
    except BaseException:
        place.end()
        raise
    return Stream(
        opened,
        length,
        may_go_on=lambda: not place.is_lost and may_go_on(),
        on_block=place.took,
        on_close=place.end,
    )


def _span_of(response: HttpResponseBase, file: ItemFile, span: tuple[int, int]) -> HttpResponseBase:
    """Say which bytes of the file an answer has."""
    first, last = span
    response["Content-Length"] = str(last - first + 1)
    if last - first + 1 < file.n_bytes:
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{file.n_bytes}"
    return response


def _headers(response: HttpResponseBase, file: ItemFile, keep: str) -> HttpResponseBase:
    """Say what the file is by what we found by looking, that it may be asked for in ranges, and how it may be kept."""
    is_shown = file.mime in _SHOWN
    response["Content-Type"] = file.mime if is_shown else "application/octet-stream"
    response["Content-Disposition"] = "inline" if is_shown else "attachment"
    response["ETag"] = _etag(file)
    response["X-Content-Type-Options"] = "nosniff"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = keep
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
