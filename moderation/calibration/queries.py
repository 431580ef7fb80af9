"""Reads for the calibration page, from the weekly summaries; single items only where people and machine differ most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db import connection

from moderation.items.queries import items_search
from moderation.items.visibility import score_weeks_visible
from moderation.models import Item, ScoreWeek
from moderation.models.calibration import N_LABEL_BINS
from policies.choices import DETECTORS
from policies.statistics.calibration import (
    Bin,
    Disagreement,
    Drift,
    DriftLevel,
    ShareShift,
    calibration_error,
    disagreement,
    drift,
    reliability_of,
    share_shift,
    worse,
)

#: From this score on a detector speaks for harm: it is a probability, so the middle is where it is even.
EVEN = 0.5
#: People's decisions that are looked through for single disagreements, the newest first.
_MOST_LABELS = 5_000


@dataclass(frozen=True, slots=True)
class Week:
    """One week's scores. `is_whole` is False for the week that still runs; `one_in`: every how manieth item was counted."""

    begins_on: date
    n_looked: int
    n_found: int
    histogram: tuple[int, ...]
    one_in: int
    is_whole: bool

    @property
    def share_found(self) -> float:
        """Share of the items looked at in which anything was found, in [0, 1]."""
        return self.n_found / self.n_looked if self.n_looked else 0.0


@dataclass(frozen=True, slots=True)
class Calibration:
    """One detector, category and language: what it said over the weeks, and what people said of it.

    weeks: oldest first, only those with a summary
    scores, share: the last week against the one before it; None with fewer than two weeks
    bins, error: reliability over all weeks; error None without labels
    """

    detector: str
    category: str
    language: str
    weeks: tuple[Week, ...]
    scores: Drift | None
    share: ShareShift | None
    bins: tuple[Bin, ...]
    error: float | None
    against_people: Disagreement

    @property
    def n_labels(self) -> int:
        """Items that people decided."""
        return self.against_people.overall.n

    @property
    def level(self) -> DriftLevel:
        """The more worrying of both drifts."""
        if self.scores is None or self.share is None:
            return DriftLevel.UNKNOWN
        return worse(self.scores.level, self.share.level)

    @property
    def n_off(self) -> int:
        """Bins that lie off by more than chance."""
        return sum(b.is_off for b in self.bins)


def calibrations(
    user: AbstractUser, *, now: datetime, weeks: int, language: str = "", detector: str = "", category: str = ""
) -> list[Calibration]:
    """Return every detector and category that has summaries, alarms first; one query.

    The restricted partition is left out for those who may not count it.
    """
    rows = score_weeks_visible(user).filter(language=language, begins_on__gt=now.date() - timedelta(weeks=weeks))
    if detector:
        rows = rows.filter(detector=detector)
    if category:
        rows = rows.filter(category=category)
    groups: dict[tuple[str, str], list[ScoreWeek]] = defaultdict(list)
    for row in rows.order_by("begins_on"):
        groups[row.detector, row.category].append(row)
    found = [_calibration(key, language, group, now) for key, group in groups.items()]
    return sorted(found, key=_by_worry)


def _by_worry(row: Calibration) -> tuple[int, int, str]:
    return -list(DriftLevel).index(row.level), DETECTORS.index(row.detector), row.category


def languages_known() -> list[str]:
    """Return the languages that have summaries, by name."""
    return sorted(ScoreWeek.objects.exclude(language="").values_list("language", flat=True).distinct())


def _calibration(key: tuple[str, str], language: str, rows: Sequence[ScoreWeek], now: datetime) -> Calibration:
    weeks = tuple(_week(row, now) for row in rows)
    counts, harmful = (_sum([getattr(row, name) for row in rows]) for name in ("label_counts", "label_harmful"))
    bins = reliability_of(counts, harmful, _sum([row.label_scores for row in rows]))
    two = weeks[-2:] if len(weeks) > 1 else None
    even = int(EVEN * N_LABEL_BINS)
    both, people_only = sum(harmful[even:]), sum(harmful[:even])
    return Calibration(
        detector=key[0],
        category=key[1],
        language=language,
        weeks=weeks,
        scores=drift(two[0].histogram, two[1].histogram) if two else None,
        share=_share(*two) if two else None,
        bins=bins,
        error=calibration_error(bins),
        against_people=disagreement(
            both=both,
            machine_only=sum(counts[even:]) - both,
            people_only=people_only,
            neither=sum(counts[:even]) - people_only,
        ),
    )


def _sum(rows: Sequence[Sequence[Any]]) -> list[Any]:
    return [sum(column) for column in zip(*rows, strict=True)]


def _week(row: ScoreWeek, now: datetime) -> Week:
    is_whole = row.begins_on + timedelta(weeks=1) <= now.date()
    return Week(row.begins_on, row.n_looked, sum(row.histogram), tuple(row.histogram), row.one_in, is_whole)


def _share(before: Week, after: Week) -> ShareShift:
    return share_shift(before.n_found, before.n_looked, after.n_found, after.n_looked)


# --- where they differ, item by item -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Differing:
    """An item that people cleared although its score was high, or acted on although it was low."""

    item: Item
    score: float
    is_harmful: bool
    decided_at: datetime


_DIFFERING = """
    WITH labelled AS (
        SELECT d.id, d.item_id, d.outcome, d.created_at,
               (SELECT max(f.decision_id) FROM moderation_finding f
                WHERE f.item_id = d.item_id AND f.decision_id < d.id) AS machine
        FROM moderation_decision d JOIN moderation_item i ON i.current_decision_id = d.id
        WHERE d.created_at >= %(since)s AND d.stage IN ('review', 'senior') AND d.outcome IN (0, 1, 4)
          AND (d.outcome = 0 OR d.category = %(category)s) AND d.evidence ? 'missing'
          AND NOT d.evidence -> 'missing' ? %(detector)s
          AND (%(language)s = '' OR split_part(
               coalesce(nullif(i.language_detected, ''), nullif(i.language_claimed, ''), 'und'), '-', 1) = %(language)s)
        ORDER BY d.created_at DESC LIMIT %(looked)s
    ), scored AS (
        SELECT l.item_id, l.outcome <> 0 AS is_harmful, l.created_at,
               coalesce((SELECT max(f.score) FROM moderation_finding f WHERE f.decision_id = l.machine
                         AND f.detector = %(detector)s AND f.category = %(category)s), 0) AS score
        FROM labelled l
    )
    SELECT item_id, score, is_harmful, created_at FROM scored
    WHERE is_harmful <> (score >= %(even)s)
    ORDER BY abs(score - %(even)s) DESC, item_id LIMIT %(most)s
"""


def differing_items(
    user: AbstractUser,
    *,
    detector: str,
    category: str,
    language: str,
    since: datetime,
    most: int = 40,
) -> list[Differing]:
    """Return the items on which detector and people differ most, of those that the user may know of, in two queries.

    It looks through the newest 5,000 decisions by people that bear on the category.
    """
    parameters: dict[str, Any] = {
        "detector": detector, "category": category, "language": language, "since": since, "even": EVEN,
        "looked": _MOST_LABELS, "most": most,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_DIFFERING, parameters)
        rows = cursor.fetchall()
    visible = items_search(user).in_bulk([row[0] for row in rows])
    return [Differing(visible[pk], score, harmful, at) for pk, score, harmful, at in rows if pk in visible]
