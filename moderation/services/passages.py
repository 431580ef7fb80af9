"""The text classifier on what was read in pictures: which passages it reads, and what it says of them."""

from collections.abc import Mapping
from typing import Any

from moderation.detectors.base import Finding
from moderation.detectors.ocr import Scan, passages
from moderation.detectors.text import TextDetector
from moderation.language import detect

#: A passage is in a language that nobody reads only where that is this likely: misread letters look like all languages.
_SURE = 0.8
_SURE_LETTERS = 24


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
