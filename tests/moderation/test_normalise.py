"""Reading disguised text, and finding the way back to what was written."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moderation.normalise import normalise, readings

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=200)
TRICKS = st.text(alphabet="aAbеs5$@1!|0 .-_\u200b\u0301\u3099\u1100\u1161🇺🇸ﷺ\ud800\x00\n", max_size=60)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("SPAM", "spam"),
        ("ｓｐａｍ", "spam"),
        ("𝓼𝓹𝓪𝓶", "spam"),
        ("🅢🅟🅐🅜", "spam"),
        ("s\u200bp\u00ada\u2060m", "spam"),
        ("\u202espam\u202c", "spam"),
        ("s\u0336p\u0336a\u0336m\u0336", "spam"),
        ("ѕраm", "spam"),
        ("sp4m", "spam"),
        ("$p@m!", "spam!"),
        ("s p a m", "spam"),
        ("s.p-a_m", "spam"),
        ("s . p . a . m", "spam"),
        ("🇸🇵🇦🇲", " spam"),
        ("café", "cafe"),
        ("straße", "strasse"),
        ("two\nlines", "two lines"),
    ],
)
def test_it_undoes_a_trick(written: str, read: str) -> None:
    assert normalise(written).text == read


@pytest.mark.parametrize("text", ["book", "in 2024", "$100", "4.5", "ばか", "हिन्दी", "각", "i am", "m&m", "a b"])
def test_it_leaves_ordinary_text_alone(text: str) -> None:
    assert [reading.text for reading in readings(text)] == [text]


def test_syllables_written_in_parts_read_as_whole_ones() -> None:
    assert normalise("は\u3099か").text == "ばか"
    assert normalise("\u1100\u1161\u11a8").text == "각"


def test_a_flag_is_not_part_of_the_word_beside_it() -> None:
    assert normalise("spam🇺🇸").text == "spam us"


def test_long_drawn_letters_are_read_as_two_and_as_one() -> None:
    assert {r.text for r in readings("spaaaam")} == {"spaam", "spam"}


def test_signs_that_stand_for_several_letters_are_read_as_each() -> None:
    assert {"kill", "ki11"} <= {r.text for r in readings("ki11")}
    assert {"afriend", "@friend"} == {r.text for r in readings("@friend")}


def test_spans_lead_back_to_what_was_written() -> None:
    written = "so s\u200bp\u0301ааа\u0430m it"
    found = readings(written)[-1]
    start = found.text.index("spam")
    low, high = found.original_span(start, start + 4)
    assert written[low:high] == "s\u200bp\u0301ааа\u0430m"


@given(ANY_TEXT | TRICKS)
@example("ﷺ\ud800\x00\u0301")
def test_it_never_raises_and_the_map_is_sound(text: str) -> None:
    found = readings(text)
    assert 1 <= len(found) <= 6
    for reading in found:
        assert len(reading.text) == len(reading.index_map)
        assert list(reading.index_map) == sorted(reading.index_map)
        assert all(0 <= i < len(text) for i in reading.index_map)


@pytest.mark.parametrize(
    "unit", ["a", "a ", "1", "!", "aaa ", "s.", "\u0301", "\u3099", "ﷺ", "🇸", "\ud800", "a\u0301\u0323"]
)
def test_a_hundred_thousand_characters_are_read(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    assert all(len(r.text) == len(r.index_map) for r in readings(text))
