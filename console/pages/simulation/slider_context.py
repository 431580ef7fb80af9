"""What the slider's page shows: one threshold of a version, where it stands, and what it would do at another place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils.safestring import SafeString

from console.pages import charts
from console.pages.charts import Mark
from console.pages.simulation.answers import Jobs, estimate_staff
from console.pages.simulation.context import queues_known
from console.pages.simulation.forms import LEVEL_WORDS, SliderForm
from moderation.simulation.queries import PreparedSlider, slider_for
from policies.choices import Outcome
from policies.document.schema import LEVEL_KEYS
from policies.document.stored import documents_of
from policies.errors import PolicyError
from policies.models import PolicyVersion
from policies.replay.estimates import SAMPLED_WORDS, Curve, curve_of, place_of
from policies.replay.population import Filter
from policies.replay.slider import CurvePoint, SliderAnswer
from policies.services.drafts import section_token
from policies.statistics.intervals import Interval, wilson

#: Uploads that a slider looks at where nothing else was chosen, in days.
DAYS = 28


@dataclass(frozen=True, slots=True)
class Choice:
    """One threshold of a version.

    levels: where the levels of the category's base row stand, by name; None for never
    token: what `threshold_set` asks for, so that nobody else's change is overwritten
    document: what the version says, without its terms
    """

    version: PolicyVersion
    category: str
    level: str
    days: int
    levels: Mapping[str, float | None]
    token: str
    document: Mapping[str, Any]

    @property
    def now(self) -> float | None:
        """Where the threshold stands."""
        return self.levels.get(self.level)

    @property
    def bounds(self) -> tuple[float, float]:
        """How far it can move without passing the levels beside it."""
        place = LEVEL_KEYS.index(self.level)
        below = [self.levels[key] or 0.0 for key in LEVEL_KEYS[:place] if self.levels.get(key) is not None]
        above = [self.levels[key] or 1.0 for key in LEVEL_KEYS[place + 1 :] if self.levels.get(key) is not None]
        return max([0.01, *below]), min([1.0, *above])


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """Items with one outcome: under the active version, under the draft as written, under the draft so moved."""

    outcome: Outcome
    active: int
    draft: int
    moved: int

    @property
    def change(self) -> int:
        """Items more than under the active version, or fewer."""
        return self.moved - self.active


@dataclass(frozen=True, slots=True)
class OperatingRow:
    """Precision and recall at the threshold among labelled items that came before people in one way."""

    sampled: str
    precision: Interval
    recall: Interval


@dataclass(frozen=True, slots=True)
class Moved:
    """All that follows the threshold while it moves."""

    answer: SliderAnswer
    rows: tuple[OutcomeRow, ...]
    jobs: Jobs
    histogram: SafeString
    bars: tuple[tuple[float, float, int], ...]
    curve: SafeString | None
    curve_of: Curve | None
    curve_words: str
    operating: tuple[OperatingRow, ...]
    load: SafeString


def choice_of(version: PolicyVersion, form: SliderForm) -> Choice:
    """Return the threshold that is asked for, or the first of the form's categories; the form need not be valid."""
    [document] = documents_of([version], with_terms=False)
    data = getattr(form, "cleaned_data", {})
    rows = {row["category"]: row for row in document["thresholds"] if _is_base(row)}
    visible = [slug for slug in document["categories"] if slug in rows and slug in form.names]
    category = next((slug for slug in visible if slug == data.get("category")), visible[0])
    levels = {key: rows[category].get(key) for key in LEVEL_KEYS}
    strictest = next((key for key in reversed(LEVEL_KEYS) if levels[key] is not None), LEVEL_KEYS[-1])
    return Choice(
        version=version,
        category=category,
        level=data.get("level") or strictest,
        days=data.get("days") or DAYS,
        levels=levels,
        token=section_token(document, "thresholds"),
        document=document,
    )


def _is_base(row: Mapping[str, Any]) -> bool:
    return not any(row.get(key) for key in ("market", "language", "band"))


def prepare_slider(user: User, choice: Choice, now: datetime) -> PreparedSlider:
    """Return the slider over the uploads of the last days; whole days, so that it stays the same while somebody moves it.

    Raises: PolicyError when the version contradicts itself; PolicyUnavailable when none is active.
    """
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    since = int((midnight - timedelta(days=choice.days)).timestamp())
    wanted = Filter(since=since)
    return slider_for(choice.version, choice.category, wanted, now, reader=user, document=choice.document)


def move_to(user: User, prepared: PreparedSlider, choice: Choice, threshold: float | None, now: datetime) -> Moved:
    """Return what the threshold would do at another place.

    Raises: PolicyError when the levels would be out of order.
    """
    answer = prepared.slider.at(choice.level, threshold)
    curve, queues = curve_of(answer.curve), queues_known(user, _routes(choice), now)
    return Moved(
        answer=answer,
        rows=_outcomes(answer),
        jobs=estimate_staff(answer.queues, queues, (1.0, 1.0)),
        histogram=_histogram(answer, choice, threshold),
        bars=_bars(answer),
        curve=_curve(answer, curve) if curve else None,
        curve_of=curve,
        curve_words=SAMPLED_WORDS[curve.sampled] if curve else "",
        operating=tuple(_operating(point) for point in answer.operating),
        load=_load(answer, queues.hidden),
    )


def out_of_order(error: PolicyError) -> str:
    """Return in words why a threshold cannot stand there."""
    level = error.field.rpartition(".")[2]
    return f"The levels would be out of order. {LEVEL_WORDS.get(level, level)}: {error.message}."


def _outcomes(answer: SliderAnswer) -> tuple[OutcomeRow, ...]:
    return tuple(
        OutcomeRow(o, answer.flow.before(o), answer.from_draft.before(o), answer.flow.after(o)) for o in Outcome
    )


def _routes(choice: Choice) -> list[tuple[str, int]]:
    return [(row["queue"], row["sla_minutes"]) for row in choice.document["routing"]]


def _histogram(answer: SliderAnswer, choice: Choice, threshold: float | None) -> SafeString:
    marks = []
    if choice.now is not None and choice.now != threshold:
        marks.append(Mark(choice.now, f"draft {choice.now:g}", "mark was"))
    if threshold is not None:
        marks.append(Mark(threshold, f"here {threshold:g}"))
    title = (
        f"Items by score, and {LEVEL_WORDS[choice.level].lower()} from {'never' if threshold is None else threshold}"
    )
    return charts.histogram("scores", title, answer.histogram, marks, at=2.0 if threshold is None else threshold)


def _bars(answer: SliderAnswer) -> tuple[tuple[float, float, int], ...]:
    """Return the histogram as a table: low edge, high edge, items; bars of nothing are left out."""
    step = 1 / len(answer.histogram)
    return tuple((i * step, (i + 1) * step, n) for i, n in enumerate(answer.histogram) if n)


def _curve(answer: SliderAnswer, curve: Curve) -> SafeString:
    here = next((place_of(point) for point in answer.operating if point.sampled == curve.sampled), None)
    points = [(recall, precision) for _, recall, precision in curve.points]
    title = "Precision and recall at every threshold"
    return charts.precision_recall("curve", title, points, here[1:] if here else None)


def _operating(point: CurvePoint) -> OperatingRow:
    violating = point.n_violating + point.n_violating_below
    return OperatingRow(
        SAMPLED_WORDS[point.sampled], wilson(point.n_violating, point.n_above), wilson(point.n_violating, violating)
    )


def _load(answer: SliderAnswer, hidden: frozenset[str]) -> SafeString:
    rows = [row for row in answer.queues if row.queue not in hidden]
    busiest = sorted(rows, key=lambda row: -max(row.per_hour_before, row.per_hour_after))
    shown = [(row.queue, row.per_hour_before, row.per_hour_after) for row in busiest]
    return charts.pairs("jobs", "Jobs an hour by queue", shown)
