"""Requests that must be refused, as data: what is sent, and the status, problem type and fields that must come back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.forms import (
    BOUNDARY,
    FORM_TYPE,
    document,
    fields,
    form,
    jpeg,
    m4a,
    mp4,
    part,
    png,
    upload,
    wav,
    zip_bomb,
)

JSON = "application/json"


@dataclass(frozen=True)
class BadRequest:
    """One request and its refusal. `fields` are the fields that the errors must name, and no others."""

    name: str
    status: int
    problem: str
    body: bytes = b""
    type: str = JSON
    fields: tuple[str, ...] = ()
    method: str = "POST"
    path: str = "/api/v1/items"
    key: str = "all"
    headers: Mapping[str, str] = field(default_factory=dict)


def _invalid(name: str, *names: str, **values: object) -> BadRequest:
    """Return a JSON text upload in which those fields are wrong."""
    body = document(**{n: v for n, v in values.items() if v is not _ABSENT})
    if _ABSENT in values.values():
        whole = json.loads(document())
        body = json.dumps({n: v for n, v in whole.items() if values.get(n) is not _ABSENT}).encode()
    return BadRequest(name, 422, "invalid", body, fields=names)


_ABSENT = object()


def _raw(name: str, body: bytes, status: int = 400, problem: str = "malformed", **extra: object) -> BadRequest:
    return BadRequest(name, status, problem, body, **extra)  # type: ignore[arg-type]


def _file(
    name: str, status: int, problem: str, kind: str, media: bytes | None, *names: str, cover: bytes | None = None,
    filename: str = "a.bin",
) -> BadRequest:  # fmt: skip
    return BadRequest(name, status, problem, upload(kind, media, cover=cover, filename=filename), FORM_TYPE, names)


def _called(name: str, status: int, problem: str, method: str, path: str, **extra: object) -> BadRequest:
    return BadRequest(name, status, problem, method=method, path=path, **extra)  # type: ignore[arg-type]


FIELDS = [
    _invalid("no external_id", "external_id", external_id=_ABSENT),
    _invalid("empty external_id", "external_id", external_id=""),
    _invalid("external_id of 129 characters", "external_id", external_id="x" * 129),
    _invalid("external_id with a NUL", "external_id", external_id="a\0b"),
    _invalid("external_id with a line break", "external_id", external_id="a\nb"),
    _invalid("external_id with a direction override", "external_id", external_id="a\u202eb"),
    _invalid("external_id with a lone surrogate", "external_id", external_id="a\ud800"),
    _invalid("external_id with a blank at its end", "external_id", external_id="a "),
    _invalid("external_id that climbs out of its address", "external_id", external_id="../../etc/passwd"),
    _invalid("external_id that ends in another address", "external_id", external_id="a/history"),
    _invalid("external_id that is a number", "external_id", external_id=7),
    _invalid("external_id that is a list", "external_id", external_id=["a"]),
    _invalid("external_id that is null", "external_id", external_id=None),
    _invalid("no kind", "kind", kind=_ABSENT),
    _invalid("unknown kind", "kind", kind="hologram"),
    _invalid("kind as its number", "kind", kind=2),
    _invalid("no creator", "creator", creator=_ABSENT),
    _invalid("creator of 129 characters", "creator", creator="c" * 129),
    _invalid("creator with an escape character", "creator", creator="c\x1b[2J"),
    _invalid("caption of 4,001 characters", "caption", caption="a" * 4_001),
    _invalid("caption with a NUL", "caption", caption="a\0b"),
    _invalid("caption with a lone surrogate", "caption", caption="\udfff"),
    _invalid("caption that is an object", "caption", caption={"text": "hello"}),
    _invalid("a text without words", "caption", caption="  \n "),
    _invalid("language that is a sentence", "language", language="the queen's english"),
    _invalid("language with an underscore", "language", language="de_DE"),
    _invalid("language longer than any", "language", language="de-" + "-".join(["variant1"] * 9)),
    _invalid("region that does not exist", "region", region="XX"),
    _invalid("region in small letters", "region", region="de"),
    _invalid("region by its long code", "region", region="DEU"),
    _invalid("negative duration", "duration_ms", duration_ms=-1),
    _invalid("duration longer than a day", "duration_ms", duration_ms=86_400_001),
    _invalid("duration in words", "duration_ms", duration_ms="long"),
    _invalid("duration that is a boolean", "duration_ms", duration_ms=True),
    _invalid("duration with a fraction", "duration_ms", duration_ms=1.5),
    _invalid("unknown audience", "audience", audience="everyone"),
    _invalid("unknown field", "colour", colour="red"),
    _invalid("a date in the future, which nobody asked for", "created_at", created_at="2099-01-01T00:00:00Z"),
    _invalid("a state that only we may set", "state", state="cleared"),
    _invalid("several things wrong at once", "kind", "region", "colour", kind="x", region="x", colour="x"),
    _invalid("media as text", "media", media="https://example.org/a.mp4", kind="video"),
    _invalid("video without media", "media", kind="video"),
    _invalid("image without media", "media", kind="image"),
]

BODIES = [
    _raw("no body", b"", 422, "invalid", fields=("external_id", "kind", "creator")),
    _raw("a list", b"[]", 422, "invalid", fields=("body",)),
    _raw("a string", b'"hello"', 422, "invalid", fields=("body",)),
    _raw("null", b"null", 422, "invalid", fields=("body",)),
    _raw("JSON cut off", document()[:-5]),
    _raw("JSON with NaN", b'{"external_id": NaN}'),
    _raw("JSON with Infinity", b'{"duration_ms": -Infinity}'),
    _raw("JSON with a key twice", b'{"external_id": "a", "external_id": "b"}'),
    _raw("JSON nested 100,000 deep", b"[" * 100_000),
    _raw("a number of 5,000 digits", b'{"duration_ms": ' + b"9" * 5_000 + b"}"),
    _raw("JSON in UTF-16", document().decode().encode("utf-16")),
    _raw("JSON with a byte order mark", b"\xef\xbb\xbf" + document()),
    _raw("JSON with invalid UTF-8", document(caption="MARK").replace(b"MARK", b"\xff\xfe")),
    _raw("a caption of 10 MB in JSON", document(caption="a" * 10_000_000), 413, "too-large"),
    _raw("XML", b"<item/>", 415, "unsupported-media-type", type="application/xml"),
    _raw(
        "an urlencoded form", b"external_id=a", 415, "unsupported-media-type", type="application/x-www-form-urlencoded"
    ),
    _raw("JSON called plain text", document(), 415, "unsupported-media-type", type="text/plain"),
    _raw("JSON without a type", document(), 415, "unsupported-media-type", type=""),
    _raw("a form without its boundary", upload("text", None), type="multipart/form-data"),
    _raw(
        "a form with a boundary longer than any may be",
        upload("text", None),
        type=f"multipart/form-data; boundary={'x' * 210}",
    ),
    _raw("a type that is not ASCII", upload("text", None), 415, "unsupported-media-type", type="multipart/form-dätä"),
    _raw(
        "a form with a broken base64 file",
        form(
            fields(external_id="bad-1", kind="image", creator="c"),
            part("media", b"%%%", filename="a.jpg", headers="Content-Transfer-Encoding: base64\r\n"),
        ),
        type=FORM_TYPE,
    ),
    _raw(
        "a form with invalid UTF-8 in a caption",
        form(
            fields(external_id="bad-1", kind="text", creator="c"),
            part("caption", b"\xc3\x28"),
        ),
        type=FORM_TYPE,
    ),
    _raw(
        "a form with a caption of 10 MB",
        form(
            fields(external_id="bad-1", kind="text", creator="c", caption="a" * 10_000_000),
        ),
        413,
        "too-large",
        type=FORM_TYPE,
    ),
    _raw("a form of 1,100 fields", form(*(part(f"f{i}", "x") for i in range(1_100))), 413, "too-large", type=FORM_TYPE),
    _raw(
        "a form of 9 files",
        form(*(part(f"f{i}", "x", filename="x") for i in range(9))),
        413,
        "too-large",
        type=FORM_TYPE,
    ),
    _raw(
        "a form that sends a field twice",
        form(
            fields(external_id="bad-1", kind="text", creator="c", caption="a"),
            part("external_id", "bad-2"),
        ),
        422,
        "invalid",
        type=FORM_TYPE,
        fields=("external_id",),
    ),
    _raw(
        "a form with a file where the caption belongs",
        form(
            fields(external_id="bad-1", kind="text", creator="c"),
            part("caption", "hello", filename="caption.txt"),
        ),
        422,
        "invalid",
        type=FORM_TYPE,
        fields=("caption",),
    ),
    _raw(
        "a form with a file that nobody asked for",
        form(
            fields(external_id="bad-1", kind="text", creator="c", caption="a"),
            part("subtitles", "x", filename="x.srt"),
        ),
        422,
        "invalid",
        type=FORM_TYPE,
        fields=("subtitles",),
    ),
    _raw(
        "a form with a NUL in an id",
        form(
            fields(external_id="bad\0", kind="text", creator="c", caption="a"),
        ),
        422,
        "invalid",
        type=FORM_TYPE,
        fields=("external_id",),
    ),
    _raw(
        "a form whose boundary never comes",
        b"x" * 1_000,
        422,
        "invalid",
        type=FORM_TYPE,
        fields=("external_id", "kind", "creator"),
    ),
    _raw("a body said to be gigabytes", b"", 413, "too-large", headers={"Content-Length": "9999999999"}),
    _raw("a body of unknown length", document(), 411, "length-required", headers={"Transfer-Encoding": "chunked"}),
]

FILES = [
    _file("a text called a video", 415, "unsupported-media-type", "video", b"hello " * 100, "media", filename="a.mp4"),
    _file("a page called an image", 415, "unsupported-media-type", "image", b"<html><script>1</script>", "media",
          filename="a.jpg"),
    _file("an SVG with a script", 415, "unsupported-media-type", "image",
          b'<svg xmlns="http://www.w3.org/2000/svg"><script>1</script></svg>', "media", filename="a.svg"),
    _file("a zip bomb called a video", 415, "unsupported-media-type", "video", zip_bomb(), "media", filename="a.mp4"),
    _file("a zip bomb called an image", 415, "unsupported-media-type", "image", zip_bomb(), "media", filename="a.png"),
    _file("a recording called a video", 415, "unsupported-media-type", "video", wav(), "media", filename="a.mp4"),
    _file("a program", 415, "unsupported-media-type", "image", b"\x7fELF" + b"\0" * 200, "media", filename="a.png"),
    _file("an image sent as a video", 415, "unsupported-media-type", "video", jpeg(), "media", filename="a.mp4"),
    _file("a video sent as an image", 415, "unsupported-media-type", "image", mp4(), "media", filename="a.jpg"),
    _file("a video as the cover", 415, "unsupported-media-type", "image", jpeg(seed=2), "cover", cover=mp4()),
    _file("an empty image", 422, "invalid", "image", b"", "media"),
    _file("an empty cover", 422, "invalid", "image", jpeg(seed=3), "cover", cover=b""),
    _file("an image of one pixel", 422, "invalid", "image", png(1, 1), "media"),
    _file("an image of 30,000 pixels a side", 422, "invalid", "image", png(30_000, 30_000), "media"),
    _file("an image of 30,000 by 8 pixels", 422, "invalid", "image", png(30_000, 8), "media"),
    _file("an image cut off", 422, "invalid", "image", jpeg(seed=4)[:3_000], "media"),
    _file("the head of an image alone", 422, "invalid", "image", b"\x89PNG\r\n\x1a\n", "media"),
    _file("an image of too many bytes", 413, "too-large", "image", jpeg(seed=5) + b"\0" * 1_100_000, "media"),
    _file("a video cut off", 422, "invalid", "video", mp4()[:2_000], "media"),
    _file("the head of a video alone", 422, "invalid", "video", mp4()[:32], "media"),
    _file("a video without pictures", 422, "invalid", "video", m4a(), "media"),
    _file("a video of too many bytes", 413, "too-large", "video", mp4(seed=2) + b"\0" * 4_300_000, "media"),
    _file("a cover cut off beside a good video", 422, "invalid", "video", mp4(seed=3), "cover", cover=jpeg(seed=6)[:2_000]),
    _file("a cover of one pixel beside a good image", 422, "invalid", "image", jpeg(seed=7), "cover", cover=png(1, 1)),
    _file("a cover without media", 422, "invalid", "image", None, "media", cover=jpeg(seed=8)),
    _file("media with a text", 422, "invalid", "text", jpeg(seed=9), "media", "caption"),
    _file("no file behind a name that climbs", 415, "unsupported-media-type", "image", b"x" * 50, "media",
          filename="../../../etc/passwd"),
    _file("no file behind a name with a NUL", 415, "unsupported-media-type", "image", b"x" * 50, "media",
          filename="a\0.png"),
    _file("no file behind a name of two dots", 415, "unsupported-media-type", "image", b"x" * 50, "media", filename=".."),
]  # fmt: skip

CALLS = [
    _called("no key", 401, "unauthenticated", "POST", "/api/v1/items", key="", body=document()),
    _called("an unknown key", 401, "unauthenticated", "GET", "/api/v1/items/a", key="",
            headers={"Authorization": "Api-Key gh_" + "x" * 43}),
    _called("a key in another scheme", 401, "unauthenticated", "GET", "/api/v1/items/a", key="",
            headers={"Authorization": "Bearer abc"}),
    _called("a key with a line of its own", 401, "unauthenticated", "GET", "/api/v1/items/a", key="",
            headers={"Authorization": "Api-Key "}),
    _called("a revoked key", 401, "unauthenticated", "POST", "/api/v1/items", key="revoked", body=document()),
    _called("a key that may only read", 403, "forbidden", "POST", "/api/v1/items", key="items:read", body=document()),
    _called("a key that may only write", 403, "forbidden", "GET", "/api/v1/items/a", key="items:write"),
    _called("a key of the feed that withdraws", 403, "forbidden", "DELETE", "/api/v1/items/a", key="feed:read"),
    _called("an item that is not there", 404, "not-found", "GET", "/api/v1/items/nobody"),
    _called("the history of an item that is not there", 404, "not-found", "GET", "/api/v1/items/nobody/history"),
    _called("withdrawing what is not there", 404, "not-found", "DELETE", "/api/v1/items/nobody"),
    _called("an id with a NUL in the address", 404, "not-found", "GET", "/api/v1/items/a%00b"),
    _called("an id that is not UTF-8 in the address", 404, "not-found", "GET", "/api/v1/items/%ff%fe"),
    _called("an address that does not exist", 404, "not-found", "GET", "/api/v1/nothing"),
    _called("a method that does not exist here", 405, "method-not-allowed", "PUT", "/api/v1/items", body=document()),
    _called("changing an item", 405, "method-not-allowed", "PATCH", "/api/v1/items/a", body=document()),
    _called("an answer in a form we do not have", 406, "not-acceptable", "GET", "/api/v1/items/a",
            headers={"Accept": "text/csv"}),
]  # fmt: skip


def _report(name: str, *names: str, **values: object) -> BadRequest:
    whole = {"external_id": "good-1", "reporter": "r-1", "category": "hate", "text": "", **values}
    body = json.dumps({n: v for n, v in whole.items() if v is not _ABSENT}).encode()
    return BadRequest(name, 422, "invalid", body, fields=names, path="/api/v1/reports")


REPORTS = [
    _report("a report on nothing", "external_id", external_id="nobody"),
    _report("a report without a reporter", "reporter", reporter=_ABSENT),
    _report("a report in an unknown category", "category", category="rudeness"),
    _report("a report of 2,001 characters", "text", text="a" * 2_001),
    _report("a report with a NUL", "text", text="\0"),
    _report("a report with an unknown field", "severity", severity=5),
    _report("a report that calls itself trusted", "trusted_flagger", trusted_flagger=True),
]

#: After `good-1` was taken in: the same id with anything else.
CONFLICTS = [
    BadRequest("the same id with another caption", 409, "conflict", document(external_id="good-1", caption="other"),
               fields=("external_id",)),
    BadRequest("the same id by another creator", 409, "conflict", document(external_id="good-1", creator="c-2"),
               fields=("external_id",)),
    BadRequest("the same id with a file", 409, "conflict", upload("image", jpeg(seed=10), external_id="good-1"), FORM_TYPE,
               fields=("external_id",)),
    BadRequest("the same id with a file and a cover", 409, "conflict",
               upload("video", mp4(seed=4), cover=jpeg(seed=11), external_id="good-1"), FORM_TYPE, fields=("external_id",)),
]  # fmt: skip

BAD_REQUESTS = [*FIELDS, *BODIES, *FILES, *CALLS, *REPORTS, *CONFLICTS]

assert BOUNDARY in FORM_TYPE
