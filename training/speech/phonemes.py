"""How each word of the vocabulary sounds, as espeak-ng's phonemes: what the helper loss asks of the encoder.

Letters would ask it to learn English spelling as well, which takes it several times as long.
"""

import re
import subprocess
from functools import lru_cache

from training.speech.lines import words
from training.speech.voices import check

_STRESS = re.compile(r"[',%=|]")


@lru_cache
def pronounced() -> dict[str, tuple[int, ...]]:
    """Return the phonemes of each word, numbered from 1.

    Raises:
        TalkerMissing: espeak-ng is not installed.
    """
    check()
    command = ["espeak-ng", "-v", "en-us", "-q", "-x", "--sep=_"]
    told = subprocess.run(command, input="\n".join(words()), capture_output=True, check=True, text=True)  # noqa: S603
    lines = told.stdout.splitlines()
    spelt = [[p for p in _STRESS.sub("", line).strip().replace(" ", "_").split("_") if p] for line in lines]
    number = {phoneme: i for i, phoneme in enumerate(sorted({p for word in spelt for p in word}), 1)}
    return {word: tuple(number[p] for p in found) for word, found in zip(words(), spelt, strict=True)}


def n_phonemes() -> int:
    """Return how many there are."""
    return max(max(word) for word in pronounced().values())


def phonemes_of(line: str) -> tuple[int, ...]:
    """Return the phonemes of a line of known words."""
    return tuple(p for word in re.findall(r"[A-Za-z']+", line) for p in pronounced()[word])
