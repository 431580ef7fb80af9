"""What stands for an item once a person takes their decision back: what machines and the people before them say of it now."""

from dataclasses import replace
from datetime import datetime

from moderation.decisions.record import person_holds, verdict_record
from moderation.items.floor_queries import floor_under
from moderation.live.lists import ListsChanged, lists_mark
from moderation.models import Decision, Item
from moderation.models.decision import NEW_HARD_EVIDENCE, DecisionStage
from moderation.verdict.judge import is_wider, speaks_against, under_floor
from moderation.verdict.judgement import Judgement
from policies.choices import Outcome
from policies.decision.compiled import CompiledPolicy


def decision_undo(
    *, item: Item, judgement: Judgement, policy: CompiledPolicy, is_whole: bool, is_final: bool, now: datetime
) -> Decision:
    """Record what stands in place of the decision that stands, inside the caller's transaction with the item locked.

    1. nobody had decided before: the machines' verdict of now, under the floor of the item's campaign,
    2. somebody had: their decision, unless hard evidence speaks against it that they did not see; then it is held for a senior, or
       blocked where it is of child safety.

    Nothing is taken from history: what was once decided without what is in force now is not decided again.

    Args:
        judgement: of all of the item's content, by the lists of now.
        is_whole: all of the content was at hand; what machines did not look at as they would now is held.
        is_final: no further evidence is under way.

    Raises:
        ListsChanged: a list changed while the item was judged; judge it again.
    """
    current = item.current_decision
    judgement = under_floor(judgement, floor_under(item), policy)
    if current is None or judgement.lists != lists_mark():
        raise ListsChanged("A list changed while this item was judged.")
    before = current.supersedes.by_person if current.supersedes else None
    if before is None:
        is_unseen = is_wider(judgement, current) and not is_whole
        outcome = max(judgement.outcome, Outcome.HOLD) if is_unseen else judgement.outcome
        return _record(item, judgement, policy, outcome, judgement.decided_by, is_final, now)
    if not speaks_against(judgement, before, policy):
        return person_holds(item, before, policy, DecisionStage.UNDONE, now)
    outcome = judgement.outcome if judgement.category in policy.child_safety else Outcome.HOLD
    return _record(item, judgement, policy, outcome, NEW_HARD_EVIDENCE, is_final, now)


def _record(
    item: Item,
    judgement: Judgement,
    policy: CompiledPolicy,
    outcome: Outcome,
    decided_by: str,
    is_final: bool,
    now: datetime,
) -> Decision:
    if outcome != judgement.outcome:
        judgement = replace(judgement, min_age=0, territories=())
    return verdict_record(
        item, judgement, policy, DecisionStage.UNDONE, outcome=Outcome(outcome), decided_by=decided_by,
        is_final=is_final, now=now,
    )  # fmt: skip
