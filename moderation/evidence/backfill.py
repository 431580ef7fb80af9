"""Making stored evidence from decisions and findings of before there was any. Safe to repeat and beside live uploads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from moderation.decisions.evidence import category_codes, context_columns, floor_outcome
from moderation.detection.types import Finding as FoundFinding
from moderation.models import Decision, Finding, Item, ItemEvidence
from moderation.models.decision import MACHINE_STAGES
from moderation.models.item import DeepState
from moderation.verdict.evidence_codec import pack_findings, pack_fused, source_of
from policies.choices import Outcome


@dataclass(frozen=True, slots=True)
class Filled:
    """How far a pass is: the last item looked at (None at the end), and how many rows were made."""

    last_pk: int | None
    n_stored: int


@transaction.atomic
def evidence_backfill(*, after: int = 0, limit: int = 1_000) -> Filled:
    """Store the evidence of items that have none, in the order of their keys; rows that live work writes meanwhile stand.

    Args:
        after: primary key to go on behind.
        limit: items without evidence to look at.
    """
    items = list(
        Item.objects.select_related("current_decision")
        .filter(pk__gt=after, stored_evidence=None)
        .order_by("pk")[:limit]
    )
    judged = _last_judged([item.pk for item in items])
    found = _findings([decision.pk for decision in judged.values()])
    codes = category_codes()
    rows = [_row(item, judged[item.pk], found, codes) for item in items if item.pk in judged]
    ItemEvidence.objects.bulk_create(rows, ignore_conflicts=True)
    return Filled(items[-1].pk if len(items) == limit else None, len(rows))


def _last_judged(items: Sequence[int]) -> dict[int, Decision]:
    """Return the newest decision of each item that a detectors' run led to."""
    decisions = Decision.objects.filter(item__in=items, stage__in=MACHINE_STAGES).order_by("item_id", "pk")
    return {decision.item_id: decision for decision in decisions if "context" in decision.evidence}


def _findings(decisions: Sequence[int]) -> dict[int, list[Finding]]:
    found: dict[int, list[Finding]] = defaultdict(list)
    for finding in Finding.objects.filter(decision__in=decisions).order_by("pk"):
        found[finding.decision_id].append(finding)
    return found


def _row(
    item: Item, judged: Decision, found: Mapping[int, Sequence[Finding]], codes: Mapping[str, int]
) -> ItemEvidence:
    kind, market, language, claim, standing, missing = context_columns(judged.evidence)
    return ItemEvidence(
        item=item, decision=judged, creator_id=item.creator_id, txid=0, at=item.created_at, kind=kind, market=market,
        language=language, claim=claim, standing=standing, missing=missing,
        unlabelled=0 if judged.pk in found else judged.evidence.get("unlabelled", 0),
        floor=floor_outcome(item.current_decision.evidence) if item.current_decision else 0,
        is_final=item.deep_state != DeepState.QUEUED,
        cells=_cells(judged.evidence, found.get(judged.pk, ()), codes),
    )  # fmt: skip


def _cells(evidence: Mapping[str, Any], found: Sequence[Finding], codes: Mapping[str, int]) -> bytes:
    """Return an item's cells; where its findings were not kept, those of the scores as they were fused."""
    if not found:
        return pack_fused(evidence["scores"], evidence["hard"], codes)
    sources = [source_of(row.detector, row.where) for row in found]
    return pack_findings([_as_found(row) for row in found], sources, codes)


def _as_found(row: Finding) -> FoundFinding:
    hard = None if row.hard is None else Outcome(row.hard)
    return FoundFinding(row.detector, row.detector_version, row.category, row.score, hard=hard)
