"""Deciding stored items again: the one way from stored findings to a verdict, always over a scan with the lists of now.

Whoever learns that something in force changed (terms, banks, domains, prompts, standings, campaigns, versions, an expired
clearance) comes through here, or writes many narrower verdicts at once (decisions/bulk.py), which need no scan.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import structlog
from django.db import transaction
from django.utils import timezone

from moderation.decisions.clearances import clearance_renew
from moderation.decisions.locking import item_locked
from moderation.decisions.record import decision_by_machine
from moderation.items.context import context_of
from moderation.items.floor_queries import floor_under
from moderation.live.detectors import deep_detectors
from moderation.live.lists import ListsChanged, lists_refresh
from moderation.live.onpath import content_versions
from moderation.models import Item, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.models.item import DeepState
from moderation.outbox.messages import message_done
from moderation.outbox.promise import TOPIC_EXAMINE, TOPIC_REEXAMINE, message_add
from moderation.rejudge.list_scan import Content, InUse, contents_of, scan
from moderation.verdict.change import Change
from moderation.verdict.judge import is_same, is_wider, judge, under_floor
from moderation.verdict.judgement import Judgement
from moderation.verdict.lists_mark import ListsMark
from policies.decision.compiled import CompiledPolicy
from policies.live import policy_for

log = structlog.get_logger(__name__)

#: Items whose content is read at a time.
_BATCH = 200
#: A list may change again while an item is judged; more often than this in a row is a fault.
_MAX_TRIES = 5


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an item is judged to be now. `is_whole`: all of its content was at hand, as the detectors in use see it."""

    judgement: Judgement
    policy: CompiledPolicy
    is_whole: bool


class Judge:
    """Judges stored content by what is in force. One for a batch: what it knows of lists is as old as `mark`, or newer.

    Content has to be read after the mark was taken, or the mark would speak for what it is older than.
    """

    mark: ListsMark
    _in_use: InUse

    def __init__(self) -> None:
        self.refresh()

    def verdict(self, content: Content) -> Verdict:
        """Return the verdict on an item's content under the version that decides on its creator.

        Raises:
            ListsUnavailable, policies.errors.PolicyUnavailable: nobody can tell now.
        """
        policy = policy_for(content.item.creator.external_id)
        versions = {**self._in_use.versions, **content_versions(policy)}
        scanned = scan(content, policy, replace(self._in_use, versions=versions))
        judgement = judge(scanned.results, context_of(content.item), policy, lists=self.mark)
        return Verdict(judgement, policy, scanned.is_whole)

    def refresh(self) -> None:
        """Read the lists again, and which prompts and models look at content: the mark vouches for those as well."""
        self.mark = lists_refresh()
        self._in_use = _in_use()


def _in_use() -> InUse:
    """Return what looks at content here. A detector that no model is set up for has no version to be compared with."""
    detectors = {d.name: d for d in deep_detectors() if d.is_configured}
    return InUse({name: d.version for name, d in detectors.items()}, detectors)


def items_judge_again(
    *,
    item_pks: Iterable[int],
    stage: DecisionStage,
    judge_with: Judge | None = None,
    check: Callable[[], None] | None = None,
) -> int:
    """Decide items again, each in a transaction of its own; return how many have another decision than before.

    The work can end anywhere, and be repeated.

    Args:
        check: called first in each of these transactions; what it raises ends the work.

    Raises:
        ListsUnavailable, policies.errors.PolicyUnavailable: what was not reached stays as it is; try again later.
    """
    pks, n_changed = list(item_pks), 0
    if not pks:
        return 0
    judges = judge_with or Judge()
    for start in range(0, len(pks), _BATCH):
        contents = contents_of(_load(pks[start : start + _BATCH]))
        n_changed += sum(_judge_again(content, stage, judges, check) for content in contents.values())
    return n_changed


def items_confirm(*, changes: Sequence[Change], judge_with: Judge) -> set[int]:
    """Return the items for which a scan with the lists of now comes to what was worked out from stored findings."""
    sure: set[int] = set()
    for start in range(0, len(changes), _BATCH):
        part = {change.item_pk: change for change in changes[start : start + _BATCH]}
        for content in contents_of(_load(list(part))).values():
            verdict = judge_with.verdict(content)
            if verdict.is_whole and is_same(verdict.judgement, part[content.item.pk]):
                sure.add(content.item.pk)
    return sure


def _load(pks: Sequence[int]) -> list[Item]:
    return list(Item.objects.select_related("creator", "media", "cover").filter(pk__in=pks).order_by("-pk"))


def _judge_again(
    content: Content, stage: DecisionStage, judges: Judge, check: Callable[[], None] | None = None
) -> bool:
    """Decide one item again; where a list changes meanwhile, once more with the new one, and with what the item is then."""
    for _ in range(_MAX_TRIES):
        try:
            with transaction.atomic():
                if check:
                    check()
                return _decide(content, stage, judges)
        except ListsChanged:
            judges.refresh()
    raise ListsChanged("The lists keep changing; the item is judged again later.")


def _decide(content: Content, stage: DecisionStage, judges: Judge) -> bool:
    """Lock an item, judge it as it is then, and decide where that changes something, inside the caller's transaction.

    Returns whether it did.

    A milder verdict needs the whole content. Where a detector was exchanged since it was looked at, what stands stays until the
    item was examined again, which is promised.
    """
    item = item_locked(pk=content.item.pk)
    before = item.current_decision
    if before is None or item.withdrawn_at:
        return False
    verdict = judges.verdict(_as_locked(content, item))
    judgement = under_floor(verdict.judgement, floor_under(item), verdict.policy)
    if is_wider(judgement, before) and not verdict.is_whole:
        message_add(topic=TOPIC_EXAMINE, item=item, rank_at=timezone.now())
        return False
    decision = decision_by_machine(
        item=item,
        judgement=verdict.judgement,
        policy=verdict.policy,
        stage=stage,
        is_final=item.deep_state != DeepState.QUEUED,
        now=timezone.now(),
    )
    if verdict.judgement.awaits_detector:  # it could not matter then; now it may
        message_add(topic=TOPIC_REEXAMINE, item=item, rank_at=timezone.now())
    return decision.pk != before.pk


def _as_locked(content: Content, item: Item) -> Content:
    """Return what is known of a locked item: its creator's standing of now, and what machines saw since the batch was read."""
    if content.item.current_decision_id != item.current_decision_id:
        return contents_of(_load([item.pk])).get(item.pk, content)
    content.item.creator = item.creator
    return content


# --- clearances that expired -----------------------------------------------------------------------------------------


def item_renew(message: OutboxMessage) -> None:
    """Judge the message's item, whose clearance expired, again; what still holds is cleared anew.

    Raises:
        ListsUnavailable, policies.errors.PolicyUnavailable: it stays expired, and the message is tried again.
    """
    pk = message.item_id or 0
    items_judge_again(item_pks=[pk], stage=DecisionStage.LISTS)
    with transaction.atomic():
        now = timezone.now()
        item = item_locked(pk=pk)
        decision = item.current_decision
        if decision is not None and item.withdrawn_at is None:
            clearance_renew(decision=decision, now=now)
        message_done(message=message, now=now)
