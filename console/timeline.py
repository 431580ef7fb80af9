"""The evidence timeline as a chart and a list: lanes, marks and words. Pure functions over moments."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.evidence import Levels, bar_of, clock
from moderation.timeline import TRACKS, Moment
from policies.choices import Outcome

#: The chart's own units: a clip is this wide, a lane this high.
WIDTH, LANE = 1_000, 26
#: A mark is never narrower than this, or a flash could not be seen.
_NARROWEST = 8
_TICKS = 6

LANE_NAMES = {"speech": "Said", "ocr": "Written", "vision": "Shown", "frames": "Known"}
_TICK_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Mark:
    """One moment as a box in its lane and as a row of the list. Lengths in chart units."""

    x: float
    y: int
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


@dataclass(frozen=True, slots=True)
class Chart:
    """The timeline of a clip."""

    marks: Sequence[Mark]
    lanes: Sequence[tuple[str, int]]
    ticks: Sequence[tuple[float, str]]
    height: int
    duration_ms: int


def chart_of(
    moments: Sequence[Moment], duration_ms: int | None, levels: Levels, names: Mapping[str, str]
) -> Chart | None:
    """Return the chart; None where nothing has a time.

    Args:
        duration_ms: the clip's; where nobody knows it, the last moment ends it.
        names: category slug -> name.
    """
    if not moments:
        return None
    tracks = [track for track in TRACKS if any(m.track == track for m in moments)]
    length = max(duration_ms or 0, *(m.until_ms for m in moments), 1_000)
    marks = [_mark(m, tracks.index(m.track), length, levels, names) for m in moments]
    lanes = [(LANE_NAMES[track], i * LANE) for i, track in enumerate(tracks)]
    return Chart(marks, lanes, _ticks(length), len(tracks) * LANE, length)


def _mark(moment: Moment, lane: int, length: int, levels: Levels, names: Mapping[str, str]) -> Mark:
    bar = bar_of(moment.score, levels.get(moment.category, ()))
    x = moment.start_ms / length * WIDTH
    wide = max((moment.until_ms - moment.start_ms) / length * WIDTH, _NARROWEST)
    is_worst = moment.hard == Outcome.BLOCK or (bar.is_over and bar.level == "block")
    return Mark(
        x=round(min(x, WIDTH - wide), 1),
        y=lane * LANE,
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


def _ticks(length_ms: int) -> list[tuple[float, str]]:
    """Return (x, label) of round times, at most _TICKS of them after the start."""
    step = next((s for s in _TICK_SECONDS if length_ms / 1_000 / s <= _TICKS), _TICK_SECONDS[-1]) * 1_000
    return [(round(ms / length_ms * WIDTH, 1), clock(ms).removesuffix(".0")) for ms in _every(length_ms, step)]


def _every(length_ms: int, step_ms: int) -> Iterable[int]:
    return range(0, length_ms + 1, step_ms)


def moment_asked(text: str | None, duration_ms: int | None) -> int | None:
    """Return the time (ms) that an address asks for with `?at=`; None where it asks for none that the clip has."""
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    at = int(text)
    return at if at <= (duration_ms or at) else None
