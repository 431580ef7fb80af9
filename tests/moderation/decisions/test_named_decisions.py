"""Two at once: a person's verdict applies to what they named, or to nothing; and it stores what they saw, not what there is."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from moderation.campaigns import service as campaigns
from moderation.campaigns.watch import campaigns_watch
from moderation.decisions.basis import UNDECIDED, Basis, basis_of, campaign_basis_of, parts_of
from moderation.decisions.record import item_overturn
from moderation.detection.types import Finding
from moderation.exceptions import CampaignInvalid, DecisionChanged, LeaseLost
from moderation.intake.submit import item_submit
from moderation.jobs.opening import job_close
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, CampaignMember, Clearance, Decision, Item, Job
from moderation.models.review import TAKEN_WHY
from moderation.reports.service import report_file
from moderation.review.leases import job_claim, job_decide, job_heartbeat
from moderation.verdict.judge import hard_keys, is_narrower, is_new_and_hard
from policies.choices import Outcome
from tests.support.judged_items import bank_match, judged, machine
from tests.support.people import escalating_caption, person, ready, seen, text_item, text_submission
from tests.support.two_at_once import beside, senior_blocks

pytestmark = pytest.mark.django_db(transaction=True)

WAVE = "Everybody come to the old harbour tonight and bring your friends along, tell nobody else about it"


@pytest.fixture(autouse=True)
def policy(settings: Any) -> Iterator[None]:
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    live_campaigns.forget()
    ready()
    yield
    live_campaigns.forget()


def held_by(actor: Any, external_id: str = "e-1") -> Job:
    text_item(external_id, escalating_caption())
    job = job_claim(actor=actor, now=timezone.now())
    assert job
    return job


def clear(actor: Any, job: Job, expected: str, **changes: Any) -> Decision:
    fields = {
        "outcome": Outcome.CLEAR, "category": "", "note": "", "min_age": 0, "territories": (), "now": timezone.now(),
        "job_key": str(job.key), "lease_token": str(job.lease_token), "expected_decision": expected, **changes,
    }  # fmt: skip
    return job_decide(actor=actor, **fields)


def file_report(item: Item, reporter: str = "r-1") -> None:
    report_file(
        actor="api:test", external_id=item.external_id, reporter=reporter, category="violence", text="Look.",
        now=timezone.now(),
    )  # fmt: skip


def wave(n: int = 8, start: int = 0) -> list[Item]:
    """Submit a wave at one moment: nothing of it was served before it was copied."""
    began = timezone.now()
    texts = [text_submission(f"w-{i}", f"{WAVE} #tag{i}", f"creator-{i % 5}") for i in range(start, start + n)]
    return [item_submit(actor="api:test", submission=text, now=began).item for text in texts]


def block_campaign(actor: Any, campaign: Campaign, expected: str) -> Campaign:
    return campaigns.campaign_decide(
        actor=actor, campaign_key=str(campaign.key), expected_decision=expected, outcome=Outcome.BLOCK,
        category="spam_scam", note="One call by many accounts.", min_age=0, territories=(), now=timezone.now(),
    )  # fmt: skip


# --- two at once -------------------------------------------------------------------------------------------------


def test_a_machine_that_blocks_between_page_and_answer_wins() -> None:
    ana = person("ana")
    job = held_by(ana)
    shown = seen(job.item)
    late = beside(lambda: machine(job.item, bank_match()), lambda: clear(ana, job, shown))
    assert isinstance(late.exception(), LeaseLost)
    assert "New hard evidence" in str(late.exception())
    item = Item.objects.get(pk=job.item_id)
    assert item.state == "blocked"
    assert not Clearance.objects.filter(item=item, is_granted=True).exists()
    assert not Decision.objects.filter(item=item, actor=ana).exists()


def test_a_softer_verdict_between_page_and_answer_leaves_the_job_and_refuses_the_page() -> None:
    ana = person("ana")
    job = held_by(ana)
    shown = seen(job.item)
    late = beside(lambda: machine(job.item, Finding("text", "2", "violence", 0.97)), lambda: clear(ana, job, shown))
    assert isinstance(late.exception(), DecisionChanged)
    job.refresh_from_db()
    assert (job.state, job.lease_holder) == ("leased", ana)
    assert clear(ana, job, seen(job.item)).is_by_person


def test_of_two_people_at_once_the_second_is_refused() -> None:
    ana, sue = person("ana"), person("sue-2", "senior")
    job = held_by(ana)
    shown = seen(job.item)
    late = beside(
        lambda: clear(ana, job, shown),
        lambda: item_overturn(
            actor=sue, item_key=str(job.item.key), expected_decision=shown, outcome=Outcome.BLOCK, category="violence",
            note="a threat", min_age=0, territories=(), now=timezone.now(),
        ),
    )  # fmt: skip
    assert isinstance(late.exception(), DecisionChanged)
    assert Item.objects.get(pk=job.item_id).state == "cleared"


def test_a_senior_who_is_quicker_takes_the_job_and_its_holder_is_told() -> None:
    ana = person("ana")
    job = held_by(ana)
    shown = seen(job.item)
    late = beside(lambda: senior_blocks(job.item), lambda: clear(ana, job, shown))
    assert isinstance(late.exception(), LeaseLost)
    assert "A senior decided this item while you had it." in str(late.exception())
    assert Item.objects.get(pk=job.item_id).state == "blocked"


def test_the_same_form_sent_twice_at_once_is_recorded_once() -> None:
    ana = person("ana")
    job = held_by(ana)
    shown = seen(job.item)
    twin = beside(lambda: clear(ana, job, shown), lambda: clear(ana, job, shown))
    assert isinstance(twin.exception(), LeaseLost)
    assert Decision.objects.filter(item=job.item, actor=ana).count() == 1


def test_a_report_between_page_and_answer_is_read_first() -> None:
    ana = person("ana")
    job = held_by(ana)
    shown = seen(job.item)
    late = beside(lambda: file_report(job.item), lambda: clear(ana, job, shown))
    assert isinstance(late.exception(), DecisionChanged)
    clear(ana, job, seen(job.item))


def test_a_campaign_that_captions_joined_is_not_decided_from_the_page_before() -> None:
    ana = person("ana")
    wave()
    campaigns_watch(now=timezone.now())
    campaign = Campaign.objects.get()
    shown = campaign_basis_of(campaign).token
    wave(3, start=8)
    campaigns_watch(now=timezone.now())
    with pytest.raises(DecisionChanged):
        block_campaign(ana, campaign, shown)
    assert Campaign.objects.get().outcome is None
    block_campaign(ana, campaign, campaign_basis_of(campaign).token)


def test_a_member_that_joins_while_the_campaign_is_decided_gets_the_decision() -> None:
    ana = person("ana")
    wave()
    campaigns_watch(now=timezone.now())
    campaign = Campaign.objects.get()
    joining = wave(1, start=8)[0]
    shown = campaign_basis_of(campaign).token
    failed: list[BaseException] = []

    def join() -> None:
        try:
            campaigns_watch(now=timezone.now())
        except BaseException as error:
            failed.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=join)
    with transaction.atomic():
        block_campaign(ana, campaign, shown)
        thread.start()
        thread.join(2)  # it waits for the campaign's row, or has joined beside it
    thread.join()
    assert not failed
    campaigns.campaign_apply(campaign=Campaign.objects.get())
    campaigns_watch(now=timezone.now())
    assert CampaignMember.objects.filter(item=joining).exists()
    assert set(Item.objects.values_list("state", flat=True)) == {"blocked"}


def test_of_two_people_who_decide_a_campaign_at_once_one_is_refused() -> None:
    ana, ben = person("ana"), person("ben")
    wave()
    campaigns_watch(now=timezone.now())
    campaign = Campaign.objects.get()
    shown = campaign_basis_of(campaign).token
    late = beside(lambda: block_campaign(ana, campaign, shown), lambda: block_campaign(ben, campaign, shown))
    assert isinstance(late.exception(), CampaignInvalid)
    assert Campaign.objects.get().decided_by == ana


def test_a_campaigns_member_that_was_decided_by_itself_is_looked_at_first() -> None:
    ana = person("ana")
    items = wave()
    campaigns_watch(now=timezone.now())
    campaign = Campaign.objects.get()
    shown = campaign_basis_of(campaign).token
    machine(items[3], bank_match())
    with pytest.raises(DecisionChanged):
        block_campaign(ana, campaign, shown)


# --- what a person saw -------------------------------------------------------------------------------------------


def test_a_persons_decision_stores_the_evidence_of_the_decision_they_named() -> None:
    item = text_item("s-1", escalating_caption())
    machine(item, bank_match())
    decision = item_overturn(
        actor=person("sue", "senior"), item_key=str(item.key), expected_decision=seen(item), outcome=Outcome.CLEAR,
        category="", note="A false match.", min_age=0, territories=(), now=timezone.now(),
    )  # fmt: skip
    assert decision.evidence["hard"] == {"dangerous_acts": int(Outcome.BLOCK)}
    assert decision.evidence["hard_by"] == hard_keys([bank_match()])


def test_another_match_in_a_known_category_was_not_seen() -> None:
    first, second = bank_match(), Finding("hashes", "test", "dangerous_acts", 1.0, {"entry": "b"}, hard=Outcome.BLOCK)
    item = text_item("s-2")
    machine(item, first)
    decision = item_overturn(
        actor=person("sue", "senior"), item_key=str(item.key), expected_decision=seen(item), outcome=Outcome.CLEAR,
        category="", note="A false match.", min_age=0, territories=(), now=timezone.now(),
    )  # fmt: skip
    assert not is_new_and_hard(decision.evidence, judged(item, first))
    assert is_new_and_hard(decision.evidence, judged(item, first, second))
    assert machine(item, first) == decision
    machine(item, first, second)
    item.refresh_from_db()
    assert item.state == "held"


def test_two_long_domains_are_two_pieces_of_evidence() -> None:
    begin = ".".join(["a" * 60] * 3)
    one, two = (
        Finding("links", "1", "spam_scam", 1.0, {"domain": f"{begin}.{end}"}, hard=Outcome.BLOCK)
        for end in ("first-example.org", "other-example.org")
    )
    assert len(hard_keys([one, two])) == 2
    assert all(len(key) <= 200 for key in hard_keys([one, two]))


def test_a_verdict_is_narrower_by_outcome_age_or_territory() -> None:
    item = text_item("s-5")
    clear = judged(item)
    assert not is_narrower(clear, Decision(outcome=Outcome.CLEAR))
    assert is_narrower(replace(clear, outcome=Outcome.RESTRICT, min_age=13), Decision(outcome=Outcome.CLEAR))
    adults = Decision(outcome=Outcome.RESTRICT, min_age=18, territories_blocked=["DE"])
    teens = replace(clear, outcome=Outcome.RESTRICT, min_age=13, territories=("DE",))
    assert not is_narrower(teens, adults)
    assert is_narrower(replace(teens, territories=("FR",)), adults)
    assert is_narrower(teens, Decision(outcome=Outcome.RESTRICT, min_age=0, territories_blocked=["DE"]))
    assert not is_narrower(replace(teens, outcome=Outcome.BLOCK), Decision(outcome=Outcome.BLOCK))


def test_evidence_that_changed_no_decision_is_part_of_what_is_named() -> None:
    item = text_item("s-3", escalating_caption())
    senior_blocks(item)
    shown = seen(item)
    assert shown == str(Item.objects.get(pk=item.pk).current_decision.key)  # type: ignore[union-attr]
    machine(item, bank_match())
    assert seen(item) != shown
    basis = basis_of(pk=item.pk)
    assert basis
    assert basis.hard == {"dangerous_acts": int(Outcome.BLOCK)}
    with pytest.raises(DecisionChanged):
        senior_blocks(item, "sam", outcome=Outcome.CLEAR, category="", note="fine", expected_decision=shown)


def test_a_withdrawn_item_and_one_without_a_decision_have_a_basis_too() -> None:
    item = text_item("s-4")
    Clearance.objects.filter(item=item).update(is_granted=False)
    Item.objects.filter(pk=item.pk).update(state="pending", current_decision=None)
    assert seen(item) == UNDECIDED
    assert basis_of(pk=0) is None


@pytest.mark.parametrize(
    "basis",
    [
        Basis(UNDECIDED), Basis(UNDECIDED, 2), Basis("0" * 8 + "-0000" * 3 + "-" + "0" * 12, 300, {"hate": 4}, "a1"),
        Basis(UNDECIDED, hard_by=("hate:text:zorblat",)),
    ],
)  # fmt: skip
def test_a_token_tells_its_parts(basis: Basis) -> None:
    assert parts_of(basis.token) == basis.parts
    assert parts_of(f"{basis.token}-") is None


# --- leases that were taken --------------------------------------------------------------------------------------


@pytest.mark.parametrize("why", ["", "A bank knows this clip."])
def test_a_job_that_is_closed_under_its_holder_notes_whose_it_was_and_why(why: str) -> None:
    ana = person("ana")
    job = held_by(ana)
    assert job_close(item=job.item, now=timezone.now(), even_leased=True, why=why) == 1
    job.refresh_from_db()
    assert (job.state, job.taken_from, job.taken_why) == ("closed", ana, why or TAKEN_WHY)
    with pytest.raises(LeaseLost, match=why or TAKEN_WHY):
        job_heartbeat(actor=ana, job_key=str(job.key), lease_token=str(job.lease_token), now=timezone.now())


def test_an_open_job_that_is_closed_was_nobodys() -> None:
    item = text_item("e-1", escalating_caption())
    assert job_close(item=item, now=timezone.now(), even_leased=True, why="A bank knows this clip.") == 1
    job = Job.objects.get(item=item)
    assert (job.state, job.taken_from, job.taken_why) == ("closed", None, "")


def test_whoever_closes_a_leased_job_by_whatever_statement_leaves_a_note() -> None:
    ana = person("ana")
    job = held_by(ana)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE moderation_job SET state = 'closed', closed_at = now(), lease_holder_id = NULL, lease_token = NULL,"
            " lease_expires_at = NULL WHERE id = %s",
            [job.pk],
        )
    job.refresh_from_db()
    assert (job.taken_from, job.taken_why) == (ana, TAKEN_WHY)


@pytest.mark.parametrize("change", ["taken_why = 'because'", "taken_from_id = %(person)s"])
def test_the_database_refuses_half_a_note(change: str) -> None:
    item, ana = text_item("e-1", escalating_caption()), person("ana")
    with (
        pytest.raises(IntegrityError, match="moderation_job_taken_whole"), transaction.atomic(),
        connection.cursor() as cursor,
    ):  # fmt: skip
        cursor.execute(f"UPDATE moderation_job SET {change} WHERE item_id = {item.pk}", {"person": ana.pk})


def test_a_lease_that_ran_out_was_not_taken() -> None:
    ana, later = person("ana"), timezone.now() + timedelta(minutes=11)
    job = held_by(ana)
    with pytest.raises(LeaseLost, match="went back to its queue"):
        clear(ana, job, seen(job.item), now=later)
