"""tools/setup.sh: what stands in the way is said in a sentence with what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.places import ROOT


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a copy of what setting up reads."""
    (tmp_path / "tools").mkdir()
    for name in ("tools/setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def setup(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("bash") or "bash", "tools/setup.sh", "run"],
        cwd=checkout, env={"HOME": str(checkout), "PATH": os.environ["PATH"], **environment}, capture_output=True, text=True,
    )  # fmt: skip


def pip_that_fails(checkout: Path, message: str) -> None:
    """Put a .venv in place whose `pip install` says something and fails."""
    python = checkout / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\ncase "$*" in *install*) echo "{message}"; exit 1;; esac\n')
    python.chmod(0o755)


def test_a_missing_python_is_named_with_how_to_get_it(checkout: Path) -> None:
    tools = checkout / "bin"
    tools.mkdir()
    for name in ("dirname", "df", "awk", "cat"):
        (tools / name).symlink_to(shutil.which(name) or name)
    done = setup(checkout, PATH=str(tools))
    assert done.returncode == 1
    assert done.stderr.strip().startswith("Gatehouse needs Python 3.11")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("NewConnectionError: Temporary failure in name resolution", "The package index cannot be reached."),
        ("ReadTimeoutError: Read timed out.", "The package index cannot be reached."),
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "there is no compiler"),
        ("unable to find compiler 'c++'", "there is no compiler"),
        ("ResolutionImpossible", "pip could not install the packages"),
    ],
)
def test_what_stopped_pip_is_said_in_a_sentence(checkout: Path, said: str, sentence: str) -> None:
    pip_that_fails(checkout, said)
    done = setup(checkout)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert not (checkout / ".venv" / ".installed-run").exists()


def test_nothing_is_installed_twice(checkout: Path) -> None:
    pip_that_fails(checkout, "it was called")
    python = checkout / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\ncase "$*" in *install*) echo called >>calls;; *sha256*) echo "$#";; esac\n')
    assert setup(checkout).returncode == 0
    n_calls = len((checkout / "calls").read_text().splitlines())
    assert setup(checkout).returncode == 0
    assert len((checkout / "calls").read_text().splitlines()) == n_calls > 0
