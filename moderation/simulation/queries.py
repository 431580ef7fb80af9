"""Reads for simulations: what people decided, saved runs, and prepared sliders. Nothing here changes a row."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from moderation.evidence.store import load_population, without_restricted
from moderation.items.visibility import NOBODY, Person, may_know, runs_visible
from moderation.models import SimulationRun
from moderation.verdict.routing import AUDIT_REASON, REPORT_REASON
from policies.decision.compile import compile_parsed, threshold_variant
from policies.decision.compiled import CompiledPolicy
from policies.document.rows import Document
from policies.document.schema import parse_document
from policies.document.stored import documents_of
from policies.live import active_policy
from policies.models import Approval, PolicyVersion
from policies.replay.outcomes import SAMPLED
from policies.replay.population import Filter, Population
from policies.replay.simulation import Labels
from policies.replay.slider import Slider

#: A prepared slider answers from the evidence of its preparation for so long; then it is prepared anew.
SLIDER_KEPT = timedelta(minutes=5)
#: Prepared sliders that a process keeps; one over a million items takes about 150 MB.
SLIDERS_KEPT = 2

# How an item came before people is how its first job came about: later ones follow from that.
_LABELS = """
    SELECT DISTINCT ON (d.item_id) d.item_id, d.outcome, coalesce(c.id, -1),
        CASE WHEN j.reason IS NULL THEN %(other)s WHEN j.reason = %(audit)s THEN %(random)s
             WHEN j.reason LIKE %(report)s || '%%' THEN %(reported)s ELSE %(escalated)s END
    FROM moderation_decision d
    LEFT JOIN policies_category c ON c.slug = d.category
    LEFT JOIN LATERAL (SELECT reason FROM moderation_job WHERE item_id = d.item_id ORDER BY id LIMIT 1) j ON true
    WHERE d.actor_id IS NOT NULL AND d.outcome <> 2 AND d.created_at >= %(since)s
        AND NOT EXISTS (SELECT FROM moderation_decision u WHERE u.supersedes_id = d.id AND u.stage = 'undone')
    ORDER BY d.item_id, d.id DESC
"""


def human_labels(population: Population, *, since: datetime | None) -> Labels:
    """Return the last word that people had on each item of a population, however the item came before them.

    An item that waits for a senior has none yet, and what somebody took back is not what they say.

    Args:
        population: gives the items, and the categories that labels name.
        since: decisions from then on; None for all.
    """
    names = {name: i for i, name in enumerate(SAMPLED)}
    values: dict[str, Any] = {
        **names,
        "audit": AUDIT_REASON,
        "report": REPORT_REASON,
        "since": since or datetime.min.replace(tzinfo=UTC),
    }
    with connection.cursor() as cursor:
        cursor.execute(_LABELS, values)
        rows = np.array(cursor.fetchall(), np.int64).reshape(-1, 4)
    # That there are decisions on other items says something of those too.
    rows = rows[np.isin(rows[:, 0], population.item_pk)]
    category = np.where(rows[:, 2] < len(population.categories), rows[:, 2], -1)
    return Labels(
        categories=population.categories,
        item_pk=rows[:, 0],
        outcome=rows[:, 1].astype(np.uint8),
        category=category.astype(np.int16),
        sampled=rows[:, 3].astype(np.uint8),
    )


def simulation_list(reader: Person = NOBODY, *, draft_key: UUID | None = None) -> QuerySet[SimulationRun]:
    """Return the saved runs that a person may read without their results, the newest first; of one version, where named."""
    runs = runs_visible(reader).select_related("draft", "active", "started_by").defer("result", "result_whole")
    return runs if draft_key is None else runs.filter(draft_key=draft_key)


def simulation_get(key: str | UUID, reader: Person = NOBODY) -> SimulationRun | None:
    """Return one run that a person may read, or None; its `was_edited` says whether the draft was edited since."""
    edits = Approval.objects.filter(
        version=OuterRef("draft"), at__gt=OuterRef("created_at"), verb__in=[Approval.Verb.EDIT, Approval.Verb.CREATE]
    )
    runs = runs_visible(reader).select_related("draft", "active", "started_by").annotate(was_edited=Exists(edits))
    try:
        return runs.filter(key=key).first()
    except (ValidationError, ValueError):
        return None


# --- sliders -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PreparedSlider:
    """A slider and when its evidence was read."""

    slider: Slider
    as_of: datetime


_Key = tuple[str, str, str, Filter, bool]
_sliders: dict[_Key, PreparedSlider] = {}
_preparing = threading.Lock()


def slider_for(
    version: PolicyVersion,
    category: str,
    wanted: Filter,
    now: datetime,
    *,
    reader: Person = NOBODY,
    document: Mapping[str, Any] | None = None,
) -> PreparedSlider:
    """Return a slider over a version's thresholds in one category, prepared in this process at most SLIDER_KEPT ago.

    A version that was edited meanwhile has another digest, and so another slider.

    Args:
        reader: who moves it; items that they may not know of are not counted.
        document: what the version says, where it was read already; its terms are not looked at.

    Raises:
        ValueError: the version does not know the category.
        policies.errors.PolicyError: it cannot be compiled.
        policies.errors.PolicyUnavailable: no version is active.
    """
    # Words are not replayed, and long lists of them would cost more than a move of the slider may.
    said = documents_of([version], with_terms=False)[0] if document is None else document
    parsed = parse_document({**said, "terms": {}})
    draft, active = compile_parsed(parsed), active_policy()
    is_whole = may_know(reader)
    key = (active.digest, draft.digest, category, wanted, is_whole)
    with _preparing:  # two moves at once prepare one slider
        kept = _sliders.pop(key, None)
        if kept is None or not timedelta(0) <= now - kept.as_of < SLIDER_KEPT:
            kept = PreparedSlider(
                _prepare(parsed, draft, active, category, _population(wanted, now, is_whole), wanted), now
            )
        _sliders[key] = kept
        while len(_sliders) > SLIDERS_KEPT:
            del _sliders[next(iter(_sliders))]
        return kept


def sliders_forget() -> None:
    """Drop every prepared slider."""
    with _preparing:
        _sliders.clear()


def _population(wanted: Filter, now: datetime, is_whole: bool) -> Population:
    population = load_population(now).where(wanted)
    return population if is_whole else without_restricted(population)


def _prepare(
    document: Document,
    draft: CompiledPolicy,
    active: CompiledPolicy,
    category: str,
    population: Population,
    wanted: Filter,
) -> Slider:
    since = None if wanted.since is None else datetime.fromtimestamp(wanted.since, UTC)

    def variant(level: str, threshold: float | None) -> CompiledPolicy:
        return threshold_variant(draft, document, category, level, threshold)

    return Slider(population, active, draft, category, variant=variant, labels=human_labels(population, since=since))
