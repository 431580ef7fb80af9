"""What read words mean: `terms` and `text` over lines and passages of pictures, with the times and places they stood."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from moderation.detection.language import detect
from moderation.detection.ocr.detector import Scan, passages, read_findings
from moderation.detection.text.detector import TextDetector
from moderation.detection.types import Finding, Missing, Result

#: A passage is in a language that nobody reads only where that is this likely: misread letters look like all languages.
_SURE = 0.8
_SURE_LETTERS = 24


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
