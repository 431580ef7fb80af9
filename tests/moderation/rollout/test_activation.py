"""Activation: new uploads at once, stored items by replay, revoking first; restartable, and complete when it says so."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection, transaction
from django.utils import timezone

from moderation.decisions.record import PersonVerdict, decision_by_person
from moderation.intake import submit
from moderation.models import Activation, AuditEvent, Clearance, ClearanceRevision, Decision, Item, Job
from moderation.models.activation import ActivationKind, ActivationState, Phase
from moderation.models.decision import DecisionStage
from moderation.rollout import activation as service
from moderation.rollout.activation import activation_begin, activation_start, activations_resume
from moderation.verdict.judge import replay
from policies.choices import Outcome
from policies.errors import PolicyError
from policies.live import compile_version, policy_for
from policies.models import PolicyVersion, VersionState
from tests.support.owner import owner
from tests.support.people import escalating_caption, ready, seen, text_item
from tests.support.rolling import approved, fresh, people, raise_score, thresholds

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def seeded(settings: Any) -> Iterator[None]:
    ready()
    yield
    fresh()


def activate(version: PolicyVersion, **options: Any) -> Activation:
    """Start an activation and run it to its end."""
    started = activation_start(actor=people()[1], version=version, note="for a test", now=timezone.now())
    assert activations_resume(budget_seconds=120, **options)
    return Activation.objects.get(pk=started.pk)


def scored(external_id: str, score: float, *, category: str = "violence", outcome: str = "cleared") -> Item:
    """Return an item whose stored evidence has a score that the first version clears."""
    item = text_item(external_id)
    raise_score(item, score, category)
    item.refresh_from_db()
    assert item.state == outcome
    return item


def test_what_the_version_no_longer_clears_is_revoked_and_what_it_newly_clears_is_served() -> None:
    served = scored("now-blocked", 0.2)
    kept = text_item("stays")
    held = text_item("now-cleared", escalating_caption())
    held.refresh_from_db()
    assert held.state == "held"
    assert Job.objects.filter(item=held, state="open").exists()
    done = activate(approved(thresholds("violence", block=0.1)))
    # the held one has a higher score: it is blocked as well; nothing is widened by a stricter version
    for item in (served, held):
        item.refresh_from_db()
        assert item.state == "blocked"
    assert not Clearance.objects.get(item=served).is_granted
    assert Clearance.objects.get(item=kept).is_granted
    assert not Job.objects.filter(item=held, state="open").exists()
    assert (done.state, done.phase, done.n_revoked, done.n_blocked) == (ActivationState.DONE, Phase.DONE, 1, 2)
    lenient = activate(approved(thresholds("violence", block=0.999)))
    for item in (served, held):
        item.refresh_from_db()
        assert item.state in {"cleared", "restricted"}
        assert Clearance.objects.get(item=item).is_granted
    assert (lenient.n_widened, lenient.n_revoked) == (2, 0)


def test_a_clearance_is_narrowed_and_widened() -> None:
    item = scored("narrowed", 0.2)
    done = activate(approved(thresholds("violence", restrict_16=0.1, block=0.95)))
    assert (done.n_narrowed, done.n_revoked, done.n_widened) == (1, 0, 0)
    assert Clearance.objects.get(item=item).min_age == 16
    done = activate(approved(thresholds("violence", restrict_13=0.1, block=0.95)))
    assert (done.n_narrowed, done.n_widened) == (0, 1)
    assert Clearance.objects.get(item=item).min_age == 13


def test_what_is_newly_escalated_gets_a_job_in_its_queue() -> None:
    item = scored("to-people", 0.2)
    done = activate(approved(thresholds("violence", escalate=0.1, block=0.95)))
    job = Job.objects.get(item=item)
    assert (job.state, job.category, job.reason) == ("open", "violence", "escalate.violence")
    assert (done.n_jobs, done.n_escalated, done.n_revoked) == (1, 1, 1)


def test_each_decision_is_recorded_in_the_chain_and_replays_to_the_same_verdict() -> None:
    item = scored("replayed", 0.2)
    before = item.current_decision
    version = approved(thresholds("violence", block=0.1))
    activate(version)
    decision = Decision.objects.get(item=item, stage=DecisionStage.ACTIVATION)
    assert decision.supersedes == before
    assert decision.policy_version == version
    again = replay(decision.evidence, compile_version(version))
    assert (again.outcome, again.decided_by, again.category) == (Outcome.BLOCK, "block.violence", "violence")
    assert again.digest == decision.evidence_digest
    assert (decision.outcome, decision.decided_by) == (again.outcome, again.decided_by)
    assert decision.reasons[0]["rule"] == "block.violence"
    assert decision.reasons[0]["threshold"] == pytest.approx(0.1)


def test_what_people_decided_stays_and_is_counted() -> None:
    item = scored("a-person-said-so", 0.2)
    person = people()[1]
    with transaction.atomic():
        locked = Item.objects.select_for_update(of=("self",)).select_related("current_decision").get(pk=item.pk)
        decision_by_person(
            actor=person, item=locked, verdict=PersonVerdict(Outcome.CLEAR), stage=DecisionStage.REVIEW, now=timezone.now(),
            expected_decision=seen(locked),
        )  # fmt: skip
    done = activate(approved(thresholds("violence", block=0.1)))
    item.refresh_from_db()
    assert item.state == "cleared"
    assert (done.n_kept, done.n_revoked) == (1, 0)


def test_everything_that_is_revoked_is_logged_before_anything_is_widened() -> None:
    first = text_item("held-first", escalating_caption())
    second = scored("revoked-second", 0.2, category="hate")
    assert first.pk < second.pk

    def edit(document: dict[str, Any]) -> None:
        thresholds("violence", block=0.999)(document)
        thresholds("hate", block=0.1)(document)

    last = ClearanceRevision.objects.order_by("-revision").values_list("revision", flat=True).first()
    activate(approved(edit))
    log = ClearanceRevision.objects.filter(revision__gt=last).order_by("revision")
    assert [(row.item_id, row.is_granted) for row in log] == [(second.pk, False), (first.pk, True)]


def test_new_uploads_are_decided_under_the_version_before_stored_ones_are() -> None:
    version = approved()
    activation_start(actor=people()[1], version=version, now=timezone.now())
    item = text_item("new")
    assert item.current_decision
    assert item.current_decision.policy_version == version


def test_an_upload_judged_under_the_former_version_is_judged_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that has not heard of the activation: the database refuses, and the upload is judged anew."""
    policy = policy_for("mira")
    version = approved()
    activation_start(actor=people()[1], version=version, now=timezone.now())
    answers = iter([policy])
    monkeypatch.setattr(submit, "policy_for", lambda creator: next(answers, None) or policy_for(creator))
    item = text_item("lagging")
    assert item.current_decision
    assert item.current_decision.policy_version == version


def test_it_waits_for_uploads_of_before_that_commit_late_and_catches_them() -> None:
    version = approved(thresholds("violence", block=0.1))
    is_stored, may_commit = threading.Event(), threading.Event()

    def upload() -> None:
        try:
            with transaction.atomic():
                scored("late", 0.2)
                is_stored.set()
                may_commit.wait(30)
        finally:
            connection.close()

    uploader = threading.Thread(target=upload)
    uploader.start()
    assert is_stored.wait(30)
    activation_start(actor=people()[1], version=version, now=timezone.now())
    assert not activations_resume(budget_seconds=1.0)
    assert Activation.objects.get().phase == Phase.SETTLE
    may_commit.set()
    uploader.join()
    assert Item.objects.get(external_id="late").state == "cleared"
    assert activations_resume(budget_seconds=120)
    assert Item.objects.get(external_id="late").state == "blocked"


def test_a_later_activation_overtakes_one_that_runs() -> None:
    item = scored("overtaken", 0.2)
    first = activation_start(actor=people()[1], version=approved(thresholds("violence", block=0.1)), now=timezone.now())
    former = PolicyVersion.objects.get(number=1)
    second = activation_start(actor=people()[1], version=former, note="a mistake", now=timezone.now())
    assert second.kind == ActivationKind.ROLLBACK
    assert activations_resume(budget_seconds=120)
    first.refresh_from_db()
    item.refresh_from_db()
    assert first.state == ActivationState.SUPERSEDED
    assert item.state == "cleared"
    assert PolicyVersion.objects.get(pk=former.pk).state == VersionState.ACTIVE


def test_a_worker_that_was_overtaken_writes_nothing_more() -> None:
    item = scored("stale-worker", 0.2)
    version = approved(thresholds("violence", block=0.1))
    started = activation_start(actor=people()[1], version=version, now=timezone.now())
    run = service._Run(Activation.objects.select_related("version").get(pk=started.pk), time.monotonic() + 60)
    run._begin()
    activation_begin(actor=people()[1], kind=ActivationKind.ROLLBACK, now=timezone.now())
    with pytest.raises(service._Overtaken):
        run.go_on()
    item.refresh_from_db()
    assert item.state == "cleared"


def test_a_worker_that_was_overtaken_judges_nothing_more_one_by_one() -> None:
    """It may not have heard of the later activation: the version that it judges by decides no more."""
    item = scored("stale-judge", 0.2)
    version = approved(thresholds("violence", block=0.1))
    started = activation_start(actor=people()[1], version=version, now=timezone.now())
    run = service._Run(Activation.objects.select_related("version").get(pk=started.pk), time.monotonic() + 60)
    run._begin()
    activation_begin(actor=people()[1], kind=ActivationKind.ROLLBACK, now=timezone.now())
    with pytest.raises(service._Overtaken):
        run._judge_apart([item.pk])
    item.refresh_from_db()
    assert item.state == "cleared"


def test_only_what_the_canary_decided_comes_back_when_it_ends() -> None:
    mine, other = scored("of-the-canary", 0.2), scored("of-the-active", 0.2)
    version = approved(thresholds("violence", block=0.1))
    decision_pk = mine.current_decision_id
    other_version = PolicyVersion.objects.get(number=2).pk
    with owner(without_triggers=True) as cursor:
        cursor.execute(
            "UPDATE moderation_decision SET policy_version_id = %s WHERE id = %s", [other_version, decision_pk]
        )
    Clearance.objects.filter(item=mine).update(policy_version=PolicyVersion.objects.get(number=2))
    former = PolicyVersion.objects.get(number=1)
    with connection.cursor() as cursor:  # the active version blocks both; only one of them is looked at
        cursor.execute("UPDATE policies_policyversion SET state = 'retired' WHERE id = %s", [former.pk])
        cursor.execute(
            "UPDATE policies_policyversion SET state = 'active', activated_at = now() WHERE id = %s", [version.pk]
        )
    activation_begin(
        actor=people()[1], kind=ActivationKind.CANARY_END, only_version=PolicyVersion.objects.get(number=2),
        now=timezone.now(),
    )  # fmt: skip
    assert activations_resume(budget_seconds=120)
    for item, state in ((mine, "blocked"), (other, "cleared")):
        item.refresh_from_db()
        assert item.state == state


def test_a_version_that_may_not_be_activated_starts_nothing() -> None:
    with pytest.raises(PolicyError):
        activation_start(actor=people()[1], version=PolicyVersion.objects.get(number=2), now=timezone.now())
    assert not Activation.objects.exists()


def test_progress_is_seen_and_the_end_is_audited() -> None:
    scored("counted", 0.2)
    started = activation_start(actor=people()[1], version=approved(), now=timezone.now())
    assert (started.is_running, started.progress) == (True, 0)
    assert not activations_resume(budget_seconds=-1)
    half = Activation.objects.get()
    assert half.is_running
    assert 0 <= half.progress < 100
    assert activations_resume(budget_seconds=120)
    done = Activation.objects.get()
    assert (done.progress, done.is_running) == (100, False)
    actions = set(AuditEvent.objects.filter(object_key=str(done.key)).values_list("action", flat=True))
    assert actions == {"activation.started", "activation.done"}


def test_an_error_is_kept_and_the_work_goes_on_later(monkeypatch: pytest.MonkeyPatch) -> None:
    item = scored("after-an-error", 0.2)
    activation_start(actor=people()[1], version=approved(thresholds("violence", block=0.1)), now=timezone.now())

    def broken(*args: object, **kwargs: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(service, "changes_write", broken)
        assert not activations_resume()
    failed = Activation.objects.get()
    assert (failed.state, failed.error) == (ActivationState.FAILED, "OSError: the disk is full")
    assert not activations_resume()  # not before the claim is over
    Activation.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert activations_resume(budget_seconds=120)
    item.refresh_from_db()
    assert item.state == "blocked"


_CHILD = """
import sys, time
import django
django.setup()
from moderation.rollout import activation
real = activation.changes_write
def slow(*args, **kwargs):
    written = real(*args, **kwargs)
    print("wrote", flush=True)
    time.sleep(0.3)
    return written
activation.WRITE_ITEMS = 3
activation.changes_write = slow
activation.activations_resume()
print("finished", flush=True)
"""


@pytest.mark.slow
def test_it_survives_being_killed_in_the_middle() -> None:
    items = [scored(f"killed-{n}", 0.2) for n in range(12)]
    activation_start(actor=people()[1], version=approved(thresholds("violence", block=0.1)), now=timezone.now())
    for _ in range(2):
        Activation.objects.update(claimed_until=None)
        environment = {**os.environ, "DATABASE_URL": _url(), "DJANGO_SETTINGS_MODULE": "console.settings"}
        child = subprocess.Popen([sys.executable, "-c", _CHILD], env=environment, stdout=subprocess.PIPE, text=True)
        assert child.stdout
        assert child.stdout.readline() == "wrote\n"
        assert child.stdout.readline() == "wrote\n"  # the first one is committed, the second is not
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    n_blocked = Item.objects.filter(state="blocked").count()
    assert 0 < n_blocked < len(items)
    assert Activation.objects.get().phase == Phase.REVOKE
    Activation.objects.update(claimed_until=None)
    assert activations_resume(budget_seconds=120)
    assert Item.objects.filter(state="blocked").count() == len(items)
    assert Decision.objects.filter(stage=DecisionStage.ACTIVATION).count() == len(items)  # each once
    assert Activation.objects.get().n_revoked == len(items)


def _url() -> str:
    """Return the address of the test database for another process."""
    base = os.environ["DATABASE_URL"]
    return urlunsplit(urlsplit(base)._replace(path=f"/{connection.settings_dict['NAME']}"))


def _with_term(text: str) -> Any:
    def edit(document: dict[str, Any]) -> None:
        name = next(iter(document["terms"]))
        document["terms"][name].append({"text": text, "category": "violence", "outcome": "block"})

    return edit


def test_a_new_term_is_looked_for_in_stored_captions_and_a_rollback_brings_them_back() -> None:
    item, other = text_item("with-the-word"), text_item("without", "A quiet evening by the river with friends")
    former = PolicyVersion.objects.get(number=1)
    done = activate(approved(_with_term("grandmother")))
    assert done.looks_at_captions
    for one, state in ((item, "blocked"), (other, "cleared")):
        one.refresh_from_db()
        assert one.state == state
    decision = item.current_decision
    assert decision
    assert (decision.decided_by, decision.evidence["hard"]) == ("hard.violence", {"violence": 4})
    same_terms = activate(approved(_with_term("grandmother"), title="The same terms"))
    item.refresh_from_db()
    assert (item.state, same_terms.looks_at_captions, same_terms.n_widened) == ("blocked", False, 0)
    activate(former)
    item.refresh_from_db()
    assert item.state == "cleared"


def test_an_upload_of_before_that_commits_late_is_looked_through_as_well() -> None:
    version = approved(_with_term("grandmother"))
    is_stored, may_commit = threading.Event(), threading.Event()

    def upload() -> None:
        try:
            with transaction.atomic():
                text_item("late")
                is_stored.set()
                may_commit.wait(60)
        finally:
            connection.close()

    uploader = threading.Thread(target=upload)
    uploader.start()
    assert is_stored.wait(60)
    activation_start(actor=people()[1], version=version, now=timezone.now())
    assert not activations_resume(budget_seconds=1.0)
    may_commit.set()
    uploader.join()
    assert activations_resume(budget_seconds=120)
    assert Item.objects.get(external_id="late").state == "blocked"
