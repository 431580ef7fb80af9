"""Known files and pictures: exact SHA-256, and PDQ within 31 of 256 bits. The distance is always reported."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np
import numpy.typing as npt

from moderation.detectors.base import Finding, Picture, Result, Subject
from moderation.detectors.pdq import PDQ_MAX_DISTANCE, PDQ_MIN_QUALITY, packed, packed_all, pdq_of
from policies.choices import ItemKind, Outcome, Stage

#: Nearest entries that are looked at first for one picture; more while all of them match.
_NEIGHBOURS = 8
#: Matches reported for one picture and bank: near copies in a bank say nothing new.
_MATCHES_PER_BANK = 3


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One known hash with what its bank says of a match."""

    bank: str
    bank_key: str
    entry_key: str
    algorithm: str  # "sha256" or "pdq"
    value: str  # 64 hexadecimal digits
    category: str
    outcome: Outcome
    enabled_ratio: float = 1.0
    is_child_safety: bool = False

    @property
    def is_enabled(self) -> bool:
        """Whether the entry falls into its bank's enabled share: a fixed draw from its key, so canaries are stable."""
        if self.enabled_ratio >= 1.0:
            return True
        draw = int.from_bytes(hashlib.sha256(self.entry_key.encode()).digest()[:4], "big") / 2**32
        return draw < self.enabled_ratio


@dataclass(frozen=True, slots=True)
class Match:
    """A known hash that was met, at a distance in bits (0 for exact ones)."""

    entry: BankEntry
    distance: int


@dataclass(slots=True)
class BankIndex:
    """All enabled hashes. Immutable in use: a changed bank makes a new index, which is swapped in whole."""

    exact: dict[str, list[BankEntry]] = field(default_factory=dict)
    pdq_entries: list[BankEntry] = field(default_factory=list)
    pdq_index: Any = None

    @classmethod
    def build(cls, entries: Iterable[BankEntry]) -> "BankIndex":
        """Return an index of the entries that are enabled."""
        index = cls()
        for entry in entries:
            if entry.is_enabled and entry.algorithm == "sha256":
                index.exact.setdefault(entry.value.lower(), []).append(entry)
            elif entry.is_enabled:
                index.pdq_entries.append(entry)
        index._pack()
        return index

    def _pack(self) -> None:
        self.pdq_index = faiss.IndexBinaryFlat(256)
        if self.pdq_entries:
            self.pdq_index.add(packed_all([e.value for e in self.pdq_entries]))

    def match_sha256(self, value: str) -> list[Match]:
        """Return the entries of exactly this file."""
        return [Match(entry, 0) for entry in self.exact.get(value.lower(), [])]

    def match_pdq(self, value: str, quality: int) -> list[Match]:
        """Return the entries within PDQ_MAX_DISTANCE, nearest first, the nearest few of every bank.

        Every bank, because a near copy in a mild one must not hide a farther one in a strict one. None for a picture of low
        quality.
        """
        if quality < PDQ_MIN_QUALITY or not self.pdq_entries:
            return []
        found: list[Match] = []
        n_of_bank: Counter[str] = Counter()
        for distance, i in self._within(packed(value)[None, :]):
            entry = self.pdq_entries[i]
            n_of_bank[entry.bank_key] += 1
            if n_of_bank[entry.bank_key] <= _MATCHES_PER_BANK:
                found.append(Match(entry, distance))
        return found

    def _within(self, query: npt.NDArray[np.uint8]) -> list[tuple[int, int]]:
        """Return distance and position of every entry within PDQ_MAX_DISTANCE, nearest first."""
        faiss.omp_set_num_threads(1)  # per calling thread; a team of threads costs more than one query does
        k = _NEIGHBOURS
        while True:
            k = min(k, len(self.pdq_entries))
            distances, ids = self.pdq_index.search(query, k)
            if k == len(self.pdq_entries) or distances[0, -1] > PDQ_MAX_DISTANCE:
                break
            k *= 8
        pairs = zip(distances[0].tolist(), ids[0].tolist(), strict=True)
        return sorted((int(d), int(i)) for d, i in pairs if d <= PDQ_MAX_DISTANCE)


def finding_of(match: Match, *, detector: str, version: str, where: dict[str, Any]) -> Finding:
    """Return a match as hard evidence: the bank's outcome holds whatever else is found."""
    entry = match.entry
    place = {"bank": entry.bank, "entry": entry.entry_key, "algorithm": entry.algorithm, "distance": match.distance}
    return Finding(detector, version, entry.category, 1.0, {**place, **where}, hard=entry.outcome)


class HashesDetector:
    """The on-path detector over uploaded files, images and covers."""

    name = "hashes"
    stage = Stage.ON_PATH
    categories: tuple[str, ...] = ()
    languages: frozenset[str] | None = None
    kinds = frozenset(ItemKind)
    cost_ms = 5.0

    def __init__(self, index: BankIndex, version: str) -> None:
        self.index = index
        self.version = version

    def run(self, subject: Subject) -> Result:
        """Look up every file by its SHA-256 and every picture by its PDQ."""
        findings = [
            finding_of(match, detector=self.name, version=self.version, where={"role": role})
            for role, sha256 in subject.file_hashes.items()
            for match in self.index.match_sha256(sha256)
        ]
        payload = {}
        for picture in subject.pictures:
            value, quality = picture.pdq or pdq_of(picture.pixels)
            payload[picture.role] = {"pdq": value, "quality": quality, "is_usable": quality >= PDQ_MIN_QUALITY}
            findings += self._similar(picture, value, quality)
        return Result(self.name, self.version, findings=tuple(findings), payload=payload)

    def _similar(self, picture: Picture, value: str, quality: int) -> list[Finding]:
        where = {"role": picture.role, "quality": quality}
        return [
            finding_of(match, detector=self.name, version=self.version, where=where)
            for match in self.index.match_pdq(value, quality)
        ]
