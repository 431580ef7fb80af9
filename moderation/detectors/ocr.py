"""Text in pictures: RapidOCR over the frames that differ, as lines with boxes and times."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import version as package_version
from itertools import pairwise
from statistics import median
from typing import Any

from moderation.detectors.base import Finding, Result
from moderation.detectors.deep import LOOKS_AT, ClipSubject
from moderation.detectors.pdq import hamming
from moderation.media.confined import SampledFrame
from policies.choices import Stage

NAME = "ocr"
#: Frames nearer than this show the same text, unless text is all that changed: so every fourth second is read anyway.
_SAME_PICTURE = 24
_READ_EVERY_MS = 4_000
#: Reading a frame takes 0.3 s on one core. Half of that would do if frames were not enlarged for it, but letters of 8 to 10
#: pixels are missed then.
_MAX_READ = 24
#: Lines less certain than this are noise from textures.
_MIN_CONFIDENCE = 0.5
#: Letters this far apart, in line heights, belong to two words.
_WORD_GAP = 0.2
#: In lines set wide, also this many times farther apart than letters mostly are.
_WIDE_GAP = 2.5


@lru_cache(maxsize=1)
def _reader() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1)


class OcrDetector:
    """Keeps what is written in a clip or still; what that means is for `terms` and `text`, because policies change."""

    name = NAME
    stage = Stage.DEEP
    kinds = LOOKS_AT[NAME]
    is_configured = True

    @property
    def version(self) -> str:
        """The package brings its models, so its version names them."""
        return f"rapidocr-{package_version('rapidocr-onnxruntime')}-3"

    def run(self, clip: ClipSubject) -> Result:
        """Return `{"lines": [{"text", "words", "ms", "until_ms", "box": [x0, y0, x1, y1], "confidence"}]}` as payload."""
        lines: dict[str, dict[str, Any]] = {}
        for frame in frames_to_read(clip.frames):
            for line in _read(frame):
                known = lines.setdefault(line["text"].casefold(), line)
                known["until_ms"] = max(known["until_ms"], line["ms"])
        return Result(NAME, self.version, payload={"lines": list(lines.values())})


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


def _read(frame: SampledFrame) -> list[dict[str, Any]]:
    lines, _ = _reader()(str(frame.path), return_word_box=True)
    return [
        {
            "text": text,
            "words": _spaced(text, corners, places, chars),
            "ms": frame.ms,
            "until_ms": frame.ms,
            "box": _rectangle(corners),
            "confidence": round(float(confidence), 3),
        }
        for corners, text, confidence, places, chars, _ in lines or ()
        if float(confidence) >= _MIN_CONFIDENCE
    ]


def _spaced(text: str, corners: Any, places: Sequence[Any], chars: Sequence[str]) -> str:
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


def read_findings(
    payload: Mapping[str, Any], scan: Callable[[str, Mapping[str, Any]], Sequence[Finding]]
) -> tuple[Finding, ...]:
    """Return what a text detector finds in the lines, each with the time and place of its line.

    Lines seen together are also read as one text, so that a phrase broken over two lines is still caught.
    """
    lines = payload["lines"]
    texts = [(text, line) for line in lines for text in _readings(line)]
    texts += [(" ".join(line["text"] for line in group), group[0]) for group in _together(lines)]
    found: dict[tuple[str, str], Finding] = {}
    for text, line in texts:
        for finding in scan(text, _where(line)):
            found.setdefault((finding.category, _letters(finding)), finding)
    return tuple(found.values())


def _letters(finding: Finding) -> str:
    """Return what was found without spaces and case: one phrase in several readings is one finding."""
    return "".join(filter(str.isalnum, str(finding.where.get("text", "")))).casefold()


def _readings(line: Mapping[str, Any]) -> list[str]:
    """Return a line as it was read, and with the spaces that its letters suggest."""
    return list(dict.fromkeys([line["text"], line.get("words", line["text"])]))


def _where(line: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "source": "ocr",
        "frame_ms": line["ms"],
        "until_ms": line["until_ms"],
        "box": line["box"],
        "line": line["text"],
    }


def _together(lines: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return, for each time a line appears, the lines that stand there then, top to bottom; one alone says nothing new."""
    groups = [[line for line in lines if line["ms"] <= ms <= line["until_ms"]] for ms in {line["ms"] for line in lines}]
    return [sorted(g, key=lambda line: (line["box"][1], line["box"][0])) for g in groups if len(g) > 1]
