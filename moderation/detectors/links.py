"""Addresses in captions, also defanged ones: how many, where to, and together with which words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from moderation.detectors.base import Finding, Result, Subject
from policies.choices import ItemKind, Outcome, Stage

VERSION = "links-1"

_DOT = r"(?:\.|\s?\[\.\]\s?|\s?\(\.\)\s?|\s?\{\.\}\s?|\s(?:dot|punkt|punto)\s)"
_TLD = r"(?:com|net|org|info|biz|io|ly|me|co|app|xyz|top|shop|site|online|club|link|click|live|gg|de|fr|es|ru|cn|tr|br|test|example)"
_ADDRESS = re.compile(
    rf"(?P<scheme>h(?:tt|xx)ps?\s?:\s?/\s?/\s?)?(?P<host>(?:[\w-]{{1,63}}{_DOT}){{1,4}}{_TLD})\b(?P<path>/[^\s]{{0,200}})?",
    re.IGNORECASE,
)
_UNDOT = re.compile(_DOT, re.IGNORECASE)

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


def addresses_in(text: str) -> list[Address]:
    """Return the addresses in a text, in order; defanged ones are read as they are meant."""
    found = []
    for match in _ADDRESS.finditer(text):
        host = _UNDOT.sub(".", match["host"]).lower()
        is_defanged = host != match["host"].lower() or (match["scheme"] or "").lower().startswith("hxx")
        found.append(Address(host, match.start(), match.end(), is_defanged))
    return found


def imitates(host: str) -> str | None:
    """Return the well-known name that a host pretends to be, or None."""
    label = host.split(".")[-2] if host.count(".") else host
    read = label.translate(_DIGIT_LETTERS)
    for name in IMITATED:
        if label != name and (read == name or _is_one_edit(label, name) or (name in read and "-" in label)):
            return name
    return None


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
    imitated = imitates(address.host)
    signs = (
        (imitated is not None, 0.6, f"looks like {imitated}"),
        (address.host in SHORTENERS, 0.3, "hides where it leads"),
        (address.is_defanged, 0.4, "written so that filters miss it"),
        (has_lure, 0.4, "beside words that lure"),
        (n_addresses > 3, 0.4, f"{n_addresses} addresses"),
    )
    doubt = 1.0
    for is_met, weight, _ in signs:
        doubt *= 1.0 - weight if is_met else 1.0
    return round(1.0 - doubt, 4), [why for is_met, _, why in signs if is_met]
