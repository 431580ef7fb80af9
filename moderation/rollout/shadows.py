"""What versions in shadow would have decided: recorded beside the upload path, seconds after each decision.

Not in the decision's transaction: uploads would wait while each shadow judges, and for one more row each. Afterwards it costs
the path nothing, and the shadow's own term lists can be applied to the caption as well.
"""

from datetime import datetime, timedelta

import structlog
from django.db import connection

from moderation.decisions.record import version_pk
from moderation.live.lists import ListsUnavailable
from moderation.models import Decision, ShadowVerdict
from moderation.rejudge.list_scan import Content, InUse, contents_seen, scan
from moderation.verdict.floor import CampaignFloor
from moderation.verdict.judge import judge, under_floor
from moderation.verdict.judgement import Context, Judgement
from policies.decision.compiled import CompiledPolicy
from policies.live import rollout

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
    try:
        return sum(_record(policy, now) for policy in rollout().shadows)
    except ListsUnavailable as error:  # the next round records them
        log.warning("shadows_not_recorded", error=str(error))
        return 0


def _record(policy: CompiledPolicy, now: datetime) -> int:
    version = version_pk(policy)
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"since": now - _LOOKBACK, "version": version, "limit": _BATCH})
        due = [pk for (pk,) in cursor.fetchall()]
    decisions = Decision.objects.filter(pk__in=due).prefetch_related("findings").order_by("pk")
    decisions = decisions.select_related("item__creator", "item__media", "item__cover")
    contents = contents_seen([(decision.item, decision) for decision in decisions])
    verdicts = [_row(content.seen, version, shadow_judgement(content, policy)) for content in contents]
    # A second worker may have been as quick; the database keeps one verdict for each decision and version.
    ShadowVerdict.objects.bulk_create(verdicts, ignore_conflicts=True)
    return len(verdicts)


def shadow_judgement(content: Content, policy: CompiledPolicy) -> Judgement:
    """Return what a version says of the content of a decision, with its own terms, and the lists of now.

    Raises:
        ListsUnavailable: they cannot be read.
    """
    # A shadow judges what was found; whether a detector was exchanged since is no matter of its.
    results = scan(content, policy, InUse({}, {})).results
    context = Context(**content.seen.evidence["context"])
    floor = CampaignFloor.of(content.seen.evidence)
    judgement = judge(results, context, policy)
    return under_floor(judgement, floor, policy)


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
