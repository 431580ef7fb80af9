"""Text in pictures: RapidOCR over the frames that differ, as lines with boxes and times, each line once."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from itertools import pairwise
from statistics import median
from typing import Any

from moderation.detection.clip import ClipSubject, DeepDefaults
from moderation.detection.hashes.pdq import hamming
from moderation.detection.media.sandbox import SampledFrame
from moderation.detection.ocr.findings import read_findings, read_result
from moderation.detection.ocr.loading import load_reader, version_of
from moderation.detection.readers import Readers
from moderation.detection.types import Finding, Lookup, Result

NAME = "ocr"
#: Frames nearer than this show the same text, unless text is all that changed: so every fourth second is read anyway.
_SAME_PICTURE = 24
_READ_EVERY_MS = 4_000
#: Reading a frame as it is takes 0.2 s on one core. Letters of 8 to 10 pixels are found only where it is enlarged, which takes
#: 0.4 s: small print does not flash, so this often is enough.
_MAX_READ = 24
_CLOSELY_EVERY_MS = 3_000
#: The shorter side that a frame is enlarged to.
_CLOSE_SIDE = 736
#: Nothing is as small, so nothing is enlarged.
_ANY_SIDE = 32
#: Lines less certain than this are noise from textures.
_MIN_CONFIDENCE = 0.5
#: Letters this far apart, in line heights, belong to two words.
_WORD_GAP = 0.2
#: In lines set wide, also this many times farther apart than letters mostly are.
_WIDE_GAP = 2.5
#: Two readings in one place are of one line where so much of their letters agrees; elsewhere only where all do.
_SAME_LINE = 0.75
#: Boxes whose common part is this share of the smaller one are in one place.
_SAME_PLACE = 0.5


class OcrDetector(DeepDefaults):
    """Keeps what is written in a clip or still; what that means is for `terms` and `text`, because policies change."""

    name = NAME
    looks_up = frozenset({Lookup.TERMS})
    cost_ms = 6_800.0
    is_configured = True

    @property
    def version(self) -> str:
        """The package brings its models, so its version names them."""
        return f"{version_of()}-6"

    def run(self, clip: ClipSubject) -> Result:
        """Return `{"lines": [{"text", "words", "spans": [[ms, until_ms]], "ms", "until_ms", "box", "confidence"}]}` as payload.

        `box` is [x0, y0, x1, y1] in pixels of the frame as it was read, `ms` the first moment and `until_ms` the last.
        """
        frames = frames_to_read(clip.frames)
        closely = read_closely(frames)
        read = [(frame.ms, _read(frame, closely=frame in closely)) for frame in frames]
        return Result(NAME, self.version, payload={"lines": merge_lines(read)})

    def interpret(self, result: Result, readers: Readers) -> Result:
        """Read what the lines mean, where there are any."""
        return result if result.missing else read_result(result, readers.scan_unspaced, readers.text)

    def scan(self, payload: Mapping[str, Any], readers: Readers) -> tuple[Finding, ...]:
        """Look for terms in the lines."""
        return read_findings(payload, readers.scan_unspaced) if payload.get("lines") else ()


def merge_lines(frames: Sequence[tuple[int, Sequence[Mapping[str, Any]]]]) -> list[dict[str, Any]]:
    """Return each line once, with all times that it stood there; of several readings, the surest.

    The same text anywhere is the same line (it may move). In the same place, nearly the same text is, too: letters are read
    a little differently from frame to frame.

    Args:
        frames: (time in ms, lines read there), by time.
    """
    known: list[dict[str, Any]] = []
    before: int | None = None
    for ms, lines in frames:
        for line in lines:
            same = next((k for k in known if _is_same(k, line)), None)
            if same is None:
                known.append({**line, "ms": ms, "until_ms": ms, "spans": [[ms, ms]]})
            else:
                _see_again(same, line, ms, before)
        before = ms
    return known


def _see_again(known: dict[str, Any], line: Mapping[str, Any], ms: int, before: int | None) -> None:
    """Note that a line stands there at a time; it stood there all the while if the frame before had it."""
    last = known["spans"][-1]
    if last[1] in {before, ms}:
        last[1] = ms
    else:
        known["spans"].append([ms, ms])
    known["until_ms"] = ms
    if line["confidence"] > known["confidence"]:
        known.update({name: line[name] for name in ("text", "words", "box", "confidence")})


def _is_same(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    one, other = _plain(a["text"]), _plain(b["text"])
    if one == other:
        return True
    return _overlap(a["box"], b["box"]) >= _SAME_PLACE and SequenceMatcher(None, one, other).ratio() >= _SAME_LINE


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()


def _overlap(a: Sequence[int], b: Sequence[int]) -> float:
    """Return which share of the smaller box both have in common, 0 to 1."""
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    smaller = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(wide, 0) * max(high, 0) / smaller if smaller > 0 else 0.0


def frames_to_read(frames: Sequence[SampledFrame]) -> list[SampledFrame]:
    """Return the frames worth reading: those that differ from the last one read, at most _MAX_READ, evenly spread."""
    chosen: list[SampledFrame] = []
    for frame in frames:
        last = chosen[-1] if chosen else None
        if last is None or frame.ms - last.ms >= _READ_EVERY_MS or hamming(frame.pdq, last.pdq) >= _SAME_PICTURE:
            chosen.append(frame)
    if len(chosen) <= _MAX_READ:
        return chosen
    step = (len(chosen) - 1) / (_MAX_READ - 1)
    return [chosen[round(i * step)] for i in range(_MAX_READ)]


def read_closely(frames: Sequence[SampledFrame]) -> list[SampledFrame]:
    """Return the frames that are enlarged before they are read: where a scene begins, and now and then while it goes on."""
    chosen: list[SampledFrame] = []
    for frame in frames:
        if not chosen or frame.why == "scene" or frame.ms - chosen[-1].ms >= _CLOSELY_EVERY_MS:
            chosen.append(frame)
    return chosen


def _read(frame: SampledFrame, *, closely: bool) -> list[dict[str, Any]]:
    lines, _ = load_reader(_CLOSE_SIDE if closely else _ANY_SIDE)(str(frame.path), return_word_box=True)
    return [
        {
            "text": text,
            "words": _space(text, corners, places, chars),
            "box": _rectangle(corners),
            "confidence": round(float(confidence), 3),
        }
        for corners, text, confidence, places, chars, _ in lines or ()
        if float(confidence) >= _MIN_CONFIDENCE
    ]


def _space(text: str, corners: Any, places: Sequence[Any], chars: Sequence[str]) -> str:
    """Put back spaces where letters stand apart: the reader drops them between Latin words.

    A guess, for finding single words; phrases are also looked for without any spaces.
    """
    if "".join(chars) != text or len(places) != len(chars):
        return text
    boxes = [_rectangle(place) for place in places]
    gaps = [right[0] - left[2] for left, right in pairwise(boxes)]
    line = _rectangle(corners)
    apart = max(_WORD_GAP * (line[3] - line[1]), _WIDE_GAP * (median(gaps) if gaps else 0))
    pairs = zip(gaps, chars[1:], strict=True)
    return text[:1] + "".join(f" {char}" if char.isascii() and gap >= apart else char for gap, char in pairs)


def _rectangle(corners: Sequence[Sequence[float]]) -> list[int]:
    xs, ys = [c[0] for c in corners], [c[1] for c in corners]
    return [int(min(xs)), int(min(ys)), int(max(xs)), int(max(ys))]
