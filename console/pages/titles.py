"""What an item is called on a page: its first words, never its id. One rule for every list and heading."""

from moderation.models import Item

#: Letters of a title: what fits one line of a table, and what a person remembers.
TITLE_LETTERS = 64
#: How far back from there a word may be given up to end on a whole one; languages without spaces are cut in a word.
_GIVEN_UP = 20


def title_of(item: Item) -> str:
    """Return the first words of an item's caption; where it has none, what kind it is of."""
    words = " ".join(item.caption.split())
    return shorten(words, TITLE_LETTERS) if words else f"{item.get_kind_display()} without a caption"


def shorten(words: str, n_letters: int) -> str:
    """Return the beginning of a text, with an ellipsis where something was left out."""
    if len(words) <= n_letters:
        return words
    cut = words[: n_letters - 1]
    space = cut.rfind(" ")
    return f"{cut[:space] if space >= n_letters - _GIVEN_UP else cut}…"
