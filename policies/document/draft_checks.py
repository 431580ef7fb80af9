"""What a draft may not say although its rows are well formed: places that do not exist, terms that match everything.

Published versions are not asked: they decide as they were approved. Pure: no ORM.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence

from policies.choices import DETECTORS, KIND_KEYS
from policies.document.regions import REGIONS
from policies.document.rows import Document, RouteRow, TermRow
from policies.errors import PolicyError

#: Signs that people use in patterns; a term is looked for as it stands, so such a one would silently find nothing. What
#: has an end somewhere behind its beginning is looked for without this: a search begins anew at each beginning.
_SIGNS = re.compile(r"\\[a-zA-Z]|\.[*+?]|^\^|^\*|\*$|\{\d+(,\d*)?\}")
_WORDS = re.compile(r"[^\W\d_]+")
#: Words that stand in almost every caption of their language: a term of only these matches nearly everything.
_COMMON_WORDS = """
a all an and are as at be but by can do for from get go had has have he her him his how i if in is it its just like
me my no not of on one or our out say see she so that the their them then there they this to up us was we what when
who will with you your
aber als am an auch auf aus bei das dass dem den der des die dir du ein eine er es für hat ich ihr im in ist ja kein
mein mich mir mit nach nicht noch nur oder sich sie sind so um und uns von war was wenn wie wir zu
au aux avec ce ces dans de des du elle en est et il je la le les leur mais me mon ne nous on ou par pas plus pour que
qui sa se son sur ta te tu un une vous
al como con del el ella es esta este lo los las más mi mis muy nos o para pero por si sin su y ya yo
ao com da das do dos ela ele em eu foi isso mas meu na nas não os sem seu sua um uma você
bir bu için ve ne ben sen
"""
_COMMON = frozenset(_COMMON_WORDS.split())


def check_draft(document: Document) -> None:
    """Check what a new or submitted draft says of the world.

    Raises: PolicyError naming the field: a region that does not exist, a routing rule that nothing reaches, or a term as
        `check_term`.
    """
    for section in _CHECKS:
        check_section(document, section)


def check_section(document: Document, section: str) -> None:
    """Check one section, a key of the document; one that has no such rules passes.

    Raises: as `check_draft`.
    """
    if section in _CHECKS:
        _CHECKS[section](document)


def _check_thresholds(document: Document) -> None:
    for i, row in enumerate(document.thresholds):
        check_region(row.market, f"thresholds[{i}].market")


def _check_ages(document: Document) -> None:
    for i, row in enumerate(document.ages):
        check_region(row.market, f"age_rules[{i}].market")


def _check_territories(document: Document) -> None:
    for i, row in enumerate(document.territories):
        for region in row.regions:
            check_region(region, f"territories[{i}].regions")


def _check_terms(document: Document) -> None:
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
    if _is_pattern(row.text):
        raise PolicyError(
            f"{where}.text",
            f"{row.text!r} is written like a pattern; terms are words, found in all their disguises by themselves",
        )
    words = _WORDS.findall(row.text.lower())
    if words and not row.is_exception and all(word in _COMMON for word in words):
        raise PolicyError(f"{where}.text", f"{row.text!r} has only common words and would match nearly everything")


def _is_pattern(text: str) -> bool:
    """Tell whether a text has a sign of patterns, a set [ab] or a choice (a|b)."""
    has_choice = any("|" in part.partition("(")[2] for part in text.split(")")[:-1])
    return has_choice or "]" in text.partition("[")[2] or _SIGNS.search(text) is not None


def check_routing(rows: Sequence[RouteRow]) -> None:
    """Check that each rule can be reached.

    Raises: PolicyError naming the first rule whose items an earlier one takes all.
    """
    first: dict[tuple[str, str, int | None], int] = {}
    for i, row in enumerate(rows):
        wider = itertools.product({"", row.category}, {"", row.language}, {None, row.kind})
        if takers := [first[condition] for condition in wider if condition in first]:
            place = min(takers) + 1
            raise PolicyError(f"routing[{i}]", f"nothing reaches this rule: rule {place} takes all it would match")
        first[row.category, row.language, row.kind] = i


def check_detectors(document: Document) -> None:
    """Check that each kind says of each detector whether it is used: also of one that came after the version it was made from.

    Raises: PolicyError naming the first that is not spoken of.
    """
    said = {(row.kind, row.detector) for row in document.detectors}
    for (kind, key), detector in itertools.product(enumerate(KIND_KEYS), DETECTORS):
        if (kind, detector) not in said:
            raise PolicyError(f"detectors.{key}", f"does not say whether {detector!r} is used")


_CHECKS: Mapping[str, Callable[[Document], None]] = {
    "thresholds": _check_thresholds,
    "age_rules": _check_ages,
    "territories": _check_territories,
    "terms": _check_terms,
    "routing": lambda document: check_routing(document.routing),
}
