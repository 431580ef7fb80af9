"""What read words mean: `terms` and `text` over lines and passages of pictures, with the times and places they stood."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from moderation.detection.language import detect
from moderation.detection.text.detector import TextDetector
from moderation.detection.types import Finding, Missing, Result

#: A passage is in a language that nobody reads only where that is this likely: misread letters look like all languages.
_SURE = 0.8
_SURE_LETTERS = 24
#: A text classifier needs a sentence: fewer letters say nothing, and terms have looked at them already.
_MIN_LETTERS = 12

#: What a detector finds in a text; `where` says which.
Scan = Callable[[str, Mapping[str, Any]], Sequence[Finding]]


def read_result(result: Result, terms: Scan, text: TextDetector | None) -> Result:
    """Return a reading's result with what the text detectors find in it.

    `text`: None where the policy does not ask it. Where it is asked and a passage is surely in a language that it does not
    read, `ocr` is missing as well: words that nobody judged are not harmless.
    """
    payload = result.payload
    findings = read_findings(payload, terms, classifier_scan(text) if text else None)
    missing = result.missing
    if text and has_unread(payload, text):
        missing = Missing(
            "ocr", "unsupported", "something is written in a language that the text classifier does not read"
        )
    return replace(result, findings=findings, missing=missing)


def classifier_scan(detector: TextDetector) -> Scan | None:
    """Return what asks the classifier about a passage; None without a model, and then `text` is missing anyway."""
    if detector.model is None:
        return None

    def classify(text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
        language, _ = detect(text)
        return detector.findings_for(text, where, language) if detector.reads(text, language) else ()

    return classify


def has_unread(payload: Mapping[str, Any], detector: TextDetector) -> bool:
    """Whether a passage is surely in a language that the classifier does not read: then not all that is written was judged."""
    if detector.model is None:
        return False
    return any(_is_unread(text, detector) for text, _ in passages(payload["lines"]))


def _is_unread(text: str, detector: TextDetector) -> bool:
    if sum(map(str.isalpha, text)) < _SURE_LETTERS:
        return False
    language, confidence = detect(text)
    return confidence >= _SURE and not detector.reads(text, language)


# --- lines as texts ---


def read_findings(payload: Mapping[str, Any], scan: Scan, classify: Scan | None = None) -> tuple[Finding, ...]:
    """Return what term lists (`scan`) and a text classifier (`classify`) find in the lines, each with time and place.

    Lines seen together are also read as one text, so that a phrase broken over two lines is still caught. Of the classifier
    only the highest score per category is kept: it says something of every text.
    """
    lines = payload["lines"]
    texts = [(text, line) for line in lines for text in _readings(line)]
    texts += [(" ".join(line["text"] for line in group), group[0]) for group in _together(lines)]
    found: dict[tuple[str, str, str], Finding] = {}
    for text, line in texts:
        for finding in scan(text, _where(line)):
            # An emergency term's find is kept beside the version's own: either may end without the other.
            key = (finding.category, _letters(finding), finding.where.get("emergency", ""))
            found.setdefault(key, finding)
    return (*found.values(), *(_classify(lines, classify) if classify else ()))


def _classify(lines: Sequence[Mapping[str, Any]], classify: Scan) -> tuple[Finding, ...]:
    highest: dict[str, Finding] = {}
    for text, line in passages(lines):
        for finding in classify(text, {**_where(line), "text": text}):
            known = highest.get(finding.category)
            if known is None or finding.score > known.score:
                highest[finding.category] = finding
    return tuple(highest.values())


def passages(lines: Sequence[Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the texts long enough to be judged as such, each once, with the line that they begin with."""
    whole = [(line.get("words", line["text"]), line) for line in lines]
    whole += [(" ".join(one.get("words", one["text"]) for one in group), group[0]) for group in _together(lines)]
    long_enough = {text: line for text, line in whole if sum(map(str.isalpha, text)) >= _MIN_LETTERS}
    return list(long_enough.items())


def _letters(finding: Finding) -> str:
    """Return what was found without spaces and case: one phrase in several readings is one finding."""
    return "".join(filter(str.isalnum, str(finding.where.get("text", "")))).casefold()


def _readings(line: Mapping[str, Any]) -> list[str]:
    """Return a line as it was read, and with the spaces that its letters suggest."""
    return list(dict.fromkeys([line["text"], line.get("words", line["text"])]))


def _where(line: Mapping[str, Any]) -> dict[str, Any]:
    spans = _spans(line)
    more = {"n_times_seen": len(spans)} if len(spans) > 1 else {}
    return {
        "source": "ocr",
        "frame_ms": spans[0][0],
        "until_ms": spans[0][1],
        "box": line["box"],
        "line": line["text"],
        **more,
    }


def _spans(line: Mapping[str, Any]) -> list[list[int]]:
    spans: list[list[int]] = line.get("spans") or [[line["ms"], line["until_ms"]]]
    return spans


def _together(lines: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """Return, for each time a line appears, the lines that stand there then, top to bottom; one alone says nothing new."""
    moments = sorted({start for line in lines for start, _ in _spans(line)})
    groups = [[line for line in lines if any(a <= ms <= b for a, b in _spans(line))] for ms in moments]
    return [sorted(g, key=lambda line: (line["box"][1], line["box"][0])) for g in groups if len(g) > 1]
