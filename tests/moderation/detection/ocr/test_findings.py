"""What was read in pictures is judged by the text classifier where it reads the language, and said to be unread where not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from moderation.detection.ocr.findings import classifier_scan, has_unread
from moderation.detection.text.detector import TextDetector
from moderation.detection.text.serving import Score


class Model:
    """Reads English, and takes every text for spam."""

    version = "m1"
    languages = frozenset({"en"})

    def scores(self, text: str, language: str) -> Mapping[str, Score]:
        return {"spam_scam": Score(0.6, {"transformer": 0.6})}

    def knows_words_of(self, text: str) -> bool:
        return False


ENGLISH = "You can win a new phone when you visit this page today"
JAPANESE = "今日このページを訪れると新しい携帯電話が当たるかもしれませんのでぜひ見てください"


def payload(*texts: str) -> dict[str, Any]:
    lines = [
        {"text": text, "ms": i * 9_000, "until_ms": i * 9_000, "box": [0, 0, 9, 9], "confidence": 0.9}
        for i, text in enumerate(texts)
    ]
    return {"lines": lines}


def test_a_passage_in_a_language_it_reads_is_judged() -> None:
    classify = classifier_scan(TextDetector(Model()))
    assert classify is not None
    (found,) = classify(ENGLISH, {"source": "ocr", "frame_ms": 0})
    assert (found.detector, found.category, found.score, found.where["source"]) == ("text", "spam_scam", 0.6, "ocr")
    assert classify(JAPANESE, {"source": "ocr"}) == ()


@pytest.mark.parametrize(
    ("texts", "is_unread"),
    [
        ((ENGLISH,), False),
        ((JAPANESE,), True),
        ((ENGLISH, JAPANESE), True),
        (("携帯電話",), False),
        (("xq zzt brr",), False),
        ((), False),
    ],
)
def test_text_that_is_surely_in_another_language_was_not_judged(texts: tuple[str, ...], is_unread: bool) -> None:
    assert has_unread(payload(*texts), TextDetector(Model())) == is_unread


def test_without_a_model_the_classifier_itself_is_missing() -> None:
    assert classifier_scan(TextDetector(None)) is None
    assert not has_unread(payload(JAPANESE), TextDetector(None))
