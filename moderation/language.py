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
#: More of a text does not change the answer, only the time.
_MAX_CHARS = 400


@lru_cache(maxsize=1)
def _detector() -> LanguageDetector:
    return LanguageDetectorBuilder.from_languages(*LANGUAGES).with_low_accuracy_mode().build()


@lru_cache(maxsize=4_096)
def detect(text: str) -> tuple[str, float]:
    """Return the BCP 47 primary subtag and the confidence in [0, 1]; `("und", 0.0)` for what is short or undecided."""
    head = text[:_MAX_CHARS].encode(errors="ignore").decode()  # half a surrogate pair is no text to the models
    if sum(c.isalpha() for c in head) < 3:
        return "und", 0.0
    values = _detector().compute_language_confidence_values(head)
    if not values or values[0].value < _MIN_CONFIDENCE:
        return "und", 0.0
    return values[0].language.iso_code_639_1.name.lower(), float(values[0].value)
