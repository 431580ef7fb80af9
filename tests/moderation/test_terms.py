"""Finding known words, also disguised ones, and only those."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.detectors.base import Subject
from moderation.detectors.terms import TermEntry, TermIndex, TermsDetector
from policies.choices import ItemKind, Outcome

LONG_ENGLISH = "this is a rather long caption that nobody could take for another language, "


def index(*entries: TermEntry) -> TermIndex:
    return TermIndex.build(entries)


def found_in(text: str, *entries: TermEntry, language: str = "und") -> list[str]:
    return [text[hit.start : hit.end] for hit in index(*entries).scan(text, language)]


SPAM = TermEntry("spam", "spam_scam", score=0.9)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("no spam here", "spam"),
        ("SPAM!", "SPAM"),
        ("a s p a m", "s p a m"),
        ("s\u200bp\u200bа\u200bm", "s\u200bp\u200bа\u200bm"),
        ("$p4m", "$p4m"),
        ("spaaaaam", "spaaaaam"),
        ("spam🇺🇸", "spam"),
        ("#spam", "#spam"[1:]),
        ("_spam_", "spam"),
    ],
)
def test_it_finds_a_word_and_says_where_it_was_written(text: str, written: str) -> None:
    assert found_in(text, SPAM) == [written]


@pytest.mark.parametrize("text", ["spammer", "antispam", "spa market", "", "sp am"])
def test_a_whole_word_is_not_part_of_another(text: str) -> None:
    assert found_in(text, SPAM) == []


def test_a_part_of_a_word_is_found_where_the_list_says_so() -> None:
    assert found_in("antispammers", TermEntry("spam", "x", score=0.5, whole_word=False)) == ["spam"]


def test_a_letter_written_one_or_two_ways_is_found() -> None:
    assert found_in("ki11 it", TermEntry("kill", "violence", score=0.5)) == ["ki11"]


def test_scripts_without_spaces_need_no_boundaries() -> None:
    assert found_in("これは馬鹿です", TermEntry("馬鹿", "x", score=0.5)) == ["馬鹿"]


def test_an_exception_shields_what_it_covers_and_nothing_else() -> None:
    part = TermEntry("spam", "x", score=0.5, whole_word=False)
    shield = TermEntry("antispam filter", "x", is_exception=True)
    assert found_in("antispam filter", part, shield) == []
    assert found_in("antispam filter against spam", part, shield) == ["spam"]


def test_an_exception_of_another_category_shields_nothing() -> None:
    shield = TermEntry("spam filter", "y", is_exception=True)
    assert found_in("spam filter", SPAM, shield) == ["spam"]


def test_a_mandatory_outcome_becomes_hard_evidence() -> None:
    detector = TermsDetector(index(TermEntry("zzq block", "hate", hard=Outcome.BLOCK)), "t1")
    [finding] = detector.run(Subject(ItemKind.TEXT, "say ZZQ-block? zzq block", "en", "DE")).findings
    assert (finding.hard, finding.score, finding.where["text"]) == (Outcome.BLOCK, 1.0, "zzq block")
    assert finding.where["field"] == "caption"


def test_a_word_of_another_language_counts_less_and_never_nothing() -> None:
    entry = TermEntry("mist", "profanity", language="de", score=0.5)
    text = LONG_ENGLISH + "mist"
    assert [h.score for h in index(entry).scan(text, "en")] == [pytest.approx(0.3)]
    assert [h.score for h in index(entry).scan(text, "de")] == [0.5]
    assert [h.score for h in index(entry).scan(text, "und")] == [0.5]


def test_the_language_of_a_short_text_is_a_guess_and_takes_nothing_off() -> None:
    entry = TermEntry("mist", "profanity", language="de", score=0.5)
    assert [h.score for h in index(entry).scan("mist", "nl")] == [0.5]


def test_hard_evidence_is_hard_in_any_language() -> None:
    entry = TermEntry("zzq", "hate", language="de", hard=Outcome.BLOCK)
    assert [h.score for h in index(entry).scan(LONG_ENGLISH + "zzq", "en")] == [1.0]


def test_a_term_that_reads_as_nothing_is_left_out() -> None:
    assert index(TermEntry("\u200b", "x", score=1.0)).n_terms == 0
    assert found_in("anything", TermEntry(" ", "x", score=1.0)) == []


def test_two_meanings_of_one_word_are_both_found() -> None:
    assert len(index(SPAM, TermEntry("spam", "hate", score=0.2)).scan("spam")) == 2


@given(st.text(alphabet=st.characters(codec=None), max_size=80), st.text(max_size=12), st.booleans())
def test_it_never_raises_and_spans_lie_in_the_text(text: str, term: str, whole_word: bool) -> None:
    for hit in index(TermEntry(term, "x", score=0.5, whole_word=whole_word), SPAM).scan(text + term):
        assert 0 <= hit.start < hit.end <= len(text + term)


def test_many_hits_under_many_exceptions_stay_quick() -> None:
    part = TermEntry("ab", "x", score=0.5, whole_word=False)
    assert (
        len(index(part, TermEntry("abc", "x", is_exception=True, whole_word=False)).scan("abc ab " * 10_000)) == 10_000
    )
