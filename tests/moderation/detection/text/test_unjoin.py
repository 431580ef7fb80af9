"""English written without spaces is read as words; other long words stay whole."""

import pytest

from moderation.detection.text.model import SHIPPED, TextClassifier
from moderation.detection.text.ngrams import plain_letters
from moderation.detection.text.unjoin import Unjoiner

_WORDS = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "for",
    "on",
    "you",
    "we",
    "go",
    "back",
    "home",
    "now",
    "come",
    "with",
    "friends",
    "our",
    "garden",
    "party",
]
UNJOINER = Unjoiner({word: 100 + i for i, word in enumerate(_WORDS)} | {"##ing": 900, "[PAD]": 0, "x": 901})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gobackhomenowyou", "go back home now you"),
        ("#ComeToOurGardenParty!", "#Come To Our Garden Party!"),
        ("see gobackhomenowyou 2", "see go back home now you 2"),
        ("gohome", "gohome"),  # short runs may be names
        ("Krankenversicherungskarte", "Krankenversicherungskarte"),
        ("go back home now", "go back home now"),
        ("", ""),
        ("х" * 40, "х" * 40),
    ],
)
def test_only_joined_english_is_cut(text: str, expected: str) -> None:
    assert UNJOINER.unjoin(text) == expected


def test_a_very_long_run_ends_in_time_and_loses_no_letter() -> None:
    text = "gobackhome" * 2_000
    assert UNJOINER.unjoin(text).replace(" ", "") == text


def test_a_vocabulary_without_english_cuts_nothing() -> None:
    assert Unjoiner({}).unjoin("gobackhomenowyou") == "gobackhomenowyou"


@pytest.mark.parametrize(
    ("text", "plain"), [("Ça VÁ", "ca va"), ("naïve", "naive"), ("한국어", "한국어"), ("ёж", "еж"), ("abc", "abc")]
)
def test_accents_decide_nothing(text: str, plain: str) -> None:
    assert plain_letters(text) == plain


def test_a_joined_text_scores_at_least_as_its_words_do() -> None:
    model = TextClassifier(SHIPPED)
    joined = model.scores("yourpackageisheldpaythefeenowtoclaimyourprize", "en")
    apart = model.scores("your package is held pay the fee now to claim your prize", "en")
    assert joined["spam_scam"] >= apart["spam_scam"] - 0.05
