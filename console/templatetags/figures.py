"""How the console writes shares, intervals and counts."""

from django import template

from policies.statistics.intervals import Interval

#: Between a number and its sign: they are one word.
_NB = "\N{NO-BREAK SPACE}"

register = template.Library()


@register.filter
def percent(share: float | None) -> str:
    """Return a share as a percentage, with as many digits as tell something: `12 %`, `3.4 %`, `0.06 %`; a dash for none."""
    if share is None:
        return "–"
    value = 100 * share
    if value == 0:
        return f"0{_NB}%"
    if 0 < 100 - value < 0.5:  # not quite everything must not read as everything
        return f"{min(value, 99.99):.2f}{_NB}%"
    digits = 0 if value >= 9.95 else 1 if value >= 0.95 else 2
    return f"{max(value, 0.01):.{digits}f}{_NB}%"


@register.filter
def interval(value: Interval | None) -> str:
    """Return a rate with its interval: `12 % (8.1 % to 17 %)`; a dash where nothing was counted."""
    if value is None or not value.n:
        return "–"
    return f"{percent(value.estimate)} ({percent(value.low)} to {percent(value.high)})"


@register.filter
def count(n: float | None) -> str:
    """Return a whole number in groups of three; a dash for none."""
    return "–" if n is None else f"{n:,.0f}"


@register.filter
def rate(per_hour: float | None) -> str:
    """Return jobs an hour: `0.4`, `12.5`, `1,240`; a dash for none."""
    if per_hour is None:
        return "–"
    return f"{per_hour:,.0f}" if per_hour >= 100 else f"{per_hour:.1f}" if per_hour >= 0.05 or not per_hour else "< 0.1"


@register.filter
def with_sign(n: float) -> str:
    """Return a change with its sign: `+1,204`, `−3`, `0`."""
    return f"{'+' if n > 0 else '−' if n < 0 else ''}{abs(n):,.0f}"


@register.filter
def at(value: float | None) -> str:
    """Return a score or threshold with the digits it was written with, at least two: `0.85`, `0.7125`; "never" for none."""
    if value is None:
        return "never"
    written = f"{value:.4f}".rstrip("0")
    whole, _, digits = written.partition(".")
    return f"{whole}.{digits.ljust(2, '0')}"


@register.filter
def rate_with_sign(per_hour: float) -> str:
    """Return a change in jobs an hour with its sign: `+0.4`, `−12.0`, `0.0`."""
    return f"{'+' if per_hour > 0 else '−' if per_hour < 0 else ''}{abs(per_hour):,.1f}"
