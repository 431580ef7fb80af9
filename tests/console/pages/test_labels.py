"""Words for people in place of the names that machines use."""

from __future__ import annotations

import pytest

from console.pages import labels
from policies.choices import DETECTORS

NAMES = {"hate": "Hate"}


def test_every_detector_has_a_name_for_people() -> None:
    assert set(labels.DETECTORS) == set(DETECTORS)
    assert labels.detector_name("novel_thing") == "novel thing"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("missing.frames", "No answer from “Known clips”"),
        ("hard.hate", "Certain evidence: Hate"),
        ("escalate.hate", "Hate: high enough to ask a person"),
        ("restrict_16.hate", "Hate: high enough for 16 and over"),
        ("default.clear", "Nothing was found"),
        ("age.minimum", "Age: minimum"),
        ("Random audit sample", "Random audit sample"),
    ],
)
def test_rules_are_told_in_words(rule: str, words: str) -> None:
    assert labels.rule_name(rule, NAMES) == words


def test_acts_are_told_in_words_also_those_that_nobody_listed() -> None:
    assert labels.action_name("job.claimed") == "Job taken"
    assert labels.action_name("novelty.made_up") == "Novelty made up"


def test_the_audit_log_offers_what_is_listed_and_what_is_asked_for() -> None:
    def offered(asked: str) -> set[str]:
        return {value for _, acts in labels.action_choices(asked) for value, _ in acts}

    assert {"job.claimed", "job.", "user.signed_in"} <= offered("")
    assert offered("novelty.made") - offered("") == {"novelty.made"}
    assert offered("no act") == offered("job.claimed") == offered("")


def test_languages_are_told_by_name_and_tag() -> None:
    assert labels.language_label("de") == "German (de)"
    assert labels.language_label("pt-BR") == "Portuguese (pt-BR)"
    assert labels.language_label("und") == labels.language_label("") == "not known"
    assert labels.language_label("xx") == "xx (xx)"
