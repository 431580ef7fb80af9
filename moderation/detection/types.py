"""What a detector is: the subject it reads, the findings it returns, the ways it can be missing. No ORM, no clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol

from policies.choices import ItemKind, Outcome, Stage

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class CreatorHistory:
    """What the creator did before this upload. Counts are over the windows in their names."""

    n_uploads_1h: int
    n_uploads_24h: int
    n_blocked_30d: int
    n_strikes: int
    account_age_days: float


@dataclass(frozen=True, slots=True)
class Picture:
    """One decoded still (the image itself, or the cover): sha256 of its file, pixels, and where it came from."""

    role: str  # "media" or "cover"
    sha256: str  # 64 lower-case hex digits
    pixels: npt.NDArray[np.uint8]  # (height, width, 3) RGB, already reduced to at most 512 on the long side
    pdq: tuple[str, int] | None = None  # hexadecimal hash and quality 0..100, where it was computed already


@dataclass(frozen=True, slots=True)
class Subject:
    """All that on-path detectors may look at. Built once per item; detectors never touch the database."""

    kind: ItemKind
    caption: str
    language: str  # BCP 47 primary subtag in lower case; "und" when unknown
    region: str  # ISO 3166-1 alpha-2 in upper case; "" when unknown
    file_hashes: Mapping[str, str] = field(default_factory=dict)  # role -> sha256 hex of each uploaded file
    pictures: tuple[Picture, ...] = ()
    history: CreatorHistory | None = None  # None: the look-up failed, so `history` is missing


@dataclass(frozen=True, slots=True)
class Finding:
    """One detector's calibrated probability for one category, with where it was found.

    `where` is JSON: `{"field": "caption", "span": [start, end], "text": ...}` (offsets in the original text),
    `{"bank": ..., "entry": ..., "algorithm": "pdq", "distance": 3, "role": "cover"}`,
    `{"frame_ms": 4200, "box": [x0, y0, x1, y1], "text": ...}`.
    `hard` is the outcome that policy fixes for this kind of evidence whatever the score; None for ordinary findings.
    """

    detector: str
    version: str
    category: str
    score: float
    where: Mapping[str, Any] = field(default_factory=dict)
    hard: Outcome | None = None

    def __post_init__(self) -> None:
        if not (math.isfinite(self.score) and 0.0 <= self.score <= 1.0):
            raise ValueError(f"{self.detector} gave score {self.score!r} for {self.category}; it must be in [0, 1]")


@dataclass(frozen=True, slots=True)
class Missing:
    """A detector that gave no answer. `why` is one of WHY_MISSING; `detail` is for people and carries no content."""

    detector: str
    why: str
    detail: str = ""


#: not_configured: no model or data; unsupported: language or kind it cannot judge; late: past the deadline;
#: failed: raised or returned nonsense; pending: still to run; open_circuit: failing lately, so not asked;
#: uncertain: it looked and could not tell, and looking again would not help;
#: skipped: no answer could have mattered on the path (the verdict, or a campaign, was fixed), and it is asked afterwards.
WHY_MISSING = ("not_configured", "unsupported", "late", "failed", "pending", "open_circuit", "uncertain", "skipped")


@dataclass(frozen=True, slots=True)
class Result:
    """What one run of one detector gave: findings (possibly none), or a reason why it is missing.

    `not_applicable` says that there was positively nothing to look at (no picture, no sound track): not missing.
    """

    detector: str
    version: str
    findings: tuple[Finding, ...] = ()
    missing: Missing | None = None
    not_applicable: bool = False
    seconds: float = 0.0
    payload: Mapping[str, Any] = field(default_factory=dict)  # JSON kept with the result: transcript, OCR lines, frames


class Basis(Enum):
    """What a detector's own findings rest on, and so for how long they are evidence."""

    LISTS = "lists"  # lists that people change, and nothing else: looked through anew for each verdict
    CONTENT = "content"  # the content and a model: as long as its version is in use
    CREATOR = "creator"  # who sent it, as things were at the upload


class Lookup(Enum):
    """The lists that are held against what a deep detector kept, anew for each verdict."""

    TERMS = "terms"
    BANKS = "banks"


class Declaration(Protocol):
    """What a detector's class says of it: nobody need build one to know."""

    @property
    def name(self) -> str:
        """One of DETECTORS."""
        ...

    @property
    def stage(self) -> Stage:
        """Where it runs."""
        ...

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories it can find; none where its data says."""
        ...

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages it reads; None for any."""
        ...

    @property
    def kinds(self) -> frozenset[ItemKind]:
        """The kinds it judges."""
        ...

    @property
    def cost_ms(self) -> float:
        """Typical cost, for ordering and dashboards."""
        ...

    @property
    def basis(self) -> Basis:
        """What its own findings rest on."""
        ...


class Detector(Declaration, Protocol):
    """An on-path detector. `run` may block; the ensemble owns the deadline. Raising counts as missing (failed)."""

    @property
    def version(self) -> str:
        """Of its rules, model or data; findings carry it."""
        ...

    @property
    def reads_files(self) -> bool:
        """Whether it looks at files or pictures; one that does not starts while they are still checked."""
        ...

    def run(self, subject: Subject) -> Result:
        """Return the result for one subject."""
        ...
