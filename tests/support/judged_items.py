"""Verdicts of machines on an item, recorded as the deep pass does."""

from __future__ import annotations

from django.utils import timezone

from moderation.decisions.record import decision_by_machine
from moderation.detection.types import Finding, Result
from moderation.items.context import context_of
from moderation.live.lists import lists_mark
from moderation.models import Decision, Item
from moderation.models.decision import DecisionStage
from moderation.verdict.judge import judge
from moderation.verdict.judgement import Judgement
from policies.choices import DETECTORS, Outcome
from policies.live import active_policy


def judged(item: Item, *findings: Finding) -> Judgement:
    return judge(results(*findings), context_of(item), active_policy(), lists=lists_mark())


def machine(item: Item, *findings: Finding) -> Decision:
    return decision_by_machine(
        item=item, judgement=judged(item, *findings), policy=active_policy(), stage=DecisionStage.DEEP, is_final=True,
        now=timezone.now(),
    )  # fmt: skip


def bank_match(category: str = "dangerous_acts") -> Finding:
    return Finding("hashes", "test", category, 1.0, {"bank": "known", "distance": 0}, hard=Outcome.BLOCK)


def results(*findings: Finding) -> list[Result]:
    """Return results of all detectors, with these findings and none missing."""
    return [Result(d, "test", tuple(f for f in findings if f.detector == d)) for d in DETECTORS]
