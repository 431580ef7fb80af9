"""What an item is called."""

from __future__ import annotations

import pytest

from console.pages.titles import TITLE_LETTERS, title_of
from moderation.models import Item
from policies.choices import ItemKind


@pytest.mark.parametrize(
    ("caption", "title"),
    [
        ("a walk", "a walk"),
        ("  two\n lines  ", "two lines"),
        ("", "Video without a caption"),
        ("word " * 40, "word word word word word word word word word word word word…"),
        ("天" * 90, "天" * 63 + "…"),
    ],
)
def test_it_is_its_first_words(caption: str, title: str) -> None:
    item = Item(external_id="clip-1", kind=ItemKind.VIDEO, caption=caption)
    assert title_of(item) == title
    assert len(title_of(item)) <= TITLE_LETTERS
