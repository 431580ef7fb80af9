"""Really stopping, killing, emptying and filling things: nothing is lost, decided twice, or served uncleared."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.demo.embedded import servers_in
from tests.support.fault_rig import Rig, rig

pytestmark = [pytest.mark.fault, pytest.mark.slow, pytest.mark.xdist_group("faults")]


@pytest.fixture(scope="module")
def gatehouse() -> Iterator[Rig]:
    folder = Path(tempfile.mkdtemp(prefix="gh-fault-"))
    folder.chmod(0o711)
    servers = servers_in(folder / "servers")
    servers.start()
    try:
        with rig(servers, folder) as whole:
            yield whole
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_claim(whole: Rig) -> None:
    """Wait until a worker has begun."""
    deadline = time.monotonic() + 60
    while not whole.rows("SELECT 1 FROM moderation_outboxmessage WHERE claimed_until IS NOT NULL AND state <> 'done'"):
        assert time.monotonic() < deadline, whole.tail()
        time.sleep(0.02)


def test_a_worker_killed_in_mid_task_loses_nothing(gatehouse: Rig) -> None:
    for n in range(3):
        assert gatehouse.submit(f"killed-{n}").status_code == 201
    wait_for_claim(gatehouse)
    gatehouse.kill_worker()
    gatehouse.start_worker()
    gatehouse.settle()
    gatehouse.check()
    assert gatehouse.rows(
        "SELECT count(*) FROM moderation_item WHERE external_id LIKE 'killed-%' AND deep_state = 'done'"
    ) == [(3,)]


def test_an_emptied_broker_is_a_delay(gatehouse: Rig) -> None:
    gatehouse.kill_worker()
    for n in range(3):
        assert gatehouse.submit(f"emptied-{n}", kind="image").status_code == 201
    gatehouse.wait("SELECT 1 FROM moderation_outboxmessage WHERE state = 'pending'", "unsent")
    gatehouse.servers.redis.flush()
    gatehouse.start_worker()
    gatehouse.settle()
    gatehouse.check()


def test_uploads_are_taken_while_redis_is_away(gatehouse: Rig) -> None:
    gatehouse.servers.redis.stop()
    try:
        answers = [gatehouse.submit(f"away-{n}", kind=kind) for n, kind in enumerate(("text", "image", "text"))]
        assert [a.status_code for a in answers] == [201, 201, 201]
        assert answers[0].json()["state"] == "cleared"
    finally:
        gatehouse.servers.redis.start()
    gatehouse.settle()
    gatehouse.check()


def test_a_database_that_restarts_under_load_costs_answers_but_no_item(gatehouse: Rig) -> None:
    accepted: list[str] = []

    def upload() -> None:
        for n in range(40):
            answer = gatehouse.submit(f"load-{n}", kind="text", caption=f"Morning run number {n}")
            if answer.status_code in {200, 201}:
                accepted.append(f"load-{n}")
            else:
                assert answer.status_code == 503, answer.text
            time.sleep(0.05)

    thread = threading.Thread(target=upload)
    thread.start()
    time.sleep(0.8)
    gatehouse.servers.postgres.restart()
    thread.join()
    stored = {
        row[0] for row in gatehouse.rows("SELECT external_id FROM moderation_item WHERE external_id LIKE 'load-%'")
    }
    assert len(accepted) > 5
    assert set(accepted) <= stored
    gatehouse.settle()
    gatehouse.check()


def test_a_deep_task_that_always_fails_becomes_a_dead_letter(gatehouse: Rig) -> None:
    gatehouse.kill_worker()
    assert gatehouse.submit("poisoned").status_code == 201
    (key,) = gatehouse.rows(
        "SELECT f.storage_key FROM moderation_mediafile f JOIN moderation_item i ON i.media_id = f.id WHERE i.external_id = 'poisoned'"
    )[0]
    (gatehouse.live.media_root / str(key)).unlink()
    gatehouse.start_worker()
    gatehouse.settle()
    assert gatehouse.rows(
        "SELECT m.state, i.deep_state, i.state FROM moderation_outboxmessage m JOIN moderation_item i ON i.id = m.item_id "
        "WHERE i.external_id = 'poisoned'"
    ) == [("dead", "failed", "held")]
    assert gatehouse.rows(
        "SELECT q.slug FROM moderation_job j JOIN moderation_queue q ON q.id = j.queue_id JOIN moderation_item i ON i.id = j.item_id "
        "WHERE i.external_id = 'poisoned' AND j.state = 'open'"
    ) == [("unexamined",)]
    gatehouse.check()


def test_a_full_disk_refuses_the_upload_and_keeps_nothing(gatehouse: Rig) -> None:
    media = gatehouse.live.media_root / "media"
    media.mkdir(exist_ok=True)
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8k", "tmpfs", str(media)], capture_output=True, check=False
    ).returncode == 0  # fmt: skip
    if not mounted:
        pytest.skip("a small file system can only be mounted by root")
    try:
        answer = gatehouse.submit("full")
        assert answer.status_code == 507, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert gatehouse.rows("SELECT 1 FROM moderation_item WHERE external_id = 'full'") == []
        assert [p for p in media.rglob("*") if p.is_file()] == []
    finally:
        subprocess.run(["umount", str(media)], check=True)
    assert gatehouse.submit("full").status_code == 201
    gatehouse.settle()
    gatehouse.check()
