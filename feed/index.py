"""What ranking knows of items, in memory: features, popularity by region, and the shelf of each audience band.

It follows the gate: an item enters when the gate holds a permission for it. It permits nothing itself.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import structlog
from django.db import connection
from django.utils import timezone

from feed import params
from feed.types import Ids, Mask, Scores
from moderation.gate import door as gate
from moderation.gate.per_process import PerProcess
from moderation.items import queries
from policies.choices import Band

log = structlog.get_logger(__name__)

_CHUNK = 20_000
_NO_IDS: Ids = np.zeros(0, np.int64)
_NO_SCORES: Scores = np.zeros(0, np.float32)
_POPULAR = """
    SELECT region, item_id, score FROM (
        SELECT region, item_id, score, row_number() OVER (PARTITION BY region ORDER BY score DESC, item_id) AS place
        FROM feed_popularity WHERE score > 0
    ) ranked WHERE place <= %s ORDER BY region, place
"""


@dataclass(slots=True)
class Features:
    """Columns over item ids; a row counts where `revision` is above 0. Created in epoch seconds."""

    revision: Ids
    created_at: npt.NDArray[np.float64]
    region: npt.NDArray[np.int16]
    language: npt.NDArray[np.int16]
    creator: Ids
    kind: npt.NDArray[np.int8]
    duration_ms: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, size: int) -> "Features":
        """Return columns without items."""
        return cls(
            revision=np.zeros(size, np.int64),
            created_at=np.zeros(size),
            region=np.full(size, -1, np.int16),
            language=np.full(size, -1, np.int16),
            creator=np.zeros(size, np.int64),
            kind=np.zeros(size, np.int8),
            duration_ms=np.zeros(size, np.int32),
        )

    def grow(self, size: int) -> "Features":
        """Return a larger copy; the old one stays whole for its readers."""
        larger = Features.empty(size)
        for name in self.__slots__:
            getattr(larger, name)[: len(self.revision)] = getattr(self, name)
        return larger


@dataclass(frozen=True, slots=True)
class Popular:
    """One region's popular items: best first, and the same by ascending id for look-ups."""

    best_first: Ids = field(default_factory=lambda: _NO_IDS)
    by_id: Ids = field(default_factory=lambda: _NO_IDS)
    score: Scores = field(default_factory=lambda: _NO_SCORES)

    def of(self, ids: Ids) -> Scores:
        """Return the popularity of each item; 0 where it has none."""
        if not len(self.by_id):
            return np.zeros(len(ids), np.float32)
        at = np.minimum(np.searchsorted(self.by_id, ids), len(self.by_id) - 1)
        return np.where(self.by_id[at] == ids, self.score[at], np.float32(0)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """A place of a shelf, with all that showing it needs, and the history that it is of."""

    item_id: int
    display: dict[str, Any]
    history: str


class Vocabulary:
    """Small numbers for codes; -1 is none."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, code: str) -> int:
        """Return a code's number, a new one where it has none."""
        return self._numbers.setdefault(code, len(self._numbers)) if code else -1

    def find(self, code: str) -> int:
        """Return a code's number, or -2, which no item has."""
        return self._numbers.get(code, -2)


def primary_language(tag: str) -> str:
    """Return the primary subtag of a BCP 47 tag in lower case; empty for `und`."""
    code = tag.split("-")[0].split("_")[0].lower()
    return "" if code == "und" else code


class Index:
    """The columns, and the thread that keeps them up to date. Readers take no lock: rows appear whole or not at all."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.features = Features.empty(1024)
        self.languages = Vocabulary()
        self.regions = Vocabulary()
        self.popular: dict[str, Popular] = {}
        self.shelves: dict[Band, list[ShelfItem]] = {}
        self._clock = clock
        self._refreshed_at = -np.inf
        self._followed = (0, -1)
        self._history = ""
        self._due: dict[str, float] = {}
        self._stopping = threading.Event()
        self._has_items = threading.Event()
        self._thread: threading.Thread | None = None

    # --- reading --------------------------------------------------------------------------------------------------

    @property
    def is_usable(self) -> bool:
        """True where the index was brought up to date lately."""
        return bool(self._clock() - self._refreshed_at <= params.INDEX_MAX_AGE_SECONDS)

    def has(self, ids: Ids) -> Mask:
        """Return which items the index knows."""
        features = self.features
        inside = (ids >= 0) & (ids < len(features.revision))
        known = np.zeros(len(ids), np.bool_)
        known[inside] = features.revision[ids[inside]] > 0
        return known

    def popular_in(self, region: str) -> Popular:
        """Return a region's popular items; those of everywhere for an unknown or empty region."""
        return self.popular.get(region) or self.popular.get("") or Popular()

    # --- following ------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Load the features of every item that the gate permits and that is new or permitted anew."""
        followed = gate.current()
        version = (id(followed), followed.version)  # read before the items: a change in between comes next time
        if version != self._followed:
            granted = followed.list_granted()
            if granted.history != self._history:
                self._forget(granted.history)
            self._load_due(granted.ids, granted.revisions)
            self._followed = version
        self._refreshed_at = self._clock()
        self._has_items.set()

    def _forget(self, history: str) -> None:
        """Start empty for another history, where the same id is another item. The size stays, for readers under way."""
        self.features = Features.empty(len(self.features.revision))
        self.popular, self.shelves = {}, {}
        self._due.clear()
        self._history = history

    def _load_due(self, ids: Ids, revisions: Ids) -> None:
        size = int(ids[-1]) + 1 if len(ids) else 0
        if size > len(self.features.revision):
            self.features = self.features.grow(max(size, len(self.features.revision) * 3 // 2))
        is_due = self.features.revision[ids] != revisions
        due, due_revisions = ids[is_due], revisions[is_due]
        for start in range(0, len(due), _CHUNK):
            self._load(due[start : start + _CHUNK], due_revisions[start : start + _CHUNK])

    def _load(self, ids: Ids, revisions: Ids) -> None:
        rows = queries.item_features(ids.tolist())
        at = np.fromiter((r.item_id for r in rows), np.int64, len(rows))
        columns = self.features
        columns.created_at[at] = [r.created_at.timestamp() for r in rows]
        columns.region[at] = [self.regions.number(r.region) for r in rows]
        columns.language[at] = [self.languages.number(primary_language(r.language)) for r in rows]
        columns.creator[at] = [r.creator_id for r in rows]
        columns.kind[at] = [r.kind for r in rows]
        columns.duration_ms[at] = [min(r.duration_ms, np.iinfo(np.int32).max) for r in rows]
        columns.revision[ids] = revisions  # last: from now on the rows count

    def refresh_popularity(self) -> None:
        """Load each region's popular items."""
        tables: dict[str, list[tuple[int, float]]] = {}
        with connection.cursor() as cursor:
            cursor.execute(_POPULAR, (params.POPULAR_PER_REGION,))
            for region, item_id, score in cursor.fetchall():
                tables.setdefault(region, []).append((item_id, score))
        self.popular = {region: _popular(rows) for region, rows in tables.items()}

    def refresh_shelves(self, fill: Callable[["Index", Band, datetime], list[ShelfItem]]) -> None:
        """Prepare each band's shelf; `fill` chooses from what the gate permits a viewer of that band anywhere."""
        now = timezone.now()
        self.shelves = {band: fill(self, band, now) for band in Band}

    # --- its thread -----------------------------------------------------------------------------------------------

    def start(self, fill: Callable[["Index", Band, datetime], list[ShelfItem]]) -> None:
        """Begin to follow in a thread of this process."""
        self._thread = threading.Thread(target=self._run, args=(fill,), name="feed-index", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def wait_for_items(self, seconds: float) -> bool:
        """Wait until the index was filled once; return whether it was."""
        return self._has_items.wait(seconds)

    def _run(self, fill: Callable[["Index", Band, datetime], list[ShelfItem]]) -> None:
        is_failing = False
        while not self._stopping.is_set():
            try:
                self._if_due("popularity", params.POPULARITY_POLL_SECONDS, self.refresh_popularity)
                self.refresh()
                self._if_due("shelves", params.SHELF_POLL_SECONDS, lambda: self.refresh_shelves(fill))
                is_failing = False
            except Exception as error:  # the old columns stay; is_usable says when they are too old
                connection.close()
                if not is_failing:
                    log.error("feed_index_cannot_refresh", error=type(error).__name__, detail=str(error)[:200])
                is_failing = True
            self._stopping.wait(params.INDEX_POLL_SECONDS)
        connection.close()

    def _if_due(self, name: str, seconds: float, act: Callable[[], None]) -> None:
        if self._clock() >= self._due.get(name, -np.inf):
            act()
            self._due[name] = self._clock() + seconds


def _popular(rows: list[tuple[int, float]]) -> Popular:
    best_first = np.fromiter((r[0] for r in rows), np.int64, len(rows))
    scores = np.fromiter((r[1] for r in rows), np.float32, len(rows))
    order = np.argsort(best_first)
    return Popular(best_first, best_first[order], scores[order])


def fill_shelf(index: Index, band: Band, now: datetime) -> list[ShelfItem]:
    """Choose a band's shelf: the newest and most popular of what the gate permits it wherever the viewer may be."""
    eligible = gate.current().eligible(gate.Viewer(band), now)
    ids = eligible.ids[-params.SOURCE_CANDIDATES :]
    ids = ids[index.has(ids)]
    age_hours = (now.timestamp() - index.features.created_at[ids]) / 3600
    score = np.exp2(-age_hours / params.FRESH_HALF_LIFE_HOURS) + params.WEIGHT_POPULAR * np.log1p(
        index.popular_in("").of(ids)
    )
    best = ids[np.argsort(-score, kind="stable")][: params.SHELF_ITEMS].tolist()
    shown = queries.display_rows(best)
    return [ShelfItem(item_id, shown[item_id], eligible.history) for item_id in best if item_id in shown]


def _start() -> Index:
    index = Index()
    gate.current()
    index.start(fill_shelf)
    index.wait_for_items(params.FIRST_INDEX_SECONDS)
    return index


#: This process's index.
HELD: PerProcess[Index] = PerProcess(_start)


def current() -> Index:
    """Return this process's index, started on first use."""
    return HELD.get()
