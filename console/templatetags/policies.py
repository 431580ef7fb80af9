"""How the console writes what a policy document says: levels, places, languages, contexts."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from console.templatetags.gatehouse import span
from moderation.models import Activation
from moderation.rollout.queries import Agreement
from policies.choices import BAND_KEYS
from policies.document.diff import context_words, level_words
from policies.document.place_names import language_name, region_name

register = template.Library()


@register.filter
def level(value: float | str | None) -> str:
    """Return a threshold with two places, more where it has them; a dash for never."""
    if value is None or isinstance(value, str):  # a template gives "" for a key that is absent
        return "–"
    return level_words(value)


@register.filter
def region(code: str) -> str:
    """Return the name of a country."""
    return region_name(code)


@register.filter
def regions(codes: Iterable[str]) -> str:
    """Return the names of countries."""
    return ", ".join(region_name(code) for code in codes)


@register.filter
def language(code: str) -> str:
    """Return the name of a language."""
    return language_name(code)


@register.filter
def context_in_words(row: Mapping[str, Any]) -> str:
    """Return where a row of thresholds holds, in words."""
    band = BAND_KEYS.index(row["band"]) if row.get("band") else None
    return context_words(row.get("market", ""), row.get("language", ""), band) or "everywhere"


@register.filter
def cells(agreement: Agreement) -> list[dict[str, Any]]:
    """Return the agreement table row by row: what was decided, and of each thing it would have been, how many."""
    return [
        {
            "outcome": was,
            "cells": [{"would": would, "n": n, "is_same": was == would} for would, n in enumerate(row)],
        }
        for was, row in enumerate(agreement.matrix)
    ]


@register.filter
def share(rate: float) -> str:
    """Return a rate in percent."""
    return f"{100 * rate:.1f} %"


@register.filter
def points(difference: float | str | None) -> str:
    """Return a difference of rates in percentage points, with one place; a dash for none."""
    if difference is None or isinstance(difference, str):
        return "–"
    return f"{round(100 * difference, 1) + 0.0:.1f} pp"  # adding zero takes the sign from minus nought


@register.filter
def took(activation: Activation) -> str:
    """Return how long an activation took; a dash while it runs."""
    ended = activation.finished_at
    return "–" if ended is None else span((ended - activation.created_at).total_seconds())
