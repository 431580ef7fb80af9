"""The starter's words: which of Whisper's 51,865 tokens it learns, and rows of their own for them only.

A row here is a place in the small table that training works with; the last row stands for all tokens that are never learnt.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from training.speech.lines import words
from training.speech.voices import FOREIGN

N_VOCAB = 51_865
#: Times are told in steps of 0.1 s, every fifth of Whisper's timestamps: finer ones would only split its certainty.
TIME_STEP = 0.1
N_TIMES = 301
LANGUAGES = ("en", *sorted(FOREIGN))


@lru_cache
def tokenizer() -> Any:
    """Return Whisper's own tokenizer for English speech."""
    from whisper.tokenizer import get_tokenizer

    return get_tokenizer(multilingual=True, language="en", task="transcribe")


@dataclass(frozen=True)
class Table:
    """ids: (rows,) the Whisper token of each row, without the last; text rows first, then special ones, then times."""

    ids: np.ndarray
    n_text: int
    n_special: int

    @property
    def rest(self) -> int:
        """The row of all other tokens."""
        return len(self.ids)

    @property
    def n_rest(self) -> int:
        """How many tokens that row stands for."""
        return N_VOCAB - len(self.ids)

    @property
    def first_time(self) -> int:
        """The row of time 0."""
        return self.n_text + self.n_special

    def row_of(self, token: int) -> int:
        """Return the row of a Whisper token."""
        return _rows()[token]

    def text(self, line: str) -> list[int]:
        """Return the rows of a line's words."""
        return [self.row_of(token) for token in tokenizer().encode(" " + line)]

    def time(self, seconds: float) -> int:
        """Return the row of a time in a window."""
        return self.first_time + min(N_TIMES - 1, max(0, round(seconds / TIME_STEP)))

    def language(self, name: str) -> int:
        """Return the row of a language's token."""
        return self.row_of(tokenizer().to_language_token(name))


@lru_cache
def table() -> Table:
    """Return the table that the vocabulary asks for."""
    spell = tokenizer()
    text = sorted({token for word in words() for token in spell.encode(" " + word)})
    special = [spell.eot, spell.sot, spell.transcribe, spell.no_speech, spell.no_timestamps, spell.sot_prev]
    special += [spell.to_language_token(name) for name in LANGUAGES]
    times = [spell.timestamp_begin + 5 * i for i in range(N_TIMES)]
    return Table(np.array([*text, *special, *times]), len(text), len(special))


@lru_cache
def _rows() -> dict[int, int]:
    return {int(token): row for row, token in enumerate(table().ids)}
