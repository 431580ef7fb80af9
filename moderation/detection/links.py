"""Addresses in captions, however they are written: where they lead, what they look like, together with which words."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import ClassVar

import tldextract

from moderation.detection.terms.normalise import Normalised, fold
from moderation.detection.types import Basis, Finding, Missing, Result, Subject
from policies.choices import ItemKind, Outcome, Stage

VERSION = "links-3"

#: Endings that are hardly ever words, so that "dot" before them is a dot; and further ones, only after a real or bracketed dot.
_SURE = r"(?:com|net|org|info|biz|io|xyz|ly|gg|ru|test|example)"
_ENDING = (
    r"(?:com|net|org|info|biz|io|xyz|ly|gg|ru|test|example|me|co|app|top|shop|site|online|club|link|click|live|store|vip|"
    r"dev|tv|cc|pw|tk|ml|ga|cf|gq|icu|buzz|work|win|bid|eu|uk|us|de|fr|es|it|nl|pl|pt|in|cn|jp|kr|tr|br|ch|at|be|at|"
    r"au|ca|cz|dk|fi|gr|hu|id|ie|il|ir|mx|no|ro|se|sg|th|ua|vn|za|xn--[a-z0-9-]{2,59}|[pр]ф|[yу]к[pр]|бг|中国|москва)"
)
#: Dots of other scripts, raised and coloured ones, and brackets around a dot or its name.
_MARK = r"(?:[.\u3002\uff0e\uff61\u06d4\u2024]|\s?[\[({<](?:\.|d[o0]t)[\])}>]\s?)"
_SIGN = r"(?:\s?[\u2022\u2219\u00b7\u25cf\u26ab\u26aa\U0001f534\U0001f535\U0001f7e0-\U0001f7e4\u23fa]\ufe0f?\s?)"
_WORD = r"(?:\s(?:d[o0]t|punkt|punto|point|ponto|nokta|toчka|точка)\s|\s\.\s?|[-_*]d[o0]t[-_*])"
_DOT = rf"(?:{_MARK}|{_WORD}|{_SIGN})"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_PORT = r"(?::\d{1,5}(?!\d))?"
_PATH = r"(?:[/?#]\S{0,200})?"
_NUMBER = r"\d{1,3}(?:\.\d{1,3}){3}"
_ADDRESS = re.compile(
    # A scheme makes any host an address, also a number, a name before "@", or IPv6 in brackets.
    rf"(?:(?P<scheme>(?:h(?:tt|xx|\*\*)ps?|fxp|ftp)\s?\[?:\]?\s?/\s?/\s?)"
    rf"(?P<user>[\w.%:~-]{{1,80}}@)?"
    rf"(?P<any>\[[0-9a-f:.]{{2,45}}\]|(?:0x[0-9a-f]{{8}}|\d{{8,10}})(?![\w.])|{_LABEL}(?:{_DOT}{_LABEL}){{1,6}})"
    # Without one, the ending has to be known; or "www" or a path shows what it is.
    rf"|(?<![\w@.-])-{{0,3}}(?P<host>(?:{_LABEL}(?:{_DOT}{_LABEL}){{0,6}}(?:{_MARK}{_ENDING}|(?:{_WORD}|{_SIGN}){_SURE}))(?!\w)"
    rf"|www{_MARK}{_LABEL}(?:{_MARK}{_LABEL}){{1,5}}|{_LABEL}(?:{_MARK}{_LABEL}){{1,5}}(?={_PORT}/\w)|{_NUMBER}(?=:\d|/\w)))"
    rf"(?P<port>{_PORT})(?P<path>{_PATH})",
    re.IGNORECASE,
)
_UNDOT = re.compile(_DOT, re.IGNORECASE)
#: Single letters and dots with spaces between, as in "e v i l . c o m".
_SPELLED = re.compile(r"(?<![^\s])(?:\w\s){2,62}(?:\.\s)(?:\w\s){1,20}\w(?!\w)")
#: Which endings are public: the list that comes with the package, so that nothing is fetched.
_suffixes = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True)
#: Without those that companies lend: a name under one of these is not its owner's.
_own_suffixes = tldextract.TLDExtract(cache_dir=None, suffix_list_urls=())

#: Services that hide where an address leads.
SHORTENERS = frozenset(
    {
        "bit.ly",
        "bitly.com",
        "tinyurl.com",
        "t.co",
        "is.gd",
        "v.gd",
        "cutt.ly",
        "rebrand.ly",
        "shorturl.at",
        "goo.gl",
        "ow.ly",
        "buff.ly",
        "tiny.cc",
        "rb.gy",
        "s.id",
        "t.ly",
        "bl.ink",
        "lnkd.in",
        "soo.gd",
        "clck.ru",
        "vk.cc",
        "u.to",
        "adf.ly",
        "shorte.st",
        "ouo.io",
        "bc.vc",
        "linktr.ee",
        "qr.ae",
        "urlz.fr",
        "zpr.io",
        "han.gl",
        "me2.do",
        "dwz.cn",
        "t.cn",
        "url.cn",
        "suo.im",
    }
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
    """What is listed of a domain and all below it.

    With `outcome` it is hard evidence; else `score` in [0, 1] counts for the category; with neither it is allowed.
    """

    category: str
    outcome: Outcome | None
    score: float | None = None

    @property
    def is_allowed(self) -> bool:
        """Whether addresses there are never suspicious."""
        return self.outcome is None and self.score is None


@dataclass(frozen=True, slots=True)
class Address:
    """An address with its host as it would be typed, and its span in the caption.

    `host` is what it reads as, `written` what stands there: they differ where look-alike letters were used.
    """

    host: str
    start: int
    end: int
    is_defanged: bool
    is_disguised: bool = False
    written: str = ""
    has_name_before: bool = False

    @property
    def hosts(self) -> tuple[str, ...]:
        """The ways to look the host up: as it reads, as written, and in Punycode."""
        return tuple(dict.fromkeys(h for h in (self.host, self.written, _punycode(self.written)) if h))


def addresses_in(text: str) -> list[Address]:
    """Return the addresses in a text, in order; defanged and split ones are read as they are meant. Linear; never raises.

    Invisible characters and look-alike letters do not hide an address; `is_disguised` says that there were some.
    """
    read = fold(text)
    plain = _unspell(read.text)
    return [_address(match, text, read, plain) for match in _ADDRESS.finditer(plain)]


def _unspell(text: str) -> str:
    """Join letters that stand apart around a dot; what is dropped goes to the end of the run, so that positions stay."""
    return _SPELLED.sub(lambda m: m[0].replace(" ", "").ljust(len(m[0])), text)


def _address(match: re.Match[str], text: str, read: Normalised, plain: str) -> Address:
    spelled = match["any"] or match["host"]
    dotted = _UNDOT.sub(".", spelled)
    host = dotted.strip("-.").lower()
    first, last = match.span()
    is_apart = plain[first:last] != read.text[first:last]
    if is_apart:  # the joined letters stand for the whole run
        last += len(plain[last:]) - len(plain[last:].lstrip(" "))
    start, end = read.original_span(first, last)
    scheme = match["scheme"] or ""
    is_defanged = is_apart or dotted != spelled or scheme.startswith(("hxx", "h**", "fxp")) or "[" in scheme
    decoded = _unpunycode(host)
    written = _write(text[start:end], host)
    is_disguised = (host.isascii() and any(map(_is_foreign, text[start:end]))) or decoded != host
    reads = fold(decoded).text if decoded != host else host
    return Address(reads, start, end, is_defanged, is_disguised, written, bool(match["user"]))


def _write(original: str, host: str) -> str:
    """Return the host with the letters that stand in the text, where it was not defanged; else what it reads as."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", original).lower() if unicodedata.category(c) != "Cf")
    found = re.search(rf"(?:^|//|@)([^\s/:@?#]{{{len(host)}}})(?:[/:?#]|$)", visible)
    return found[1] if found else host


def _punycode(host: str) -> str:
    """Return a host in ASCII; "" where it cannot be."""
    try:
        return ".".join(p if p.isascii() else f"xn--{p.encode('punycode').decode()}" for p in host.split("."))
    except UnicodeError:
        return ""


def _unpunycode(host: str) -> str:
    """Return a host with its letters; a label that is no Punycode stays."""
    return ".".join(map(_decode, host.split("."))) if "xn--" in host else host


def _decode(label: str) -> str:
    try:
        return label[4:].encode().decode("punycode") if label.startswith("xn--") else label
    except (UnicodeError, ValueError, OverflowError):
        return label


def _is_foreign(char: str) -> bool:
    """Whether a character that was read as ASCII is another's look-alike, or invisible; accented letters are neither."""
    return not char.isascii() and not unicodedata.name(char, "").startswith("LATIN")


def is_mixed(host: str) -> bool:
    """Return whether a label mixes letters of scripts that are not written together, as homographs do."""
    return any(len(_scripts(label)) > 1 for label in host.split("."))


def _scripts(label: str) -> set[str]:
    """Return the scripts of a label's letters; those of Chinese, Japanese and Korean, and Latin beside them, are one."""
    names = {unicodedata.name(c, "?").split()[0] for c in label if c.isalpha() and not c.isascii()}
    found = {"LATIN" if name == "FULLWIDTH" else name for name in names}
    if found & {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}:
        return {"CJK"}
    return found | ({"LATIN"} if any(c.isascii() and c.isalpha() for c in label) else set())


@lru_cache(maxsize=4_096)
def registrable(host: str) -> str:
    """Return the part of a host that somebody registered ("a.b.co.uk" gives "b.co.uk"); the host where none is known."""
    found = _suffixes.extract_str(host)
    return f"{found.domain}.{found.suffix}" if found.domain and found.suffix else host


def imitates(host: str, *, is_disguised: bool = False) -> str | None:
    """Return the well-known name that a host pretends to be, or None; a disguised one pretends to be what it reads as."""
    *below, label = _name(host)
    read = label.translate(_DIGIT_LETTERS).replace("rn", "m").replace("vv", "w")
    for name in IMITATED:
        if label == name:
            if is_disguised:
                return name
        elif read == name or _is_one_edit(label, name) or (name in read and "-" in label) or name in below:
            return name
    return None


def _name(host: str) -> list[str]:
    """Return the labels of a host up to the one that its owner chose: "a.b.co.uk" gives a, b."""
    found = _own_suffixes.extract_str(host)
    labels = [*filter(None, found.subdomain.split(".")), found.domain] if found.suffix else host.split(".")[:-1]
    return labels or [host]


def _is_number(host: str) -> bool:
    """Whether a host is an address of the network itself and no name."""
    bare = host.strip("[]")
    if re.fullmatch(r"0x[0-9a-f]{8}|\d{8,10}", bare):
        return True
    try:
        ip_address(bare)
    except ValueError:
        return False
    return True


def _is_one_edit(a: str, b: str) -> bool:
    """Whether two words differ by one letter changed, added, dropped, or two neighbours swapped."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[start:], b[start:]
    if len(a) == len(b):
        return rest_a[1:] == rest_b[1:] or (rest_a[:2] == rest_b[:2][::-1] and rest_a[2:] == rest_b[2:])
    return rest_a[1:] == rest_b or rest_a == rest_b[1:]


#: What is listed now; None while it could not be read, and then the detector is missing.
Domains = Callable[[], Mapping[str, DomainRule] | None]


@dataclass(frozen=True)
class LinksDetector:
    """The on-path detector over addresses. A listed domain has a fixed consequence; `domains` says what is listed."""

    domains: Domains = dict
    name: ClassVar[str] = "links"
    version: ClassVar[str] = VERSION
    stage: ClassVar[Stage] = Stage.ON_PATH
    categories: ClassVar[tuple[str, ...]] = ("spam_scam",)
    languages: ClassVar[frozenset[str] | None] = None
    kinds: ClassVar[frozenset[ItemKind]] = frozenset(ItemKind)
    cost_ms: ClassVar[float] = 0.2
    basis: ClassVar[Basis] = Basis.LISTS
    reads_files: ClassVar[bool] = False

    def run(self, subject: Subject) -> Result:
        """Read the caption's addresses."""
        rules = self.domains()
        if rules is None:
            return Result(self.name, self.version, missing=Missing(self.name, "failed", "domain lists not loaded"))
        addresses = addresses_in(subject.caption)
        has_lure = bool(addresses) and bool(_LURES.search(subject.caption))
        findings = (self._finding(a, subject.caption, rules, len(addresses), has_lure) for a in addresses)
        return Result(self.name, self.version, findings=tuple(filter(None, findings)))

    def _finding(
        self, address: Address, text: str, rules: Mapping[str, DomainRule], n_addresses: int, has_lure: bool
    ) -> Finding | None:
        rule = _rule(address.hosts, rules)
        where = {
            "field": "caption",
            "span": [address.start, address.end],
            "text": text[address.start : address.end],
            "domain": registrable(address.host),
        }
        if rule and not rule.is_allowed:
            score = 1.0 if rule.outcome is not None else rule.score or 0.0
            return Finding(
                self.name, self.version, rule.category, score, {**where, "why": ["listed domain"]}, rule.outcome
            )
        if rule and not (address.is_disguised or address.has_name_before):
            return None  # what only looks like an allowed domain is not it
        score, why = _suspicion(address, n_addresses, has_lure)
        return Finding(self.name, self.version, "spam_scam", score, {**where, "why": why}) if why else None


def _rule(hosts: Sequence[str], rules: Mapping[str, DomainRule]) -> DomainRule | None:
    """Return the rule of the longest listed part of a host; of several readings, one that denies counts."""
    found = [rule for host in hosts if (rule := _longest(host, rules))]
    return next((rule for rule in found if not rule.is_allowed), found[0] if found else None)


def _longest(host: str, rules: Mapping[str, DomainRule]) -> DomainRule | None:
    labels = host.split(".")
    return next((r for i in range(len(labels)) if (r := rules.get(".".join(labels[i:])))), None)


def _suspicion(address: Address, n_addresses: int, has_lure: bool) -> tuple[float, list[str]]:
    """Return a probability in [0, 1] and what it rests on; each sign leaves a share of the remaining doubt."""
    imitated = imitates(address.host, is_disguised=address.is_disguised)
    hides = address.host.removeprefix("www.") in SHORTENERS
    signs = (
        (imitated is not None, 0.6, f"looks like {imitated}"),
        (is_mixed(address.written), 0.5, "mixes alphabets"),
        (hides, 0.3, "shortened address, hides where it leads"),
        (_is_number(address.host), 0.4, "a number in place of a name"),
        (address.has_name_before, 0.4, "a name before the host"),
        (address.is_defanged or address.is_disguised, 0.4, "written so that filters miss it"),
        (has_lure, 0.4, "beside words that lure"),
        (n_addresses > 3, 0.4, f"{n_addresses} addresses"),
    )
    doubt = 1.0
    for is_met, weight, _ in signs:
        doubt *= 1.0 - weight if is_met else 1.0
    return round(1.0 - doubt, 4), [why for is_met, _, why in signs if is_met]
