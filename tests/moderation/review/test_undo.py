"""Taking back: what waits comes to nothing, what stands is judged anew, and the job is the person's again with what they typed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from moderation.decisions.record import item_withdraw
from moderation.deep.examine import item_examine
from moderation.emergency.service import emergency_term_add, emergency_term_withdraw
from moderation.exceptions import LeaseLost, UndoRefused
from moderation.live.lists import ListsUnavailable
from moderation.models import (
    AuditEvent,
    Clearance,
    Decision,
    DecisionDraft,
    Item,
    Job,
    OutboxMessage,
    Question,
    WaitingDecision,
)
from moderation.models.decision import NEW_HARD_EVIDENCE, PERSON_HOLDS, DecisionStage
from moderation.models.review import JobState
from moderation.models.waiting import WaitingState
from moderation.outbox.promise import TOPIC_REEXAMINE
from moderation.rejudge import service as rejudge
from moderation.rejudge.service import Judge, items_judge_again
from moderation.reports.service import report_file
from moderation.review.acts import acts_of
from moderation.review.giving_back import shift_end
from moderation.review.leases import job_claim, job_heartbeat
from moderation.review.undo import undo
from moderation.review.waiting import job_send, overturn_send, waiting_apply_due
from policies.choices import SENIOR_QUEUE, Outcome
from tests.support import scenes
from tests.support.people import escalating_caption, ready, seen, text_item

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ten_seconds(settings: Any) -> None:
    settings.CLEARING_WAITS_SECONDS = 10
    settings.EMERGENCY_MAX_PERMILLE = 1_000


@pytest.fixture
def ana() -> User:
    ready()
    return scenes.person("reviewer", "ana")


@pytest.fixture
def job(ana: User) -> Job:
    return held(ana, "real-1")


def held(person: User, external_id: str, extra: str = "") -> Job:
    """Return the job of an item that machines have really judged, held by a person."""
    item = text_item(external_id, f"{escalating_caption()} {extra}", creator=external_id)
    job = job_claim(actor=person, now=timezone.now())
    assert job is not None
    assert job.item_id == item.pk
    return job


def send(actor: User, job: Job, outcome: Outcome, **changes: Any) -> Any:
    fields = {
        "outcome": outcome, "category": "" if outcome == Outcome.CLEAR else "violence", "min_age": 0, "territories": (),
        "note": "" if outcome == Outcome.CLEAR else "A threat.", "now": timezone.now(), "job_key": str(job.key),
        "lease_token": str(job.lease_token), "expected_decision": seen(job.item, actor), **changes,
    }  # fmt: skip
    return job_send(actor=actor, **fields)


def overturn(actor: User, item: Item, outcome: Outcome) -> Any:
    return overturn_send(
        actor=actor, item_key=str(item.key), outcome=outcome, category="" if outcome == Outcome.CLEAR else "violence",
        note="Looked at again.", min_age=0, territories=(), expected_decision=seen(item, actor), now=timezone.now(),
    )  # fmt: skip


def back(actor: User, made: Decision | WaitingDecision) -> Job | None:
    return undo(actor=actor, key=str(made.key), now=timezone.now())


def standing(item: Item) -> Decision:
    decision = Item.objects.get(pk=item.pk).current_decision
    assert decision
    return decision


def term(editor: User, outcome: Outcome = Outcome.BLOCK) -> str:
    made = emergency_term_add(
        actor=editor, text="zorblax", category="violence", outcome=outcome, note="A wave.", now=timezone.now()
    )
    return str(made.key)


# --- what waits --------------------------------------------------------------------------------------------------


def test_what_waits_comes_to_nothing_and_its_job_is_theirs_again(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.RESTRICT, min_age=18)
    again = back(ana, waiting)
    assert again == job
    assert (again.state, again.lease_holder) == (JobState.LEASED, ana)
    draft = DecisionDraft.objects.get(person=ana, job=job)
    assert draft.fields == {"outcome": "1", "category": "violence", "note": "A threat.", "min_age": "18"}
    assert waiting_apply_due(now=waiting.due_at) == 0
    assert not Clearance.objects.filter(is_granted=True).exists()
    assert not Decision.objects.filter(actor=ana).exists()


def test_a_second_press_takes_nothing_else_back_and_leads_to_the_same_job(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.CLEAR)
    assert back(ana, waiting) == job
    assert back(ana, waiting) == job
    assert AuditEvent.objects.filter(action="decision.taken_back").count() == 1
    assert WaitingDecision.objects.get().state == WaitingState.TAKEN_BACK


def test_one_that_has_just_taken_effect_is_taken_back_all_the_same(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.CLEAR)
    waiting_apply_due(now=waiting.due_at)
    assert Clearance.objects.filter(is_granted=True).exists()
    assert back(ana, waiting)
    assert not Clearance.objects.filter(is_granted=True).exists()
    assert standing(job.item).stage == DecisionStage.UNDONE


def test_the_job_that_they_went_on_with_is_kept_for_them_and_for_nobody_else(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.CLEAR)
    other = held(ana, "real-2")
    back(ana, waiting)
    with pytest.raises(LeaseLost, match="this one waits for you"):
        job_heartbeat(actor=ana, job_key=str(other.key), lease_token=str(other.lease_token), now=timezone.now())
    assert job_claim(actor=scenes.person("reviewer", "ben"), now=timezone.now()) is None
    job.refresh_from_db()
    send(ana, job, Outcome.BLOCK)
    assert job_claim(actor=ana, now=timezone.now()) == other


def test_what_is_kept_is_anybodys_after_a_while(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.CLEAR)
    other = held(ana, "real-2")
    back(ana, waiting)
    now = timezone.now() + timedelta(minutes=11)
    assert job_claim(actor=scenes.person("reviewer", "ben"), now=now) == other


def test_at_the_end_of_a_shift_nothing_is_kept_any_more(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.CLEAR)
    other = held(ana, "real-2")
    back(ana, waiting)
    shift_end(actor=ana, note="", now=timezone.now())
    ben = scenes.person("reviewer", "ben")
    assert job_claim(actor=ben, now=timezone.now()) in {job, other}
    assert Job.objects.filter(kept_until__isnull=False).count() == 0


def test_imminent_harm_that_they_held_goes_to_whoever_asks_next(ana: User, job: Job) -> None:
    waiting = send(ana, job, Outcome.CLEAR)
    other = held(ana, "real-2")
    Job.objects.filter(pk=other.pk).update(is_imminent=True)
    back(ana, waiting)
    assert job_claim(actor=scenes.person("reviewer", "ben"), now=timezone.now()) == other


# --- what stands -------------------------------------------------------------------------------------------------


def test_a_block_taken_back_stands_as_machines_say_now_and_its_job_is_theirs_with_what_they_typed(
    ana: User, job: Job
) -> None:
    made = send(ana, job, Outcome.BLOCK)
    again = back(ana, made)
    assert again is not None
    assert (again.state, again.lease_holder, again.queue, again.due_at) == (
        JobState.LEASED, ana, job.queue, job.due_at,
    )  # fmt: skip
    now = standing(job.item)
    assert (now.outcome, now.stage, now.actor, now.supersedes) == (Outcome.ESCALATE, DecisionStage.UNDONE, None, made)
    assert not now.rests_on_person
    assert DecisionDraft.objects.get(job=again).fields == {"outcome": "4", "category": "violence", "note": "A threat."}
    assert Decision.objects.filter(pk=made.pk).exists()


def test_pressed_twice_it_is_taken_back_once(ana: User, job: Job) -> None:
    made = send(ana, job, Outcome.BLOCK)
    assert back(ana, made) == back(ana, made)
    assert Decision.objects.filter(stage=DecisionStage.UNDONE).count() == 1
    assert Job.objects.filter(item=job.item, state=JobState.LEASED).count() == 1


def test_it_is_judged_by_the_lists_of_now_and_not_by_history(ana: User) -> None:
    editor = scenes.person("policy-editor")
    job = held(ana, "real-1", "zorblax")
    made = send(ana, job, Outcome.BLOCK)
    term(editor)
    back(ana, made)
    assert (standing(job.item).outcome, standing(job.item).decided_by) == (Outcome.BLOCK, "hard.violence")


def test_what_only_a_term_of_then_had_stopped_is_stopped_no_more(ana: User) -> None:
    editor, senior = scenes.person("policy-editor"), scenes.person("senior", "sol")
    key = term(editor)
    item = text_item("real-1", "Baking bread with my grandmother on a rainy morning, zorblax")
    assert item.state == "blocked"
    made = overturn(senior, item, Outcome.BLOCK)
    emergency_term_withdraw(actor=editor, key=key, now=timezone.now())
    back(senior, made)
    assert standing(item).decided_by == "missing.text"  # nobody had asked the classifier: the term was enough
    item_examine(OutboxMessage.objects.get(item=item, topic=TOPIC_REEXAMINE, state="pending"))
    assert standing(item).outcome == Outcome.CLEAR


def test_somebodys_earlier_word_holds_again(ana: User, job: Job) -> None:
    first = send(ana, job, Outcome.BLOCK)
    senior = scenes.person("senior", "sol")
    waiting = overturn(senior, job.item, Outcome.CLEAR)
    waiting_apply_due(now=waiting.due_at)
    assert Clearance.objects.filter(is_granted=True).exists()
    back(senior, waiting)
    now = standing(job.item)
    assert (now.outcome, now.decided_by, now.by_person) == (Outcome.BLOCK, PERSON_HOLDS, first)
    assert now.rests_on_person
    items_judge_again(item_pks=[job.item_id], stage=DecisionStage.LISTS)
    assert standing(job.item) == now


def test_hard_evidence_that_an_earlier_word_did_not_know_is_held_for_a_senior(ana: User) -> None:
    editor, senior = scenes.person("policy-editor"), scenes.person("senior", "sol")
    job = held(ana, "real-1", "zorblax")
    waiting = send(ana, job, Outcome.CLEAR)
    waiting_apply_due(now=waiting.due_at)
    made = overturn(senior, job.item, Outcome.BLOCK)
    term(editor)
    back(senior, made)
    assert (standing(job.item).outcome, standing(job.item).decided_by) == (Outcome.HOLD, NEW_HARD_EVIDENCE)
    assert not Clearance.objects.filter(is_granted=True).exists()


def test_what_was_passed_to_seniors_comes_back_and_nobody_answers_it(ana: User, job: Job) -> None:
    made = send(ana, job, Outcome.ESCALATE)
    again = back(ana, made)
    assert again is not None
    assert again.queue.slug != SENIOR_QUEUE
    assert not Question.objects.filter(answered_at=None).exists()
    assert job_claim(actor=scenes.person("senior", "sol"), now=timezone.now()) is None


def test_what_only_a_report_had_opened_for_the_partitions_people_is_theirs_again(ana: User) -> None:
    senior = scenes.person("senior", "sol")
    item = text_item("fine-1", "Baking bread with my grandmother on a rainy morning")
    report_file(
        actor="api:test", external_id="fine-1", reporter="r", category="child_safety", text="", now=timezone.now()
    )
    job = job_claim(actor=senior, now=timezone.now())
    assert job is not None
    assert job.is_unconfirmed
    again = back(senior, send(senior, job, Outcome.BLOCK))
    assert again is not None
    assert (again.is_unconfirmed, again.queue, again.lease_holder) == (True, job.queue, senior)
    assert standing(item).outcome == Outcome.CLEAR
    assert not Item.objects.get(pk=item.pk).is_restricted


def test_an_overturn_taken_back_is_a_job_of_its_maker(ana: User, job: Job) -> None:
    senior = scenes.person("senior", "sol")
    again = back(senior, overturn(senior, job.item, Outcome.BLOCK))
    assert again is not None
    assert (again.lease_holder, again.queue.slug) == (senior, SENIOR_QUEUE)


def test_nothing_of_what_was_taken_back_counts_for_the_creator_or_as_a_label(ana: User, job: Job) -> None:
    from moderation.items.queries import creator_history

    made = send(ana, job, Outcome.BLOCK)
    before = creator_history("real-1", timezone.now())
    back(ana, made)
    after = creator_history("real-1", timezone.now())
    assert before
    assert after
    assert (before.n_blocked_30d, after.n_blocked_30d) == (1, 0)


# --- what is refused ---------------------------------------------------------------------------------------------


def test_something_newer_stands(ana: User, job: Job) -> None:
    made = send(ana, job, Outcome.BLOCK)
    overturn(scenes.person("senior", "sol"), job.item, Outcome.BLOCK)
    with pytest.raises(UndoRefused, match="sol has decided this item since"):
        back(ana, made)


def test_new_hard_evidence_stands(ana: User) -> None:
    editor = scenes.person("policy-editor")
    job = held(ana, "real-1", "zorblax")
    waiting = send(ana, job, Outcome.CLEAR)
    waiting_apply_due(now=waiting.due_at)
    term(editor)
    items_judge_again(item_pks=[job.item_id], stage=DecisionStage.LISTS)
    with pytest.raises(UndoRefused, match="New hard evidence came in since"):
        back(ana, waiting)


def test_somebody_elses_decision_waits(ana: User, job: Job) -> None:
    made = send(ana, job, Outcome.BLOCK)
    overturn(scenes.person("senior", "sol"), job.item, Outcome.CLEAR)
    with pytest.raises(UndoRefused, match="sol has just decided this item anew"):
        back(ana, made)


def test_a_senior_is_at_it(ana: User, job: Job) -> None:
    made = send(ana, job, Outcome.ESCALATE)
    assert job_claim(actor=scenes.person("senior", "sol"), now=timezone.now())
    with pytest.raises(UndoRefused, match="Somebody else is looking at this item"):
        back(ana, made)


def test_what_was_withdrawn_or_moved_into_the_partition_since(ana: User, job: Job) -> None:
    made = send(ana, job, Outcome.BLOCK)
    item_withdraw(actor="api:test", item=job.item, now=timezone.now())
    with pytest.raises(UndoRefused, match="withdrawn"):
        back(ana, made)
    other = held(ana, "real-2")
    made = send(ana, other, Outcome.BLOCK)
    scenes.restrict(other.item)
    with pytest.raises(UndoRefused, match="others decide on this item now"):
        back(ana, made)


def test_somebody_elses_decision_is_nobodys_to_take_back(ana: User, job: Job) -> None:
    made = send(ana, job, Outcome.BLOCK)
    with pytest.raises(UndoRefused, match="no such decision of yours"):
        back(scenes.person("reviewer", "ben"), made)
    with pytest.raises(PermissionDenied):
        back(scenes.person("analyst"), made)


def test_while_the_lists_cannot_be_read_everything_stays(ana: User, job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    made = send(ana, job, Outcome.BLOCK)

    def unreadable() -> None:
        raise ListsUnavailable

    monkeypatch.setattr(rejudge, "lists_refresh", unreadable)
    with pytest.raises(UndoRefused, match="cannot be read just now"):
        back(ana, made)
    assert standing(job.item) == made


def test_content_that_machines_would_see_otherwise_now_is_held(
    ana: User, job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = send(ana, job, Outcome.BLOCK)
    real = Judge.verdict

    def partly(self: Any, content: Any) -> Any:
        from dataclasses import replace

        return replace(real(self, content), is_whole=False)

    monkeypatch.setattr(Judge, "verdict", partly)
    back(ana, made)
    assert standing(job.item).outcome == Outcome.HOLD


# --- the list ----------------------------------------------------------------------------------------------------


def test_ones_last_ten_with_what_became_of_each(ana: User, job: Job) -> None:
    first = send(ana, job, Outcome.BLOCK)
    second = send(ana, held(ana, "real-2"), Outcome.CLEAR)
    third = send(ana, held(ana, "real-3"), Outcome.CLEAR)
    waiting_apply_due(now=second.due_at - timedelta(microseconds=1))
    back(ana, third)
    overturn(scenes.person("senior", "sol"), job.item, Outcome.BLOCK)
    acts = acts_of(ana)
    assert [act.key for act in acts] == [str(third.key), str(second.key), str(first.key)]
    assert [act.is_open for act in acts] == [False, True, False]
    assert [act.is_taken_back for act in acts] == [True, False, False]
    assert acts[1].due_at == second.due_at
    assert acts[2].newer is not None
    assert acts[0].words.startswith("watch this")
    assert acts_of(scenes.person("reviewer", "ben")) == []


def test_what_they_may_not_know_of_any_more_has_no_words(ana: User, job: Job) -> None:
    send(ana, job, Outcome.BLOCK)
    scenes.restrict(job.item)
    assert acts_of(ana)[0].words == ""


def test_there_are_ten_of_them(ana: User) -> None:
    for n in range(11):
        send(ana, held(ana, f"real-{n}"), Outcome.BLOCK)
    acts = acts_of(ana)
    assert len(acts) == 10
    assert acts[0].item.external_id == "real-10"
