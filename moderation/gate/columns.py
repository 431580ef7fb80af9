"""The gate's memory: what is cleared, as columns over item ids. Pure: no database, no clock, no thread.

Item ids come from one sequence and are dense, so an item's row in every column is its id; no look-up table is needed.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from policies.document.regions import REGIONS

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

#: A fixed order of the territories; any other code (user-assigned, mistyped) is an unknown territory.
TERRITORIES: tuple[str, ...] = tuple(sorted(REGIONS))
_TERRITORY_INDEX = {code: i for i, code in enumerate(TERRITORIES)}
UNKNOWN_TERRITORY = len(TERRITORIES)
_NOT_HELD = -1


class Row(NamedTuple):
    """One clearance as the database has it. `valid_until` is in seconds of the Unix epoch; `lag` in seconds."""

    item_id: int
    external_id: str
    revision: int
    is_granted: bool
    min_age: int
    territories_blocked: Sequence[str]
    valid_until: float
    policy_version: int
    decision_key: bytes
    lag: float


def territory_index(code: str | None) -> int:
    """Return a territory's column; UNKNOWN_TERRITORY for anything that is not an ISO 3166-1 code."""
    return _TERRITORY_INDEX.get((code or "").upper(), UNKNOWN_TERRITORY)


class Columns:
    """Every clearance, newest revision per item. Rows never applied are not granted.

    Concurrency: none of its own; the gate holds its lock around every call.
    """

    def __init__(self, capacity: int = 1024) -> None:
        self.revision = np.zeros(capacity, np.int64)
        self.is_granted = np.zeros(capacity, np.bool_)
        self.min_age = np.full(capacity, np.iinfo(np.int16).max, np.int16)
        self.valid_until = np.full(capacity, -np.inf)
        self.policy_version = np.zeros(capacity, np.int32)
        self.decision_key = np.zeros(capacity, "V16")
        self.external_id = np.full(capacity, None, object)
        self.block_set = np.full(capacity, _NOT_HELD, np.int32)
        self.n_held = 0
        # Distinct sets of blocked territories are few: each item points at one row of this small table.
        self._sets: dict[tuple[str, ...], int] = {(): 0}
        self._blocked = np.zeros((1, UNKNOWN_TERRITORY + 1), np.bool_)

    def __len__(self) -> int:
        return len(self.revision)

    def apply(self, rows: Sequence[Row]) -> Mask:
        """Take rows in any order, any number of times; per item the highest revision stays.

        Returns:
            which of the rows changed something, in their order.
        """
        if not rows:
            return np.zeros(0, np.bool_)
        ids = np.fromiter((r.item_id for r in rows), np.int64, len(rows))
        revisions = np.fromiter((r.revision for r in rows), np.int64, len(rows))
        self._reserve(int(ids.max()) + 1)
        is_newer: Mask = revisions > self.revision[ids]
        # numpy keeps the last of repeated targets, so the highest revision of an item has to come last
        order = np.argsort(revisions, kind="stable")
        picked = order[is_newer[order]]
        self._write(ids[picked], revisions[picked], [rows[i] for i in picked.tolist()])
        return is_newer

    def _write(self, ids: Ids, revisions: Ids, rows: list[Row]) -> None:
        n = len(rows)
        if not n:
            return
        self.n_held += int(np.count_nonzero(self.revision[np.unique(ids)] == 0))
        self.revision[ids] = revisions
        self.is_granted[ids] = np.fromiter((r.is_granted for r in rows), np.bool_, n)
        self.min_age[ids] = np.fromiter((r.min_age for r in rows), np.int16, n)
        self.valid_until[ids] = np.fromiter((r.valid_until for r in rows), np.float64, n)
        self.policy_version[ids] = np.fromiter((r.policy_version for r in rows), np.int32, n)
        self.block_set[ids] = np.fromiter((self._set_of(r.territories_blocked) for r in rows), np.int32, n)
        self.decision_key[ids] = np.frombuffer(b"".join(r.decision_key for r in rows), "V16")
        for item_id, row in zip(ids.tolist(), rows, strict=True):
            self.external_id[item_id] = row.external_id

    def eligible(self, *, age: int, territory: int, now: float) -> Mask:
        """Return over item ids which may be shown. `age` in years, `territory` a column, `now` in epoch seconds."""
        is_open: Mask = self.is_granted & (self.min_age <= age) & self._in_time(self.valid_until, now)
        is_blocked: Mask = self._blocked[self.block_set, territory]
        return is_open & ~is_blocked

    def why_not(self, item_id: int, *, age: int, territory: int, now: float) -> str:
        """Return why one item may not be shown, or the empty string where it may."""
        if why := self.why_nobody(item_id, now=now):
            return why
        if self.min_age[item_id] > age:
            return "age"
        return "territory" if self._blocked[self.block_set[item_id], territory] else ""

    def why_nobody(self, item_id: int, *, now: float) -> str:
        """Return why one item may be shown to nobody, or the empty string where somebody may see it."""
        if not 0 <= item_id < len(self) or self.revision[item_id] == 0:
            return "unknown"
        if not self.is_granted[item_id]:
            return "not_granted"
        return "" if self._in_time(self.valid_until[item_id], now) else "expired"

    def is_for_all(self, item_id: int) -> bool:
        """Return whether an item that somebody may see has no age and no place from which it is kept."""
        return bool(self.min_age[item_id] <= 0 and not self._blocked[self.block_set[item_id]].any())

    def places_of(self, item_id: int) -> list[str]:
        """Return the territories from which an item that somebody may see is not kept."""
        blocked = self._blocked[self.block_set[item_id]]
        return [code for code, is_blocked in zip(TERRITORIES, blocked.tolist(), strict=False) if not is_blocked]

    def next_expiry(self, mask: Mask) -> float:
        """Return when the first of these items expires, in epoch seconds; infinity where there are none."""
        return float(self.valid_until[mask].min(initial=np.inf))

    @staticmethod
    def _in_time(valid_until: npt.NDArray[np.float64], now: float) -> Mask:
        # "for ever" is not a permission: NaN and infinity fail both comparisons
        in_time: Mask = (valid_until > now) & (valid_until < np.inf)
        return in_time

    def _set_of(self, codes: Iterable[str]) -> int:
        key = tuple(sorted({code.upper() for code in codes}))
        known = self._sets.get(key)
        if known is None:
            known = self._sets[key] = len(self._sets)
            self._blocked = np.vstack([self._blocked, _territory_row(key)])
        return known

    def _reserve(self, size: int) -> None:
        if size <= len(self):
            return
        grown = Columns(max(size, len(self) + len(self) // 2))
        for name in _COLUMN_NAMES:
            getattr(grown, name)[: len(self)] = getattr(self, name)
        for name in _COLUMN_NAMES:
            setattr(self, name, getattr(grown, name))


_COLUMN_NAMES = (
    "revision",
    "is_granted",
    "min_age",
    "valid_until",
    "policy_version",
    "decision_key",
    "external_id",
    "block_set",
)


def _territory_row(codes: tuple[str, ...]) -> Mask:
    """Return where a set of blocks applies: in its territories, and wherever a viewer's territory is unknown."""
    row = np.zeros(UNKNOWN_TERRITORY + 1, np.bool_)
    columns = [territory_index(code) for code in codes]
    # a block that we cannot read might mean any territory
    row[slice(None) if UNKNOWN_TERRITORY in columns else columns] = True
    row[UNKNOWN_TERRITORY] = True
    return row
