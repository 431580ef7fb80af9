"""Where the words of a search stand in a text, and how that is shown."""

from __future__ import annotations

import pytest

from console.pages.items.snippets import find_snippet, spans_of


def marked(asked: str, written: str) -> list[str]:
    return [written[start:end] for start, end in spans_of(asked, written)]


@pytest.mark.parametrize(
    ("asked", "written", "met"),
    [
        ("pill", "Pills, and a pillow", ["Pills", "pillow"]),
        ("PILLS sale", "pills for sale", ["pills", "sale"]),
        ("creme", "Une Crème brûlée", ["Crème"]),
        ("to", "to tomorrow to", ["to", "to"]),
        ("evil-shop", "at evil-shop.example", ["evil-shop"]),
        ("天気", "今日は天気です", ["天気"]),
        ("straße", "in der Straße 5", ["Straße"]),
        ("x", "", []),
        ("( [ *", "a ( b", []),
    ],
)
def test_words_are_marked_where_the_index_met_them(asked: str, written: str, met: list[str]) -> None:
    assert marked(asked, written) == met


def test_the_first_text_that_has_a_word_is_shown_around_it() -> None:
    said = "word " * 100 + "harbour " + "word " * 100
    snippet = find_snippet("harbour", [("Caption", "a boat"), ("Sound", said)])
    assert snippet
    assert snippet.place == "Sound"
    assert [part.text for part in snippet.parts if part.hit] == ["harbour"]
    shown = "".join(part.text for part in snippet.parts)
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) < 200


def test_nothing_is_shown_of_what_was_found_by_its_id() -> None:
    assert find_snippet("clip-1", [("Caption", "a boat")]) is None
