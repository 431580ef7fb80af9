"""Which sentences train the starter Whisper and which only test it."""

import random
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from training.speech import grammar

_FOLDER = Path(__file__).parent
#: Shares of training lines that are written ones, that are pieces of several lines, and that are words in no order at all,
#: which keep the decoder listening instead of guessing. Patterns say the rest.
WRITTEN_SHARE, PIECES_SHARE, SHUFFLED_SHARE = 0.13, 0.3, 0.25
#: Words that are never put beside others at random: who would stand beside them matters.
_NEVER_SHUFFLED = frozenset({*grammar.SLOTS["lewd"].split("|"), "kiss", "adults", "love", "hot"})
N_TEST = 200


@lru_cache
def written() -> list[str]:
    """Return the written training lines."""
    return (_FOLDER / "written.txt").read_text(encoding="utf-8").split("\n")[:-1]


@lru_cache
def held_out() -> list[str]:
    """Return the written lines that no training reads."""
    return (_FOLDER / "heldout.txt").read_text(encoding="utf-8").split("\n")[:-1]


@lru_cache
def words() -> list[str]:
    """Return every word of the training lines, sorted."""
    return sorted({*grammar.vocabulary(), *(w for line in written() for w in re.findall(r"[A-Za-z']+", line))})


@lru_cache
def _weights() -> list[float]:
    """Return how often each word is drawn into a row of words: the rarer it is in sentences, the more often."""
    draw = random.Random(0)
    counts = Counter(word for _ in range(4_000) for word in grammar.sentence(draw).split())
    return [0 if word in _NEVER_SHUFFLED else 1 / (counts[word] + 8) for word in words()]


def training_lines(n_lines: int, seed: int) -> Iterator[str]:
    """Yield lines to train on; none is among the test's."""
    draw = random.Random(seed)
    forbidden = set(test_lines())
    while n_lines:
        line = _line(draw)
        if line not in forbidden:
            n_lines -= 1
            yield line


def _line(draw: random.Random) -> str:
    share = draw.random()
    if share < SHUFFLED_SHARE:
        return " ".join(draw.choices(words(), _weights(), k=draw.randint(3, 9)))
    if share < SHUFFLED_SHARE + PIECES_SHARE:
        return _pieces(draw)
    if share < SHUFFLED_SHARE + PIECES_SHARE + WRITTEN_SHARE:
        return draw.choice(written())
    return grammar.sentence(draw)


def _pieces(draw: random.Random) -> str:
    """Return two to four pieces, of one to four words each, of different lines."""
    pieces: list[str] = []
    n = draw.randint(2, 4)
    while len(pieces) < n:
        line = (draw.choice(written()) if draw.random() < 0.5 else grammar.sentence(draw)).split()
        start = draw.randrange(len(line))
        piece = line[start : start + draw.randint(1, 4)]
        if not _NEVER_SHUFFLED.intersection(piece):
            pieces.append(" ".join(piece))
    return " ".join(pieces)


@lru_cache
def test_lines() -> tuple[str, ...]:
    """Return the 200 test lines: the held-out written ones first, then drawn ones of at least four words."""
    draw = random.Random(200)
    fixed = {*grammar.EVERYDAY.split("\n"), *grammar.POLICY.split("\n")}  # said only one way, so training needs them
    lines = dict.fromkeys(held_out())
    while len(lines) < N_TEST:
        line = grammar.sentence(draw)
        if len(line.split()) >= 4 and line not in fixed:
            lines[line] = None
    return tuple(lines)
