"""Stored evidence of many items in columns that no policy version is part of; a version's batch is looked up from them.

Pure: numpy in, numpy out. Where the columns come from is `moderation.evidence.store`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from policies.decision.compiled import KIND_SLOTS, U8, U16, CompiledPolicy
from policies.decision.decide import BLOCK, HOLD, EvidenceBatch

Mask = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]

#: The source of a score that was fused already: it counts under any policy.
FUSED = 255
#: Bits that one half of a source code takes: both name a detector by its position in `Population.detectors`.
_SOURCE_BITS = 4


def source_code(via: int, detector: int) -> int:
    """Return the code of what `detector` said of something that `via` gave it (itself, or the text that `via` read).

    Both are positions in the vocabulary of detectors, below 15.
    """
    return via << _SOURCE_BITS | detector


def detectors_of(sources: U8) -> U8:
    """Return the position of the detector in each source code; for FUSED one that no detector has."""
    return sources & np.uint8((1 << _SOURCE_BITS) - 1)


@dataclass(frozen=True, slots=True)
class Cells:
    """What was found, in no order: m rows, usually one per item, source and category.

    row: (m,) int32, position of the item in the population
    source: (m,) uint8, `source_code` of who said it, or FUSED
    category: (m,) uint16, position in the population's categories
    score: (m,) float32 in [0, 1]
    hard: (m,) uint8, the Outcome that hard evidence demands at least; 0 for none
    """

    row: npt.NDArray[np.int32]
    source: U8
    category: U16
    score: npt.NDArray[np.float32]
    hard: U8

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.row)

    def take(self, keep: Mask) -> Cells:
        """Return those where `keep` is true."""
        return Cells(*(getattr(self, column.name)[keep] for column in fields(self)))

    @classmethod
    def empty(cls) -> Cells:
        """Return none."""
        return cls(*(np.empty(0, dtype) for dtype in (np.int32, np.uint8, np.uint16, np.float32, np.uint8)))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which items to look at; what is empty or None does not narrow.

    since, until: seconds since 1970 by the time of upload, the end excluded
    markets: ISO codes; languages: primary subtags; "" is unknown in both
    bands: Band that the creator claims; kinds: ItemKind
    """

    since: int | None = None
    until: int | None = None
    markets: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    bands: tuple[int, ...] = ()
    kinds: tuple[int, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as a saved run keeps it."""
        return {f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v for f in fields(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Filter:
        """Return what `as_json` gave."""
        values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in data.items()}
        return cls(**values)


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """n items with their latest machine evidence. Positions of -1 mean unknown.

    categories, detectors, markets, languages: the vocabularies that the columns point into
    item_pk: (n,) int64, rising; creator_pk: (n,) int64
    at: (n,) int64, seconds since 1970 of the upload
    missing: (n,) uint32, bit i says that `detectors[i]` gave no answer
    kind: (n,) int8, ItemKind; claim: (n,) int8, Band; standing: (n,) int8, Standing
    market, language: (n,) int16, positions in their vocabularies
    unlabelled: (n,) uint8, the least Outcome due to findings that no cell holds
    floor: (n,) uint8, the least Outcome due to the item's campaign
    is_final: (n,) bool, no further evidence is under way, so that a held item waits for a person
    cells: what was found
    period: since and until of the filter that made it; None where it has no such end
    """

    categories: tuple[str, ...]
    detectors: tuple[str, ...]
    markets: tuple[str, ...]
    languages: tuple[str, ...]
    item_pk: I64
    creator_pk: I64
    at: I64
    missing: npt.NDArray[np.uint32]
    kind: npt.NDArray[np.int8]
    market: npt.NDArray[np.int16]
    language: npt.NDArray[np.int16]
    claim: npt.NDArray[np.int8]
    standing: npt.NDArray[np.int8]
    unlabelled: U8
    floor: U8
    is_final: Mask
    cells: Cells = field(repr=False)
    period: tuple[int | None, int | None] = (None, None)

    def __len__(self) -> int:
        """Return the number of items."""
        return len(self.item_pk)

    @property
    def bounds(self) -> tuple[int, int]:
        """The period, an open end being that of the items."""
        since, until = self.period
        if since is None:
            since = int(self.at.min()) if len(self) else until or 0
        if until is None:
            until = int(self.at.max()) if len(self) else since
        return since, until

    @property
    def hours(self) -> float:
        """How long a time the items came in, at least a minute."""
        since, until = self.bounds
        return max(until - since, 60) / 3600

    def where(self, wanted: Filter) -> Population:
        """Return the items that a filter lets through, in the same order."""
        keep = np.ones(len(self), bool)
        if wanted.since is not None:
            keep &= self.at >= wanted.since
        if wanted.until is not None:
            keep &= self.at < wanted.until
        for column, allowed in (
            (self.market, _positions(self.markets, wanted.markets)),
            (self.language, _positions(self.languages, wanted.languages)),
            (self.claim, list(wanted.bands)),
            (self.kind, list(wanted.kinds)),
        ):
            if allowed:
                keep &= np.isin(column, allowed)
        return replace(self.select(keep), period=(wanted.since, wanted.until))

    def select(self, keep: Mask) -> Population:
        """Return the items where `keep`, (n,) bool, is true."""
        if keep.all():
            return self
        cells = self.cells.take(keep[self.cells.row])
        place = np.cumsum(keep, dtype=np.int32) - np.int32(1)
        columns = {name: getattr(self, name)[keep] for name in COLUMNS}
        return replace(self, **columns, cells=replace(cells, row=place[cells.row]))

    def batch_for(self, policy: CompiledPolicy) -> EvidenceBatch:
        """Return what `decide` takes under this policy: what its detectors found, in the order of its vocabularies."""
        scores, hard, unlabelled = self._fuse(policy)
        return EvidenceBatch(
            scores=scores,
            missing=self._missing(policy),
            hard=hard,
            kind=self.kind,
            market=_map(self.market, [policy.market_index(m) for m in self.markets]),
            language=_map(self.language, [policy.language_index(m) for m in self.languages]),
            claim=self.claim,
            standing=self.standing,
            unlabelled=unlabelled,
        )

    def rebatch(self, batch: EvidenceBatch, made_for: CompiledPolicy, policy: CompiledPolicy) -> EvidenceBatch:
        """Return the batch for `policy`, sharing what it can with that of another version: most drafts differ little."""
        if made_for.categories != policy.categories or made_for.required != policy.required:
            return self.batch_for(policy)
        same = made_for.markets == policy.markets and made_for.languages == policy.languages
        if same and made_for.detectors == policy.detectors:
            return batch
        return replace(
            batch,
            missing=self._missing(policy),
            market=_map(self.market, [policy.market_index(m) for m in self.markets]),
            language=_map(self.language, [policy.language_index(m) for m in self.languages]),
        )

    def _missing(self, policy: CompiledPolicy) -> Mask:
        bits = np.unpackbits(
            np.ascontiguousarray(self.missing).view(np.uint8).reshape(-1, 4), axis=1, bitorder="little"
        )
        if policy.detectors == self.detectors:
            return bits[:, : len(self.detectors)].view(np.bool_)
        # A detector that nobody knew of when the evidence was stored did not look.
        known = {name: i for i, name in enumerate(self.detectors)}
        columns = [bits[:, known[d]] if d in known else np.ones(len(self), np.uint8) for d in policy.detectors]
        return np.stack(columns, axis=1).view(np.bool_)

    def _fuse(self, policy: CompiledPolicy) -> tuple[npt.NDArray[np.float32], U8, U8]:
        """Combine the cells as `moderation.detection.fusion` combines findings: the largest of those that count for the kind."""
        n, width = len(self), len(policy.categories)
        scores, hard = np.zeros((n, width), np.float32), np.zeros((n, width), np.uint8)
        cells = self._counting(policy)
        place = {category: i for i, category in enumerate(policy.categories)}
        column = np.array([place.get(c, -1) for c in self.categories], np.int64)[cells.category]
        unlabelled = self._add_unlabelled(cells, column < 0)
        if (column < 0).any():
            cells, column = cells.take(column >= 0), column[column >= 0]
        flat = cells.row * np.int64(width) + column
        np.maximum.at(scores.reshape(-1), flat, cells.score)
        sure = np.flatnonzero(cells.hard)
        np.maximum.at(hard.reshape(-1), flat[sure], cells.hard[sure])
        return scores, hard, unlabelled

    def _counting(self, policy: CompiledPolicy) -> Cells:
        """Return the cells of detectors that the policy uses for the item's kind."""
        table = np.zeros((KIND_SLOTS, 256), bool)
        table[:, FUSED] = True
        for kind in range(KIND_SLOTS):
            used = [i for i, d in enumerate(self.detectors) if policy.counts(d, kind)]
            for via in used:
                table[kind, [source_code(via, d) for d in used]] = True
        present = np.flatnonzero(np.bincount(self.cells.source, minlength=256))
        if table[:, present].all():
            return self.cells
        known = (self.kind >= 0) & (self.kind < KIND_SLOTS - 1)
        slot = np.where(known, self.kind, KIND_SLOTS - 1).astype(np.uint16)
        keep = table.reshape(-1)[slot[self.cells.row] * np.uint16(256) + self.cells.source]
        return self.cells.take(keep)

    def _add_unlabelled(self, cells: Cells, unknown: Mask) -> U8:
        """Return the least outcome due to findings in categories that the policy does not know."""
        at = np.flatnonzero(unknown)
        if not len(at):
            return self.unlabelled
        least = self.unlabelled.copy()
        np.maximum.at(least, cells.row[at], np.minimum(np.maximum(cells.hard[at], HOLD), BLOCK).astype(np.uint8))
        return least


#: The columns of a population that hold one value per item.
COLUMNS = (
    "item_pk", "creator_pk", "at", "missing", "kind", "market", "language", "claim", "standing", "unlabelled", "floor",
    "is_final",
)  # fmt: skip


def cells_of(scores: npt.NDArray[np.float32], hard: U8, source: int = FUSED) -> Cells:
    """Return the cells of dense evidence, (n, categories) each, all from one source; what is zero is left out."""
    row, category = np.nonzero((scores != 0) | (hard != 0))
    return Cells(
        row=row.astype(np.int32),
        source=np.full(len(row), source, np.uint8),
        category=category.astype(np.uint16),
        score=scores[row, category].astype(np.float32),
        hard=hard[row, category].astype(np.uint8),
    )


def _positions(vocabulary: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return where names stand in a vocabulary; "" and names it lacks give -1 and -2, the latter matching nothing."""
    known = {name: i for i, name in enumerate(vocabulary)}
    return [-1 if not name else known.get(name, -2) for name in names]


def _map(column: npt.NDArray[np.int16], table: Sequence[int]) -> npt.NDArray[np.int16]:
    # Position -1, unknown, reads the entry put at the end.
    return np.array([*table, -1], np.int16).take(column)
