"""Known files and pictures: exact SHA-256, and PDQ within 31 of 256 bits. The distance is always reported."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import faiss
import numpy as np

from moderation.detectors.base import Finding, Picture, Result, Subject
from moderation.detectors.pdq import PDQ_MAX_DISTANCE, PDQ_MIN_QUALITY, packed, pdq_of
from policies.choices import ItemKind, Outcome, Stage

#: Nearest entries that are looked at for one picture.
_NEIGHBOURS = 8


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
                index.exact.setdefault(entry.value, []).append(entry)
            elif entry.is_enabled:
                index.pdq_entries.append(entry)
        index._pack()
        return index

    def _pack(self) -> None:
        self.pdq_index = faiss.IndexBinaryFlat(256)
        if self.pdq_entries:
            self.pdq_index.add(np.stack([packed(e.value) for e in self.pdq_entries]))

    def match_sha256(self, value: str) -> list[Match]:
        """Return the entries of exactly this file."""
        return [Match(entry, 0) for entry in self.exact.get(value, [])]

    def match_pdq(self, value: str, quality: int) -> list[Match]:
        """Return the nearest entries within PDQ_MAX_DISTANCE, nearest first; none for a picture of low quality."""
        if quality < PDQ_MIN_QUALITY or not self.pdq_entries:
            return []
        distances, ids = self.pdq_index.search(packed(value)[None, :], min(_NEIGHBOURS, len(self.pdq_entries)))
        pairs = zip(distances[0].tolist(), ids[0].tolist(), strict=True)
        return [Match(self.pdq_entries[i], int(d)) for d, i in pairs if d <= PDQ_MAX_DISTANCE]


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
            payload[picture.role] = {"pdq": value, "quality": quality}
            findings += self._similar(picture, value, quality)
        return Result(self.name, self.version, findings=tuple(findings), payload=payload)

    def _similar(self, picture: Picture, value: str, quality: int) -> list[Finding]:
        where = {"role": picture.role, "quality": quality}
        return [
            finding_of(match, detector=self.name, version=self.version, where=where)
            for match in self.index.match_pdq(value, quality)
        ]
