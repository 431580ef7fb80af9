"""Stored media, streamed to whoever holds a signed address; byte ranges so that players can seek."""

import re
from collections.abc import Iterator

from django.core.files.storage import default_storage
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.views.decorators.http import require_safe

from moderation.media_urls import media_key
from moderation.models import MediaFile

_BLOCK = 64 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: What we are willing to call a file in a browser; anything else is only ever downloaded.
_SHOWN = frozenset({"image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/webm", "video/quicktime"})


@require_safe
def media(request: HttpRequest, signed: str) -> HttpResponseBase:
    """Stream a stored file, whole or the one range asked for."""
    file = _file(media_key(signed))
    size = default_storage.size(file.storage_key)
    span = _span(request.headers.get("Range", ""), size)
    if span is None:
        return _headers(HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), file)
    response = _answer(request, file, span, size)
    return _headers(response, file)


def _file(key: str | None) -> MediaFile:
    """Return the file of a storage key, found by the hash that every key carries: that look-up has an index."""
    sha256 = _SHA256.search(key or "")
    file = MediaFile.objects.filter(sha256=sha256[0], storage_key=key).first() if sha256 else None
    if file is None or not default_storage.exists(file.storage_key):
        raise Http404
    return file


def _span(header: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte to send; the whole file without a range that we understand; None beyond its end."""
    match = _RANGE.fullmatch(header)
    if not match or not any(match.groups()):
        return 0, size - 1
    first, last = match[1], match[2]
    if not first:
        return (max(size - int(last), 0), size - 1) if int(last) else None
    span = int(first), min(int(last) if last else size - 1, size - 1)
    return span if span[0] <= span[1] else None


def _answer(request: HttpRequest, file: MediaFile, span: tuple[int, int], size: int) -> HttpResponseBase:
    first, last = span
    whole = last - first + 1 == size
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
    else:
        response = StreamingHttpResponse(_blocks(file.storage_key, first, last - first + 1))
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


def _headers(response: HttpResponseBase, file: MediaFile) -> HttpResponseBase:
    """Name the type that we found by looking at the bytes, and nothing that a browser could make more of."""
    shown = file.mime in _SHOWN
    response["Content-Type"] = file.mime if shown else "application/octet-stream"
    response["Content-Disposition"] = "inline" if shown else "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Accept-Ranges"] = "bytes"
    response["Cache-Control"] = "private, max-age=600"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
