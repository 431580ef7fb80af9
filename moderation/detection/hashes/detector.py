"""Known files and pictures: exact SHA-256, and PDQ within 31 of 256 bits. The distance is always reported."""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from moderation.detection.hashes.columns import QUARANTINED, BankInfo, ExactTable, HashColumns, Layers, PdqTable
from moderation.detection.hashes.pdq import PDQ_MAX_DISTANCE, PDQ_MIN_QUALITY, pack, pack_all, pdq_of
from moderation.detection.types import Basis, Finding, Missing, Picture, Result, Subject
from policies.choices import ItemKind, Outcome, Stage

#: Matches reported for one picture and bank: near copies in a bank say nothing new.
_MATCHES_PER_BANK = 3
#: A quarantined hash is looked at by people: held until then, whatever its bank says.
QUARANTINE_OUTCOME = Outcome.ESCALATE


@dataclass(frozen=True, slots=True)
class BankEntry:
    """One known hash with what follows from a match: made when one is met, never kept for all."""

    bank: str
    bank_key: str
    entry_key: str
    algorithm: str  # "sha256" or "pdq"
    value: str  # 64 hexadecimal digits
    category: str
    outcome: Outcome
    enabled_ratio: float = 1.0
    is_child_safety: bool = False
    is_quarantined: bool = False

    @property
    def draw(self) -> int:
        """A fixed draw from the entry's key, 0 to 2**32 - 1, which decides whether a bank's enabled share has it."""
        return int.from_bytes(hashlib.sha256(self.entry_key.encode()).digest()[:4], "big")

    @property
    def is_enabled(self) -> bool:
        """Whether the entry falls into its bank's enabled share; canaries are stable, and a wider one has the narrower."""
        return self.enabled_ratio >= 1.0 or self.draw < self.enabled_ratio * 2**32


@dataclass(frozen=True, slots=True)
class Match:
    """A known hash that was met, at a distance in bits (0 for exact ones)."""

    entry: BankEntry
    distance: int


class BankIndex:
    """All known hashes that are not retired. Immutable: a changed bank makes a new index, which is swapped in whole.

    Which entries are in force is asked of those that match only, so a switched bank costs nothing to rebuild.
    """

    def __init__(self, banks: Mapping[int, BankInfo], pdq: Layers, exact: Layers) -> None:
        self.banks = banks
        self._pdq = pdq
        self._exact = exact

    @classmethod
    def build(cls, entries: Iterable[BankEntry]) -> "BankIndex":
        """Return an index of a few entries that are at hand.

        Raises:
            ValueError: a value that is not 64 hexadecimal digits.
        """
        known: dict[BankInfo, BankInfo] = {}
        of_algorithm: dict[str, list[tuple[int, BankEntry]]] = {"pdq": [], "sha256": []}
        for entry in entries:
            facts = _bank_of(entry)
            bank = known.setdefault(facts, replace(facts, pk=len(known)))
            of_algorithm[entry.algorithm].append((bank.pk, entry))
        banks = {bank.pk: bank for bank in known.values()}
        pdq, exact = (_columns(of_algorithm[name]) for name in ("pdq", "sha256"))
        return cls.of(banks, pdq, exact)

    @classmethod
    def of(cls, banks: Mapping[int, BankInfo], pdq: HashColumns, exact: HashColumns) -> "BankIndex":
        """Return an index of entries that were loaded."""
        return cls(banks, Layers.of(PdqTable, pdq), Layers.of(ExactTable, exact))

    def __len__(self) -> int:
        """Return how many hashes there are, in force or not."""
        return len(self._pdq) + len(self._exact)

    @property
    def n_recent(self) -> int:
        """How many changed since the index was built; with many of them it is time to build it anew."""
        return len(self._pdq.recent.columns) + len(self._exact.recent.columns)

    def merge(self, banks: Mapping[int, BankInfo], pdq: HashColumns, exact: HashColumns) -> "BankIndex":
        """Return an index with changed entries in the place of what they were; what did not change is shared."""
        return BankIndex(banks, self._pdq.merge(pdq), self._exact.merge(exact))

    def under(self, least: Mapping[str, int]) -> "BankIndex":
        """Return the same hashes under a policy that demands at least an outcome per category."""
        banks = {
            pk: replace(bank, outcome=Outcome(max(bank.outcome, least.get(bank.category, 0))))
            for pk, bank in self.banks.items()
        }
        return BankIndex(banks, self._pdq, self._exact)

    def only(self, bank: int) -> "BankIndex":
        """Return the same hashes with one bank in force, all of it, and no other."""
        banks = {pk: replace(facts, enabled_ratio=float(pk == bank)) for pk, facts in self.banks.items()}
        return BankIndex(banks, self._pdq, self._exact)

    def match_sha256(self, value: str) -> list[Match]:
        """Return the entries in force of exactly this file."""
        return [match for match in self._equal(value) if match.entry.is_enabled]

    def match_pdq(self, value: str, quality: int) -> list[Match]:
        """Return the entries in force within PDQ_MAX_DISTANCE, nearest first, the nearest few of every bank.

        Every bank, because a near copy in a mild one must not hide a farther one in a strict one; and quarantined ones
        apart, because they must not hide one that still blocks. None for a picture of low quality.
        """
        if quality < PDQ_MIN_QUALITY:
            return []
        distances, rows = self._pdq.within(pack(value), PDQ_MAX_DISTANCE)
        if not len(rows):
            return []
        is_on = rows.in_force(self.banks)
        distances, rows = distances[is_on], rows.rows(is_on)
        return [Match(self._entry("pdq", rows, i), int(distances[i])) for i in rows.first_of_each(_MATCHES_PER_BANK)]

    def nearest(self, value: str, *, max_distance: int, n: int, slugs: frozenset[str]) -> list[Match]:
        """Return the n entries of the named banks that are nearest to a picture, in force or not, matching or not."""
        distances, rows = self._pdq.within(pack(value), max_distance)
        seen = [i for i in range(len(rows)) if self.banks[int(rows.bank[i])].slug in slugs]
        return [Match(self._entry("pdq", rows, i), int(distances[i])) for i in seen[:n]]

    def exactly(self, value: str, *, slugs: frozenset[str]) -> list[Match]:
        """Return the entries of exactly this file in the named banks, in force or not."""
        return [match for match in self._equal(value) if match.entry.bank in slugs]

    def _equal(self, value: str) -> list[Match]:
        """Return the entries of exactly this file; none for what is no SHA-256."""
        try:
            wanted = pack(value)
        except ValueError:
            return []
        _, rows = self._exact.within(wanted, 0)
        return [Match(self._entry("sha256", rows, i), 0) for i in range(len(rows))]

    def _entry(self, algorithm: str, columns: HashColumns, i: int) -> BankEntry:
        bank = self.banks[int(columns.bank[i])]
        is_quarantined = bool(columns.state[i] == QUARANTINED) and not bank.is_child_safety
        return BankEntry(
            bank=bank.slug,
            bank_key=bank.key,
            entry_key=columns.key_of(i),
            algorithm=algorithm,
            value=columns.value_of(i),
            category=bank.category,
            outcome=QUARANTINE_OUTCOME if is_quarantined else bank.outcome,
            enabled_ratio=bank.enabled_ratio,
            is_child_safety=bank.is_child_safety,
            is_quarantined=is_quarantined,
        )


def _bank_of(entry: BankEntry) -> BankInfo:
    """Return what an entry says of its bank."""
    return BankInfo(
        pk=-1,
        slug=entry.bank,
        key=entry.bank_key,
        category=entry.category,
        outcome=entry.outcome,
        enabled_ratio=entry.enabled_ratio,
        is_child_safety=entry.is_child_safety,
    )


def _columns(entries: Sequence[tuple[int, BankEntry]]) -> HashColumns:
    return HashColumns.of(
        pk=range(len(entries)),
        bank=[bank for bank, _ in entries],
        key=[entry.entry_key for _, entry in entries],
        value=pack_all([entry.value.lower() for _, entry in entries]),
        draw=[entry.draw for _, entry in entries],
        state=[QUARANTINED * entry.is_quarantined for _, entry in entries],
    )


def finding_of(match: Match, *, detector: str, version: str, where: dict[str, Any]) -> Finding:
    """Return a match as hard evidence: the bank's outcome holds whatever else is found.

    Only a match that blocks has a score: with one, a match that shall restrict, hold or be looked at would reach the
    category's own thresholds and block after all.
    """
    entry = match.entry
    place = {"bank": entry.bank, "entry": entry.entry_key, "algorithm": entry.algorithm, "distance": match.distance}
    if entry.is_quarantined:
        place["why"] = "held for people: this hash suddenly matches a lot"
    score = 1.0 if entry.outcome == Outcome.BLOCK else 0.0
    return Finding(detector, version, entry.category, score, {**place, **where}, hard=entry.outcome)


def _never() -> bool:
    return False


class HashesDetector:
    """The on-path detector over uploaded files, images and covers.

    Args:
        index: None where the banks could not be loaded yet: then the detector is missing.
        version: of the banks.
        is_stale: whether the banks were last compared with the database too long ago. What matches then still counts, but
            that nothing matches proves nothing, so the detector is missing as well.
    """

    name = "hashes"
    stage = Stage.ON_PATH
    categories: ClassVar[tuple[str, ...]] = ()
    languages: ClassVar[frozenset[str] | None] = None
    kinds = frozenset(ItemKind)
    cost_ms = 5.0
    basis = Basis.LISTS
    reads_files = True

    def __init__(self, index: BankIndex | None, version: str, is_stale: Callable[[], bool] = _never) -> None:
        self.index = index
        self.version = version
        self._is_stale = is_stale

    def run(self, subject: Subject) -> Result:
        """Look up every file by its SHA-256 and every picture by its PDQ."""
        if self.index is None:
            return Result(self.name, self.version, missing=Missing(self.name, "failed", "the banks are not loaded yet"))
        findings = [
            finding_of(match, detector=self.name, version=self.version, where={"role": role})
            for role, sha256 in subject.file_hashes.items()
            for match in self.index.match_sha256(sha256)
        ]
        payload = {}
        for picture in subject.pictures:
            value, quality = picture.pdq or pdq_of(picture.pixels)
            payload[picture.role] = {"pdq": value, "quality": quality, "is_usable": quality >= PDQ_MIN_QUALITY}
            findings += self._similar(self.index, picture, value, quality)
        stale = Missing(self.name, "failed", "the banks are too old") if self._is_stale() else None
        return Result(self.name, self.version, findings=tuple(findings), missing=stale, payload=payload)

    def _similar(self, index: BankIndex, picture: Picture, value: str, quality: int) -> list[Finding]:
        where = {"role": picture.role, "quality": quality}
        return [
            finding_of(match, detector=self.name, version=self.version, where=where)
            for match in index.match_pdq(value, quality)
        ]
