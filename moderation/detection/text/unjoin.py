"""Puts spaces back into English that was written without them, as in "gobackhome" and in hashtags, so that the models see words.

The likeliest cut into words of the encoder's own vocabulary, which is in order of how common words are: a word's rank stands for
its rarity (Zipf's law). What costs more than English does, such as a German compound, stays whole.
"""

import math
import re
from collections.abc import Mapping

#: Letters without a space from which on a run is tried; hardly any English word is so long.
_MIN_RUN = 16
#: More of a run than this adds time, not knowledge: the cut costs `letters x _LONGEST_WORD`.
_MAX_RUN = 400
_LONGEST_WORD = 18
#: In nats: what any word costs besides the logarithm of its rank, and what a letter that is no word costs.
_WORD_COST, _LETTER_COST = 2.4, 14.0
#: A cut that costs more for each letter is no English. Of joined English lines of the corpus 95 % cost less than 2.7; of joined
#: German, Spanish, French and Portuguese ones 95 % cost more than 2.8.
_MAX_COST_PER_LETTER = 2.7
_RUN = re.compile(rf"[A-Za-z]{{{_MIN_RUN},{_MAX_RUN}}}")
#: Single letters that are words.
_LONE = {"a": 3, "i": 5}


class Unjoiner:
    """Cuts runs of letters into words. Thread-safe.

    Args:
        vocabulary: token to id, in order of frequency from "the" on, as WordPiece vocabularies are.
    """

    def __init__(self, vocabulary: Mapping[str, int]) -> None:
        first = vocabulary.get("the", 0)
        ranks = {w: i - first + 1 for w, i in vocabulary.items() if i >= first and len(w) > 1 and _is_word(w)}
        self._costs = {word: math.log(rank) + _WORD_COST for word, rank in (ranks | _LONE).items()}

    def unjoin(self, text: str) -> str:
        """Return the text with spaces in its long runs of letters, or as it was where none is joined English."""
        return _RUN.sub(lambda run: self._split(run[0]), text)

    def _split(self, run: str) -> str:
        letters = run.lower()
        n = len(letters)
        best, cut_at = [0.0] + [math.inf] * n, [0] * (n + 1)
        for end in range(1, n + 1):
            for start in range(max(0, end - _LONGEST_WORD), end):
                cost = self._costs.get(letters[start:end], _LETTER_COST if end - start == 1 else math.inf)
                if best[start] + cost < best[end]:
                    best[end], cut_at[end] = best[start] + cost, start
        if best[n] > _MAX_COST_PER_LETTER * n:
            return run
        words, end = [], n
        while end:
            words.append(run[cut_at[end] : end])
            end = cut_at[end]
        return " ".join(reversed(words))


def _is_word(token: str) -> bool:
    return token.isascii() and token.isalpha()
