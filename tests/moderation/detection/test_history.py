"""What the creator's past says, and what its absence says."""

import pytest

from moderation.detection.history import HistoryDetector
from moderation.detection.text.detector import TextDetector
from moderation.detection.text.serving import Score
from moderation.detection.types import CreatorHistory, Subject
from policies.choices import ItemKind


def score(**changes: int) -> float:
    fields = {"n_uploads_1h": 0, "n_uploads_24h": 0, "n_blocked_30d": 0, "n_strikes": 0, "account_age_days": 100}
    history = CreatorHistory(**{**fields, **changes})
    result = HistoryDetector().run(Subject(ItemKind.TEXT, "", "en", "", history=history))
    return result.findings[0].score if result.findings else 0.0


def test_a_quiet_past_says_nothing() -> None:
    assert score(n_uploads_1h=30, n_uploads_24h=60) == 0.0


@pytest.mark.parametrize("field", ["n_uploads_1h", "n_blocked_30d", "n_strikes"])
def test_more_is_never_less_suspicious_and_never_certain(field: str) -> None:
    scores = [score(**{field: n}) for n in (0, 1, 5, 50, 500, 5_000, 10**9)]
    assert scores == sorted(scores)
    assert 0 < scores[-1] < 1


def test_a_history_that_could_not_be_read_is_missing() -> None:
    result = HistoryDetector().run(Subject(ItemKind.TEXT, "", "en", ""))
    assert result.missing is not None
    assert result.missing.why == "failed"


class Model:
    version = "m1"
    languages = frozenset({"en"})

    def __init__(self, value: float) -> None:
        self.value = value

    def scores(self, text: str, language: str) -> dict[str, Score]:
        return {"hate": Score(self.value, {})}

    def knows_words_of(self, text: str) -> bool:
        return text.isascii()


def test_a_text_classifier_without_a_model_is_missing() -> None:
    result = TextDetector().run(Subject(ItemKind.TEXT, "hello", "en", ""))
    assert result.missing is not None
    assert result.missing.why == "not_configured"


def test_a_text_classifier_gives_its_models_scores() -> None:
    detector = TextDetector(Model(0.25))
    [finding] = detector.run(Subject(ItemKind.TEXT, "hello", "en", "")).findings
    assert (finding.category, finding.score, finding.version) == ("hate", 0.25, "m1")
    assert detector.run(Subject(ItemKind.VIDEO, " ", "en", "")).not_applicable


def test_a_model_that_gives_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="must be in"):
        TextDetector(Model(float("nan"))).run(Subject(ItemKind.TEXT, "hello", "en", ""))
