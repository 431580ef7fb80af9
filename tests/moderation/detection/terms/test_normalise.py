"""Reading disguised text, and finding the way back to what was written."""

import gzip
import json
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from moderation.detection.terms.confusables import LATIN, OWN
from moderation.detection.terms.normalise import MAX_READINGS, Normalised, fold, latin, normalise, readings

ANY_TEXT = st.text(alphabet=st.characters(codec=None), max_size=200)
TRICKS = st.text(
    alphabet="aAbIеs5$@1!|0 .-_/\\()<\u200b\u0301\u3099\u1100\u1161🇺🇸ﷺ\ud800\x00\n\u202e\u202c\u2067ɐǝu\U000e0061٥הз",
    max_size=60,
)


def texts_of(written: str) -> set[str]:
    return {reading.text for reading in readings(written)}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("SPAM", "spam"),
        ("ｓｐａｍ", "spam"),
        ("𝓼𝓹𝓪𝓶", "spam"),
        ("🅢🅟🅐🅜", "spam"),
        ("🅂🄿🄰🄼", "spam"),
        ("⒮⒫⒜⒨", "spam"),
        ("ꜱᴘᴀᴍ", "spam"),
        ("ˢᵖᵃᵐ", "spam"),
        ("ɯɐds", "spam"),
        ("buy ʍou ɯɐds now", "buy spam now now"),
        ("spɐm", "spam"),
        ("s\u200bp\u00ada\u2060m", "spam"),
        ("\u202emaps\u202c", "spam"),
        ("a \u202eegassem\u202c b", "a message b"),
        ("\u202ed\u202dbc\u202ca", "abcd"),
        ("\u202emaps\nspam", "spam spam"),
        ("s\u0336p\u0336a\u0336m\u0336", "spam"),
        ("s̷̡̛p̴̢̕a̶̧͝m̵̨͠", "spam"),
        ("ѕраm", "spam"),
        ("sрam", "spam"),
        ("ѕρɑм", "spam"),
        ("sp۵t", "spot"),
        ("sp4m", "spam"),
        ("$p@m!", "spam!"),
        (r"spa|\/|", "spam"),
        (r"\/\/orm", "worm"),
        ("b()()k", "book"),
        ("s p a m", "spam"),
        ("s.p-a_m", "spam"),
        ("s . p . a . m", "spam"),
        ("🇸🇵🇦🇲", " spam"),
        ("f⭕⭕d", "food"),
        ("café", "cafe"),
        ("straße", "strasse"),
        ("two\nlines", "two lines"),
        ("٣ + ४", "3 + 4"),
    ],
)
def test_it_undoes_a_trick(written: str, read: str) -> None:
    assert normalise(written).text == read


@pytest.mark.parametrize(
    "text",
    [
        "book",
        "in 2024",
        "$100",
        "4.5",
        "ばか",
        "हिन्दी",
        "각",
        "i am",
        "m&m",
        "a b",
        "привет мир",
        "καλημέρα"[:4],
        "f()",
        "good ⭕",
    ],
)
def test_it_leaves_ordinary_text_alone(text: str) -> None:
    assert texts_of(text) == {text}


@pytest.mark.parametrize("text", ["mp3", "b2b", "the 2nd", "covid19", "@friend", "for 5k", "http://a/b", "so/so"])
def test_the_likeliest_reading_keeps_codes_counts_and_names(text: str) -> None:
    assert normalise(text).text == text


def test_a_word_in_one_script_stays_in_it_and_may_also_be_latin() -> None:
    assert normalise("сор").text == "сор"
    assert texts_of("сор") == {"сор", "cop"}
    assert texts_of("хлеб") == {"хлеб"}
    assert texts_of("ꓢꓑꓮꓟ") == {"ꓢꓑꓮꓟ", "spam"}


def test_a_mixed_word_reads_as_what_all_its_letters_can_be() -> None:
    assert texts_of("xлeб") == {"хлеб"}  # Latin x and e among Cyrillic letters
    assert normalise("pесторан").text == "ресторан"
    assert texts_of("Tシャツ") == {"tシャツ"}


def test_syllables_written_in_parts_read_as_whole_ones() -> None:
    assert normalise("は\u3099か").text == "ばか"
    assert normalise("\u1100\u1161\u11a8").text == "각"
    assert normalise("\u1100\u1161\u11a8").original_span(0, 1) == (0, 3)


def test_a_flag_is_not_part_of_the_word_beside_it() -> None:
    assert normalise("spam🇺🇸").text == "spam us"


def test_tags_are_read_beside_what_is_seen_and_not_after_a_flag() -> None:
    assert texts_of("so\U000e0020\U000e0073\U000e0070\U000e0061\U000e006d") == {"so", "so spam"}
    assert len(readings("\U0001f3f4\U000e0067\U000e0062\U000e007f")) == 1


def test_long_drawn_letters_are_read_as_two_and_as_one() -> None:
    assert texts_of("spaaaam") == {"spaam", "spam"}


def test_signs_that_stand_for_several_letters_are_read_as_each() -> None:
    assert {"kill", "ki11"} <= texts_of("ki11")
    assert texts_of("@friend") == {"afriend", "@friend"}
    assert "dildo" in texts_of("diIdo")
    assert "обман" in texts_of("0бман")


def test_hosts_are_read_as_latin_whatever_their_script() -> None:
    assert latin("аррӏе.com").text in {"apple.com", "appie.com"}
    assert fold("сор.com").text == "сор.com"


def test_spans_lead_back_to_what_was_written() -> None:
    written = "so s\u200bp\u0301ааа\u0430m it"
    found = readings(written)[-1]
    start = found.text.index("spam")
    low, high = found.original_span(start, start + 4)
    assert written[low:high] == "s\u200bp\u0301ааа\u0430m"


@pytest.mark.parametrize(
    ("written", "piece"),
    [
        (r"so spa|\/| ok", r"spa|\/|"),
        ("so spammm ok", "spammm"),
        ("so \u202emaps\u202c ok", "maps"),
        ("so ɯɐds ok", "ɯɐds"),
        ("so spam\u0336 ok", "spam\u0336"),
    ],
)
def test_the_span_of_a_word_is_all_that_it_was_written_with(written: str, piece: str) -> None:
    found = next(reading for reading in readings(written) if "spam" in reading.text.split())
    start = found.text.index("spam")
    low, high = found.original_span(start, start + 4)
    assert written[low:high] == piece


def _could_read(char: str, piece: str) -> bool:
    """Whether what was written at a place can be read as a character, by itself, or turned, or as a sign."""
    known = {c for unit in (piece, *piece) for table in (OWN, LATIN) for c in table[unit]} | {" "}
    return (
        char in known or char in {c for reading in readings(f"x{piece}x") for c in reading.text} or not char.isascii()
    )


@given(ANY_TEXT | TRICKS)
@example("ﷺ\ud800\x00\u0301")
@example("🇦0")
@example("🇦bc🇦")
@example("\u202ea\u202e\u202db\nc")
def test_it_never_raises_and_the_map_is_sound(text: str) -> None:
    found = readings(text)
    assert 1 <= len(found) <= MAX_READINGS
    assert len({reading.text for reading in found}) == len(found)
    for reading in (*found, fold(text), latin(text)):
        _assert_sound(reading, text)


def _assert_sound(reading: Normalised, text: str) -> None:
    ends = reading.ends if reading.ends is not None else [i + 1 for i in reading.index_map]
    assert len(reading.text) == len(reading.index_map) == len(ends)
    assert all(0 <= start < end <= len(text) for start, end in zip(reading.index_map, ends, strict=True))
    if "\u202e" not in text and not set("ɐǝ") & set(text):
        assert list(reading.index_map) == sorted(reading.index_map)


@given(st.text(alphabet="abcе мѕ5$@é𝓼🅢\u200b\u0301ﬁ", max_size=40))
def test_every_character_read_comes_from_what_stands_at_its_place(text: str) -> None:
    for reading in readings(text):
        ends = reading.ends if reading.ends is not None else [i + 1 for i in reading.index_map]
        for char, start, end in zip(reading.text, reading.index_map, ends, strict=True):
            assert _could_read(char, text[start:end]), (char, text[start:end])


@pytest.mark.parametrize(
    "unit",
    ["a", "a ", "1", "!", "aaa ", "s.", "\u0301", "\u3099", "ﷺ", "🇸", "\ud800", "a\u0301\u0323", "ɐ ", "ɐ", "|\\/|", "()", "\u202e", "а1",
     "\u202e\u202c", "\U000e0061", "aI", "x-", "(", "<"],
)  # fmt: skip
def test_a_hundred_thousand_characters_are_read(unit: str) -> None:
    text = (unit * 100_000)[:100_000]
    assert all(len(r.text) == len(r.index_map) for r in readings(text))


@pytest.mark.parametrize(
    "unit", ["plain words ", "sp4m |\\/| ", "ѕраm ɐǝ ", "a\u0301\u200b", "\u202eab\u202d", "s p a m ", "xxxx"]
)
def test_twice_the_text_is_twice_the_work(unit: str) -> None:
    few, many = (_operations(unit * n) for n in (200, 400))
    assert many <= 2.5 * few + 200


def _operations(text: str) -> int:
    """Return how many lines of Python a reading runs."""
    n_lines = 0

    def count(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal n_lines
        n_lines += event == "line"
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        readings(text)
    finally:
        sys.settrace(before)
    return n_lines


def test_letters_that_unicode_lists_as_alike_are_read_as_latin_inside_a_latin_word(shared_data: Path) -> None:
    """Judged by the published table: each letter or sign listed for a Latin one, put in its place in a word."""
    groups = json.loads(gzip.decompress((shared_data / "unicode_confusables" / "confusables.json.gz").read_bytes()))
    alike = {
        (char, entry["c"])
        for char, entries in groups.items()
        for entry in entries
        if len(char) == 1
        and not char.isascii()
        and entry["c"].isascii()
        and entry["c"].isalpha()
        and len(entry["c"]) == 1
    }
    right = sum(
        any(f"be{letter.lower()}nt" in reading.text for reading in readings(f"be{char}nt")) for char, letter in alike
    )
    assert len(alike) > 1_000
    assert right / len(alike) >= 0.95


def test_words_in_published_fonts_are_read(shared_data: Path) -> None:
    rows = (shared_data / "rustrict_obfuscation" / "unicode_fonts.csv").read_text(encoding="utf-8").splitlines()
    fonts = [font for kind, font in (row.split(",", 1) for row in rows) if kind == "l" and len(font) == 26]
    read = [normalise("".join(font[ord(c) - ord("a")] for c in "wholesome")).text == "wholesome" for font in fonts]
    assert sum(read) / len(read) >= 0.75
