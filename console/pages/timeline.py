"""The evidence timeline as a chart and a list: lanes, marks and words. Pure functions over moments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.pages.evidence import Levels, bar_of, clock
from moderation.items.timeline import TRACKS, Moment
from moderation.models import Decision
from policies.choices import Outcome

#: The chart's own units: a clip is this wide.
WIDTH = 1_000
#: A mark is never narrower than this, or a flash could not be seen.
_NARROWEST = 8

MARKED = "Marked"
LANE_NAMES = {"speech": "Said", "ocr": "Written", "vision": "Shown", "frames": "Known"}


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment as a box in its lane and as a row of the list. Lengths in chart units."""

    x: float
    width: float
    css: str
    at_ms: int
    starts: str
    ends: str
    lane: str
    category: str
    what: str
    score: float
    hard: str
    level: str
    is_by_person: bool = False

    @property
    def has_no_score(self) -> bool:
        """True where a number would say nothing: a person, or a bank that does not block, said so."""
        return self.is_by_person or bool(self.hard and not self.score)


@dataclass(frozen=True, slots=True)
class Chart:
    """The timeline of a clip: all moments by time, the same by lane, and the times at its start, middle and end."""

    marks: Sequence[Mark]
    lanes: Sequence[tuple[str, Sequence[Mark]]]
    labels: Sequence[str]
    duration_ms: int


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a clip that a person marked as breaking a rule."""

    from_ms: int
    until_ms: int
    category: str
    by: str


def spans_of(decisions: Iterable[Decision]) -> list[Span]:
    """Return what people marked in an item, oldest first."""
    return [
        Span(*d.span_ms, category=d.category, by=d.actor.get_username() if d.actor else "")
        for d in decisions
        if d.span_ms
    ]


#: What a mark looks like, by how much it weighs.
_CSS_BY_WEIGHT = ("", "warn", "over")


def chart_of(
    moments: Sequence[Moment],
    duration_ms: int | None,
    levels: Levels,
    names: Mapping[str, str],
    spans: Sequence[Span] = (),
) -> Chart | None:
    """Return the chart; None where nothing has a time.

    Args:
        spans: what people marked as breaking a rule.
        duration_ms: the clip's; where nobody knows it, the last moment ends it.
        names: category slug -> name.
    """
    if not moments and not spans:
        return None
    length = max(duration_ms or 0, *(m.until_ms for m in moments), *(s.until_ms for s in spans), 1_000)
    marks = [_mark(m, length, levels, names) for m in moments]
    marks += [_span_mark(s, length, names) for s in spans]
    marks.sort(key=lambda mark: mark.at_ms)
    drawn = sorted(marks, key=lambda mark: (_CSS_BY_WEIGHT.index(mark.css), mark.score))  # what weighs most lies on top
    lanes = [
        (name, [mark for mark in drawn if mark.lane == name]) for name in (MARKED, *(LANE_NAMES[t] for t in TRACKS))
    ]
    labels = [clock(ms) for ms in (0, length // 2, length)]
    return Chart(marks, [lane for lane in lanes if lane[1]], labels, length)


def _mark(moment: Moment, length: int, levels: Levels, names: Mapping[str, str]) -> Mark:
    bar = bar_of(moment.score, levels.get(moment.category, ()))
    x = moment.start_ms / length * WIDTH
    wide = max((moment.until_ms - moment.start_ms) / length * WIDTH, _NARROWEST)
    is_worst = moment.hard == Outcome.BLOCK or (bar.is_over and bar.level == "block")
    return Mark(
        x=round(min(x, WIDTH - wide), 1),
        width=round(wide, 1),
        css="over" if is_worst else "warn" if moment.hard or bar.is_over else "",
        at_ms=moment.start_ms,
        starts=clock(moment.start_ms),
        ends=clock(moment.until_ms) if moment.until_ms > moment.start_ms else "",
        lane=LANE_NAMES[moment.track],
        category=names.get(moment.category, moment.category),
        what=moment.what,
        score=moment.score,
        hard=Outcome(moment.hard).label if moment.hard else "",
        level=bar.level if bar.is_over else "",
    )


def _span_mark(span: Span, length: int, names: Mapping[str, str]) -> Mark:
    x, wide = span.from_ms / length * WIDTH, max((span.until_ms - span.from_ms) / length * WIDTH, _NARROWEST)
    return Mark(
        x=round(min(x, WIDTH - wide), 1),
        width=round(wide, 1),
        css="over",
        at_ms=span.from_ms,
        starts=clock(span.from_ms),
        ends=clock(span.until_ms),
        lane=MARKED,
        category=names.get(span.category, span.category),
        what=f"marked by {span.by}" if span.by else "marked",
        score=1.0,
        hard="",
        level="",
        is_by_person=True,
    )


def moment_asked(text: str | None, duration_ms: int | None) -> int | None:
    """Return the time (ms) that an address asks for with `?at=`; None where it asks for none that the clip has."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    at = int(text)
    return at if at <= (duration_ms or at) else None
