"""Small plots as inline SVG: a precision-recall curve and a reliability diagram side by side."""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

_SIDE = 150
_MARGIN = 22
#: Points of a curve that are kept; more cannot be seen.
_MAX_POINTS = 80


def thin(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> list[list[float]]:
    """Return at most _MAX_POINTS points of a curve, evenly along its steps."""
    if not len(x):
        return []
    kept = np.unique(np.linspace(0, len(x) - 1, _MAX_POINTS).round().astype(int))
    return [[round(float(x[i]), 4), round(float(y[i]), 4)] for i in kept]


def figure(name: str, curve: Sequence[Sequence[float]], bins: Sequence[Sequence[Any]]) -> str:
    """Return a figure with both plots of one category."""
    line = _polyline([(r, p) for r, p in curve], "var(--ink)")
    diagonal = _polyline([(0, 0), (1, 1)], "var(--line)")
    steps = _polyline([(s, share) for s, share, _ in bins], "var(--two)")
    dots = "".join(_dot(s, share, n) for s, share, n in bins)
    return (
        f"<figure>{_frame('recall', 'precision', line)}{_frame('score', 'share unsafe', diagonal + steps + dots)}"
        f"<figcaption>{escape(name.replace('_', ' '))}</figcaption></figure>"
    )


def _frame(x: str, y: str, inside: str) -> str:
    size = _SIDE + 2 * _MARGIN
    return (
        f"<svg width={size} height={size} role=img aria-label='{escape(y)} over {escape(x)}'>"
        f"<rect x={_MARGIN} y={_MARGIN} width={_SIDE} height={_SIDE} fill=none stroke='var(--line)'/>{inside}"
        f"<text x={size / 2} y={size - 6} font-size=11 text-anchor=middle fill=currentColor>{escape(x)}</text>"
        f"<text x=12 y={size / 2} font-size=11 text-anchor=middle fill=currentColor "
        f"transform='rotate(-90 12 {size / 2})'>{escape(y)}</text></svg>"
    )


def _place(x: float, y: float) -> tuple[float, float]:
    return round(_MARGIN + x * _SIDE, 1), round(_MARGIN + (1 - y) * _SIDE, 1)


def _polyline(points: Sequence[tuple[float, float]], colour: str) -> str:
    places = " ".join("{},{}".format(*_place(x, y)) for x, y in points)
    return f"<polyline points='{places}' fill=none stroke='{colour}' stroke-width=1.6 />"


def _dot(x: float, y: float, n: int) -> str:
    cx, cy = _place(x, y)
    return (
        f"<circle cx={cx} cy={cy} r={min(2 + n**0.5 / 12, 7):.1f} fill='var(--two)'><title>{n} texts</title></circle>"
    )
