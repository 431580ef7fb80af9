"""Making the weekly summaries of scores and people's decisions. Bounded: large weeks are sampled, and it is said how."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import Min

from moderation.items.visibility import NOBODY, categories_hidden
from moderation.models import ScoreWeek
from moderation.models.calibration import N_LABEL_BINS
from policies.choices import DETECTORS
from policies.statistics.calibration import SCORE_EDGES

log = structlog.get_logger(__name__)

#: Machine decisions of a week that are counted; of more, every k-th item is. 200,000 pin a share to a tenth of a percent.
MOST_DECISIONS = 200_000
#: People's decisions of a week that are counted, the newest first.
MOST_LABELS = 20_000
#: A week is final so long after its end: until then transactions that began in it may still commit.
_SETTLING = timedelta(hours=1)
#: Weeks that the page can show.
KEPT_WEEKS = 13

_Key = tuple[str, str, str]  # detector, category, language

_LANGUAGE = "split_part(coalesce(nullif(i.language_detected, ''), nullif(i.language_claimed, ''), 'und'), '-', 1)"
_N_DECISIONS = """
    SELECT count(*) FROM moderation_decision
    WHERE created_at >= %(since)s AND created_at < %(until)s AND stage IN ('on_path', 'deep')
"""
_HAS_RESTRICTED = """
    SELECT EXISTS (
        SELECT FROM moderation_decision d JOIN moderation_item i ON i.id = d.item_id
        WHERE i.is_restricted AND d.created_at >= %(since)s AND d.created_at < %(until)s
    )
"""
#: The last machine decision of each item within the week: it cites all that was known.
_PICK = f"""
    CREATE TEMPORARY TABLE score_picked ON COMMIT DROP AS
    SELECT DISTINCT ON (d.item_id) d.id, left({_LANGUAGE}, 8) AS language, d.evidence -> 'missing' AS missing
    FROM moderation_decision d JOIN moderation_item i ON i.id = d.item_id
    WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.stage IN ('on_path', 'deep')
      AND d.item_id %% %(one_in)s = 0 AND d.evidence ? 'missing' AND (%(whole)s OR NOT i.is_restricted)
    ORDER BY d.item_id, d.id DESC
"""  # noqa: S608 - constants only
_LOOKED = """
    SELECT detector, language, count(*) FROM score_picked CROSS JOIN unnest(%(detectors)s::text[]) AS detector
    WHERE NOT missing ? detector GROUP BY 1, 2
"""
_HISTOGRAM = """
    SELECT detector, category, language, width_bucket(best, %(edges)s::float8[]), count(*)
    FROM (SELECT f.detector, f.category, p.language, max(f.score) AS best
          FROM score_picked p JOIN moderation_finding f ON f.decision_id = p.id
          WHERE NOT p.missing ? f.detector GROUP BY p.id, 1, 2, 3) AS items
    GROUP BY 1, 2, 3, 4
"""
#: Items whose decision by a person still stands, with the machine decision whose findings they were judged beside.
_LABEL = f"""
    CREATE TEMPORARY TABLE score_labelled ON COMMIT DROP AS
    SELECT d.id, left({_LANGUAGE}, 8) AS language, d.evidence -> 'missing' AS missing,
           CASE WHEN d.outcome = 0 THEN '' ELSE d.category END AS acted,
           (SELECT max(f.decision_id) FROM moderation_finding f
            WHERE f.item_id = d.item_id AND f.decision_id < d.id) AS machine
    FROM moderation_decision d JOIN moderation_item i ON i.current_decision_id = d.id
    WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.stage IN ('review', 'senior')
      AND d.outcome IN (0, 1, 4) AND d.evidence ? 'missing' AND (%(whole)s OR NOT i.is_restricted)
    ORDER BY d.created_at DESC LIMIT %(most)s
"""  # noqa: S608 - constants only
_LABEL_BASE = """
    SELECT detector, language, acted, count(*) FROM score_labelled CROSS JOIN unnest(%(detectors)s::text[]) AS detector
    WHERE NOT missing ? detector GROUP BY 1, 2, 3
"""
_LABEL_FOUND = """
    SELECT detector, category, language, acted <> '', least(floor(best * %(bins)s), %(bins)s - 1)::int, count(*), sum(best)
    FROM (SELECT f.detector, f.category, l.language, l.acted, max(f.score) AS best
          FROM score_labelled l JOIN moderation_finding f ON f.decision_id = l.machine
          WHERE NOT l.missing ? f.detector AND l.acted IN ('', f.category) GROUP BY l.id, 1, 2, 3, 4) AS items
    GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(slots=True)
class _Tally:
    """The counts of one row while they are gathered."""

    n_looked: int = 0
    histogram: list[int] = field(default_factory=lambda: [0] * len(SCORE_EDGES))
    counts: list[int] = field(default_factory=lambda: [0] * N_LABEL_BINS)
    harmful: list[int] = field(default_factory=lambda: [0] * N_LABEL_BINS)
    scores: list[float] = field(default_factory=lambda: [0.0] * N_LABEL_BINS)


def scores_summarise(*, now: datetime) -> int:
    """Make the summary of this week anew, that of last week until it is final, and of one older week that has none.

    Returns how many rows were written. Safe to repeat and to run twice at once: each week is replaced in one transaction
    under a lock.
    """
    monday = (now - timedelta(days=now.weekday())).date()
    weeks = [monday - timedelta(weeks=i) for i in range(KEPT_WEEKS)]
    made = dict(ScoreWeek.objects.values_list("begins_on").annotate(at=Min("computed_at")))
    due = [week for week in weeks if week not in made or made[week] < _midnight(week) + timedelta(weeks=1) + _SETTLING]
    written = sum(week_summarise(begins_on=week, now=now) for week in weeks[:2] if week in due)
    for week in weeks[2:]:
        if week in due and (n := week_summarise(begins_on=week, now=now)):
            written += n
            break  # the others at the next calls: a first run over a large record must not take all at once
    ScoreWeek.objects.filter(begins_on__lt=weeks[-1]).delete()
    return written


@transaction.atomic
def week_summarise(*, begins_on: date, now: datetime) -> int:
    """Replace the summary of the week that begins on a Monday; return how many rows it has.

    Raises: ValueError when the day is no Monday.
    """
    if begins_on.weekday():
        raise ValueError("a week begins on a Monday")
    since = _midnight(begins_on)
    span = {"since": since, "until": since + timedelta(weeks=1)}
    with connection.cursor() as cursor:
        # One at a time: two would each delete what the other has not written yet, and collide when writing.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('moderation.score_week'))")
        cursor.execute(_N_DECISIONS, span)
        one_in = max(1, -(-cursor.fetchone()[0] // MOST_DECISIONS))
        tallies = _by_reader(cursor, {**span, "one_in": one_in, "most": MOST_LABELS})
    ScoreWeek.objects.filter(begins_on=begins_on).delete()
    rows = [_row(begins_on, key, tally, one_in, now) for key, tally in tallies.items()]
    ScoreWeek.objects.bulk_create(rows, batch_size=500)
    log.info("scores_summarised", week=begins_on.isoformat(), rows=len(rows), one_in=one_in)
    return len(rows)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _row(begins_on: date, key: _Key, tally: _Tally, one_in: int, now: datetime) -> ScoreWeek:
    detector, category, language = key
    return ScoreWeek(
        begins_on=begins_on, detector=detector, category=category, language=language, one_in=one_in,
        n_looked=tally.n_looked, histogram=tally.histogram, label_counts=tally.counts, label_harmful=tally.harmful,
        label_scores=tally.scores, computed_at=now,
    )  # fmt: skip


def _by_reader(cursor: Any, parameters: dict[str, Any]) -> dict[_Key, _Tally]:
    """Return the counts of every category, each over the items that its readers may know of: those of the restricted partition
    count in its own categories only.
    """
    flagged = categories_hidden(NOBODY)
    of_all = _gather(cursor, {**parameters, "whole": True})
    cursor.execute(_HAS_RESTRICTED, parameters)
    of_open = _gather(cursor, {**parameters, "whole": False}) if cursor.fetchone()[0] else of_all
    return {
        **{key: tally for key, tally in of_open.items() if key[1] not in flagged},
        **{key: tally for key, tally in of_all.items() if key[1] in flagged},
    }


def _gather(cursor: Any, parameters: dict[str, Any]) -> dict[_Key, _Tally]:
    parameters = {
        **parameters, "detectors": list(DETECTORS), "edges": list(SCORE_EDGES[:-1]), "bins": N_LABEL_BINS
    }  # fmt: skip
    cursor.execute("DROP TABLE IF EXISTS score_picked, score_labelled")  # of the count before, in one transaction
    cursor.execute(_PICK, parameters)
    cursor.execute(_LABEL, parameters)
    looked, histogram, base, found = (
        _rows(cursor, statement, parameters) for statement in (_LOOKED, _HISTOGRAM, _LABEL_BASE, _LABEL_FOUND)
    )
    tallies: dict[_Key, _Tally] = defaultdict(_Tally)
    for detector, category, language, place, n in histogram:
        for key in _keys(detector, category, language):
            tallies[key].histogram[place] += n
    for detector, category, language, is_harmful, place, n, score in found:
        for key in _keys(detector, category, language):
            _add_labels(tallies[key], place, n, float(score), is_harmful)
    categories = _categories_of(tallies)
    _add_looked(tallies, categories, looked)
    _add_silent(tallies, categories, base)
    return dict(tallies)


def _rows(cursor: Any, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
    cursor.execute(statement, parameters)
    rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def _keys(detector: str, category: str, language: str) -> Iterator[_Key]:
    yield detector, category, language
    yield detector, category, ""


def _add_labels(tally: _Tally, place: int, n: int, score: float, is_harmful: bool) -> None:
    tally.counts[place] += n
    tally.harmful[place] += n if is_harmful else 0
    tally.scores[place] += score


def _categories_of(tallies: Iterable[_Key]) -> dict[str, set[str]]:
    """Return what each detector finds at all: only there is its silence a statement."""
    found: dict[str, set[str]] = defaultdict(set)
    for detector, category, _ in tallies:
        found[detector].add(category)
    return found


def _add_looked(tallies: dict[_Key, _Tally], categories: dict[str, set[str]], looked: list[tuple[Any, ...]]) -> None:
    for detector, language, n in looked:
        for category in categories[detector]:
            for key in _keys(detector, category, language):
                tallies[key].n_looked += n


def _add_silent(tallies: dict[_Key, _Tally], categories: dict[str, set[str]], base: list[tuple[Any, ...]]) -> None:
    """Count the decided items in which a detector looked and found nothing, as items with score 0."""
    totals: dict[_Key, list[int]] = defaultdict(lambda: [0, 0])
    for detector, language, acted, n in base:
        for category in categories[detector]:
            if acted in {"", category}:
                for key in _keys(detector, category, language):
                    totals[key][bool(acted)] += n
    for key, (n_clear, n_harmful) in totals.items():
        tally = tallies[key]
        spoken_harmful = sum(tally.harmful)
        silent_harmful = n_harmful - spoken_harmful
        silent_clear = n_clear - (sum(tally.counts) - spoken_harmful)
        tally.counts[0] += silent_harmful + silent_clear
        tally.harmful[0] += silent_harmful
