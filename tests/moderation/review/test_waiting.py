"""A clearing decision waits: it clears nothing before its time, can be taken back until then, and is made with all checks."""

from __future__ import annotations

from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from moderation import tasks
from moderation.decisions.record import item_withdraw
from moderation.emergency.service import emergency_term_add
from moderation.exceptions import DecisionChanged, DecisionInvalid, LeaseLost
from moderation.live import onpath
from moderation.models import AuditEvent, Clearance, Decision, DecisionDraft, Item, Job, WaitingDecision
from moderation.models.decision import DecisionStage
from moderation.models.review import JobState
from moderation.models.waiting import WaitingState
from moderation.reports.service import report_file
from moderation.review import waiting as service
from moderation.review.leases import job_claim, job_end
from moderation.review.queries import queue_depths
from moderation.review.waiting import GRACE, job_send, overturn_send, waiting_apply, waiting_apply_due
from moderation.tasks import waiting_apply_due as waiting_task
from policies.choices import Outcome
from tests.support import scenes
from tests.support.people import seen
from tests.support.two_at_once import beside

SECONDS = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def _ten_seconds(settings: Any) -> None:
    settings.CLEARING_WAITS_SECONDS = 10


@pytest.fixture
def ana(db: None) -> User:
    scenes.policy_ready()
    return scenes.person("reviewer", "ana")


@pytest.fixture
def job(ana: User) -> Job:
    return scenes.job_held(ana)


def send(actor: User, job: Job, outcome: Outcome = Outcome.CLEAR, **changes: Any) -> Any:
    fields = {
        "outcome": outcome, "category": "" if outcome == Outcome.CLEAR else "harassment", "min_age": 0, "territories": (),
        "note": "" if outcome == Outcome.CLEAR else "Aimed at a private person.", "now": timezone.now(),
        "job_key": str(job.key), "lease_token": str(job.lease_token), "expected_decision": seen(job.item, actor), **changes,
    }  # fmt: skip
    return job_send(actor=actor, **fields)


def overturn(actor: User, item: Item, outcome: Outcome, **changes: Any) -> Any:
    fields = {
        "outcome": outcome, "category": "" if outcome == Outcome.CLEAR else "harassment", "min_age": 0, "territories": (),
        "note": "Looked at again.", "now": timezone.now(), "item_key": str(item.key),
        "expected_decision": seen(item, actor), **changes,
    }  # fmt: skip
    return overturn_send(actor=actor, **fields)


def is_served(job: Job) -> bool:
    return Clearance.objects.filter(item=job.item_id, is_granted=True).exists()


def later(waiting: WaitingDecision, seconds: int = 0) -> datetime:
    return waiting.due_at + timedelta(seconds=seconds)


def why(waiting: WaitingDecision) -> str:
    waiting.refresh_from_db()
    assert waiting.state == WaitingState.OVERTAKEN
    return waiting.why


# --- before its time ---------------------------------------------------------------------------------------------


def test_it_clears_nothing_before_its_time_and_then_is_the_persons_decision(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    assert isinstance(waiting, WaitingDecision)
    assert waiting.due_at == waiting.created_at + SECONDS
    assert waiting_apply_due(now=later(waiting, -1)) == 0
    assert not is_served(job)
    assert not Decision.objects.filter(actor=ana).exists()
    assert waiting_apply_due(now=later(waiting)) == 1
    assert is_served(job)
    decision = Decision.objects.get(actor=ana)
    assert (decision.outcome, decision.stage) == (Outcome.CLEAR, DecisionStage.REVIEW)
    waiting.refresh_from_db()
    assert (waiting.state, waiting.decision) == (WaitingState.APPLIED, decision)


def test_the_time_that_it_took_is_that_of_the_person(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    waiting_apply_due(now=later(waiting, 3))
    job.refresh_from_db()
    assert (job.state, job.decided_at) == (JobState.DECIDED, waiting.created_at)
    assert job.closed_at == later(waiting, 3)


def test_what_narrows_counts_at_once(ana: User, job: Job) -> None:
    assert isinstance(send(ana, job, Outcome.BLOCK), Decision)
    assert not WaitingDecision.objects.exists()


def test_what_serves_some_waits_and_what_serves_nobody_does_not(ana: User, job: Job) -> None:
    assert isinstance(send(ana, job, Outcome.RESTRICT, min_age=18), WaitingDecision)
    other = scenes.job_held(ana, "waits-2")
    assert isinstance(send(ana, other, Outcome.ESCALATE), Decision)


def test_a_restriction_of_what_is_served_to_all_counts_at_once_and_a_lower_age_waits(ana: User) -> None:
    senior = scenes.person("senior", "sol")
    item = scenes.item_judged("fine-1")
    assert isinstance(overturn(senior, item, Outcome.RESTRICT, min_age=16), Decision)
    item.refresh_from_db()
    assert isinstance(overturn(senior, item, Outcome.RESTRICT, min_age=18), Decision)
    item.refresh_from_db()
    assert isinstance(overturn(senior, item, Outcome.RESTRICT, min_age=16), WaitingDecision)
    assert isinstance(overturn(senior, item, Outcome.RESTRICT, min_age=18, territories=("DE",)), Decision)
    item.refresh_from_db()
    assert isinstance(overturn(senior, item, Outcome.RESTRICT, min_age=18, territories=("FR",)), WaitingDecision)


def test_what_confirms_a_clearance_that_is_over_waits(ana: User) -> None:
    item, now = scenes.item_judged("fine-1"), timezone.now()
    Clearance.objects.filter(item=item).update(valid_until=now - timedelta(days=1))
    assert isinstance(overturn(scenes.person("senior"), item, Outcome.CLEAR), WaitingDecision)


def test_nothing_waits_where_the_setting_says_so(ana: User, job: Job, settings: Any) -> None:
    settings.CLEARING_WAITS_SECONDS = 0
    assert isinstance(send(ana, job), Decision)


def test_all_that_a_decision_needs_is_checked_when_it_is_sent(ana: User, job: Job) -> None:
    with pytest.raises(DecisionInvalid):
        send(ana, job, Outcome.RESTRICT)
    with pytest.raises(DecisionChanged):
        send(ana, job, expected_decision="undecided")
    with pytest.raises(LeaseLost):
        send(ana, job, lease_token="00000000-0000-0000-0000-000000000000")
    assert not WaitingDecision.objects.exists()


def test_nobody_gets_its_job_meanwhile_and_it_is_not_counted_as_open(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    ben = scenes.person("reviewer", "ben")
    for person in (ana, ben):
        assert job_claim(actor=person, now=later(waiting, -1)) is None
    assert sum(depth.n_open for depth in queue_depths(ben, later(waiting, -1))) == 0


def test_where_no_worker_comes_its_job_is_anybodys_and_it_is_not_made_under_their_hands(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    ben, now = scenes.person("reviewer", "ben"), waiting.due_at + GRACE
    assert job_claim(actor=ben, now=now) == job
    assert waiting_apply_due(now=now) == 1
    assert why(waiting) == "It waited too long, so the job went to somebody else."
    assert not is_served(job)


def test_a_second_request_of_the_same_page_is_refused(ana: User, job: Job) -> None:
    send(ana, job)
    with pytest.raises(LeaseLost):
        send(ana, job)
    assert WaitingDecision.objects.count() == 1


def test_every_step_is_in_the_audit_log(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    waiting_apply_due(now=later(waiting))
    acts = list(AuditEvent.objects.filter(actor=ana).order_by("pk").values_list("action", flat=True))
    assert acts[-2:] == ["decision.waits", "job.decided"]


# --- taking effect -----------------------------------------------------------------------------------------------


def test_a_worker_that_dies_in_the_middle_loses_nothing_and_a_second_run_finds_nothing_to_do(
    ana: User, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = send(ana, job)
    real = job_end

    def die(**given: Any) -> None:
        real(**given)
        raise MemoryError

    monkeypatch.setattr(service, "job_end", die)
    assert waiting_apply_due(now=later(waiting)) == 0
    assert not is_served(job)
    monkeypatch.undo()
    assert [waiting_apply_due(now=later(waiting)) for _ in range(2)] == [1, 0]
    assert Decision.objects.filter(actor=ana).count() == 1


def test_one_that_fails_keeps_no_other_waiting(ana: User, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    first = send(ana, job)
    second = send(ana, scenes.job_held(ana, "waits-2"))
    real = job_end
    monkeypatch.setattr(service, "job_end", lambda **given: real(**given) if given["job"].pk != job.pk else 1 / 0)
    assert waiting_apply_due(now=later(second, 1)) == 1
    first.refresh_from_db()
    assert first.state == WaitingState.WAITING


def test_the_task_makes_what_is_due(ana: User, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = send(ana, job)
    waiting_task()
    assert not is_served(job)
    monkeypatch.setattr(tasks, "timezone", SimpleNamespace(now=lambda: waiting.due_at))
    waiting_task()
    assert is_served(job)


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_make_one_decision() -> None:
    scenes.policy_ready()
    ana = scenes.person("reviewer", "ana")
    job = scenes.job_held(ana)
    waiting = send(ana, job)
    now = later(waiting)
    other = beside(lambda: waiting_apply(pk=waiting.pk, now=now), lambda: waiting_apply(pk=waiting.pk, now=now))
    assert other.result() is False
    assert Decision.objects.filter(actor=ana).count() == 1


# --- where the world changed meanwhile ---------------------------------------------------------------------------


def assert_back_first(ana: User, job: Job, waiting: WaitingDecision, note: str = "") -> None:
    """See that the job is its maker's before anybody else's, with what they had typed."""
    job.refresh_from_db()
    now = later(waiting, 1)
    assert job_claim(actor=scenes.person("reviewer", "ben"), now=now) is None
    draft = DecisionDraft.objects.get(person=ana, job=job)
    assert draft.fields["outcome"] == str(waiting.outcome)
    assert draft.fields.get("note", "") == note
    assert job_claim(actor=ana, now=now) == job


def test_a_report_meanwhile_and_the_job_is_its_makers_first_with_what_they_typed(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.RESTRICT, min_age=18)
    report_file(
        actor="api:test", external_id=job.item.external_id, reporter="r", category="harassment", text="",
        now=waiting.created_at,
    )  # fmt: skip
    waiting_apply_due(now=later(waiting))
    assert why(waiting) == "Somebody reported the item before it took effect."
    assert not is_served(job)
    assert_back_first(ana, job, waiting, note="Aimed at a private person.")


def test_hard_evidence_meanwhile_and_nothing_is_cleared(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    scenes.judged_again(job.item, [scenes.bank_hit("violence")], stage=DecisionStage.DEEP)
    waiting_apply_due(now=later(waiting))
    assert why(waiting) == "New hard evidence came in before it took effect."
    assert not is_served(job)


def test_a_list_changed_meanwhile_and_the_item_is_judged_by_it_first(ana: User) -> None:
    onpath.forget()
    from tests.support.people import escalating_caption, text_item

    item = text_item("real-1", escalating_caption() + " with a zorblax")
    job = job_claim(actor=ana, now=timezone.now())
    assert job is not None
    assert job.item_id == item.pk
    waiting = send(ana, job)
    editor = scenes.person("policy-editor")
    emergency_term_add(
        actor=editor, text="zorblax", category="violence", outcome=Outcome.BLOCK, note="A wave.", now=timezone.now()
    )
    waiting_apply_due(now=later(waiting))
    assert not is_served(job)
    item.refresh_from_db()
    assert item.state == "blocked"
    assert "before it took effect" in why(waiting)


def test_what_is_more_than_a_draft_holds_does_not_keep_it_from_being_told(ana: User, job: Job) -> None:
    waiting = send(ana, job, note="a" * 16_001)
    item_withdraw(actor="api:test", item=job.item, now=timezone.now())
    assert waiting_apply_due(now=later(waiting)) == 1
    assert why(waiting)
    assert not DecisionDraft.objects.exists()


def test_a_senior_who_decides_meanwhile_is_not_overruled(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    overturn(scenes.person("senior", "sol"), job.item, Outcome.BLOCK)
    waiting_apply_due(now=later(waiting))
    assert why(waiting) == "sol decided this item before it took effect."
    job.refresh_from_db()
    assert job.state == JobState.CLOSED
    assert not is_served(job)


def test_a_senior_who_clears_meanwhile_replaces_it_at_once(ana: User, job: Job) -> None:
    first = send(ana, job)
    senior = scenes.person("senior", "sol")
    second = overturn(senior, job.item, Outcome.CLEAR)
    assert isinstance(second, WaitingDecision)
    assert why(first) == "sol decided this item before it took effect."
    waiting_apply_due(now=later(second))
    assert Decision.objects.filter(actor=senior).count() == 1
    assert is_served(job)


def test_an_item_withdrawn_meanwhile_stays_withdrawn(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    item_withdraw(actor="api:test", item=job.item, now=timezone.now())
    waiting_apply_due(now=later(waiting))
    assert why(waiting) == "The platform withdrew the item before it took effect."


def test_what_moved_into_the_partition_meanwhile_is_told_of_to_nobody(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    scenes.restrict(job.item)
    waiting_apply_due(now=later(waiting))
    assert why(waiting) == "New evidence came in before it took effect, and others decide on this item now."
    job.refresh_from_db()
    assert (job.kept_for_id, job.kept_until) == (None, None)


def test_somebody_who_may_decide_no_more_decides_no_more(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    ana.groups.clear()
    waiting_apply_due(now=later(waiting))
    assert "could not decide any more" in why(waiting)
    job.refresh_from_db()
    assert (job.state, job.kept_until) == (JobState.OPEN, None)


def test_imminent_harm_is_kept_for_nobody(ana: User, job: Job) -> None:
    Job.objects.filter(pk=job.pk).update(is_imminent=True)
    waiting = send(ana, job)
    report_file(
        actor="api:test", external_id=job.item.external_id, reporter="r", category="harassment", text="",
        now=waiting.created_at,
    )  # fmt: skip
    waiting_apply_due(now=later(waiting))
    assert job_claim(actor=scenes.person("reviewer", "ben"), now=later(waiting)) == job


# --- what the database holds -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"outcome": Outcome.BLOCK},
        {"min_age": 7},
        {"stage": "deep"},
        {"state": "applied"},
        {"state": "overtaken", "settled_at": timezone.now()},
        {"seen_at": timezone.now()},
        {"note": "Something else."},
        {"due_at": timezone.now()},
    ],
)
def test_the_database_refuses(ana: User, job: Job, change: dict[str, Any]) -> None:
    waiting = send(ana, job)
    with pytest.raises(IntegrityError), transaction.atomic():
        WaitingDecision.objects.filter(pk=waiting.pk).update(**change)


def test_what_became_of_one_is_said_once_and_none_is_deleted(ana: User, job: Job) -> None:
    waiting = send(ana, job)
    waiting_apply_due(now=later(waiting))
    back = {"state": WaitingState.WAITING, "settled_at": None, "decision": None}
    with pytest.raises(IntegrityError), transaction.atomic():
        WaitingDecision.objects.filter(pk=waiting.pk).update(**back)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM moderation_waitingdecision")


def test_only_what_is_open_is_kept(ana: User, job: Job) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Job.objects.filter(pk=job.pk).update(kept_until=timezone.now())
