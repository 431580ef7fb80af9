"""The captions of a wave: one call, spelled in ever other ways."""

from __future__ import annotations

import random

CALL = "Everybody come to the old harbour tonight and bring your friends along, tell nobody else about this plan"


_SWAPS = {"a": "а4@", "e": "е3", "i": "і1!", "o": "о0", "s": "ѕ5$", "t": "7т", "l": "1|", "c": "с("}


_ADDED = ("\u200b", "\u00ad", "\u0301", ".", "*", "-")


def respelled(text: str, rng: random.Random) -> str:
    """Return a text with two to eight of the tricks that people use against filters, and a tag of its own."""
    letters = list(text)
    for _ in range(rng.randint(2, 8)):
        i = rng.randrange(len(letters))
        letters[i] = rng.choice(
            (
                rng.choice(_SWAPS.get(letters[i].lower(), letters[i] or " ")),
                letters[i] + rng.choice(_ADDED),
                letters[i] * rng.randint(2, 4),
                letters[i].swapcase(),
                "",
            )
        )
    return f"{''.join(letters)} #{rng.randrange(10**6)}"
