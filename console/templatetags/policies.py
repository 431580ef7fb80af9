"""How the console writes what a policy document says: levels, places, languages, contexts."""

from collections.abc import Iterable, Mapping
from typing import Any

from django import template

from policies.choices import BAND_KEYS
from policies.diff import context_words, level_words
from policies.place_names import language_name, region_name

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
def context_of(row: Mapping[str, Any]) -> str:
    """Return where a row of thresholds holds, in words."""
    band = BAND_KEYS.index(row["band"]) if row.get("band") else None
    return context_words(row.get("market", ""), row.get("language", ""), band) or "everywhere"
