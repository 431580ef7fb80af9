"""How an item's media are shown to people: addresses, contact sheet, waveform. Nothing of it in the restricted partition."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings

from console.pages.evidence import clock
from moderation.gate.media_urls import Part, reviewer_url
from moderation.models import DerivedFile, Item

#: Half the height of a waveform in its own units; its width is one unit a stretch.
_HALF = 20
Kind = DerivedFile.Kind


@dataclass(frozen=True, slots=True)
class Sheet:
    """A contact sheet: one picture, and for each of its cells a time in seconds and in words, row by row."""

    url: str
    columns: int
    cells: list[tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Waveform:
    """The sound as one SVG path in a box of `width` x 40, and what it says in words."""

    path: str
    width: int
    words: str


def media_panel(item: Item, *, is_shown: bool, at: int | None = None) -> dict[str, Any]:
    """Return what the media panel shows of an item; without `is_shown` only that it may show nothing. At most one query.

    Args:
        at: the moment (ms) that a clip is opened at; browsers understand it as a part of the address.
    """
    if not is_shown:
        return {"is_restricted": True, "file": item.media, "url": "", "cover_url": "", "may_translate": False}
    made = _made_of(item)
    preview = made.get(Kind.PREVIEW)
    url = reviewer_url(item.key, Part.PREVIEW if preview else Part.MEDIA) if item.media else ""
    return {
        "is_restricted": False,
        "may_translate": bool(settings.TRANSLATION_SERVICE and item.caption),
        "file": item.media,
        "url": f"{url}#t={at / 1_000:.1f}" if url and at is not None else url,
        "at": at,
        "is_preview": preview is not None,
        "cover_url": reviewer_url(item.key, Part.COVER) if item.cover else "",
        "sheet": _sheet(item, made.get(Kind.SHEET)),
        "waveform": _waveform(made.get(Kind.WAVEFORM)),
    }


def _made_of(item: Item) -> dict[str, DerivedFile]:
    """Return what was made of an item's media by kind; without a query where the item was read with it (`made`)."""
    if item.media is None:
        return {}
    rows = getattr(item, "made", None)
    found = item.media.derived.exclude(kind=Kind.SAMPLES) if rows is None else [DerivedFile(**row) for row in rows]
    return {made.kind: made for made in found}


def _sheet(item: Item, made: DerivedFile | None) -> Sheet | None:
    if made is None or len(made.data["times"]) < 2:
        return None
    cells = [(ms / 1_000, clock(ms)) for ms in made.data["times"]]
    return Sheet(reviewer_url(item.key, Part.SHEET), made.data["columns"], cells)


def _waveform(made: DerivedFile | None) -> Waveform | None:
    if made is None:
        return None
    peaks = bytes.fromhex(made.data["peaks"])
    length = clock(made.data["duration_ms"])
    words = f"{length} of sound, all of it silent" if made.data["is_silent"] else f"{length} of sound"
    return Waveform(waveform_path(peaks), max(len(peaks), 1), words)


def waveform_path(peaks: bytes) -> str:
    """Return the outline of loudness over time as an SVG path: up along the peaks, back along their mirror image.

    Args:
        peaks: 0..255, one a unit of width; silence still has a hairline.
    """
    heights = [max(round(peak * _HALF / 255, 1), 0.3) for peak in peaks]
    above = [f"{x + 0.5:g} {_HALF - h:g}" for x, h in enumerate(heights)]
    below = [f"{x + 0.5:g} {_HALF + h:g}" for x, h in enumerate(heights)][::-1]
    return "M" + "L".join(above + below) + "Z" if heights else ""
