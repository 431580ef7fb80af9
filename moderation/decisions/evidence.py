"""Keeping the latest machine evidence of every item beside its decisions. One statement, in the decision's transaction."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from moderation.db.histories import forget_with_history
from moderation.db.statements import run
from moderation.models import Decision, Item
from moderation.models.evidence import UNKNOWN
from moderation.verdict.evidence_codec import market_or_unknown, missing_mask, pack_findings, primary_subtag
from moderation.verdict.floor import CampaignFloor
from moderation.verdict.judgement import Judgement
from policies.choices import ItemKind
from policies.decision.compiled import CompiledPolicy
from policies.models import Category

#: A category that was not there a moment ago is looked for again after so long.
RECHECK_SECONDS = 30.0
# Built by hand, like all that the uploader waits for.
_KEEP = """
    INSERT INTO moderation_itemevidence
        (item_id, decision_id, creator_id, txid, at, kind, market, language, claim, standing, missing, unlabelled, floor,
         is_final, cells)
    VALUES (%s, %s, %s, 0, %s, %s, %s, %s, %s, %s, %s, 0, %s, %s, %s)
    ON CONFLICT (item_id) DO UPDATE SET
        (decision_id, kind, market, language, claim, standing, missing, unlabelled, floor, is_final, cells)
        = (EXCLUDED.decision_id, EXCLUDED.kind, EXCLUDED.market, EXCLUDED.language, EXCLUDED.claim, EXCLUDED.standing,
           EXCLUDED.missing, EXCLUDED.unlabelled, EXCLUDED.floor, EXCLUDED.is_final, EXCLUDED.cells)
"""
_FLOOR = "UPDATE moderation_itemevidence SET floor = %s, decision_id = %s WHERE item_id = %s"


class _Codes:
    """Category to code, per policy version: a version's categories are there before anything is judged under it."""

    def __init__(self) -> None:
        self.known: dict[str, tuple[float, dict[str, int]]] = {}

    def of(self, policy: CompiledPolicy, judgement: Judgement) -> Mapping[str, int]:
        at, codes = self.known.get(policy.key, (float("-inf"), {}))
        is_new = any(f.category not in codes for f in judgement.findings)
        if policy.key not in self.known or (is_new and time.monotonic() - at > RECHECK_SECONDS):
            codes = category_codes()
            self.known = {**dict(list(self.known.items())[-7:]), policy.key: (time.monotonic(), codes)}
        return codes


_codes = _Codes()
# the number of a category that a restore takes away goes to another one
forget_with_history(lambda: _codes.known.clear())


def category_codes() -> dict[str, int]:
    """Return the code that cells use for each category that any version has: its row's number, which never changes."""
    return {slug: pk for slug, pk in Category.objects.values_list("slug", "pk") if pk < 2**16}


def evidence_keep(
    *, item: Item, decision: Decision, judgement: Judgement, policy: CompiledPolicy, is_final: bool
) -> None:
    """Store what a machine judgement rests on, inside the caller's transaction with the item locked or just made.

    Args:
        is_final: no further evidence is under way.
    """
    codes = _codes.of(policy, judgement)
    cells = pack_findings(judgement.findings, judgement.sources, codes)
    values = [item.pk, decision.pk, item.creator_id, item.created_at, *context_columns(judgement.evidence)]
    run(_KEEP, [*values, floor_outcome(judgement.evidence), is_final, cells])


def evidence_floor(*, item: Item, decision: Decision, judgement: Judgement) -> None:
    """Store that an item's campaign has another floor; what was found on the item stays as it is."""
    run(_FLOOR, [floor_outcome(judgement.evidence), decision.pk, item.pk])


def context_columns(evidence: Mapping[str, Any]) -> list[Any]:
    """Return kind, market, language, claim, standing and missing as the columns hold them."""
    context = evidence["context"]
    return [
        context["kind"] if context["kind"] in ItemKind.values else UNKNOWN,
        market_or_unknown(context["market"]),
        primary_subtag(context["language"]),
        context["claim"] or 0,  # no claim: meant for everyone
        UNKNOWN if context["standing"] is None else context["standing"],
        missing_mask(evidence["missing"]),
    ]


def floor_outcome(evidence: Mapping[str, Any]) -> int:
    """Return the outcome that the floor which evidence was decided with sets as the mildest; 0 where there is none."""
    floor = CampaignFloor.of(evidence)
    return int(floor.outcome) if floor else 0
