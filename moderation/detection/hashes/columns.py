"""Known hashes as columns: a million of them are some arrays, not a million objects. No ORM, no clock."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import Any, Self
from uuid import UUID

import faiss
import numpy as np
import numpy.typing as npt

from policies.choices import Outcome

#: What a row of `state` says of an entry.
IN_FORCE, QUARANTINED, RETIRED = range(3)

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class BankInfo:
    """What a bank says of its matches. `enabled_ratio` in [0, 1] is the share of its entries that is in force."""

    pk: int
    slug: str
    key: str
    category: str
    outcome: Outcome
    enabled_ratio: float
    is_child_safety: bool


@dataclass(frozen=True, slots=True)
class HashColumns:
    """Entries of one algorithm, one row each. Read-only in use.

    pk: (n,) int64; bank: (n,) int64, the pk of its bank; value: (n, 32) uint8, the hash; draw: (n,) uint32, which decides
    whether the enabled share of the bank has it; state: (n,) uint8. key: (n,) 16 bytes of a UUID each, or texts.
    """

    pk: Ints
    bank: Ints
    key: npt.NDArray[Any]
    value: Bytes
    draw: npt.NDArray[np.uint32]
    state: Bytes

    @classmethod
    def of(
        cls,
        *,
        pk: Iterable[int] = (),
        bank: Sequence[int] = (),
        key: Sequence[str] = (),
        value: Bytes | None = None,
        draw: Sequence[int] = (),
        state: Sequence[int] = (),
    ) -> "HashColumns":
        """Return columns of values at hand; none of them, where nothing is given."""
        return cls(
            np.array(list(pk), np.int64),
            np.array(bank, np.int64),
            np.array(key, object) if len(key) else np.zeros(0, "V16"),
            np.zeros((0, 32), np.uint8) if value is None else value,
            np.array(draw, np.uint32),
            np.array(state, np.uint8),
        )

    @classmethod
    def concatenate(cls, parts: Sequence["HashColumns"]) -> "HashColumns":
        """Return the rows of all parts, in order."""
        if not parts:
            return cls.of()
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.pk)

    def rows(self, which: npt.NDArray[Any]) -> "HashColumns":
        """Return some rows, by mask or by position."""
        return HashColumns(*(getattr(self, f.name)[which] for f in fields(self)))

    def without(self, pks: Ints) -> "HashColumns":
        """Return these rows with some marked as retired: the other columns, most of the memory, are shared."""
        is_gone = np.isin(self.pk, pks)
        return replace(self, state=np.where(is_gone, np.uint8(RETIRED), self.state)) if is_gone.any() else self

    @property
    def n_live(self) -> int:
        """How many rows are not retired."""
        return int(np.count_nonzero(self.state != RETIRED))

    def key_of(self, i: int) -> str:
        """Return the public key of a row."""
        key = self.key[i]
        return key if isinstance(key, str) else str(UUID(bytes=bytes(key)))

    def value_of(self, i: int) -> str:
        """Return the hash of a row as 64 hexadecimal digits."""
        return bytes(self.value[i]).hex()

    def in_force(self, banks: Mapping[int, BankInfo]) -> npt.NDArray[np.bool_]:
        """Return which rows fall into the enabled share of their bank."""
        known, which = np.unique(self.bank, return_inverse=True)
        ratios = np.array([banks[pk].enabled_ratio for pk in known.tolist()], np.float64)
        share = ratios[which] if len(ratios) else np.zeros(0)
        return (share >= 1.0) | (self.draw < share * 2.0**32)

    def first_of_each(self, n: int) -> Ints:
        """Return the positions of the first n rows of each bank, quarantined ones counted apart, in order."""
        group = self.bank * 2 + (self.state == QUARANTINED)
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        rank = np.arange(len(self)) - np.repeat(starts, np.diff(starts, append=len(self)))
        return np.sort(order[rank < n])


class Table(ABC):
    """Columns with what makes one of their values quick to find. Rows that are retired stay, and are never found."""

    def __init__(self, columns: HashColumns) -> None:
        self.columns = columns

    def without(self, pks: Ints) -> Self:
        """Return the same table without some rows; what was built for searching is shared."""
        columns = self.columns.without(pks)
        if columns is self.columns:
            return self
        other = copy(self)
        other.columns = columns
        return other

    @abstractmethod
    def within(self, value: Bytes, max_distance: int) -> tuple[Ints, Ints]:
        """Return distances in bits and positions of the rows within a distance of 32 bytes, in any order."""


class PdqTable(Table):
    """PDQ hashes in a flat FAISS index. Exact by construction.

    Flat, because a scan of a million hashes is 32 MB that the processor streams in a millisecond; indexes that are exact to
    31 bits are slower to build, larger, and no faster at this size.
    """

    def __init__(self, columns: HashColumns) -> None:
        super().__init__(columns)
        self._index = faiss.IndexBinaryFlat(256)
        if len(columns):
            self._index.add(np.ascontiguousarray(columns.value))

    def within(self, value: Bytes, max_distance: int) -> tuple[Ints, Ints]:
        """Return distances and positions of every row within a distance, 0 to 256."""
        faiss.omp_set_num_threads(1)  # per calling thread; a team of threads costs more than one query does
        _, distances, at = self._index.range_search(value[None, :], max_distance + 1)
        return distances.astype(np.int64), at.astype(np.int64)


class ExactTable(Table):
    """SHA-256 values, sorted by their first eight bytes."""

    def __init__(self, columns: HashColumns) -> None:
        super().__init__(columns)
        prefix = _prefixes(columns.value)
        self._order = np.argsort(prefix, kind="stable").astype(np.uint32)
        self._prefix = prefix[self._order]

    def within(self, value: Bytes, max_distance: int = 0) -> tuple[Ints, Ints]:
        """Return the positions of exactly this value; a distance means nothing here."""
        prefix = _prefixes(value[None, :])[0]
        first, last = (int(np.searchsorted(self._prefix, prefix, side)) for side in ("left", "right"))
        at = self._order[first:last].astype(np.int64)
        at = at[(self.columns.value[at] == value).all(axis=1)]
        return np.zeros(len(at), np.int64), at


def _prefixes(values: Bytes) -> npt.NDArray[np.uint64]:
    return np.ascontiguousarray(values[:, :8]).view(">u8").reshape(-1).astype(np.uint64)


#: The distances of nothing.
_NONE: Ints = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Layers:
    """Entries of one algorithm in two tables: what was loaded, and the little that changed since.

    A change costs what the little costs, and not a copy of a million rows that would hold up the process's other threads.
    """

    base: Table
    recent: Table

    @classmethod
    def of(cls, kind: type[Table], columns: HashColumns) -> "Layers":
        """Return freshly loaded entries."""
        return cls(kind(columns), kind(HashColumns.of()))

    def __len__(self) -> int:
        """Return how many entries there are."""
        return self.base.columns.n_live + self.recent.columns.n_live

    def merge(self, changed: HashColumns) -> "Layers":
        """Return these entries with `changed` ones in the place of what they were (by pk), without the retired."""
        if not len(changed):
            return self
        kept = self.recent.columns.rows(~np.isin(self.recent.columns.pk, changed.pk))
        live = changed.rows(changed.state != RETIRED)
        return Layers(self.base.without(changed.pk), type(self.recent)(HashColumns.concatenate([kept, live])))

    def within(self, value: Bytes, max_distance: int) -> tuple[Ints, HashColumns]:
        """Return distances, and the entries within a distance of 32 bytes, nearest first."""
        tables = [table for table in (self.base, self.recent) if len(table.columns)]
        found = [
            (table, distances, at)
            for table in tables
            for distances, at in [table.within(value, max_distance)]
            if len(at)
        ]
        if not found:  # as nearly always
            return _NONE, HashColumns.of()
        rows = HashColumns.concatenate([table.columns.rows(at) for table, _, at in found])
        distances = np.concatenate([d for _, d, _ in found])
        order = np.lexsort((rows.pk, distances))
        order = order[rows.state[order] != RETIRED]
        return distances[order], rows.rows(order)
