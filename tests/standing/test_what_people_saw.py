"""What a person decides rests on what their page showed, and holds until there is hard evidence that they did not see."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from moderation.decisions.basis import basis_of, evidence_seen
from moderation.exceptions import LeaseLost
from moderation.models import Decision, Job
from moderation.models.decision import DecisionStage
from moderation.models.review import ACTIVE_JOB_STATES
from moderation.rejudge.service import items_judge_again
from moderation.review.leases import job_claim, job_decide, job_heartbeat
from policies.choices import Outcome
from tests.support.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def uploaded(world: World, *words: str, file: str = "") -> str:
    world.upload("ada", frozenset(words), file)
    return next(iter(world.things))


def decided(world: World, name: str) -> Decision:
    decision = world.item(name).current_decision
    assert decision
    return decision


def decide(world: World, outcome: Outcome, **more: Any) -> None:
    """Open the item's page and send it at once."""
    world.open_page(next(iter(world.things)))
    world.decide(outcome, page=-1, **more)


def waiting(world: World, name: str) -> Any:
    return Job.objects.filter(item=world.item(name), state__in=ACTIVE_JOB_STATES)


def claimed(world: World) -> Job:
    job = job_claim(actor=world.stage.approver, now=timezone.now())
    assert job
    return job


# --- what the page showed ------------------------------------------------------------------------------------------


def test_a_page_does_not_clear_a_word_that_came_into_force_after_it(world: World) -> None:
    """The second word is of the category that a person blocked the item for, and as strict, so it decides nothing."""
    name = uploaded(world, "zorblax", "quuxwort")
    world.term("zorblax")
    decide(world, Outcome.BLOCK)
    world.open_page(name)
    world.term("quuxwort")
    world.decide(Outcome.CLEAR, page=-1)  # refused, or the world complains
    assert world.item(name).state == "blocked"
    decide(world, Outcome.CLEAR)
    world.check()
    assert world.item(name).state == "cleared"


def test_what_a_person_is_said_to_have_seen_is_what_their_page_showed(world: World) -> None:
    name = uploaded(world, "zorblax", "quuxwort")
    world.term("zorblax")
    decide(world, Outcome.BLOCK)
    basis = basis_of(pk=world.item(name).pk)
    assert basis
    shown = evidence_seen(world.item(name), basis)
    world.term("quuxwort")
    assert evidence_seen(world.item(name), basis) == shown  # whatever was stored since, it is not read again
    now = basis_of(pk=world.item(name).pk)
    assert now
    assert now.token != basis.token
    assert len(evidence_seen(world.item(name), now)["hard_by"]) == len(shown["hard_by"]) + 1


def test_a_page_does_not_clear_a_known_hash_that_came_after_it(world: World) -> None:
    name = uploaded(world, "zorblax", file="known")
    world.examine(name)
    world.term("zorblax")
    decide(world, Outcome.BLOCK)
    world.open_page(name)
    world.entry()
    world.decide(Outcome.CLEAR, page=-1)
    world.settle()
    world.check()
    assert world.item(name).state == "blocked"


def test_a_page_does_not_clear_a_milder_word_that_took_the_place_of_the_one_it_showed(world: World) -> None:
    name = uploaded(world, "zorblax", "vimplet")
    decide(world, Outcome.CLEAR)
    world.term("zorblax")
    assert world.item(name).state == "held"
    world.open_page(name)
    with mock.patch.object(world, "look"):
        world.term("zorblax")
        world.term("vimplet")
    world.look()
    world.decide(Outcome.CLEAR, page=-1)
    world.check()
    assert world.item(name).state == "held"


def test_new_hard_evidence_takes_a_job_also_where_it_changes_nothing_and_leaves_it_to_the_next(world: World) -> None:
    name = uploaded(world, "zorblax", "quuxwort")
    world.term("zorblax")
    decide(world, Outcome.BLOCK)
    world.report(name)
    job = claimed(world)
    world.term("quuxwort")
    with pytest.raises(LeaseLost, match="New hard evidence"):
        job_heartbeat(
            actor=world.stage.approver, job_key=str(job.key), lease_token=str(job.lease_token), now=timezone.now()
        )
    again = claimed(world)
    assert again.pk == job.pk
    items_looked_at_again(world)
    until = job_heartbeat(
        actor=world.stage.approver, job_key=str(job.key), lease_token=str(again.lease_token), now=timezone.now()
    )
    assert until  # what they have seen takes nothing from them


def items_looked_at_again(world: World) -> None:
    items_judge_again(item_pks=[world.item(name).pk for name in world.things], stage=DecisionStage.LISTS)


# --- what asks for more than they did ------------------------------------------------------------------------------


def test_hard_evidence_that_restricts_to_more_than_a_person_did_waits_for_a_senior(world: World) -> None:
    name = uploaded(world, "grondle")
    decide(world, Outcome.RESTRICT, min_age=13)
    world.check()
    world.term("grondle")  # for adults
    world.check()
    assert world.item(name).state == "held"
    world.term("grondle")
    world.check()
    assert (world.item(name).state, decided(world, name).min_age) == ("restricted", 13)


def test_hard_evidence_that_asks_for_no_more_than_a_person_did_changes_nothing_and_is_on_the_next_page(
    world: World,
) -> None:
    name = uploaded(world, "grondle", "zorblax")
    decide(world, Outcome.RESTRICT)
    world.open_page(name)
    world.term("grondle")
    world.check()
    world.decide(Outcome.CLEAR, page=-1)  # refused
    world.term("zorblax")
    world.term("zorblax")  # what they decided holds again, beside a word they did not see and that asks for no more
    world.check()
    assert world.item(name).state == "restricted"


# --- what waits for people -----------------------------------------------------------------------------------------


def test_what_a_reviewer_passed_on_still_waits_for_seniors_after_a_term_came_and_went(world: World) -> None:
    name = uploaded(world, "vimplet", "zorblax")
    world.term("vimplet")
    job = claimed(world)
    basis = basis_of(pk=world.item(name).pk)
    assert basis
    job_decide(
        actor=world.stage.approver, job_key=str(job.key), lease_token=str(job.lease_token),
        expected_decision=basis.token, outcome=Outcome.ESCALATE, category="violence", note="I am not sure", min_age=0,
        territories=(), now=timezone.now(),
    )  # fmt: skip
    for _ in range(2):
        assert waiting(world, name).get().queue.slug == "seniors"
        world.term("zorblax")
    assert world.item(name).state == "held"
    left = waiting(world, name).get()
    assert (left.queue.slug, left.reason) == ("seniors", "Escalated: I am not sure")


@pytest.mark.parametrize("word", ["zorblax", "vimplet", "grondle"])
def test_a_report_waits_for_a_person_whatever_a_term_did_meanwhile(world: World, word: str) -> None:
    name = uploaded(world, word)
    world.report(name)
    job = waiting(world, name).get()
    world.term(word)
    world.check()
    assert waiting(world, name).exists() == (word != "zorblax")  # what is blocked is seen by nobody
    world.term(word)
    world.check()
    assert waiting(world, name).get() == job
    assert world.item(name).state == "cleared"


def test_a_report_on_what_machines_still_look_at_outlasts_the_deep_verdict(world: World) -> None:
    name = uploaded(world, file="plain")
    world.report(name)
    world.examine(name)
    world.check()
    assert world.item(name).state == "cleared"
    assert waiting(world, name).exists()


def test_a_report_that_a_person_answered_waits_no_more(world: World) -> None:
    name = uploaded(world, "zorblax")
    world.report(name)
    decide(world, Outcome.CLEAR)
    world.term("zorblax")
    world.term("zorblax")
    assert world.item(name).state == "cleared"
    assert not waiting(world, name).exists()
    world.report(name)
    world.term("zorblax")
    world.term("zorblax")
    assert waiting(world, name).exists()  # that one they have not


def test_a_report_outlasts_another_version_and_a_campaign_that_waits_for_people(world: World) -> None:
    name = uploaded(world)
    world.report(name)
    world.activate()
    world.check()
    world.gather([name])
    items_looked_at_again(world)
    world.check()
    world.decide_campaign(Outcome.CLEAR)
    world.check()
    assert world.item(name).state == "cleared"
    assert waiting(world, name).exists()
