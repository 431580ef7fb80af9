"""Where words begin and end, script by script, in text as it reads."""

import re
import unicodedata
from functools import lru_cache

from moderation.detection.terms.normalise import SEPARATORS, Normalised

#: Scripts whose words are not parted by spaces: a boundary there says nothing.
_UNSPACED = frozenset(
    {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "THAI", "LAO", "KHMER", "MYANMAR", "BOPOMOFO"}
)
#: What Arabic writes onto the front of a word: and, so, in, for, like, the, and these together.
_ARABIC_PREFIXES = frozenset(
    joined + article for joined in ("", "و", "ف", "ب", "ك", "ل", "وب", "ول", "فب", "فل", "وك") for article in ("", "ال")
) | {"لل", "ولل", "فلل", "يا"}
#: What Korean writes onto the end of a noun: cases, topics, plurals, calls, and the copula's common forms.
_KOREAN_PARTICLES = re.compile(
    "(?:들|님|끼리)?(?:은|는|이|가|을|를|의|에|에서|에게|에게서|께|한테|한테서|으로|로|로서|로써|와|과|랑|이랑|하고|도|만|까지|부터|마다|보다|"
    "처럼|같이|같은|이나|나|라도|이라도|밖에|조차|마저|뿐|야|아|이야|여|이여|다|이다|입니다|이에요|예요|네|이네|냐|이냐|인가|임|같다|라고|이라고)?"
    r"(?:은|는|도|만|요|의)?(?![^\W_])"
    # A noun becomes a verb by these, which take any ending.
    "|하|할|해|했|한|함|당하|당한|당해|당했|시키|시킨|시켜"
)
_LONE_JAMO = frozenset(map(chr, range(0x1100, 0x1113))) | frozenset(map(chr, range(0x3131, 0x318F)))
_ARABIC_WORD_START = 4  # no prefix is longer


def is_word(found: Normalised, original: str, start: int, end: int) -> bool:
    """Whether `found.text[start:end]` is a whole word, or several, and not a part of a longer one."""
    return _begins(found, original, start) and _ends(found, original, end)


def _begins(found: Normalised, original: str, start: int) -> bool:
    text = found.text
    if _is_edge(found, original, start - 1, start):
        return True
    if _script(text[start]) != "ARABIC":
        return False
    word = start
    while word > 0 and start - word <= _ARABIC_WORD_START and _script(text[word - 1]) == "ARABIC":
        word -= 1
    return text[word:start] in _ARABIC_PREFIXES and _is_edge(found, original, word - 1, word)


def _ends(found: Normalised, original: str, end: int) -> bool:
    text = found.text
    if _is_edge(found, original, end, end - 1):
        return True
    return _script(text[end]) == "HANGUL" == _script(text[end - 1]) and _KOREAN_PARTICLES.match(text, end) is not None


def _is_edge(found: Normalised, original: str, outside: int, inside: int) -> bool:
    """Whether a word may end between two neighbours in the text as read."""
    text = found.text
    if not 0 <= outside < len(text) or not _is_of_word(text[outside], is_after=outside > inside):
        return True
    if found.ends is not None and _is_joined(found, original, outside, inside):
        return True  # the letters were joined by us: "a s p a m" has an "a" before the word
    pair = text[inside] + text[outside]
    return not pair.isascii() and any(_script(char) in _UNSPACED for char in pair)


def _is_joined(found: Normalised, original: str, outside: int, inside: int) -> bool:
    low, high = sorted((found.index_map[outside], found.index_map[inside]))
    return high - low > 1 and not SEPARATORS.isdisjoint(original[low + 1 : high])


def _is_of_word(char: str, *, is_after: bool) -> bool:
    """Whether a character belongs to the word beside it. A vowel sign belongs to the letter before it."""
    if char in _LONE_JAMO:
        return False  # letters of Korean on their own are sounds and laughter
    return char.isalnum() or (is_after and not char.isascii() and unicodedata.category(char)[0] == "M")


@lru_cache(maxsize=20_000)
def _script(char: str) -> str:
    return unicodedata.name(char, "").partition(" ")[0]
