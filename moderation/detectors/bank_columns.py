"""Known hashes as columns: a million of them are some arrays, not a million objects. No ORM, no clock."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
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
    """Entries of one algorithm, one row each, in no particular order. Read-only in use.

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
    def joined(cls, parts: Sequence["HashColumns"]) -> "HashColumns":
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

    def merged(self, changed: "HashColumns") -> "HashColumns":
        """Return these rows with `changed` ones in the place of what they were (by pk), without the retired."""
        is_same = ~np.isin(self.pk, changed.pk)
        # Mostly entries are only added; then nothing of what there is needs to be picked apart.
        kept = self if is_same.all() else self.rows(is_same)
        return HashColumns.joined([kept, changed.rows(changed.state != RETIRED)])

    def key_of(self, i: int) -> str:
        """Return the public key of a row."""
        key = self.key[i]
        return key if isinstance(key, str) else str(UUID(bytes=bytes(key)))

    def value_of(self, i: int) -> str:
        """Return the hash of a row as 64 hexadecimal digits."""
        return bytes(self.value[i]).hex()

    def in_force(self, at: Ints, banks: Mapping[int, BankInfo]) -> npt.NDArray[np.bool_]:
        """Return which of some rows fall into the enabled share of their bank."""
        known, which = np.unique(self.bank[at], return_inverse=True)
        ratios = np.array([banks[pk].enabled_ratio for pk in known.tolist()], np.float64)
        share = ratios[which] if len(ratios) else np.zeros(0)
        return (share >= 1.0) | (self.draw[at] < share * 2.0**32)

    def first_of_each(self, at: Ints, n: int) -> Ints:
        """Return where in `at` the first n rows of each bank are, quarantined ones counted apart; in the order of `at`."""
        group = self.bank[at] * 2 + (self.state[at] == QUARANTINED)
        order = np.argsort(group, kind="stable")
        starts = np.flatnonzero(np.diff(group[order], prepend=-1))
        rank = np.arange(len(at)) - np.repeat(starts, np.diff(starts, append=len(at)))
        return np.sort(order[rank < n])


class PdqTable:
    """PDQ hashes in a flat FAISS index. Exact by construction.

    Flat, because a scan of a million hashes is 32 MB that the processor streams in a millisecond; indexes that are exact to
    31 bits are slower to build, larger, and no faster at this size.
    """

    def __init__(self, columns: HashColumns) -> None:
        self.columns = columns
        self._index = faiss.IndexBinaryFlat(256)
        if len(columns):
            self._index.add(np.ascontiguousarray(columns.value))

    def within(self, value: Bytes, max_distance: int) -> tuple[Ints, Ints]:
        """Return distances in bits and positions of every row within a distance (0 to 256) of 32 bytes, nearest first."""
        faiss.omp_set_num_threads(1)  # per calling thread; a team of threads costs more than one query does
        _, distances, at = self._index.range_search(value[None, :], max_distance + 1)
        order = np.lexsort((at, distances))
        return distances[order].astype(np.int64), at[order].astype(np.int64)


class ExactTable:
    """SHA-256 values, sorted by their first eight bytes."""

    def __init__(self, columns: HashColumns) -> None:
        self.columns = columns
        prefix = np.ascontiguousarray(columns.value[:, :8]).view(">u8").reshape(-1).astype(np.uint64)
        self._order = np.argsort(prefix, kind="stable").astype(np.uint32)
        self._prefix = prefix[self._order]

    def equal_to(self, value: str) -> list[int]:
        """Return the positions of a value of 64 hexadecimal digits; none for what is no such value."""
        try:
            wanted = bytes.fromhex(value)
        except ValueError:
            return []
        prefix = np.uint64(int.from_bytes(wanted[:8], "big"))
        first, last = (int(np.searchsorted(self._prefix, prefix, side)) for side in ("left", "right"))
        found = self._order[first:last].tolist()
        return [i for i in found if self.columns.value[i].tobytes() == wanted]
