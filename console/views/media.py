"""Stored media for whoever holds a signed address; byte ranges so that players can seek.

From a folder the bytes are streamed here; from S3 the browser is sent to the bucket, which answers ranges itself.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.core.files.storage import default_storage
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.views.decorators.http import require_safe

from console.http import FileSpan, FileSpanResponse
from moderation.media_urls import OBJECT_SECONDS, media_key, object_url
from moderation.models import DerivedFile, MediaFile

_BLOCK = 64 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: What we are willing to call a file in a browser; anything else is only ever downloaded.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/webm", "video/quicktime"})


@dataclass(frozen=True, slots=True)
class _Stored:
    """A file that may be handed out. Its hash names its content for ever, so it is the strongest of entity tags."""

    key: str
    sha256: str
    mime: str

    @property
    def etag(self) -> str:
        """The entity tag."""
        return f'"{self.sha256}"'

    @property
    def shown_as(self) -> tuple[str, str]:
        """The type and disposition that a browser is told: what we found by looking, and nothing it could make more of."""
        return (self.mime, "inline") if self.mime in _SHOWN else ("application/octet-stream", "attachment")


@require_safe
def media(request: HttpRequest, signed: str) -> HttpResponseBase:
    """Answer with a stored file, whole or the one range asked for, or with where the bucket has it."""
    file = _file(media_key(signed))
    if settings.MEDIA_BACKEND == "s3":
        return _to_bucket(file)
    if not default_storage.exists(file.key):
        raise Http404
    if request.headers.get("If-None-Match") == file.etag:
        return _headers(HttpResponse(status=304), file)
    size = default_storage.size(file.key)
    span = _span(_range_asked(request, file), size)
    if span is None:
        return _headers(HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), file)
    return _headers(_answer(request, file, span, size), file)


def _file(key: str | None) -> _Stored:
    """Return the file of a storage key, found by the hash that every key carries: that look-up has an index."""
    sha256 = _SHA256.search(key or "")
    if sha256:
        for model in (MediaFile, DerivedFile):
            rows = model.objects.filter(sha256=sha256[0], storage_key=key).exclude(mime="application/zip")
            if mime := rows.values_list("mime", flat=True).first():
                return _Stored(str(key), sha256[0], mime)
    raise Http404


def _to_bucket(file: _Stored) -> HttpResponse:
    """Send the browser to the bucket. The answer may be kept half as long as the address works, so that none is kept dead."""
    mime, disposition = file.shown_as
    response = HttpResponseRedirect(object_url(file.key, mime=mime, disposition=disposition))
    response["Cache-Control"] = f"private, max-age={OBJECT_SECONDS // 2}"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _range_asked(request: HttpRequest, file: _Stored) -> str:
    """Return the Range header, empty where If-Range names another content: then the whole file is due (RFC 9110, 13.1.5)."""
    condition = request.headers.get("If-Range", file.etag)
    return request.headers.get("Range", "") if condition == file.etag else ""


def _span(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte to send; the whole file without a range that we understand; None beyond its end.

    Several ranges at once are not worth a multipart answer: players never ask for them, and the whole file answers them too.
    """
    match = _RANGE.fullmatch(header)
    if not match or not any(match.groups()):
        return 0, size - 1
    first, last = match[1], match[2]
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else None
    span = int(first), min(int(last) if last else size - 1, size - 1)
    return span if span[0] <= span[1] else None


def _answer(request: HttpRequest, file: _Stored, asked: tuple[int, int], size: int) -> HttpResponseBase:
    first, last = asked
    whole = last - first + 1 == size
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    else:
        length = last - first + 1
        span = FileSpan(default_storage.path(file.key), first, length)
        response = FileSpanResponse(_blocks(file.key, first, length), span=span)
    response["Content-Length"] = str(last - first + 1)
    if not whole:
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def _blocks(key: str, first: int, length: int) -> Iterator[bytes]:
    # Opened here and not before: a response that is never read leaves nothing open.
    with default_storage.open(key) as opened:
        opened.seek(first)
        while length > 0:
            block = opened.read(min(_BLOCK, length))
            if not block:
                return
            length -= len(block)
            yield block


def _headers(response: HttpResponseBase, file: _Stored) -> HttpResponseBase:
    """Say what the file is, and that it may be asked for in ranges."""
    response["Content-Type"], response["Content-Disposition"] = file.shown_as
    response["ETag"] = file.etag
    response["X-Content-Type-Options"] = "nosniff"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=600"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
