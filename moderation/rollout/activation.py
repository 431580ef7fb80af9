"""Putting a version in force: new uploads at once, stored items by replaying their evidence, what must go first.

REVOKE goes through all that is served and takes away what the version does not clear. SETTLE waits for the transactions
that began before the switch. WIDEN goes through everything once more and decides all that differs: what is cleared now,
what people must see now, and what came in under the former version meanwhile. The database refuses decisions under a
version that does not decide, so after SETTLE there can be no more of those. Only then is the activation done.

The work is in transactions of a few thousand items. What stored evidence is not enough for is judged one by one after them,
and moves the cursor: killed at any point, it goes on from there, and nothing is done twice.
"""

import time
from collections import Counter as Counted
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from prometheus_client import Counter, Histogram

from moderation.audit.log import audit_write
from moderation.campaigns.members import members_decide
from moderation.db.transactions import have_ended, xmin
from moderation.decisions.bulk import Written, changes_write
from moderation.evidence.store import spans_after
from moderation.live import emergency_terms
from moderation.live.lists import ListsChanged
from moderation.live.onpath import load_terms
from moderation.models import Activation, Decision, Item
from moderation.models.activation import ActivationKind, ActivationState, Phase
from moderation.models.decision import PERSON_STAGES, PERSONS_RULES, DecisionStage
from moderation.rejudge.service import Judge, items_confirm, items_judge_again
from moderation.rejudge.stored_texts import texts_look_again
from moderation.rollout.activation_plan import facts_between, plan_of, with_matches
from moderation.verdict.change import Change
from policies.choices import Outcome
from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyUnavailable
from policies.live import compile_version, invalidate
from policies.models import PolicyVersion, VersionState
from policies.replay.population import Population
from policies.replay.simulation import not_replayed
from policies.services.versions import version_activate, version_rollback

log = structlog.get_logger(__name__)

ACTIVATION_SECONDS = Histogram(
    "activation_seconds", "From an activation to its being done", buckets=(1, 2, 5, 10, 20, 30, 60, 120, 300, 900, 3600)
)
ACTIVATION_ITEMS = Counter("activation_items_total", "Items that activations changed", ["change"])
#: Changed items written in one transaction: a kill loses no more work, and nobody waits for a row for longer than a second.
WRITE_ITEMS = 5_000
#: Members of campaigns decided in one transaction; each needs more time than another item.
_MEMBERS = 500
#: Items judged one by one, about a second's worth, before the cursor moves and the clock is looked at.
_APART = 500
#: A task goes on for so long, then leaves the rest to the next one: where one worker does all the housekeeping, leases and
#: emergency terms must not wait for a large replay.
BUDGET_SECONDS = 20.0
_RUNNING = (ActivationState.RUNNING, ActivationState.FAILED)
#: The claim is renewed as often while transactions of before are waited for.
_POLL_SECONDS = 1.0
_OWN_XID = "SELECT pg_current_xact_id()::text::bigint"


class _Overtaken(Exception):
    """Another activation began, or another worker is ahead: this one stops."""


@transaction.atomic
def activation_start(*, actor: User, version: PolicyVersion, note: str = "", now: datetime) -> Activation:
    """Put an approved version in force, or roll back to one that was active before: one step for both.

    1. an activation that runs lets go of its rows, 2. the version decides every upload that is stored from now on,
    3. stored items follow, by a task that begins within seconds.

    Raises: PolicyError as `policies.services.versions.version_activate` and `version_rollback`.
    """
    activation_running()
    former = PolicyVersion.objects.filter(state=VersionState.ACTIVE).first()
    canary = PolicyVersion.objects.filter(state=VersionState.CANARY).first()
    version = PolicyVersion.objects.get(pk=version.pk)  # as it is now, not as a page saw it
    is_rollback = version.state == VersionState.RETIRED
    activate = version_rollback if is_rollback else version_activate
    version = activate(actor=actor, version=version, note=note, now=now)
    kind = ActivationKind.ROLLBACK if is_rollback else ActivationKind.ACTIVATE
    return activation_begin(actor=actor, kind=kind, former=former, canary=canary, now=now)


@transaction.atomic
def activation_begin(
    *,
    actor: User,
    kind: ActivationKind,
    former: PolicyVersion | None = None,
    canary: PolicyVersion | None = None,
    only_version: PolicyVersion | None = None,
    now: datetime,
) -> Activation:
    """Begin to replay stored evidence under the active version, inside the transaction that changed who decides.

    Args:
        former, canary: the versions that decided until now.
        only_version: replay only what this version decided. Where another replay is overtaken, it is not narrowed to that.
    """
    running = activation_running()
    if running:
        running.state, running.finished_at, running.claimed_until = ActivationState.SUPERSEDED, now, None
        running.save()
    active = PolicyVersion.objects.get(state=VersionState.ACTIVE)
    differs = _other_lists(active, former, canary, only_version)
    is_narrow = only_version is not None and (running is None or running.only_version_id == only_version.pk)
    activation = Activation.objects.create(
        version=active,
        former_version=former,
        only_version=only_version if is_narrow else None,
        # what the one that is overtaken did not get to
        looks_at_captions="terms" in differs or bool(running and running.looks_at_captions),
        looks_at_matches="banks" in differs or bool(running and running.looks_at_matches),
        kind=kind,
        started_by=actor,
        created_at=now,
    )
    audit_write(
        actor=actor,
        action="activation.started",
        object_type="activation",
        object_key=activation.key,
        version=activation.version.number,
        kind=str(kind),
    )
    return activation


def _other_lists(active: PolicyVersion, *others: PolicyVersion | None) -> set[str]:
    """Return the lists that stored evidence was found with and that are others now; where that cannot be told, all."""
    try:
        policy = compile_version(active)
        return {name for other in others if other for name in not_replayed(compile_version(other), policy)}
    except PolicyUnavailable:
        return {"terms", "banks"}


def activation_running() -> Activation | None:
    """Lock and return the activation that is under way, inside the caller's transaction."""
    return Activation.objects.select_for_update(of=("self",)).filter(state__in=_RUNNING).first()


# --- running -----------------------------------------------------------------------------------------------------


def activations_resume(*, budget_seconds: float = BUDGET_SECONDS) -> bool:
    """Go on with the activation that is under way, if nobody else does; return whether it is done now.

    Concurrency: a guarded UPDATE claims it; each transaction renews the claim, checks the cursor, and changes only what
    stands as it was read, so that even two workers do nothing twice.
    """
    now = timezone.now()
    free = Q(claimed_until__isnull=True) | Q(claimed_until__lt=now)
    claimed = Activation.objects.filter(free, state__in=_RUNNING).update(
        claimed_until=_claim(now), n_attempts=F("n_attempts") + 1, state=ActivationState.RUNNING
    )
    activation = Activation.objects.select_related("version").filter(state=ActivationState.RUNNING).first()
    if not claimed or activation is None:
        return False
    try:
        return _Run(activation, time.monotonic() + budget_seconds).go_on()
    except _Overtaken:
        return False
    except ListsChanged:  # the next run goes on from here, with the new ones
        Activation.objects.filter(pk=activation.pk, state=ActivationState.RUNNING).update(claimed_until=None)
        return False
    except Exception as error:  # whatever it is, it is shown, and tried again when the claim is over
        log.exception("activation_failed", activation=str(activation.key), phase=activation.phase)
        Activation.objects.filter(pk=activation.pk, state=ActivationState.RUNNING).update(
            state=ActivationState.FAILED, error=f"{type(error).__name__}: {error}"[:500]
        )
        return False


def _claim(now: datetime) -> datetime:
    return now + timedelta(seconds=settings.ACTIVATION_CLAIM_SECONDS)


class _Run:
    """One worker's share of an activation."""

    def __init__(self, activation: Activation, until: float) -> None:
        self.activation = activation
        self.until = until
        self.judge: Judge | None = None  # made where something would get wider
        invalidate()  # this process may not have heard of the switch
        self.policy: CompiledPolicy = compile_version(activation.version)
        self.terms = load_terms(self.policy, beside=_emergency) if activation.looks_at_captions else None

    def go_on(self) -> bool:
        """Do phase after phase while there is time; return whether all is done."""
        self._begin()
        steps: dict[str, Callable[[], bool]] = {
            Phase.REVOKE: lambda: self._pass(Phase.SETTLE),
            Phase.SETTLE: self._settle,
            Phase.WIDEN: lambda: self._pass(Phase.DONE),
        }
        while self.activation.phase != Phase.DONE:
            if not steps[self.activation.phase]():
                self._let_go()
                return False
        self._wait_for_gates()
        self._finish()
        return True

    def _begin(self) -> None:
        """Note what may still decide under the former version, the first time; whoever runs later uses the same mark."""
        if self.activation.mark_xid is not None:
            return
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM moderation_itemevidence")
            n_total = cursor.fetchone()[0]
            began_xmin = xmin()
            cursor.execute(_OWN_XID)
            self._update(mark_xid=cursor.fetchone()[0], began_xmin=began_xmin, n_total=n_total)

    def _pass(self, following: Phase) -> bool:
        """Go through all items from the cursor on; return whether the end was reached."""
        for after, until, read in spans_after(self.activation.cursor):
            if not self._span(after, until, read) or time.monotonic() > self.until:
                return False
        self._update(phase=following, cursor=0, n_checked=0)
        return True

    def _span(self, after: int, until: int, read: Callable[[], Population]) -> bool:
        """Decide a span of items: by the thousand what stored evidence is enough for, the others one by one.

        Returns: whether there was time for all of it. Where not, the cursor stands before the first that is left.
        """
        named = self._texts(after, until)
        facts = facts_between(after, until, phase=self.activation.phase, only=self.activation.only_version_id)
        population = read()  # after the facts
        now = timezone.now()
        plan = plan_of(population, facts, self.policy, phase=self.activation.phase, now=now)
        for start in range(0, len(plan.members), _MEMBERS):
            members_decide(item_pks=plan.members[start : start + _MEMBERS], now=now)
        changes, other = self._confirm(plan.changes)
        for start in range(0, len(changes), WRITE_ITEMS):
            self._write(changes[start : start + WRITE_ITEMS], now=now)
        apart = {*other, *_find_unnamed(named), *(change.item_pk for change in changes if change.is_unnamed)}
        if self.activation.looks_at_matches:
            apart |= with_matches(population) & set(facts.item_pk.tolist())
        if self.activation.looks_at_captions or self.activation.looks_at_matches:
            # What people and campaigns decided rests on the evidence of then, which knows nothing of other lists.
            apart |= {*plan.members, *self._by_people(after, until)}
        if not self._judge_apart(sorted(apart)):
            return False
        n_kept = plan.n_kept if self.activation.phase == Phase.WIDEN else 0  # both passes meet them
        self._update(cursor=until, n_checked=F("n_checked") + len(facts.item_pk), n_kept=F("n_kept") + n_kept)
        return True

    def _texts(self, after: int, until: int) -> Mapping[int, frozenset[str]]:
        """Look for the version's terms in the texts of a span; return the hard evidence in each that has any."""
        if not self.terms:
            return {}
        # The second pass looks at what the first could not see: transactions that ran when it began.
        is_first = self.activation.phase == Phase.REVOKE
        return texts_look_again(after, until, self.terms, since_txid=0 if is_first else self.activation.began_xmin or 0)

    def _by_people(self, after: int, until: int) -> list[int]:
        """Return the items of a span, among those that the pass is about, that stand as a person decided.

        A person's decision names the active version, whoever decides on the creator: what a canary has to do with an item is
        told by the decisions beneath.
        """
        decided = Q(current_decision__stage__in=PERSON_STAGES) | Q(current_decision__decided_by__in=PERSONS_RULES)
        items = Item.objects.filter(decided, pk__gt=after, pk__lte=until, withdrawn_at=None)
        if self.activation.phase == Phase.REVOKE:
            items = items.filter(clearance__is_granted=True)
        if only := self.activation.only_version_id:
            items = items.filter(Exists(Decision.objects.filter(item=OuterRef("pk"), policy_version=only)))
        return list(items.values_list("pk", flat=True))

    def _confirm(self, changes: Sequence[Change]) -> tuple[Sequence[Change], Sequence[int]]:
        """Return the changes that may be written, and the items that are to be judged one by one.

        Stored findings let nothing pass by themselves: what would be wider is looked through with the lists of now.
        """
        wider = [change for change in changes if change.is_wider]
        if not wider:
            return changes, ()
        self.judge = self.judge or Judge()
        self.judge.refresh()
        sure = items_confirm(changes=wider, judge_with=self.judge)
        other = {change.item_pk for change in wider} - sure
        return [change for change in changes if change.item_pk not in other], sorted(other)

    def _judge_apart(self, item_pks: Sequence[int]) -> bool:
        """Judge items one by one, in the order of their keys; return whether there was time for all of them.

        The cursor moves with them: all else up to there is done. Killed, or out of time, the next run judges the others.
        """
        for start in range(0, len(item_pks), _APART):
            if start and time.monotonic() > self.until:
                return False
            part, now = item_pks[start : start + _APART], timezone.now()
            # Each checked like what is written by the thousand: this process may not have heard yet that another version decides.
            items_judge_again(item_pks=part, stage=DecisionStage.ACTIVATION, check=self._check)
            self._update(cursor=part[-1], **_counts(part, now))
        return True

    def _write(self, part: Sequence[Change], *, now: datetime) -> None:
        """Write changes. The cursor stays: items of before them may still have to be judged one by one."""
        with transaction.atomic():
            self._check()
            written = changes_write(
                part,
                stage=DecisionStage.ACTIVATION,
                version_pk=self.activation.version_id,
                now=now,
                lists=self.judge.mark if self.judge else None,
            )
            self._update(**{name: F(name) + n for name, n in written.counts().items()})
        for name, n in written.counts().items():
            ACTIVATION_ITEMS.labels(name.removeprefix("n_")).inc(n)

    def _check(self) -> None:
        """Lock the activation's row and see that it is still this run's.

        Raises: _Overtaken.
        """
        row = Activation.objects.select_for_update(of=("self",)).get(pk=self.activation.pk)
        mine = (self.activation.phase, self.activation.cursor)
        if row.state != ActivationState.RUNNING or (row.phase, row.cursor) != mine:
            raise _Overtaken

    def _update(self, **values: object) -> None:
        """Move on, and renew the claim.

        Raises: _Overtaken where the row is not as this run left it.
        """
        here = Activation.objects.filter(
            pk=self.activation.pk,
            state=ActivationState.RUNNING,
            phase=self.activation.phase,
            cursor=self.activation.cursor,
        )
        if not here.update(**values, claimed_until=_claim(timezone.now())):
            raise _Overtaken
        self.activation.refresh_from_db()

    def _settle(self) -> bool:
        """Wait until every transaction has ended that may have decided under the former version."""
        mark = self.activation.mark_xid or 0
        while not have_ended(mark + 1, wait_seconds=_POLL_SECONDS):
            if time.monotonic() > self.until:
                return False
            self._update()
        self._update(phase=Phase.WIDEN, cursor=0, n_checked=0)
        return True

    def _let_go(self) -> None:
        Activation.objects.filter(pk=self.activation.pk, state=ActivationState.RUNNING).update(claimed_until=None)

    def _wait_for_gates(self) -> None:
        """Wait until no gate can still admit what was just revoked: one whose view is older than this admits nothing."""
        if any(getattr(self.activation, name) for name in Written.NAMES):
            time.sleep(settings.GATE_MAX_AGE_MS / 1_000)

    @transaction.atomic
    def _finish(self) -> None:
        self._check()
        row = self.activation
        row.state, row.finished_at, row.claimed_until, row.error = ActivationState.DONE, timezone.now(), None, ""
        row.save()
        seconds = (row.finished_at - row.created_at).total_seconds()
        counts = {name: getattr(row, name) for name in Written.NAMES}
        audit_write(
            actor="system", action="activation.done", object_type="activation", object_key=row.key, **counts,
            version=row.version.number, seconds=round(seconds, 1),
        )  # fmt: skip
        ACTIVATION_SECONDS.observe(seconds)
        log.info("activation_done", version=row.version.number, seconds=round(seconds, 1), **counts)


def _emergency() -> emergency_terms.EmergencyView:
    emergency_terms.refresh()
    return emergency_terms.current()


def _find_unnamed(found: Mapping[int, Collection[str]]) -> list[int]:
    """Return the items whose standing decision does not name all hard evidence that was found in their texts.

    Also where the outcome stays: whoever decides next must see what is in force, or it stays unseen for good.
    """
    standing = Item.objects.filter(pk__in=found, withdrawn_at=None).exclude(current_decision=None)
    named = standing.values_list("pk", "current_decision__evidence__hard_by")
    return [pk for pk, known in named if not set(found[pk]) <= set(known or ())]


def _counts(item_pks: Sequence[int], since: datetime) -> dict[str, Any]:
    """Return what was changed of items that were judged one by one, for an activation's counts."""
    made = Decision.objects.filter(item__in=item_pks, stage=DecisionStage.ACTIVATION, created_at__gt=since)
    steps = Counted(made.values_list("supersedes__outcome", "outcome"))
    moved = {(Outcome(old), Outcome(new)): n for (old, new), n in steps.items() if old != new}
    counts = {
        "n_revoked": sum(n for (old, new), n in moved.items() if old.is_servable and not new.is_servable),
        "n_narrowed": moved.get((Outcome.CLEAR, Outcome.RESTRICT), 0),
        "n_widened": sum(n for (old, new), n in moved.items() if new.is_servable and new < old),
        "n_blocked": sum(n for (_, new), n in moved.items() if new == Outcome.BLOCK),
        "n_escalated": sum(n for (_, new), n in moved.items() if new in {Outcome.ESCALATE, Outcome.HOLD}),
    }
    return {name: F(name) + n for name, n in counts.items()}
