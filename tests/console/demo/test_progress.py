"""The start says what it does: a line a stage, with counts and seconds, and a sign of life every few seconds."""

from __future__ import annotations

import io
import threading

import pytest

from console.demo import progress
from console.demo.progress import Stage, stage


class Terminal(io.StringIO):
    """Where somebody watches."""

    def isatty(self) -> bool:
        return True


def test_a_stage_ends_with_a_line_of_what_came_of_it_and_its_seconds() -> None:
    out, times = io.StringIO(), iter([10.0, 22.4])
    with stage("Drawing pictures", out=out, clock=lambda: next(times)) as told:
        told.at(120, 120)
        told.result = "120 files"
    assert out.getvalue() == "Drawing pictures ... 120 files, 12.4 s\n"


def test_a_stage_that_fails_says_how_far_it_came() -> None:
    out = io.StringIO()

    def upload() -> None:
        with stage("Uploading", out=out, clock=lambda: 0.0) as told:
            told.at(3, 9)
            raise KeyError

    with pytest.raises(KeyError):
        upload()
    assert out.getvalue() == "Uploading ... 3 of 9, 0.0 s\n"


def test_while_it_goes_on_it_says_how_far_it_is() -> None:
    told = Stage("Examining", began=100.0)
    assert told.line(101.0) == "Examining ... 1 s"
    told.at(34, 87)
    assert told.line(112.3) == "Examining ... 34 of 87, 12 s"


def test_there_is_a_sign_of_life_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert progress.SIGN_OF_LIFE_SECONDS <= 5
    monkeypatch.setattr(progress, "SIGN_OF_LIFE_SECONDS", 0.01)
    out, written = io.StringIO(), threading.Event()
    out.flush = written.set  # type: ignore[method-assign]
    with stage("Preparing", out=out):
        assert written.wait(5)
    assert out.getvalue().splitlines()[0] == "Preparing ... 0 s"


def test_on_a_terminal_one_line_changes() -> None:
    out = Terminal()
    with stage("Preparing", out=out, clock=lambda: 0.0):
        pass
    assert out.getvalue().endswith("\r\033[KPreparing ... 0.0 s\n")
    assert out.getvalue().count("\n") == 1
