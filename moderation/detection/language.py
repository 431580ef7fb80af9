"""Which language a text is in, kept apart from what its creator claims."""

from functools import lru_cache

from lingua import Language, LanguageDetector, LanguageDetectorBuilder

#: The languages told apart. Fewer are faster, smaller and more often right on short captions.
LANGUAGES = (
    Language.ENGLISH, Language.GERMAN, Language.FRENCH, Language.SPANISH, Language.PORTUGUESE, Language.ITALIAN,
    Language.DUTCH, Language.TURKISH, Language.RUSSIAN, Language.ARABIC, Language.HINDI, Language.JAPANESE,
    Language.KOREAN, Language.CHINESE, Language.POLISH, Language.INDONESIAN,
)  # fmt: skip
#: A best guess less likely than this is no answer.
_MIN_CONFIDENCE = 0.5
#: Of fewer letters than this, a guess must be surer: "lol" is in no language.
_FEW_LETTERS = 20
_MIN_CONFIDENCE_OF_FEW = 0.75
#: More of a text does not change the answer, only the time.
_MAX_CHARS = 400


@lru_cache(maxsize=1)
def _identifier() -> LanguageDetector:
    return LanguageDetectorBuilder.from_languages(*LANGUAGES).with_low_accuracy_mode().build()


@lru_cache(maxsize=4_096)
def _shares(text: str) -> tuple[tuple[str, float], ...]:
    """Return the languages by likelihood, the likeliest first; none for a text of fewer than three letters."""
    head = text[:_MAX_CHARS].encode(errors="ignore").decode()  # half a surrogate pair is no text to the models
    if sum(c.isalpha() for c in head) < 3:
        return ()
    values = _identifier().compute_language_confidence_values(head)
    return tuple((v.language.iso_code_639_1.name.lower(), float(v.value)) for v in values)


def detect(text: str) -> tuple[str, float]:
    """Return the BCP 47 primary subtag and the confidence in [0, 1]; `("und", 0.0)` for what is short or undecided."""
    shares = _shares(text)
    is_short = sum(c.isalpha() for c in text[:_MAX_CHARS]) < _FEW_LETTERS
    if not shares or shares[0][1] < (_MIN_CONFIDENCE_OF_FEW if is_short else _MIN_CONFIDENCE):
        return "und", 0.0
    return shares[0]


def share_in(text: str, languages: frozenset[str]) -> float:
    """Return how likely the text is in one of these languages, in [0, 1]; 1 for a text without words.

    Languages that are not told apart here count for nothing: a text in one of them is taken for its likeliest neighbour.
    """
    shares = _shares(text)
    return sum(share for language, share in shares if language in languages) if shares else 1.0
