"""The screen at the end of the start: where it answers, who can log in and what waits for them, what runs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from console.demo import start
from console.demo.screen import RUNS_AS, screen


def test_it_names_everybody_with_what_waits_for_them(tmp_path: Path) -> None:
    users = [{"username": "reviewer", "password": "pass-1", "role": "reviewer"}]
    (tmp_path / "demo.json").write_text(json.dumps({"url": "x", "api_key": "gh_key", "users": users}))
    (tmp_path / RUNS_AS).write_text("environment    demo\n")
    text = screen(url="http://h:1", var=tmp_path, log_dir=tmp_path, pids={"web": 7}, server_pids={"redis": 8})
    assert "reviewer          pass-1             an answer, and a decision that a senior changed" in text
    assert "Demo feed   http://h:1/demo/feed" in text
    assert "Api-Key gh_key" in text
    assert "web                  process 7" in text
    assert "redis                process 8" in text
    assert text.splitlines()[-1] == "Ctrl-C stops all."


def test_while_it_is_filled_as_many_examine_as_there_are_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "_n_cpus", lambda: 3)
    helpers = start.helping()
    assert [program.name for program in helpers] == ["worker-deep-2", "worker-deep-3"]
    assert all(start.WORKERS["deep"] in program.argv for program in helpers)
    assert not {program.name for program in helpers} & {
        program.name for program in start.programs(start.Place("127.0.0.1", 1, Path()))
    }


def test_processes_that_work_at_once_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(64), raising=False)
    assert start._n_cpus() == start._MOST_AT_ONCE


def test_what_was_filled_is_not_drawn_again(tmp_path: Path) -> None:
    place = start.Place("127.0.0.1", 1, tmp_path)
    assert not start._is_filled(place)
    (tmp_path / start.FILLED).write_text("{}")
    assert start._is_filled(place)
