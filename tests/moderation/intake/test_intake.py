"""Uploads through the intake service: judged, stored whole, once."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from moderation.decisions.record import item_withdraw
from moderation.exceptions import ItemConflict
from moderation.intake.submit import Submission, item_submit
from moderation.models import AuditEvent, Clearance, Decision, Finding, Item, Job, OutboxMessage
from policies import live as policy_selectors
from policies.choices import ItemKind, Outcome
from tests.support.decisions import decision_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def policy() -> None:
    call_command("policy_seed", verbosity=0)
    policy_selectors.invalidate()


def text(external_id: str = "t-1", caption: str = "Baking bread with my grandmother", **other: object) -> Submission:
    fields = {
        "external_id": external_id, "kind": ItemKind.TEXT, "caption": caption, "creator": "mira", "language": "en",
        "region": "GB", "duration_ms": None, "audience": None, "media": None, "cover": None, **other,
    }  # fmt: skip
    return Submission(**fields)  # type: ignore[arg-type]


def test_it_clears_a_harmless_text_and_grants_a_clearance() -> None:
    item = item_submit(actor="api:test", submission=text()).item
    item.refresh_from_db()
    assert item.state == "cleared", decision_of(item).decided_by
    clearance = Clearance.objects.get(item=item)
    assert clearance.is_granted
    assert clearance.decision_id == item.current_decision_id
    assert AuditEvent.objects.filter(action="item.submitted", object_key="t-1").count() == 1


def test_it_answers_an_identical_repeat_with_the_same_item() -> None:
    first = item_submit(actor="api:test", submission=text())
    again = item_submit(actor="api:test", submission=text())
    assert (first.is_new, again.is_new) == (True, False)
    assert first.item.pk == again.item.pk
    assert Decision.objects.count() == 1


def test_it_refuses_the_same_id_with_other_content_and_stores_nothing() -> None:
    item_submit(actor="api:test", submission=text())
    with pytest.raises(ItemConflict, match="t-1"):
        item_submit(actor="api:test", submission=text(caption="Something else"))
    assert Item.objects.count() == 1


def test_it_withdraws_for_good_and_once() -> None:
    item = item_submit(actor="api:test", submission=text()).item
    first = item_withdraw(actor="api:test", item=item, now=timezone.now())
    again = item_withdraw(actor="api:test", item=item, now=timezone.now() + timedelta(minutes=1))
    assert first.pk == again.pk
    assert first.outcome == Outcome.BLOCK
    assert not Clearance.objects.get(item=item).is_granted


def test_it_escalates_what_a_term_says_and_opens_a_job_with_its_evidence() -> None:
    from policies.live import active_policy

    policy = active_policy()
    term = next(
        t for t in policy.terms if t.language in {"", "en"} and t.score and t.score >= 0.6 and not t.is_exception
    )
    item = item_submit(actor="api:test", submission=text(caption=f"look at this {term.text} today")).item
    item.refresh_from_db()
    assert Finding.objects.filter(item=item, detector="terms", category=term.category).exists()
    assert item.state != "cleared"
    if decision_of(item).outcome == Outcome.ESCALATE:
        assert Job.objects.filter(item=item, state="open").count() == 1


def test_it_promises_nothing_for_a_text_that_needs_no_deep_pass() -> None:
    item_submit(actor="api:test", submission=text())
    assert OutboxMessage.objects.count() == 0
