"""Addresses in captions, also defanged ones: how many, where to, and together with which words."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

from moderation.detectors.base import Finding, Result, Subject
from moderation.normalise import fold
from policies.choices import ItemKind, Outcome, Stage

VERSION = "links-2"

#: Endings that are hardly ever words, so that "dot" before them is a dot; and further ones, only after a real or bracketed dot.
_SURE = r"(?:com|net|org|info|biz|io|xyz|ly|gg|ru|test|example)"
_ENDING = (
    r"(?:com|net|org|info|biz|io|xyz|ly|gg|ru|test|example|me|co|app|top|shop|site|online|club|link|click|live|store|vip|"
    r"dev|tv|cc|pw|tk|ml|ga|cf|gq|icu|buzz|work|win|bid|eu|uk|us|de|fr|es|it|nl|pl|pt|in|cn|jp|kr|tr|br|ch|at|be)"
)
_MARK = r"(?:[.\u3002\uff0e]|\s?\[(?:\.|dot)\]\s?|\s?\((?:\.|dot)\)\s?|\s?\{(?:\.|dot)\}\s?)"
_WORD = r"(?:\s(?:dot|punkt|punto|point)\s)"
_DOT = rf"(?:{_MARK}|{_WORD})"
_LABEL = r"[\w-]{1,63}"
_ADDRESS = re.compile(
    # A scheme makes any host an address; without one, the ending has to be known.
    rf"(?:(?P<scheme>h(?:tt|xx)ps?\s?:\s?/\s?/\s?)(?P<any>{_LABEL}(?:{_MARK}{_LABEL}){{1,6}})"
    rf"|(?<![\w@.-])(?P<host>{_LABEL}(?:{_DOT}{_LABEL}){{0,6}}(?:{_MARK}{_ENDING}|{_WORD}{_SURE})))\b(?P<path>/\S{{0,200}})?",
    re.IGNORECASE,
)
_UNDOT = re.compile(_DOT, re.IGNORECASE)
#: Second-level endings, as in co.uk: the name is the label before.
_ENDINGS_BELOW = frozenset({"co", "com", "net", "org", "gov", "ac", "edu"})

#: Services that hide where an address leads.
SHORTENERS = frozenset(
    {"bit.ly", "tinyurl.com", "t.co", "is.gd", "cutt.ly", "rebrand.ly", "shorturl.at", "goo.gl", "ow.ly"}
)
#: Names that others imitate; an address one edit away, or with digits for letters, is a look-alike.
IMITATED = ("paypal", "google", "amazon", "apple", "instagram", "whatsapp", "netflix", "telegram", "binance")
_LURES = re.compile(
    r"free|gratis|win\b|winner|prize|giveaway|crypto|bitcoin|invest|double|guarantee|earn|cash|bonus|verdien|gewinn|gana|gagne|"
    r"ganhe|kazan|promo|followers|click|limited|urgent|verify",
    re.IGNORECASE,
)
_DIGIT_LETTERS = str.maketrans("013457", "oieast")


@dataclass(frozen=True, slots=True)
class DomainRule:
    """What policy says of a domain and all below it. `outcome` None allows it."""

    category: str
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class Address:
    """An address with its host as it would be typed, and its span in the caption."""

    host: str
    start: int
    end: int
    is_defanged: bool
    is_disguised: bool = False


def addresses_in(text: str) -> list[Address]:
    """Return the addresses in a text, in order; defanged ones are read as they are meant.

    Invisible characters and look-alike letters do not hide an address; `is_disguised` says that there were some.
    """
    read = fold(text)
    found = []
    for match in _ADDRESS.finditer(read.text):
        written = match["any"] or match["host"]
        dotted = _UNDOT.sub(".", written)
        host = dotted.strip("-")
        start, end = read.original_span(*match.span())
        is_defanged = dotted != written or (match["scheme"] or "").startswith("hxx")
        is_disguised = host.isascii() and any(map(_is_foreign, text[start:end]))
        found.append(Address(host, start, end, is_defanged, is_disguised))
    return found


def _is_foreign(char: str) -> bool:
    """Whether a character that was read as ASCII is another's look-alike, or invisible; accented letters are neither."""
    return not char.isascii() and not unicodedata.name(char, "").startswith("LATIN")


def imitates(host: str, *, is_disguised: bool = False) -> str | None:
    """Return the well-known name that a host pretends to be, or None; a disguised one pretends to be what it reads as."""
    *below, label = _named(host)
    read = label.translate(_DIGIT_LETTERS)
    for name in IMITATED:
        if label == name:
            if is_disguised:
                return name
        elif read == name or _is_one_edit(label, name) or (name in read and "-" in label) or name in below:
            return name
    return None


def _named(host: str) -> list[str]:
    """Return the labels of a host up to the one that its owner chose: "a.b.co.uk" gives a, b."""
    labels = host.split(".")[:-1] or [host]
    return labels[:-1] if len(labels) > 1 and labels[-1] in _ENDINGS_BELOW else labels


def _is_one_edit(a: str, b: str) -> bool:
    """Whether two words differ by one letter changed, added, dropped, or two neighbours swapped."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    if len(a) == len(b):
        return rest_a[1:] == rest_b[1:] or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
    return rest_a[1:] == rest_b or rest_a == rest_b[1:]


@dataclass(frozen=True)
class LinksDetector:
    """The on-path detector over addresses. `domains` is policy data: a listed domain has a fixed consequence."""

    domains: Mapping[str, DomainRule] = field(default_factory=dict)
    name: str = "links"
    version: str = VERSION
    stage: Stage = Stage.ON_PATH
    categories: tuple[str, ...] = ("spam_scam",)
    languages: frozenset[str] | None = None
    kinds: frozenset[ItemKind] = frozenset(ItemKind)
    cost_ms: float = 0.2

    def run(self, subject: Subject) -> Result:
        """Read the caption's addresses."""
        addresses = addresses_in(subject.caption)
        has_lure = bool(_LURES.search(subject.caption))
        findings = tuple(f for a in addresses if (f := self._finding(a, subject.caption, len(addresses), has_lure)))
        return Result(self.name, self.version, findings=findings)

    def _finding(self, address: Address, text: str, n_addresses: int, has_lure: bool) -> Finding | None:
        rule = self._rule(address.host)
        where = {"field": "caption", "span": [address.start, address.end], "text": text[address.start : address.end]}
        if rule and rule.outcome is None:
            return None
        if rule:
            return Finding(
                self.name, self.version, rule.category, 1.0, {**where, "why": ["listed domain"]}, rule.outcome
            )
        score, why = _suspicion(address, n_addresses, has_lure)
        return Finding(self.name, self.version, "spam_scam", score, {**where, "why": why}) if why else None

    def _rule(self, host: str) -> DomainRule | None:
        labels = host.split(".")
        return next((r for i in range(len(labels)) if (r := self.domains.get(".".join(labels[i:])))), None)


def _suspicion(address: Address, n_addresses: int, has_lure: bool) -> tuple[float, list[str]]:
    """Return a probability in [0, 1] and what it rests on; each sign leaves a share of the remaining doubt."""
    imitated = imitates(address.host, is_disguised=address.is_disguised)
    signs = (
        (imitated is not None, 0.6, f"looks like {imitated}"),
        (address.host in SHORTENERS, 0.3, "hides where it leads"),
        (address.is_defanged or address.is_disguised, 0.4, "written so that filters miss it"),
        (has_lure, 0.4, "beside words that lure"),
        (n_addresses > 3, 0.4, f"{n_addresses} addresses"),
    )
    doubt = 1.0
    for is_met, weight, _ in signs:
        doubt *= 1.0 - weight if is_met else 1.0
    return round(1.0 - doubt, 4), [why for is_met, _, why in signs if is_met]
