"""Sliders kept ready in this process: preparing one over a million items takes seconds, moving it milliseconds.

A slider looks at the evidence as it was when it was prepared, so that its numbers do not jump while somebody moves it.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from moderation.evidence_store import stored_population
from moderation.simulations import human_labels
from policies.compile import compile_parsed, threshold_variant
from policies.compiled import CompiledPolicy
from policies.documents import document_of
from policies.models import PolicyVersion
from policies.population import Filter
from policies.rows import Document
from policies.schema import parse_document
from policies.selectors import compiled_active
from policies.slider import Slider, SliderAnswer

#: One over a million items takes about 250 MB.
KEPT = 2
#: After so long the next look prepares it anew, with what came in since.
FRESH = timedelta(minutes=10)

_Key = tuple[int, int, str, str]  # the draft's row and its last change, the active version's digest, the category


@dataclass(frozen=True, slots=True)
class Prepared:
    """A slider with what it was made of. `made_at` is when the evidence was read."""

    slider: Slider
    draft: CompiledPolicy
    document: Document
    made_at: datetime

    def at(self, level: str, threshold: float | None) -> SliderAnswer:
        """Return what the draft would do with one level of the category at `threshold`; None for never.

        Raises: PolicyError when the levels would be out of order; ValueError for a level that does not exist.
        """
        return self.slider.at(level, threshold)

    def levels(self) -> dict[str, float | None]:
        """Return where the levels of the category's base row stand in the draft, by name."""
        return base_levels(self.document, self.slider.category)


class _Sliders:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: OrderedDict[_Key, Prepared] = OrderedDict()

    def get(self, version: PolicyVersion, category: str, days: int, now: datetime) -> Prepared:
        active = compiled_active()
        key = (version.pk, _last_change(version), active.digest, f"{category}/{days}")
        # One prepares, the others wait for it: two at once would need the memory of both.
        with self.lock:
            found = self.kept.pop(key, None)
            if found is None or now - found.made_at > FRESH:
                while len(self.kept) >= KEPT:
                    self.kept.popitem(last=False)
                found = _prepare(version, active, category, days, now)
            self.kept[key] = found
            return found


_sliders = _Sliders()


def slider_of(version: PolicyVersion, category: str, *, days: int, now: datetime) -> Prepared:
    """Return the slider of a version's category over the evidence of the last days, ready to move.

    Raises: PolicyError when the version contradicts itself; PolicyUnavailable when none is active; ValueError when it does
        not know the category.
    """
    return _sliders.get(version, category, days, now)


def forget() -> None:
    """Drop what this process holds."""
    with _sliders.lock:
        _sliders.kept.clear()


def base_levels(document: Document, category: str) -> dict[str, float | None]:
    """Return the levels of a category's base row by name; empty where it has none."""
    from policies.schema import LEVEL_KEYS

    row = next((row for row in document.thresholds if row.category == category and row.is_base), None)
    return dict(zip(LEVEL_KEYS, row.levels, strict=True)) if row else {}


def _last_change(version: PolicyVersion) -> int:
    """Return the last step in the version's record: every change of a draft is recorded."""
    return version.approvals.order_by("-pk").values_list("pk", flat=True).first() or 0


def _prepare(
    version: PolicyVersion, active: CompiledPolicy, category: str, days: int, now: datetime
) -> Prepared:
    document = parse_document(document_of(version))
    draft = compile_parsed(document)
    since = now - timedelta(days=days)
    population = stored_population(now).where(Filter(since=int(since.timestamp()), until=int(now.timestamp()) + 1))
    labels = human_labels(population, since=since)

    def variant(level: str, threshold: float | None) -> CompiledPolicy:
        return threshold_variant(draft, document, category, level, threshold)

    slider = Slider(population, active, draft, category, variant=variant, labels=labels)
    return Prepared(slider, draft, document, now)
