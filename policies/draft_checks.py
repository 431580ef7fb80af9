"""What a draft may not say although its rows are well formed: places that do not exist, terms that match everything.

Published versions are not asked: they decide as they were approved. Pure: no ORM.
"""

from __future__ import annotations

import re

from policies.exceptions import PolicyError
from policies.regions import REGIONS
from policies.rows import Document, TermRow

#: Signs that people use in patterns; a term is looked for as it stands, so such a one would silently find nothing.
_PATTERN = re.compile(r"\\[a-zA-Z]|\.[*+?]|\[[^\]]*\]|\([^)]*\|[^)]*\)|^\^|\$$|^\*|\*$|\{\d+(,\d*)?\}")
_WORDS = re.compile(r"[^\W\d_]+")
#: Words that stand in almost every caption of their language: a term of only these matches nearly everything.
_COMMON = frozenset(
    [
        "a",
        "all",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "do",
        "for",
        "from",
        "get",
        "go",
        "had",
        "has",
        "have",
        "he",
        "her",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "just",
        "like",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "one",
        "or",
        "our",
        "out",
        "say",
        "see",
        "she",
        "so",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "they",
        "this",
        "to",
        "up",
        "us",
        "was",
        "we",
        "what",
        "when",
        "who",
        "will",
        "with",
        "you",
        "your",
        "aber",
        "als",
        "am",
        "an",
        "auch",
        "auf",
        "aus",
        "bei",
        "das",
        "dass",
        "dem",
        "den",
        "der",
        "des",
        "die",
        "dir",
        "du",
        "ein",
        "eine",
        "er",
        "es",
        "für",
        "hat",
        "ich",
        "ihr",
        "im",
        "in",
        "ist",
        "ja",
        "kein",
        "mein",
        "mich",
        "mir",
        "mit",
        "nach",
        "nicht",
        "noch",
        "nur",
        "oder",
        "sich",
        "sie",
        "sind",
        "so",
        "um",
        "und",
        "uns",
        "von",
        "war",
        "was",
        "wenn",
        "wie",
        "wir",
        "zu",
        "au",
        "aux",
        "avec",
        "ce",
        "ces",
        "dans",
        "de",
        "des",
        "du",
        "elle",
        "en",
        "est",
        "et",
        "il",
        "je",
        "la",
        "le",
        "les",
        "leur",
        "mais",
        "me",
        "mon",
        "ne",
        "nous",
        "on",
        "ou",
        "par",
        "pas",
        "plus",
        "pour",
        "que",
        "qui",
        "sa",
        "se",
        "son",
        "sur",
        "ta",
        "te",
        "tu",
        "un",
        "une",
        "vous",
        "al",
        "como",
        "con",
        "de",
        "del",
        "el",
        "ella",
        "en",
        "es",
        "esta",
        "este",
        "la",
        "las",
        "lo",
        "los",
        "más",
        "me",
        "mi",
        "mis",
        "muy",
        "no",
        "nos",
        "o",
        "para",
        "pero",
        "por",
        "que",
        "se",
        "si",
        "sin",
        "su",
        "te",
        "tu",
        "un",
        "una",
        "y",
        "ya",
        "yo",
        "ao",
        "as",
        "com",
        "da",
        "das",
        "de",
        "do",
        "dos",
        "e",
        "ela",
        "ele",
        "em",
        "eu",
        "foi",
        "isso",
        "mais",
        "mas",
        "meu",
        "na",
        "nas",
        "no",
        "nos",
        "não",
        "o",
        "os",
        "ou",
        "para",
        "por",
        "que",
        "se",
        "sem",
        "seu",
        "sua",
        "um",
        "uma",
        "você",
        "bir",
        "bu",
        "da",
        "de",
        "ile",
        "için",
        "ve",
        "ya",
        "ne",
        "ben",
        "sen",
        "o",
    ]
)


def check_draft(document: Document) -> None:
    """Check what a new or changed draft says of the world.

    Raises: PolicyError naming the field: a region that does not exist, or a term as `check_term`.
    """
    for name, rows in (("thresholds", document.thresholds), ("age_rules", document.ages)):
        for i, row in enumerate(rows):
            check_region(row.market, f"{name}[{i}].market")
    for i, territory in enumerate(document.territories):
        for region in territory.regions:
            check_region(region, f"territories[{i}].regions")
    seen: dict[str, int] = {}
    for term in document.terms:
        i = seen[term.list_name] = seen.get(term.list_name, -1) + 1
        check_term(term, f"terms.{term.list_name}[{i}]")


def check_region(code: str, where: str) -> None:
    """Check an ISO 3166-1 code; the empty one means everywhere.

    Raises: PolicyError naming the code.
    """
    if code and code not in REGIONS:
        hint = (
            "; the United Kingdom is GB" if code == "UK" else "; the European Union has no code" if code == "EU" else ""
        )
        raise PolicyError(where, f"{code!r} is not the code of a country{hint}")


def check_term(row: TermRow, where: str) -> None:
    """Check one term beyond its form.

    Raises: PolicyError when it is written like a pattern or consists only of words that nearly every caption has.
    """
    if _PATTERN.search(row.text):
        raise PolicyError(
            f"{where}.text",
            f"{row.text!r} is written like a pattern; terms are words, found in all their disguises by themselves",
        )
    words = _WORDS.findall(row.text.lower())
    if words and not row.is_exception and all(word in _COMMON for word in words):
        raise PolicyError(f"{where}.text", f"{row.text!r} has only common words and would match nearly everything")
