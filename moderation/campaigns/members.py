"""Deciding the members of campaigns: many in one transaction, each on its own evidence under its campaign's floor."""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from moderation.db.inserts import rows_together
from moderation.decisions.bulk import changes_write
from moderation.decisions.evidence import evidence_floor, floor_outcome
from moderation.decisions.locking import items_locked
from moderation.decisions.record import version_pk
from moderation.items.floor_queries import floors_under
from moderation.jobs.opening import jobs_close, reports_wait
from moderation.models import Decision, Item
from moderation.models.decision import DecisionStage
from moderation.models.item import DeepState
from moderation.rejudge.service import items_judge_again
from moderation.verdict.change import Change, job_for
from moderation.verdict.judge import is_wider, replay, under_floor
from moderation.verdict.judgement import Judgement
from policies.choices import Outcome
from policies.decision.compiled import CompiledPolicy
from policies.live import policy_for


@transaction.atomic
def members_decide(*, item_pks: Sequence[int], now: datetime) -> dict[int, Decision | None]:
    """Decide members again on the evidence there is, under their campaigns' floors as they stand now.

    1. lock the items; what was withdrawn or decided by a person stays as it is (None),
    2. evidence that was decided under this floor already: that decision stands (retries are safe),
    3. an undecided campaign changes only what is milder than its floor; the member's own job is the campaign's now,
    4. record; clearances follow, and a member whose own evidence still asks for a person gets its job back,
    5. what would be milder than it is now is judged by a scan with the lists of now.

    Raises:
        ListsUnavailable: they cannot be read, and something would be milder.

    Returns: by item, the decision that stands afterwards.
    """
    items = items_locked(item_pks)
    floors = floors_under(items)
    standing: dict[int, Decision | None] = {item.pk: None for item in items}
    absorbed: list[tuple[Item, Decision, Judgement]] = []
    changes: defaultdict[int, list[Change]] = defaultdict(list)
    wider: list[int] = []
    for item in items:
        current = item.current_decision
        if current is None or item.withdrawn_at or current.rests_on_person:
            continue
        policy = policy_for(item.creator.external_id)
        own = {key: value for key, value in current.evidence.items() if key != "campaign"}
        judgement = under_floor(replay(own, policy), floors.get(item.pk), policy)
        standing[item.pk] = current
        if judgement.awaits_campaign and judgement.outcome == current.outcome:
            absorbed.append((item, current, judgement))
        elif is_wider(judgement, current):
            wider.append(item.pk)
        elif (current.evidence_digest, current.policy_version_id) != (judgement.digest, version_pk(policy)):
            changes[version_pk(policy)].append(_change(item, current, judgement, policy, now))
    _absorb(absorbed, now)
    for version, part in changes.items():
        changes_write(part, stage=DecisionStage.CAMPAIGN, version_pk=version, now=now)
    items_judge_again(item_pks=wider, stage=DecisionStage.CAMPAIGN)
    return standing | _current([*wider, *(change.item_pk for part in changes.values() for change in part)])


def _change(item: Item, current: Decision, judgement: Judgement, policy: CompiledPolicy, now: datetime) -> Change:
    outcome, job = judgement.outcome, None
    if judgement.needs_job(is_final=item.deep_state != DeepState.QUEUED):
        job = job_for(
            judgement.evidence["context"], policy,
            category=judgement.category, outcome=outcome, score=judgement.score, now=now,
        )  # fmt: skip
    return Change(
        item_pk=item.pk,
        expected=current.pk,
        outcome=outcome,
        min_age=judgement.min_age if outcome.is_servable else 0,
        territories=judgement.territories if outcome.is_servable else (),
        decided_by=judgement.decided_by,
        category=judgement.category,
        score=judgement.score,
        reasons=json.dumps(judgement.reasons),
        evidence=json.dumps(judgement.evidence),
        digest=judgement.digest,
        job=job,
        ends_lease=outcome.is_servable or outcome == Outcome.BLOCK,
        floor=floor_outcome(judgement.evidence),
    )


def _absorb(members: Sequence[tuple[Item, Decision, Judgement]], now: datetime) -> None:
    """Keep the decisions of members: store the campaign's floor as evidence and close their own jobs."""
    if not members:
        return
    with rows_together():
        for item, current, judgement in members:
            evidence_floor(item=item, decision=current, judgement=judgement)
    jobs_close(items=[item for item, _, _ in members], now=now)
    reports_wait(item_pks=[item.pk for item, _, _ in members])


def _current(item_pks: Sequence[int]) -> dict[int, Decision]:
    found = Decision.objects.filter(pk__in=Item.objects.filter(pk__in=item_pks).values("current_decision"))
    return {decision.item_id: decision for decision in found.defer("evidence", "reasons")} if item_pks else {}
