"""Recording a decision: items change state, clearances follow, and jobs open or close here, or by the thousand in bulk.py."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from moderation.audit.log import Actor, audit_write
from moderation.db.histories import forget_with_history
from moderation.db.inserts import Lookup, row_add
from moderation.db.statements import run
from moderation.decisions.basis import Basis, basis_of, evidence_seen
from moderation.decisions.clearances import clearance_follow
from moderation.decisions.evidence import evidence_keep
from moderation.decisions.locking import item_locked
from moderation.exceptions import DecisionChanged, DecisionInvalid, ItemNotOpen
from moderation.items.floor_queries import floor_under
from moderation.items.visibility import may_know
from moderation.jobs.opening import HARD_EVIDENCE, job_close, job_escalate, job_open, leases_take, reports_wait
from moderation.jobs.questions import questions_answer
from moderation.live.lists import ListsChanged, lists_mark
from moderation.models import Decision, Item, Overturn
from moderation.models.decision import (
    MACHINE_STAGES,
    NEW_HARD_EVIDENCE,
    PERSON_HOLDS,
    VERSION_DECIDES,
    DecisionStage,
)
from moderation.models.item import ItemState
from moderation.verdict.judge import (
    digest_of,
    hard_levels,
    is_new_and_hard,
    is_same,
    is_valid_min_age,
    is_wider,
    speaks_against,
    state_of,
    under_floor,
)
from moderation.verdict.judgement import Judgement
from policies.choices import SENIOR_QUEUE, UNEXAMINED_QUEUE, Outcome
from policies.decision.compiled import CompiledPolicy
from policies.live import active_policy
from policies.models import PolicyVersion


@dataclass(frozen=True, slots=True)
class PersonVerdict:
    """What a person decided about an item. Everything but CLEAR needs a category and a note."""

    outcome: Outcome
    category: str = ""
    note: str = ""
    min_age: int = 0
    territories: Sequence[str] = field(default_factory=tuple)
    #: The part of the clip that breaks the rule: where it begins and ends, in ms.
    span: tuple[int, int] | None = None
    clause: str = ""

    def check(self, policy: CompiledPolicy) -> None:
        """Raise DecisionInvalid where something is missing or contradicts itself."""
        if self.outcome == Outcome.HOLD:
            raise DecisionInvalid(
                "outcome", "People clear, restrict, block, or escalate to a senior; they do not hold."
            )
        if self.outcome != Outcome.CLEAR and self.category not in policy.categories:
            raise DecisionInvalid("category", "Choose the policy that this decision rests on.")
        if self.outcome != Outcome.CLEAR and not self.note.strip():
            raise DecisionInvalid("note", "Say in a sentence why; the creator may ask.")
        if self.clause and not self._rests_on_clause(policy):
            raise DecisionInvalid("clause", "The policy in force has no such clause for this decision; choose again.")
        if not is_valid_min_age(self.min_age):
            raise DecisionInvalid("min_age", "The minimum age is 13, 16 or 18.")
        if self.outcome == Outcome.RESTRICT and not (self.min_age or self.territories):
            raise DecisionInvalid("min_age", "Choose a minimum age or a territory to restrict to.")
        if self.outcome != Outcome.RESTRICT and (self.min_age or self.territories):
            raise DecisionInvalid("min_age", "Ages and territories belong to the outcome Restrict only.")

    def check_span(self, item: Item) -> None:
        """Raise DecisionInvalid where the part that was marked is no part of the item."""
        if self.span is None:
            return
        begins, ends = self.span
        if self.outcome == Outcome.CLEAR:
            raise DecisionInvalid("span_from", "What is cleared breaks no rule, so no part of it is marked.")
        if item.media is not None and not item.media.is_video:
            raise DecisionInvalid("span_from", "A still has no time; only parts of clips are marked.")
        if not 0 <= begins < ends:
            raise DecisionInvalid("span_until", "The part ends before it begins; mark its end again.")
        if item.lasts_ms is not None and ends > item.lasts_ms:
            lasts = f"{item.lasts_ms / 1_000:.1f}"
            raise DecisionInvalid("span_until", f"The part ends after the clip, which lasts {lasts} seconds.")

    def _rests_on_clause(self, policy: CompiledPolicy) -> bool:
        clause = policy.clause_of(self.category, self.clause)
        return clause is not None and not clause.is_help and self.outcome != Outcome.CLEAR


@transaction.atomic
def decision_by_machine(
    *, item: Item, judgement: Judgement, policy: CompiledPolicy, stage: DecisionStage, is_final: bool, now: datetime
) -> Decision:
    """Apply a machine's verdict to an item and return the decision that stands afterwards.

    1. lock the item; where it belongs to a campaign, that sets a floor under the verdict,
    2. it is what stands already, or the item was withdrawn: that decision stands (retries are safe),
    3. a person decided: nothing changes, unless hard evidence is new; then the item is held for a senior,
    4. milder than what stands: only on a scan with the lists of this moment,
    5. record, change the item, let the clearance follow, open or close the job.

    Whatever was decided before what stands is history, and decides nothing.

    Args:
        is_final: no further evidence is under way, so a held item needs a person.

    Raises:
        ListsChanged: a list changed since the content was looked through, or that is not known, or it was looked through so
            long ago that whoever changed one since does not find the item any more. Look through it again.
    """
    item = item_locked(pk=item.pk)
    if judgement.lists and judgement.lists.is_overdue:
        raise ListsChanged("The lists that this item was judged with were read too long ago.")
    current = item.current_decision
    judgement = under_floor(judgement, floor_under(item), policy)
    if current is None:
        return _apply(item, judgement, policy, stage, is_final, now)
    if item.withdrawn_at or _is_standing(current, judgement, policy, stage):
        # Simulations want to know what machines see, also where it changes nothing any more.
        evidence_keep(item=item, decision=current, judgement=judgement, policy=policy, is_final=is_final)
        return current
    if current.rests_on_person:
        return _beside_person(item, current, judgement, policy, stage, is_final, now)
    _check_lists(judgement, current)
    return _apply(item, judgement, policy, stage, is_final, now)


def _check_lists(judgement: Judgement, current: Decision) -> None:
    """Raise ListsChanged where a verdict is milder than what stands, and not known to rest on the lists of now."""
    if is_wider(judgement, current) and judgement.lists != lists_mark():
        raise ListsChanged("A list changed while this item was judged.")


def _is_standing(current: Decision, judgement: Judgement, policy: CompiledPolicy, stage: DecisionStage) -> bool:
    """Whether a verdict is the standing one: by its evidence, or, where only lists were looked through, by what it does and why."""
    if current.policy_version_id != version_pk(policy):
        return False
    if current.evidence_digest == judgement.digest:
        return True
    is_of_lists = stage not in MACHINE_STAGES and not current.rests_on_person
    is_same_hard = judgement.evidence.get("hard_by") == current.evidence.get(
        "hard_by"
    )  # or who decides next sees too little
    return is_of_lists and is_same_hard and is_same(judgement, current) and _reasons(judgement) == current.reasons


def _reasons(judgement: Judgement) -> object:
    """Return a verdict's reasons as a row gives them back."""
    return json.loads(json.dumps(judgement.reasons))


def _beside_person(
    item: Item,
    current: Decision,
    judgement: Judgement,
    policy: CompiledPolicy,
    stage: DecisionStage,
    is_final: bool,
    now: datetime,
) -> Decision:
    """Keep what a person decided, but for hard evidence that they had not seen; that gone, what they decided holds again.

    Hard evidence of child safety waits for nobody.
    """
    theirs, is_gravest = current.by_person, judgement.category in policy.child_safety
    if speaks_against(judgement, current, policy):
        if is_gravest:  # blocked at once and into its partition, whatever was decided, also what is blocked already
            return _apply(item, judgement, policy, stage, is_final, now, decided_by=NEW_HARD_EVIDENCE)
        return _hold_for_senior(item, judgement, policy, stage, now)
    if theirs and current.decided_by == NEW_HARD_EVIDENCE:
        is_over = not speaks_against(judgement, theirs, policy)
        is_other = not is_gravest and current.outcome != Outcome.HOLD  # than the child safety that it was blocked for
        if (is_over or is_other) and judgement.lists != lists_mark():
            raise ListsChanged("A list changed while this item was judged.")
        if is_other and not is_over:
            return _hold_for_senior(item, judgement, policy, stage, now)
        if is_over:
            current = _let_person_hold(item, theirs, judgement, policy, stage, now)
    evidence_keep(item=item, decision=current, judgement=judgement, policy=policy, is_final=is_final)
    _note_hard_evidence(item, current, judgement)
    return current


def _note_hard_evidence(item: Item, current: Decision, judgement: Judgement) -> None:
    """Store new hard evidence that asks for no more than the standing decision does, so that whoever decides next sees it.

    Whoever works on the item has not seen it: they are told, and the job waits for its next holder.
    """
    if not is_new_and_hard(current.evidence, judgement):
        return
    told = hard_levels(current.findings.all())
    if any(level > told.get(piece, 0) for piece, level in hard_levels(judgement.findings).items()):
        _store_findings(current, judgement)
        leases_take(item=item, why=HARD_EVIDENCE)


def _let_person_hold(
    item: Item, theirs: Decision, judgement: Judgement, policy: CompiledPolicy, stage: DecisionStage, now: datetime
) -> Decision:
    """Record that a person's decision holds again: what spoke against it is in force no more."""
    decision = person_holds(item, theirs, policy, stage, now)
    job_close(item=item, now=now)
    if theirs.outcome == Outcome.ESCALATE:  # they had passed it on
        job_escalate(item=item, policy=policy, category=theirs.category, note=theirs.note, now=now)
    reports_wait(item_pks=[item.pk])
    return decision


def person_holds(item: Item, theirs: Decision, policy: CompiledPolicy, stage: DecisionStage, now: datetime) -> Decision:
    """Record that an earlier decision of a person stands for a locked item; the jobs are the caller's."""
    decision = Decision.objects.create(
        item=item,
        outcome=theirs.outcome,
        min_age=theirs.min_age,
        territories_blocked=theirs.territories_blocked,
        stage=stage,
        decided_by=PERSON_HOLDS,
        category=theirs.category,
        reasons=[{"rule": PERSON_HOLDS, "category": theirs.category, "detail": theirs.note}],
        evidence=theirs.evidence,
        evidence_digest=theirs.evidence_digest,
        policy_version_id=version_pk(policy),
        supersedes=item.current_decision,
        created_at=now,
    )
    _follow(item, decision, now)
    return decision


def decision_on_arrival(
    *,
    item: Item,
    decision_pk: int,
    files: Mapping[str, Lookup],
    judgement: Judgement,
    policy: CompiledPolicy,
    now: datetime,
) -> Decision:
    """Store a new item with the first verdict on it, inside the transaction that makes it; `job_on_arrival` follows.

    Nobody else can see the item yet, so there is nothing to lock, and no earlier decision, job or clearance to look
    for: half of the statements of `decision_by_machine`, on the path where the uploader waits. The item's row is written
    once, in the state that it is decided to be in: what each row says of the others is checked when all is committed.

    Args:
        item: not stored yet, its primary key drawn.
        decision_pk: drawn as well.
        files: by the item's attribute, the row of each file that it names; `item` itself does not know them.
    """
    decision = _decision(
        item,
        judgement,
        policy,
        DecisionStage.ON_PATH,
        outcome=judgement.outcome,
        decided_by=judgement.decided_by,
        now=now,
    )
    decision.pk = decision_pk
    item.current_decision = decision
    item.state = ItemState(state_of(judgement.outcome))
    row_add(item, found_by=files)
    row_add(decision)
    _store_findings(decision, judgement)
    evidence_keep(item=item, decision=decision, judgement=judgement, policy=policy, is_final=False)
    clearance_follow(decision=decision, now=now)
    return decision


def job_on_arrival(*, item: Item, judgement: Judgement, policy: CompiledPolicy, now: datetime) -> None:
    """Open the job that a first verdict asks for, inside the transaction that makes the item."""
    if judgement.needs_job(is_final=False):
        job_open(
            item=item,
            policy=policy,
            category=judgement.category,
            score=judgement.score,
            reason=judgement.decided_by,
            now=now,
        )


@lru_cache(maxsize=64)
def _version(key: str) -> PolicyVersion:
    """Return a version's row with what never changes of it."""
    return PolicyVersion.objects.only("pk", "key", "number").get(key=key)


forget_with_history(_version.cache_clear)


def is_version_outdated(error: IntegrityError) -> bool:
    """Whether a decision was refused because its version does not decide (any more): decide again under the one that does."""
    diagnostics = getattr(error.__cause__, "diag", None)
    return getattr(diagnostics, "constraint_name", None) == VERSION_DECIDES


def version_pk(policy: CompiledPolicy) -> int:
    """Return the primary key of a compiled version's row."""
    return _version(policy.key).pk


def _hold_for_senior(
    item: Item, judgement: Judgement, policy: CompiledPolicy, stage: DecisionStage, now: datetime
) -> Decision:
    decision = verdict_record(
        item, judgement, policy, stage, outcome=Outcome.HOLD, decided_by=NEW_HARD_EVIDENCE, is_final=True, now=now
    )
    _take_jobs(item, now)
    job_open(
        item=item,
        policy=policy,
        category=judgement.category,
        score=1.0,
        reason="New hard evidence after a decision",
        queue_slug=SENIOR_QUEUE,
        now=now,
    )
    return decision


def _take_jobs(item: Item, now: datetime) -> None:
    """Take the item's jobs from whoever works on them, since hard evidence came in; what machines do not answer stays open."""
    job_close(item=item, now=now, even_leased=True, why=HARD_EVIDENCE)
    leases_take(item=item, why=HARD_EVIDENCE)


def _apply(
    item: Item,
    judgement: Judgement,
    policy: CompiledPolicy,
    stage: DecisionStage,
    is_final: bool,
    now: datetime,
    *,
    decided_by: str = "",
) -> Decision:
    """Record a verdict and let jobs follow.

    Args:
        decided_by: where it is another rule than the verdict's own.
    """
    is_overtaken = is_new_and_hard(item.current_decision.evidence if item.current_decision else {}, judgement)
    decision = verdict_record(
        item,
        judgement,
        policy,
        stage,
        outcome=judgement.outcome,
        decided_by=decided_by or judgement.decided_by,
        is_final=is_final,
        now=now,
    )
    if is_overtaken:  # whoever works on it decides on something else than there is, and perhaps may not see it any more
        _take_jobs(item, now)
    if judgement.needs_job(is_final=is_final):
        job_open(
            item=item,
            policy=policy,
            category=judgement.category,
            score=judgement.score,
            reason=judgement.decided_by,
            queue_slug=UNEXAMINED_QUEUE if judgement.outcome == Outcome.HOLD else "",
            now=now,
        )
    else:
        job_close(item=item, now=now)
    reports_wait(item_pks=[item.pk])
    return decision


def verdict_record(
    item: Item,
    judgement: Judgement,
    policy: CompiledPolicy,
    stage: DecisionStage,
    *,
    outcome: Outcome,
    decided_by: str,
    is_final: bool,
    now: datetime,
) -> Decision:
    """Record a machine's verdict on a locked item, and let state and clearance follow; the jobs are the caller's."""
    decision = _decision(item, judgement, policy, stage, outcome=outcome, decided_by=decided_by, now=now)
    decision.save(force_insert=True)
    _store_findings(decision, judgement)
    evidence_keep(item=item, decision=decision, judgement=judgement, policy=policy, is_final=is_final)
    _follow(item, decision, now)
    return decision


def _decision(
    item: Item,
    judgement: Judgement,
    policy: CompiledPolicy,
    stage: DecisionStage,
    *,
    outcome: Outcome,
    decided_by: str,
    now: datetime,
) -> Decision:
    """Return a verdict as the row that it becomes."""
    servable = outcome.is_servable
    return Decision(
        item=item,
        outcome=outcome,
        min_age=judgement.min_age if servable else 0,
        territories_blocked=list(judgement.territories) if servable else [],
        stage=stage,
        decided_by=decided_by,
        category=judgement.category,
        reasons=list(judgement.reasons),
        evidence=judgement.evidence,
        evidence_digest=judgement.digest,
        policy_version=_version(policy.key),
        supersedes=item.current_decision,
        created_at=now,
    )


#: All findings in one statement, however many there are.
_FINDINGS = """
    INSERT INTO moderation_finding
        (decision_id, item_id, created_at, detector, detector_version, category, score, hard, "where")
    SELECT %s, %s, %s, f.*
    FROM jsonb_to_recordset(%s)
        AS f (detector text, version text, category text, score float8, hard int2, "where" jsonb)
"""


def _store_findings(decision: Decision, judgement: Judgement) -> None:
    if not judgement.findings:
        return
    rows = [
        {
            "detector": f.detector,
            "version": f.version,
            "category": f.category,
            "score": f.score,
            "hard": f.hard,
            "where": dict(f.where),
        }
        for f in judgement.findings
    ]
    run(_FINDINGS, [decision.pk, decision.item_id, timezone.now(), Jsonb(rows)])


def _follow(item: Item, decision: Decision, now: datetime) -> None:
    """Make the item's state and clearance those of its new decision."""
    item.current_decision = decision
    item.state = ItemState(state_of(Outcome(decision.outcome)))
    item.save(update_fields=["current_decision", "state"])
    clearance_follow(decision=decision, now=now)


def _reason_of(verdict: PersonVerdict, stage: DecisionStage) -> dict[str, str]:
    """Return a person's reason as decisions keep reasons; the clause where one is named."""
    said = {"rule": f"person.{stage}", "category": verdict.category, "detail": verdict.note.strip()}
    return said | ({"clause": verdict.clause} if verdict.clause else {})


def decision_by_person(
    *,
    actor: AbstractUser,
    item: Item,
    expected_decision: str,
    verdict: PersonVerdict,
    stage: DecisionStage,
    now: datetime,
) -> Decision:
    """Record a person's decision, inside the caller's transaction with the item locked.

    The evidence of the decision that they named is kept with it, so that later hard evidence can be told from what they saw.

    Args:
        expected_decision: token of the `Basis` that the person's page was made from: what they decided on.

    Raises:
        DecisionChanged: that is not what stands now, or names nothing.
        DecisionInvalid: the verdict lacks something.
        ItemNotOpen: the item was withdrawn.
    """
    policy = active_policy()
    basis = verdict_check(actor=actor, item=item, expected_decision=expected_decision, verdict=verdict, policy=policy)
    before = item.current_decision
    evidence = evidence_seen(item, basis)
    decision = Decision.objects.create(
        item=item,
        outcome=verdict.outcome,
        min_age=verdict.min_age,
        territories_blocked=sorted(verdict.territories),
        stage=stage,
        decided_by=f"person.{stage}",
        category=verdict.category,
        clause=verdict.clause,
        note=verdict.note.strip(),
        span_from_ms=verdict.span[0] if verdict.span else None,
        span_until_ms=verdict.span[1] if verdict.span else None,
        reasons=[_reason_of(verdict, stage)],
        evidence=evidence,
        evidence_digest=digest_of(evidence),
        policy_version_id=version_pk(policy),
        actor_id=actor.pk,
        supersedes=before,
        created_at=now,
    )
    _follow(item, decision, now)
    _tell_overturned(before, decision, actor)
    return decision


def _tell_overturned(before: Decision | None, decision: Decision, actor: AbstractUser) -> None:
    """Let whoever had decided otherwise know what a senior made of it. What they had passed on comes back as an answer."""
    theirs = before.by_person if before else None
    if theirs is None or theirs.outcome == Outcome.ESCALATE:
        return
    if theirs.actor is None or theirs.actor_id == actor.pk:
        return
    is_changed = _does(theirs) != _does(decision)
    if is_changed and actor.has_perm("moderation.overturn_decisions"):
        Overturn.objects.create(decision=decision, earlier=theirs, person=theirs.actor, created_at=decision.created_at)


def _does(decision: Decision) -> tuple[int, int, tuple[str, ...]]:
    """Return what a decision does, to be compared."""
    return decision.outcome, decision.min_age, tuple(sorted(decision.territories_blocked))


def verdict_check(
    *, actor: AbstractUser, item: Item, expected_decision: str, verdict: PersonVerdict, policy: CompiledPolicy
) -> Basis:
    """Check all that a person's decision needs, with the item locked; return what it is made on.

    Raises:
        DecisionChanged, DecisionInvalid, ItemNotOpen: as `decision_by_person`, in this order.
    """
    basis = basis_of(actor, pk=item.pk)
    if basis is None or expected_decision != basis.token:
        raise DecisionChanged
    verdict.check(policy)
    verdict.check_span(item)
    if item.withdrawn_at:
        raise ItemNotOpen("The creator has withdrawn this item; there is nothing left to decide.")
    return basis


@transaction.atomic
def item_overturn(
    *,
    actor: AbstractUser,
    item_key: str,
    outcome: Outcome,
    category: str,
    note: str,
    min_age: int,
    territories: Sequence[str],
    now: datetime,
    expected_decision: str,
    span: tuple[int, int] | None = None,
) -> Decision:
    """Decide an item over an earlier decision: a senior takes down, restores or restricts.

    1. check the permission, lock the item, check that nothing changed since the senior's page was sent,
    2. record, close the job that waits for the item, audit.

    Args:
        expected_decision: token of the `Basis` that the senior's page was made from.
        span: the part of the clip that breaks the rule, in ms.

    Raises:
        PermissionDenied, DecisionInvalid, DecisionChanged, ItemNotOpen.
    """
    if not actor.has_perm("moderation.overturn_decisions"):
        raise PermissionDenied("Only seniors overturn decisions.")
    verdict = PersonVerdict(outcome, category, note, min_age, tuple(territories), span)
    return overturn_record(
        actor=actor, item=item_locked(key=item_key), expected_decision=expected_decision, verdict=verdict, now=now
    )


def overturn_record(
    *, actor: AbstractUser, item: Item, expected_decision: str, verdict: PersonVerdict, now: datetime
) -> Decision:
    """Record a senior's decision over an earlier one: step 2 of `item_overturn`, inside the transaction that locked the item.

    Raises:
        DecisionChanged, DecisionInvalid, ItemNotOpen: as `decision_by_person`.
    """
    decision = decision_by_person(
        actor=actor,
        item=item,
        expected_decision=expected_decision,
        verdict=verdict,
        stage=DecisionStage.SENIOR,
        now=now,
    )
    job_close(
        item=item,
        now=now,
        even_leased=True,
        even_unconfirmed=may_know(actor),
        why="A senior decided this item while you had it.",
    )
    questions_answer(item=item, actor=actor, answer=verdict.note, decision=decision, now=now)
    audit_write(
        actor=actor,
        action="decision.overturned",
        object_type="item",
        object_key=item.external_id,
        outcome=verdict.outcome.name,
        decision=str(decision.key),
    )
    return decision


@transaction.atomic
def item_withdraw(*, actor: Actor, item: Item, now: datetime) -> Decision:
    """Take an item out for good at the platform's wish; a second call returns the first one's decision."""
    item = item_locked(pk=item.pk)
    if item.withdrawn_at and item.current_decision:
        return item.current_decision
    evidence = dict(item.current_decision.evidence) if item.current_decision else {}
    decision = Decision.objects.create(
        item=item,
        outcome=Outcome.BLOCK,
        stage=DecisionStage.WITHDRAWAL,
        decided_by="platform.withdrawn",
        reasons=[{"rule": "platform.withdrawn"}],
        evidence=evidence,
        evidence_digest=digest_of(evidence),
        policy_version_id=version_pk(active_policy()),
        supersedes=item.current_decision,
        created_at=now,
    )
    _follow(item, decision, now)
    item.withdrawn_at = now
    item.save(update_fields=["withdrawn_at"])
    job_close(
        item=item,
        now=now,
        even_leased=True,
        even_unconfirmed=True,
        why="The platform withdrew this item while you had it.",
    )
    audit_write(actor=actor, action="item.withdrawn", object_type="item", object_key=item.external_id)
    return decision
