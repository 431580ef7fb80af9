"""Finding known words, also disguised ones, and only those."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.detection.terms.detector import TermEntry, TermIndex, TermsDetector
from moderation.detection.types import Subject
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


@pytest.mark.parametrize("text", ["spammer", "antispam", "spa market", "", "spa m"])
def test_a_whole_word_is_not_part_of_another(text: str) -> None:
    assert found_in(text, SPAM) == []


VIEW = TermEntry("followers", "spam_scam", score=0.5)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("buy srewollof now", "srewollof"),
        ("sp am", "sp am"),
        ("s pam here", "s pam"),
        ("so sp-am", "sp-am"),
        ("sp\nam", "sp\nam"),
        ("sp - am", "sp - am"),
        ("fol lowers", "fol lowers"),
        ("follo_wers", "follo_wers"),
        ("sp*m", "sp*m"),
        ("s**m!", "s**m"),
        ("spa**", ""),
        ("sp_m", "sp_m"),
        ("f*ll*wers", "f*ll*wers"),
        ("phollowers", "phollowers"),
        ("follovvers", "follovvers"),
        ("follo\\/\\/ers", "follo\\/\\/ers"),
        ("\u202emaps\u202c", "maps"),
        ("ɯɐds", "ɯɐds"),
        ("ѕраm", "ѕраm"),
        ("сПам", ""),
    ],
)
def test_tricks_that_only_a_list_tells_from_writing_are_undone(text: str, written: str) -> None:
    assert found_in(text, SPAM, VIEW) == ([written] if written else [])


@pytest.mark.parametrize(
    ("term", "text"),
    [
        ("pass", "as he pas s"),  # an apostrophe's rest
        ("openis", "open is"),
        ("grape", "g rape"),
        ("mist", "m ist"),
        ("kanal", "kan al"),
        ("room", "moor"),
        ("hate", "hat*"),
        ("stars", "s***s"[:2]),
        ("bard", "#ard"),
        ("killer", "relliks"),
    ],
)
def test_what_may_be_ordinary_writing_is_left_alone(term: str, text: str) -> None:
    assert found_in(text, TermEntry(term, "x", score=0.5)) == []


def test_words_apart_are_shielded_by_an_exception_for_them() -> None:
    shield = TermEntry("hard core", "x", is_exception=True)
    assert found_in("hard core", TermEntry("hardcore", "x", score=0.5)) == ["hard core"]
    assert found_in("hard core", TermEntry("hardcore", "x", score=0.5), shield) == []


def test_of_many_words_that_a_starred_one_may_be_the_gravest_are_tried() -> None:
    mild = [TermEntry(f"sp{letter}t", "x", score=0.1) for letter in "abcdefghijklmn"]
    hits = index(*mild, TermEntry("spzt", "hate", hard=Outcome.BLOCK)).scan("sp*t")
    assert "spzt" in {hit.entry.text for hit in hits}
    assert len(hits) == 8


def test_a_phrase_is_found_with_a_word_of_it_starred() -> None:
    assert found_in("buy f*llowers", TermEntry("buy followers", "x", score=0.5)) == ["buy f*llowers"]


@pytest.mark.parametrize(
    ("term", "text", "is_found"),
    [
        ("كلب", "الكلب", True),
        ("كلب", "والكلب هنا", True),
        ("كلب", "للكلب", True),
        ("كلب", "مكلب", False),
        ("كلب", "كلبة", False),
        ("कुत", "कुता", False),
        ("कुता", "यह कुता है", True),
        ("바보", "바보야", True),
        ("바보", "그 바보들은", True),
        ("바보", "바보상자", False),
        ("바보", "왕바보", False),
        ("욕", "욕하지마", True),
        ("바보", "ㅋㅋ바보ㅋㅋ", True),
        ("ควาย", "ไอ้ควายนี่", True),
        ("馬鹿", "これは馬鹿です", True),
        ("дурак", "вот дурак!", True),
        ("дурак", "дураков", False),
        ("τρελο", "ειναι τρελο", True),
    ],
)
def test_words_are_bounded_as_their_script_bounds_them(term: str, text: str, is_found: bool) -> None:
    assert bool(found_in(text, TermEntry(term, "x", score=0.5))) is is_found


#: Something harmless to put a term into, so that it stands as a word of its script does.
_AROUND = {
    "ja": "これは{}です",
    "zh": "这是{}吗",
    "th": "นี่คือ{}นะ",
    "ko": "그 {}는 뭐",
    "ar": "هذا و{} هنا",
    "hi": "यह {} है",
    "ru": "вот {} же",
}


def test_the_published_terms_of_28_languages_are_found_in_a_sentence(shared_data: Path) -> None:
    lists = {
        path.name: path for path in (shared_data / "ldnoobw").iterdir() if re.fullmatch("[a-z]{2,3}(-.*)?", path.name)
    }
    assert len(lists) == 28
    missed = []
    for language, path in lists.items():
        terms = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        known = index(*(TermEntry(term, "profanity", language=language, score=0.5) for term in terms))
        for term in terms:
            text = _AROUND.get(language.split("-")[0], "so {} it").format(term)
            start, end = text.index(term), text.index(term) + len(term)
            hits = known.scan(text)
            if not any(hit.entry.text == term and hit.start <= start + 1 and hit.end >= end - 1 for hit in hits):
                missed.append((language, term))
    assert missed == []


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


def test_a_mandatory_outcome_milder_than_blocking_has_no_score_that_would_block() -> None:
    entries = [
        TermEntry(text="zorblax", category="drugs", hard=Outcome.ESCALATE),
        TermEntry(text="quuxify", category="drugs", hard=Outcome.BLOCK),
    ]
    detector = TermsDetector(TermIndex.build(entries), "v1")
    found = detector.findings_for("zorblax and quuxify", {})
    assert [(finding.hard, finding.score) for finding in found] == [(Outcome.ESCALATE, 0.0), (Outcome.BLOCK, 1.0)]
