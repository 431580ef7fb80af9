"""Uploads that a campaign holds let the others go first, one at a time on the machine, and nothing that hangs keeps them."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from moderation.intake import admission as module
from moderation.intake import submit
from moderation.intake.admission import AdmissionControl
from moderation.intake.submit import item_begin, item_submit
from moderation.models import Campaign
from tests.support.campaign_scenes import _afresh, small, watch, wave  # noqa: F401
from tests.support.people import text_submission


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nobody give up, however busy the machine is."""
    monkeypatch.setattr(module, "_PATIENCE_SECONDS", 30.0)


@pytest.fixture
def turns(tmp_path: Path) -> AdmissionControl:
    return AdmissionControl(tmp_path / "turn.lock")


def begun(work: object) -> threading.Thread:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    return thread


def waiting_for(turns: AdmissionControl, n: int) -> None:
    """Return when so many wait."""
    end = time.monotonic() + 20
    while turns.n_waiting != n:
        assert time.monotonic() < end
        time.sleep(0.001)


def test_one_at_a_time(patient: None, tmp_path: Path) -> None:
    """Two processes are two objects that share the file."""
    processes = [AdmissionControl(tmp_path / "turn.lock") for _ in range(2)]
    inside, most, lock = 0, 0, threading.Lock()

    def work(turns: AdmissionControl) -> None:
        nonlocal inside, most
        with turns.wait_for_turn():
            with lock:
                inside += 1
                most = max(most, inside)
            time.sleep(0.01)
            with lock:
                inside -= 1

    for thread in [begun(lambda t=t: work(t)) for t in processes for _ in range(2)]:
        thread.join()
    assert (inside, most) == (0, 1)


def test_others_go_first(patient: None, turns: AdmissionControl) -> None:
    order: list[str] = []

    def late() -> None:
        with turns.wait_for_turn():
            order.append("waits")

    with turns.go_first():
        thread = begun(late)
        waiting_for(turns, 1)
        order.append("first")
    thread.join()
    assert order == ["first", "waits"]


def test_who_goes_first_waits_for_nobody(patient: None, turns: AdmissionControl) -> None:
    with turns.wait_for_turn(), turns.go_first(), turns.go_first():
        pass
    assert (turns.n_first, turns.is_taken) == (0, False)


def test_one_that_hangs_is_waited_for_once(turns: AdmissionControl) -> None:
    with turns.go_first():
        began = time.monotonic()
        with turns.wait_for_turn():
            assert time.monotonic() - began >= module._PATIENCE_SECONDS
        turns.stuck_until = time.monotonic() + 60  # a busy machine may take longer than it lasts
        began = time.monotonic()
        for _ in range(100):
            with turns.wait_for_turn():  # nobody waits any more
                pass
        assert time.monotonic() - began < 100 * module._PATIENCE_SECONDS / 2


def test_another_process_that_hangs_is_waited_for_once(turns: AdmissionControl) -> None:
    with turns.path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with turns.wait_for_turn():
            assert turns.stuck_until > float("-inf")
    assert not turns.is_taken


def test_only_a_few_wait_so_that_threads_are_left(patient: None, turns: AdmissionControl) -> None:
    def late() -> None:
        with turns.wait_for_turn():
            pass

    with turns.go_first():
        threads = [begun(late) for _ in range(module._MAX_WAITING)]
        waiting_for(turns, module._MAX_WAITING)
        late()  # goes on at once
    for thread in threads:
        thread.join()
    assert (turns.n_waiting, turns.is_taken) == (0, False)


def test_one_that_fails_gives_its_turn_back(patient: None, turns: AdmissionControl) -> None:
    with pytest.raises(RuntimeError), turns.wait_for_turn():
        raise RuntimeError("no")
    with pytest.raises(RuntimeError), turns.go_first():
        raise RuntimeError("no")
    with turns.wait_for_turn():
        assert turns.is_taken
    assert (turns.n_first, turns.n_waiting, turns.is_taken) == (0, 0, False)


def test_without_a_place_for_the_file_a_process_keeps_its_own_order(patient: None, tmp_path: Path) -> None:
    turns = AdmissionControl(tmp_path / "missing" / "turn.lock")
    with turns.wait_for_turn():
        assert turns.is_taken
    assert not turns.is_taken


# --- uploads -------------------------------------------------------------------------------------------------------


class Noted(AdmissionControl):
    """Notes who comes."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.seen: list[str] = []

    @contextmanager
    def go_first(self) -> Iterator[None]:
        self.seen.append("first")
        yield
        self.seen.append("first ended")

    @contextmanager
    def wait_for_turn(self) -> Iterator[None]:
        self.seen.append("waits")
        yield
        self.seen.append("waits ended")


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    turns = Noted(tmp_path / "turn.lock")
    monkeypatch.setattr(submit, "admission_control", turns)
    return turns.seen


@pytest.fixture
def opened(small: None) -> Campaign:  # noqa: F811
    wave(8)
    watch()
    return Campaign.objects.get()


def test_what_a_campaign_holds_waits_and_other_uploads_go_first(opened: Campaign, noted: list[str]) -> None:
    for name, caption in (("a", opened.first_item.caption), ("b", "Baking bread with my grandmother")):
        submission = text_submission(name, caption)
        with ExitStack() as turn:
            item_submit(actor="api:test", submission=submission, begun=item_begin(submission, turn=turn))
    assert noted == ["waits", "waits ended", "first", "first ended"]


def test_a_request_that_ends_between_gives_its_turn_back(
    opened: Campaign, patient: None, turns: AdmissionControl, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files were refused, say."""
    monkeypatch.setattr(submit, "admission_control", turns)
    with ExitStack() as turn:
        begun = item_begin(text_submission("dropped", opened.first_item.caption), turn=turn)
        assert begun.campaign is not None
        assert begun.campaign.floor.holds
        assert turns.is_taken
    assert not turns.is_taken
