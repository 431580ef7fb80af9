"""Charts as SVG, drawn on the server: no script, no inline style, colours by classes of the stylesheet.

Every chart has a title and a description for those who do not see it; the page puts the table with the same numbers beside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from policies.statistics.calibration import Bin

#: Units of the drawing; small, so that its text stays readable on a phone.
WIDTH, HEIGHT = 400, 208
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 12, 34


@dataclass(frozen=True, slots=True)
class Mark:
    """A vertical line at a value of the horizontal axis, with its words."""

    at: float
    words: str
    css: str = "mark"


def _tag(name: str, content: object = "", **attributes: object) -> SafeString:
    """Return one element; `cls` stands for class, and underscores for hyphens."""
    pairs = (("class" if key == "cls" else key.replace("_", "-"), _short(value)) for key, value in attributes.items())
    written = format_html_join("", ' {}="{}"', pairs)
    return format_html("<{}{}>{}</{}>", name, written, content, name)


def _short(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


def _join(parts: Sequence[SafeString]) -> SafeString:
    return format_html_join("", "{}", ((part,) for part in parts))


def _svg(
    uid: str, title: str, description: str, parts: Sequence[SafeString], css: str = "", height: int = HEIGHT
) -> SafeString:
    head = [_tag("title", title, id=f"{uid}-title"), _tag("desc", description, id=f"{uid}-desc")]
    return _tag(
        "svg",
        _join([*head, *parts]),
        cls=f"chart {css}".strip(),
        viewBox=f"0 0 {WIDTH} {height}",
        role="img",
        aria_labelledby=f"{uid}-title {uid}-desc",
    )


def amount(value: float) -> str:
    """Return a count as an axis writes it: 950, 1.2k, 30k, 4M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.3g}"


def _x(share: float) -> float:
    """Return where a share of the horizontal axis, in [0, 1], lies."""
    return _LEFT + share * (WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    """Return where a share of the vertical axis, in [0, 1] from the bottom, lies."""
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _text(x: float, y: float, words: str, anchor: str = "middle", css: str = "") -> SafeString:
    return _tag("text", words, x=x, y=y, text_anchor=anchor, **({"cls": css} if css else {}))


def _grid(rows: Sequence[tuple[float, str]], columns: Sequence[tuple[float, str]], x_title: str) -> list[SafeString]:
    """Return horizontal lines with their words at the left, words along the bottom, and the title of the bottom axis."""
    lines = [_tag("line", cls="grid", x1=_x(0), x2=_x(1), y1=_y(share), y2=_y(share)) for share, _ in rows]
    left = [_text(_LEFT - 6, _y(share) + 3.5, words, "end") for share, words in rows]
    below = [_text(_x(share), HEIGHT - _BOTTOM + 14, words) for share, words in columns]
    return [*lines, *left, *below, _text(_x(0.5), HEIGHT - 4, x_title, css="axis")]


_TENTHS = [(i / 5, f"{i / 5:g}") for i in range(6)]


def _marks(marks: Sequence[Mark]) -> list[SafeString]:
    """Return lines from top to bottom. Of several, the words of the last stand right of it and of the others left, so that
    no words cross another line; near an edge they stand where there is room."""
    parts = []
    for row, mark in enumerate(sorted(marks, key=lambda mark: mark.at)):
        x, is_last = _x(mark.at), row == len(marks) - 1
        is_right = mark.at < 0.2 or (is_last and mark.at < (0.82 if row else 0.6))
        parts.append(_tag("line", cls=mark.css, x1=x, x2=x, y1=_y(1), y2=_y(0)))
        words_at = x + 4 if is_right else x - 4
        parts.append(_text(words_at, _TOP + 8 + 12 * row, mark.words, "start" if is_right else "end", "on-mark"))
    return parts


def histogram(uid: str, title: str, counts: Sequence[int], marks: Sequence[Mark] = (), at: float = 1.0) -> SafeString:
    """Return bars over [0, 1], on a scale by powers of ten, since most scores lie near 0.

    Args:
        counts: items in equal steps from 0 to 1.
        marks: the threshold, and others to compare it with.
        at: bars from this score on are drawn as those that are acted on.
    """
    top = max(math.ceil(math.log10(max([*counts, 1]) + 1)), 1)
    rows = [(power / top, amount(10**power)) for power in range(top + 1)]
    step = 1 / max(len(counts), 1)
    bars = [
        _bar(i * step, step, math.log10(max(n, 0.6)) / top, i * step >= at - 1e-9) for i, n in enumerate(counts) if n
    ]
    total, above = sum(counts), sum(n for i, n in enumerate(counts) if i * step >= at - 1e-9)
    said = "; ".join(f"{mark.words} at {mark.at:.2f}" for mark in marks)
    description = f"{total:,} items by score, {above:,} of them in bars from {at:.2f} on. {said}"
    parts = [*_grid(rows, _TENTHS, "score (bars on a scale by powers of ten)"), *bars, *_marks(marks)]
    return _svg(uid, title, description.strip(), parts, "histogram")


def _bar(start: float, step: float, share: float, is_on: bool) -> SafeString:
    x, width = _x(start), _x(start + step) - _x(start)
    low, high = _y(0), _y(max(share, 0.012))
    return _tag("rect", cls="bar on" if is_on else "bar", x=x + 0.4, y=high, width=width - 0.8, height=low - high)


def precision_recall(
    uid: str, title: str, points: Sequence[tuple[float, float]], operating: tuple[float, float] | None
) -> SafeString:
    """Return the curve of (recall, precision), both in [0, 1] and in the order of thresholds, with where this one stands."""
    path = " ".join(f"{_x(recall):.1f},{_y(precision):.1f}" for recall, precision in points)
    parts = [*_grid(_TENTHS, _TENTHS, "recall →   (up: precision)"), _tag("polyline", cls="curve", points=path)]
    words = "the threshold has no point: too few labels"
    if operating:
        recall, precision = operating
        parts.append(_tag("circle", cls="operating", cx=_x(recall), cy=_y(precision), r=5))
        words = f"at the threshold, precision is {precision:.2f} and recall {recall:.2f}"
    return _svg(uid, title, f"Precision over recall at {len(points)} thresholds; {words}.", parts, "curve")


def load(uid: str, title: str, before: Sequence[float], after: Sequence[float]) -> SafeString:
    """Return jobs in each hour of the day, now and under the draft: (24,) each, from midnight UTC."""
    top = _nice(max([*before, *after, 0.0]))
    rows = [(i / 4, amount(top * i / 4)) for i in range(5)]
    columns = [(hour / 24, f"{hour:02d}") for hour in range(0, 25, 6)]
    parts = [*_grid(rows, columns, "hour of the day, UTC"), _steps(before, top, "before"), _steps(after, top, "after")]
    busiest = [max(range(len(side)), key=side.__getitem__) if side else 0 for side in (before, after)]
    said = f"Busiest at {busiest[0]:02d} h with {max(before, default=0):.1f}, and at {busiest[1]:02d} h with "
    description = f"Jobs an hour now and under the draft. {said}{max(after, default=0):.1f} under the draft."
    return _svg(uid, title, description, parts, "load")


def _steps(values: Sequence[float], top: float, css: str) -> SafeString:
    n = max(len(values), 1)
    corners = [(x, value / top) for i, value in enumerate(values) for x in (i / n, (i + 1) / n)]
    return _tag("polyline", cls=css, points=" ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in corners))


def _nice(value: float) -> float:
    """Return the next larger of 1, 2, 4, 10, 20, 40, ... so that quarters of it are round."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * step for step in (1, 2, 4, 10) if value <= power * step * (1 + 1e-9))


def reliability(uid: str, title: str, bins: Sequence[Bin]) -> SafeString:
    """Return what people said over what the score promised: dots with their intervals, and the line of perfect scores."""
    parts = [*_grid(_TENTHS, _TENTHS, "mean score →   (up: share that people found harmful)")]
    parts.append(_tag("line", cls="ideal", x1=_x(0), y1=_y(0), x2=_x(1), y2=_y(1)))
    for b in bins:
        x, css = _x(b.mean_score), "off" if b.is_off else "fits"
        parts.append(_tag("line", cls=f"whisker {css}", x1=x, x2=x, y1=_y(b.rate.low), y2=_y(b.rate.high)))
        # Area by items, so that a bin of three items does not look like one of three thousand.
        parts.append(
            _tag("circle", cls=f"dot {css}", cx=x, cy=_y(b.rate.estimate), r=2.5 + min(math.log10(b.rate.n), 4))
        )
    n_off = sum(b.is_off for b in bins)
    description = f"{sum(b.rate.n for b in bins):,} decided items in {len(bins)} bins; {n_off} bins lie off the line by more than chance."
    return _svg(uid, title, description, parts, "reliability")


def spark(values: Sequence[float], words: str, is_alarm: bool = False) -> SafeString:
    """Return a small line of a trend, oldest first, with the last value as a dot; nothing but a label where there is none."""
    if not values:
        return format_html('<span class="muted">{}</span>', "–")
    top, n = max([*values, 1e-9]), max(len(values) - 1, 1)
    places = [(2 + i / n * 92, 20 - value / top * 16) for i, value in enumerate(values)]
    line = _tag("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places))
    dot = _tag("circle", cx=places[-1][0], cy=places[-1][1], r=2.5)
    css = "spark alarm" if is_alarm else "spark"
    return _tag("svg", _join([_tag("title", words), line, dot]), cls=css, viewBox="0 0 96 24", role="img")


# --- the flow table ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """How many items go from one outcome to another. `heat` is 0 (none) to 5; `way` is same, stricter or milder."""

    n: int
    share: float
    heat: int
    way: str


def heat_cells(counts: Sequence[Sequence[int]]) -> list[list[Cell]]:
    """Return the cells of a flow table, [from][to] in Outcome order, coloured by powers of ten of their share."""
    total = max(sum(map(sum, counts)), 1)
    return [[_cell(n, n / total, i, j) for j, n in enumerate(row)] for i, row in enumerate(counts)]


def _cell(n: int, share: float, before: int, after: int) -> Cell:
    heat = max(1, min(5, 5 + math.ceil(math.log10(share) - 1e-9))) if n else 0
    way = "same" if before == after else "stricter" if after > before else "milder"
    return Cell(n, share, heat, way)


def pairs(uid: str, title: str, rows: Sequence[tuple[str, float, float]]) -> SafeString:
    """Return two bars for each named row: (name, now, under the draft). At most nine rows have room."""
    shown = rows[:9]
    top = _nice(max([0.0, *(max(row[1:]) for row in shown)]))
    left, height = 104, 20
    parts: list[SafeString] = []
    for i, (name, before, after) in enumerate(shown):
        y = 4 + i * height
        parts.append(_text(left - 6, y + 11, name if len(name) <= 16 else f"{name[:15]}…", "end"))
        for css, value, offset in (("bar", before, 0), ("bar now", after, 7)):
            width = max(value / top * (WIDTH - left - 46), 1.0)
            parts.append(_tag("rect", cls=css, x=left, y=y + offset, width=width, height=6))
        furthest = max(before, after) / top * (WIDTH - left - 46)
        parts.append(_text(left + furthest + 5, y + 11, f"{after:.2g}" if after < 100 else amount(after), "start"))
    said = "; ".join(f"{name}: {amount(before)}, then {amount(after)}" for name, before, after in rows)
    return _svg(
        uid, title, f"Jobs an hour now and then, by queue. {said}", parts, "pairs", max(len(shown), 1) * height + 8
    )
