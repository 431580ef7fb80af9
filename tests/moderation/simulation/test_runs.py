"""Saved simulations: begun, carried out, cancelled, begun again after a worker died; labels; sliders kept ready."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from moderation.decisions.record import item_overturn
from moderation.evidence import store as evidence_store
from moderation.exceptions import SimulationInvalid
from moderation.jobs.opening import job_open
from moderation.models import AuditEvent, Item, Job, OutboxMessage, SimulationRun
from moderation.outbox.messages import message_begin
from moderation.reports.service import report_file
from moderation.review.leases import job_claim, job_decide
from moderation.simulation import service as simulations
from moderation.simulation.queries import human_labels, simulation_get, simulation_list, slider_for, sliders_forget
from moderation.simulation.service import (
    TOPIC_RUN,
    simulation_cancel,
    simulation_execute,
    simulation_execute_promised,
    simulation_start,
    simulations_expire,
)
from moderation.tasks import simulation_run
from moderation.verdict.routing import AUDIT_REASON
from policies.choices import Outcome
from policies.live import active_policy, compile_version
from policies.models import PolicyVersion, Threshold
from policies.replay.comparison import differences
from policies.replay.outcomes import SAMPLED
from policies.replay.population import Filter
from policies.replay.simulation import simulate
from tests.support.people import escalating_caption, person, ready, seen, text_item
from tests.support.places import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    ready()
    evidence_store.forget()
    sliders_forget()
    yield
    evidence_store.forget()
    sliders_forget()


@pytest.fixture
def editor() -> Any:
    return person("edna", "policy-editor")


@pytest.fixture
def uploads() -> list[Item]:
    return [text_item("a", escalating_caption()), text_item("b"), text_item("c", escalating_caption(), "tom")]


@pytest.fixture
def by_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no run be short enough for a request."""
    monkeypatch.setattr(simulations, "SHORT_ITEMS", -1)
    monkeypatch.setattr(simulations, "SHORT_LOAD_ITEMS", -2)


def draft() -> PolicyVersion:
    return PolicyVersion.objects.get(number=2)


def start(
    actor: Any, *, wanted: Filter | None = None, hours: int = 24, version: PolicyVersion | None = None
) -> SimulationRun:
    now = timezone.now()
    return simulation_start(
        actor=actor, draft=version or draft(), since=now - timedelta(hours=hours), until=now + timedelta(minutes=1),
        wanted=wanted or Filter(), now=now,
    )  # fmt: skip


def message() -> OutboxMessage:
    return OutboxMessage.objects.get(topic=TOPIC_RUN)


# --- a run's life ------------------------------------------------------------------------------------------------


def test_a_short_run_is_done_at_once(editor: Any, uploads: list[Item]) -> None:
    run = start(editor)
    assert (run.state, run.progress, run.n_items, run.error) == ("done", 100, 3, "")
    population = evidence_store.load_population(timezone.now()).where(run.wanted)
    labels = human_labels(population, since=None)
    assert run.simulation == simulate(population, active_policy(), compile_version(draft()), labels=labels)
    assert AuditEvent.objects.filter(action="simulation.started", object_key=str(run.key)).exists()
    simulation_run(str(message().key))  # the promise finds nothing left to do
    assert (message().state, SimulationRun.objects.get().finished_at) == ("done", run.finished_at)


def test_a_filter_narrows_a_run(editor: Any, uploads: list[Item]) -> None:
    assert start(editor, wanted=Filter(languages=("de",))).n_items == 0
    assert start(editor, wanted=Filter(languages=("en",), markets=("GB",), bands=(0,), kinds=(2,))).n_items == 3


def test_a_long_run_waits_for_a_worker(editor: Any, uploads: list[Item], by_worker: None) -> None:
    run = start(editor)
    assert (run.state, run.progress, run.result) == ("queued", 0, None)
    simulation_run(str(message().key))
    run.refresh_from_db()
    assert (run.state, run.n_items, message().state) == ("done", 3, "done")


def test_a_draft_that_was_edited_meanwhile_is_not_compared(editor: Any, by_worker: None) -> None:
    run = start(editor)
    Threshold.objects.filter(version=draft(), category_id="hate", market="", language="", band=None).update(
        block_at=0.99
    )
    simulation_run(str(message().key))
    run.refresh_from_db()
    assert run.state == "failed"
    assert "edited" in run.error


def test_a_waiting_run_is_cancelled_at_once(editor: Any, by_worker: None) -> None:
    run = start(editor)
    assert simulation_cancel(actor=editor, run_key=str(run.key), now=timezone.now()).state == "cancelled"
    simulation_run(str(message().key))
    run.refresh_from_db()
    assert (run.state, run.result) == ("cancelled", None)
    again = simulation_cancel(actor=editor, run_key=str(run.key), now=timezone.now())
    assert again.finished_at == run.finished_at
    assert AuditEvent.objects.filter(action="simulation.cancelled").count() == 1


def test_a_running_run_is_cancelled_when_it_next_reports(editor: Any, uploads: list[Item], by_worker: None) -> None:
    run = start(editor)
    with evidence_out_of_reach():
        worker = threading.Thread(target=_execute, args=(str(run.key),))
        worker.start()
        wait_for_state(run, "running")
        assert simulation_cancel(actor=editor, run_key=str(run.key), now=timezone.now()).state == "running"
        time.sleep(simulations.PROGRESS_SECONDS * 1.2)
    worker.join(20)
    run.refresh_from_db()
    assert (run.state, run.result, run.wants_cancel) == ("cancelled", None, True)


def _execute(key: str) -> None:
    try:
        simulation_execute(run_key=key)
    finally:
        connection.close()


@contextmanager
def evidence_out_of_reach() -> Iterator[None]:
    """Keep everybody from reading stored evidence until the block ends: whoever simulates waits in the middle of it."""
    params = {
        name: value for name, value in connection.get_connection_params().items()
        if name in {"dbname", "user", "password", "host", "port"}
    }  # fmt: skip
    with psycopg.connect(**params) as other:
        other.execute("LOCK TABLE moderation_itemevidence IN ACCESS EXCLUSIVE MODE")
        yield
        other.rollback()


def wait_for_state(run: SimulationRun, state: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        run.refresh_from_db()
        if run.state == state:
            return
        time.sleep(0.05)
    raise AssertionError(f"the run is {run.state}, not {state}")


@pytest.mark.fault
@pytest.mark.slow
def test_a_run_whose_worker_is_killed_is_carried_out_by_the_next(
    editor: Any, uploads: list[Item], by_worker: None
) -> None:
    run = start(editor)
    url = urlsplit(os.environ["DATABASE_URL"])
    own = urlunsplit(url._replace(path=f"/{connection.settings_dict['NAME']}"))
    code = f"import django; django.setup(); from moderation.tasks import simulation_run; simulation_run({str(message().key)!r})"
    environment = {**os.environ, "DATABASE_URL": own, "DJANGO_SETTINGS_MODULE": "console.settings"}
    with evidence_out_of_reach():
        worker = subprocess.Popen([sys.executable, "-c", code], env=environment, cwd=ROOT)
        try:
            wait_for_state(run, "running")
        finally:
            worker.send_signal(signal.SIGKILL)
            worker.wait(20)
    simulation_run(str(message().key))  # too early: the dead worker's claim is not over
    run.refresh_from_db()
    assert (run.state, message().attempts) == ("running", 1)
    OutboxMessage.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
    simulation_run(str(message().key))
    run.refresh_from_db()
    assert (run.state, run.n_items, message().state) == ("done", 3, "done")


def test_two_workers_on_one_run_store_one_result(editor: Any, uploads: list[Item], by_worker: None) -> None:
    run = start(editor)
    workers = [threading.Thread(target=_execute, args=(str(run.key),)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    run.refresh_from_db()
    assert (run.state, run.n_items) == ("done", 3)


def test_a_run_that_breaks_off_is_tried_again_and_given_up_at_the_end(
    editor: Any, by_worker: None, settings: Any
) -> None:
    run = start(editor)
    SimulationRun.objects.update(filter={"nonsense": 1})
    begun = message_begin(key=str(message().key), now=timezone.now())
    assert begun
    with pytest.raises(TypeError):
        simulation_execute_promised(begun)
    begun.attempts = settings.OUTBOX_MAX_ATTEMPTS
    simulation_execute_promised(begun)
    run.refresh_from_db()
    assert run.state == "failed"
    assert "TypeError" in run.error


def test_a_run_that_nobody_promises_any_more_is_given_up(editor: Any, by_worker: None) -> None:
    run, other = start(editor), start(editor)
    OutboxMessage.objects.filter(payload__run=str(run.key)).update(state="dead")
    assert simulations_expire(now=timezone.now()) == 0
    assert simulations_expire(now=timezone.now() + timedelta(hours=1)) == 1
    run.refresh_from_db()
    other.refresh_from_db()
    assert (run.state, other.state) == ("failed", "queued")


def test_only_people_who_write_or_approve_policies_simulate(editor: Any) -> None:
    run = start(editor)
    reviewer = person("rita")
    with pytest.raises(PermissionDenied):
        start(reviewer)
    with pytest.raises(PermissionDenied):
        simulation_cancel(actor=reviewer, run_key=str(run.key), now=timezone.now())
    assert SimulationRun.objects.count() == 1


def test_a_period_that_ends_before_it_begins_is_refused(editor: Any) -> None:
    with pytest.raises(SimulationInvalid) as refused:
        start(editor, hours=-1)
    assert refused.value.field == "until"
    with pytest.raises(SimulationInvalid):
        simulation_cancel(actor=editor, run_key=str(uuid.uuid4()), now=timezone.now())


# --- what the database refuses -----------------------------------------------------------------------------------


def test_a_finished_run_never_changes(editor: Any, uploads: list[Item]) -> None:
    start(editor)
    for change in ({"state": "failed", "error": "x", "result": None}, {"n_items": 7}, {"progress": 3}):
        with pytest.raises(DatabaseError), transaction.atomic():
            SimulationRun.objects.update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        SimulationRun.objects.all()._raw_delete("default")
    SimulationRun.objects.update(draft=None)  # a draft may be discarded


@pytest.mark.parametrize(
    "change",
    [
        {"state": "lost"}, {"progress": 101}, {"state": "done", "finished_at": datetime.fromisoformat("2026-01-01T00:00Z")},
        {"state": "cancelled"}, {"state": "failed", "finished_at": datetime.fromisoformat("2026-01-01T00:00Z")},
        {"result": {}}, {"result_whole": {}, "n_items_whole": 1}, {"n_items_whole": 1}, {"until": datetime.fromisoformat("2020-01-01T00:00Z")},
        {"finished_at": datetime.fromisoformat("2026-01-01T00:00Z")},
    ],
)  # fmt: skip
def test_an_inconsistent_run_is_refused(editor: Any, by_worker: None, change: dict[str, Any]) -> None:
    start(editor)
    with pytest.raises(IntegrityError), transaction.atomic():
        SimulationRun.objects.update(**change)


# --- reading -----------------------------------------------------------------------------------------------------


def test_runs_are_listed_found_and_compared(editor: Any, uploads: list[Item]) -> None:
    first, second = start(editor), start(editor, wanted=Filter(languages=("de",)))
    active = PolicyVersion.objects.get(number=1)
    other = start(editor, version=active)
    assert [run.pk for run in simulation_list()] == [other.pk, second.pk, first.pk]
    assert [run.pk for run in simulation_list(draft_key=draft().key)] == [second.pk, first.pk]
    assert simulation_get(first.key) == first
    assert simulation_get("nonsense") is None
    assert simulation_get(uuid.uuid4()) is None
    assert first.simulation
    assert other.simulation
    rows = {(d.group, d.name, d.measure): d for d in differences(first.simulation, other.simulation)}
    stricter = rows["total", "", "stricter"]
    assert (stricter.first, stricter.second) == (first.simulation.total.n_stricter, 0)
    assert stricter.first_share == pytest.approx(first.simulation.total.n_stricter / 3)
    assert {d.group for d in rows.values()} >= {"total", "category", "language", "market", "audience", "queue"}


def test_labels_say_how_the_item_came_before_people() -> None:
    rita, sana = person("rita"), person("sana", "senior")
    now = timezone.now()
    escalated, audited, reported, overturned, passed_on = (
        text_item("e", escalating_caption()), text_item("m"), text_item("r"), text_item("o"), text_item("p", escalating_caption(), "x"),
    )  # fmt: skip
    policy = active_policy()
    with transaction.atomic():
        job_open(item=audited, policy=policy, category="", score=0.1, reason=AUDIT_REASON, now=now)
    report_file(actor="api:t", external_id="r", reporter="v", category="hate", text="", now=now)
    for _ in range(4):
        job = job_claim(actor=rita, now=now)
        assert job
        outcome = (
            Outcome.ESCALATE
            if job.item_id == passed_on.pk
            else Outcome.BLOCK
            if job.item_id == reported.pk
            else Outcome.CLEAR
        )
        reason: dict[str, Any] = {"category": "", "note": ""}
        if outcome != Outcome.CLEAR:
            reason = {"category": "hate", "note": "seen"}
        job_decide(
            actor=rita, job_key=str(job.key), lease_token=str(job.lease_token), outcome=outcome, min_age=0, territories=(),
            now=now, expected_decision=seen(job.item), **reason,
        )  # fmt: skip
    for item, outcome in ((overturned, Outcome.BLOCK), (escalated, Outcome.BLOCK)):
        item_overturn(
            actor=sana,
            item_key=str(item.key),
            expected_decision=seen(item),
            outcome=outcome,
            category="violence",
            note="no",
            min_age=0,
            territories=(),
            now=now,
        )
    population = evidence_store.load_population(now)
    labels = human_labels(population, since=now - timedelta(hours=1))
    said = {
        int(labels.item_pk[i]): (
            int(labels.outcome[i]), labels.categories[labels.category[i]] if labels.category[i] >= 0 else "", SAMPLED[labels.sampled[i]]
        )
        for i in range(len(labels.item_pk))
    }  # fmt: skip
    assert said == {
        escalated.pk: (4, "violence", "escalated"), audited.pk: (0, "", "random"), reported.pk: (4, "hate", "reported"),
        overturned.pk: (4, "violence", "other"),
    }  # fmt: skip
    assert Job.objects.filter(item=passed_on, state="open").exists()
    assert len(human_labels(population, since=now + timedelta(hours=1)).item_pk) == 0


def test_a_slider_is_prepared_once_and_anew_when_its_draft_or_its_time_changes(uploads: list[Item]) -> None:
    now = timezone.now()
    first = slider_for(draft(), "hate", Filter(), now)
    assert first.slider.at("block", 0.9).n_items == 3
    assert slider_for(draft(), "hate", Filter(), now + timedelta(minutes=1)).slider is first.slider
    assert slider_for(draft(), "violence", Filter(), now).slider is not first.slider
    assert slider_for(draft(), "hate", Filter(), now + timedelta(minutes=6)).slider is not first.slider
    again = slider_for(draft(), "hate", Filter(), now + timedelta(minutes=6))
    Threshold.objects.filter(version=draft(), category_id="hate", market="", language="", band=None).update(
        block_at=0.99
    )
    changed = slider_for(draft(), "hate", Filter(), now + timedelta(minutes=6))
    assert changed.slider is not again.slider
