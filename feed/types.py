"""The values that pass between the feed's stages. Candidates are columns, not objects."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from moderation.gate.door import Cleared, Viewer
from moderation.gate.media_urls import Part, feed_url

Ids = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float32]


class Rung(StrEnum):
    """How far the feed had to step down.

    FULL: ranked. PRERANKED: the ranker failed or there was no time left for it. SHELF: no index, no source or no display
    data; the band's prepared list. EMPTY: the gate's view is too old, or the shelf has nothing for this viewer.
    """

    FULL = "full"
    PRERANKED = "preranked"
    SHELF = "shelf"
    EMPTY = "empty"


class Network(StrEnum):
    """What the viewer's client says of its connection."""

    WIFI = "wifi"
    CELLULAR = "cellular"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Query:
    """One request: who asks (as a keyed hash; empty when nobody in particular), for whom it must be safe, and how much."""

    viewer_hash: str
    viewer: Viewer
    language: str
    network: Network
    limit: int
    seen: tuple[bytes, ...]  # marks of items on earlier pages, oldest first
    now: datetime
    trace_id: str
    watch_item: int | None = None  # explain follows this item through the stages


@dataclass(slots=True)
class Candidates:
    """Items under consideration, one row each, in columns of equal length.

    `sources` is a bit set over the slate's sources; scores are relative, larger is better, NaN where not computed.
    """

    ids: Ids
    sources: npt.NDArray[np.uint8]
    created_at: npt.NDArray[np.float64]
    region: npt.NDArray[np.int16]
    language: npt.NDArray[np.int16]
    creator: Ids
    kind: npt.NDArray[np.int8]
    duration_ms: npt.NDArray[np.int32]
    popularity: Scores
    prerank: Scores
    rank: Scores

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def of(cls, ids: Ids, sources: npt.NDArray[np.uint8]) -> Self:
        """Return candidates without features yet."""
        n = len(ids)
        return cls(
            ids=ids,
            sources=sources,
            created_at=np.zeros(n),
            region=np.full(n, -1, np.int16),
            language=np.full(n, -1, np.int16),
            creator=np.zeros(n, np.int64),
            kind=np.zeros(n, np.int8),
            duration_ms=np.zeros(n, np.int32),
            popularity=np.zeros(n, np.float32),
            prerank=np.full(n, np.nan, np.float32),
            rank=np.full(n, np.nan, np.float32),
        )

    def take(self, rows: Mask | npt.NDArray[np.intp]) -> "Candidates":
        """Return these rows, in this order."""
        return Candidates(**{name: getattr(self, name)[rows] for name in self.__slots__})


@dataclass(frozen=True, slots=True)
class Entry:
    """One place of a slate: the gate's token and the viewer it is for, what to show, why it is there."""

    token: Cleared
    display: dict[str, Any]
    reason: str
    impression_id: str
    viewer: Viewer

    def url(self, part: Part) -> str | None:
        """Return where this viewer loads the media or the cover, for minutes and while it is cleared; None without one."""
        has = {Part.MEDIA: "has_media", Part.COVER: "has_cover"}[part]
        key = self.display["key"]
        return feed_url(self.token, viewer=self.viewer, item_key=key, part=part) if self.display[has] else None


@dataclass(frozen=True, slots=True)
class Ranked:
    """The candidates in their final order, in columns: ids, and the scores of both rankings (NaN where not computed)."""

    ids: list[int] = field(default_factory=list)
    prerank: list[float] = field(default_factory=list)
    rank: list[float] = field(default_factory=list)


@dataclass(slots=True)
class Trace:
    """What happened to one request, for audit and for `explain`. Item ids are internal until `explain` names them."""

    trace_id: str
    at: datetime
    viewer_hash: str
    band: int
    region: str
    language: str
    candidates: dict[str, int] = field(default_factory=dict)
    removed: dict[str, list[int]] = field(default_factory=dict)
    ranked: Ranked = field(default_factory=Ranked)
    served: list[int] = field(default_factory=list)
    timings_ms: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    policy_versions: list[int] = field(default_factory=list)
    rung: str = ""
    watched: dict[str, Any] = field(default_factory=dict)

    def drop(self, reason: str, item_ids: Ids | list[int]) -> None:
        """Record items that a filter or the gate took out."""
        if len(item_ids):
            self.removed.setdefault(reason, []).extend(int(i) for i in item_ids)


@dataclass(frozen=True, slots=True)
class Slate:
    """The answer, and the record of how it came about."""

    entries: list[Entry]
    cursor: str | None
    rung: Rung
    trace: Trace
    served_at: datetime
