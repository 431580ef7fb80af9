"""The demo's captions, written for it one by one, and the made-up people who post them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).parent / "assets" / "captions.tsv"

#: Pseudonyms by language; the last of a language also posts for languages that have none.
CREATORS: dict[str, tuple[str, ...]] = {
    "en": (
        "noor.outside",
        "tom.the.baker",
        "maya.moves",
        "slow.cinema.club",
        "finch.and.fern",
        "ada.counts",
        "kit.on.wheels",
    ),
    "de": ("lukas.radelt", "jule.garten", "zugvogel.ben"),
    "fr": ("camille.en.route", "petit.leo"),
    "es": ("sofia.cocina", "tio.mateo", "luz.de.sierra"),
    "pt": ("duda.corre", "bairro.alto"),
    "it": ("giulia.a.mano",),
    "tr": ("deniz.defter", "elif.yolda"),
    "nl": ("joris.vaart",),
    "pl": ("ola.i.zosia",),
    "ru": ("lena.chitaet",),
    "ja": ("mikan.days", "hana.tabi"),
    "ko": ("minji.practice",),
    "zh": ("xiao.yu.walks",),
    "hi": ("chai.with.arjun",),
    "ar": ("bayt.layla",),
}
#: Accounts that post what breaks rules, so that histories and queues have something to show.
BURNERS: tuple[str, ...] = ("quick.cash.now", "deals4you", "x_dare_x", "anon.9b")
_BURNER_OF: dict[str, str] = {
    "clip-coins": "quick.cash.now", "clip-giveaway": "deals4you", "clip-pills": "deals4you", "clip-roofs": "x_dare_x",
    "pic-ad-profit": "quick.cash.now", "pic-ad-pills": "deals4you", "pic-ad-followers": "quick.cash.now",
    "pic-ad-giveaway": "deals4you", "pic-market-first": "quick.cash.now",
    "pic-market-again": "deals4you", "pic-dare-roof": "x_dare_x", "pic-insult-wall": "anon.9b", "text-092": "quick.cash.now",
    "text-095": "deals4you", "text-100": "deals4you", "text-103": "anon.9b", "text-104": "anon.9b", "text-108": "x_dare_x",
    "text-109": "x_dare_x", "text-113": "anon.9b",
}  # fmt: skip


@dataclass(frozen=True)
class Caption:
    """One caption: the slug of the upload it belongs to, its language and region, the words, who posts it."""

    slug: str
    language: str
    region: str
    words: str
    creator: str


@cache
def captions() -> dict[str, Caption]:
    """Return every caption by slug, in the file's order."""
    rows = [line.split("\t") for line in FILE.read_text(encoding="utf-8").splitlines()]
    return {
        slug: Caption(slug, language, region, words, _creator(slug, language, n))
        for n, (slug, language, region, words) in enumerate(rows)
    }


def _creator(slug: str, language: str, n: int) -> str:
    if slug in _BURNER_OF:
        return _BURNER_OF[slug]
    names = CREATORS[language]
    return names[n % len(names)]
