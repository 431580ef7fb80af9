"""Verdicts of machines with what they were missing, for the evidence that is stored of them."""

from __future__ import annotations

from django.utils import timezone

from moderation.decisions.record import decision_by_machine
from moderation.detection.types import Finding, Missing, Result
from moderation.items.context import context_of
from moderation.live.lists import lists_mark
from moderation.models import Item
from moderation.models.decision import DecisionStage
from moderation.verdict.evidence_codec import source_of
from moderation.verdict.judge import judge
from moderation.verdict.judgement import Judgement
from policies.choices import DETECTORS
from policies.live import active_policy


def judged(item: Item, *findings: Finding, missing: tuple[str, ...] = ()) -> Judgement:
    """Return the verdict on findings of all detectors, those in `missing` silent; findings over read text come by ocr."""
    results = [
        Result(
            d, "1", tuple(f for f in findings if source_of(f.detector, f.where) == d),
            missing=Missing(d, "failed") if d in missing else None,
        )
        for d in DETECTORS
    ]  # fmt: skip
    return judge(results, context_of(item), active_policy(), lists=lists_mark())


def machine(item: Item, judgement: Judgement, stage: DecisionStage = DecisionStage.DEEP) -> None:
    decision_by_machine(
        item=item, judgement=judgement, policy=active_policy(), stage=stage, is_final=True, now=timezone.now()
    )
