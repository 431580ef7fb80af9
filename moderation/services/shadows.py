"""What versions in shadow would have decided: recorded beside the upload path, seconds after each decision.

Not in the decision's transaction: uploads would wait while each shadow judges, and for one more row each. Afterwards it costs
the path nothing, and the shadow's own term lists can be applied to the caption as well.
"""

from datetime import datetime, timedelta
from functools import lru_cache

import structlog
from django.db import connection

from moderation import emergency_source
from moderation.campaign_floor import CampaignFloor
from moderation.detectors.base import Finding
from moderation.detectors.terms import TermsDetector
from moderation.evidence_again import context_again, results_again
from moderation.judge import Judgement, judge, under_floor
from moderation.models import Decision, ShadowVerdict
from moderation.onpath import load_terms
from moderation.services.decisions import version_pk
from policies.compiled import CompiledPolicy
from policies.rollout import MAX_SHADOWS
from policies.selectors import rollout

log = structlog.get_logger(__name__)

#: Decisions are looked for so far back: a worker that was away for longer leaves a gap, which changes no share.
_LOOKBACK = timedelta(minutes=15)
#: Decisions judged again in one round, for each shadow.
_BATCH = 2_000
# Final machine verdicts only: what is not looked at whole (deep detectors to come, a costly detector left out because it
# could not matter to the version that decided) is decided again in a moment, and recorded then.
_DUE = """
    SELECT d.id FROM moderation_decision d
    JOIN moderation_item i ON i.id = d.item_id
    WHERE d.created_at >= %(since)s AND (d.stage = 'deep' OR d.stage = 'on_path' AND i.deep_state = 'not_needed')
      AND NOT d.evidence @? '$.missing.* ? (@ == "skipped")'
      AND NOT EXISTS (
          SELECT 1 FROM moderation_shadowverdict s WHERE s.decision_id = d.id AND s.version_id = %(version)s)
    ORDER BY d.id LIMIT %(limit)s
"""


def shadows_record(*, now: datetime) -> int:
    """Record what each version in shadow says of the newest decisions; return how many verdicts. Safe to repeat."""
    shadows = rollout().shadows
    if shadows:
        emergency_source.refresh()
    return sum(_record(policy, now) for policy in shadows)


def _record(policy: CompiledPolicy, now: datetime) -> int:
    version = version_pk(policy)
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"since": now - _LOOKBACK, "version": version, "limit": _BATCH})
        due = [pk for (pk,) in cursor.fetchall()]
    decisions = Decision.objects.filter(pk__in=due).select_related("item").prefetch_related("findings").order_by("pk")
    verdicts = [_row(decision, version, shadow_judgement(decision, policy)) for decision in decisions]
    # A second worker may have been as quick; the database keeps one verdict for each decision and version.
    ShadowVerdict.objects.bulk_create(verdicts, ignore_conflicts=True)
    return len(verdicts)


def shadow_judgement(decision: Decision, policy: CompiledPolicy) -> Judgement:
    """Return what a version says of the evidence of a decision, with its item and findings loaded.

    Terms in captions are those of the version; texts that were read or heard keep the terms of the version that decided.
    """
    terms = _terms(policy)

    def scan(caption: str, language: str) -> tuple[Finding, ...]:
        return terms.findings_for(caption, {"field": "caption"}, language)

    judgement = judge(results_again(decision, scan=scan), context_again(decision), policy)
    floor = CampaignFloor.of(decision.evidence)
    return under_floor(judgement, floor, policy) if floor else judgement


@lru_cache(maxsize=MAX_SHADOWS)
def _terms(policy: CompiledPolicy) -> TermsDetector:
    return load_terms(policy, beside=emergency_source.current)


def _row(decision: Decision, version: int, judgement: Judgement) -> ShadowVerdict:
    return ShadowVerdict(
        decision=decision,
        item_id=decision.item_id,
        version_id=version,
        outcome=judgement.outcome,
        min_age=judgement.min_age if judgement.outcome.is_servable else 0,
        decided_by=judgement.decided_by,
        category=judgement.category,
    )
