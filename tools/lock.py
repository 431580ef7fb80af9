"""Write requirements.lock and requirements.cuda.lock: what production installs, each file of each package by its hash.

    .venv/bin/python tools/lock.py          # after tools/pin.py; asks the package index through uv, which must be on the PATH

Versions are those of constraints.txt. `pip install --require-hashes --no-deps -r requirements.lock` installs them, on x86-64 and on
64-bit ARM; docs/runbook.md says when the second file is wanted. Nothing is downloaded but the lists of files with their hashes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

sys.path.insert(0, str(Path(__file__).resolve().parent))
from pin import ROOT, WITHOUT_DEPENDENCIES, pins

INDEX, CPU_INDEX = "https://pypi.org/simple", "https://download.pytorch.org/whl/cpu"
HEAD = "# {what} Written by tools/lock.py from constraints.txt; do not edit by hand.\n"
RUNTIME = "What Gatehouse runs on, by hash; torch as PyPI and the index of CPU builds have it."
CUDA = "What PyPI's build of torch for NVIDIA cards needs besides, by hash."


def runtime_pins() -> dict[str, str]:
    """Return name -> version of what the product itself needs, directly or not: no tests, no training."""
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return pins([Requirement(line) for line in [*document["project"]["dependencies"], *WITHOUT_DEPENDENCIES]])


def locked(text: str) -> dict[str, tuple[str, list[str]]]:
    """Return name -> (version, hashes) of a lock's text."""
    found = {}
    for block in re.split(r"\n(?=\S)", text):
        if match := re.match(r"([a-z0-9.-]+)==([^\s;\\]+)", block):
            found[match[1]] = (match[2], re.findall(r"--hash=sha256:([0-9a-f]{64})", block))
    return found


def _compiled(lines: list[str], *options: str) -> str:
    """Return uv's lock of some requirements.

    Raises:
        SystemExit: there is no uv, or it found no solution; its words stand above.
    """
    uv = shutil.which("uv")
    if uv is None:
        raise SystemExit("tools/lock.py needs uv on the PATH: python3 -m pip install uv")
    command = [
        uv, "pip", "compile", "-", "--no-config", "--universal", "--python-version", "3.11", "--generate-hashes", "--no-header",
        "--no-annotate", "--quiet", *options,
    ]  # fmt: skip
    done = subprocess.run(  # noqa: S603 - a fixed command
        command, input="\n".join(lines), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def _cpu_hashes(torch: str) -> list[str]:
    """Return the hashes of torch's CPU builds: of their own index, else of the files where pip is told to find some."""
    try:
        return locked(_compiled([f"torch=={torch}+cpu"], "--no-deps", "--default-index", CPU_INDEX))["torch"][1]
    except SystemExit as error:
        sys.stderr.write(
            f"{CPU_INDEX} is away, so only files in PIP_FIND_LINKS are taken: compare them with it later.\n{error}\n"
        )
    wheels = sorted(Path(os.environ.get("PIP_FIND_LINKS") or ".").glob(f"torch-{torch}+cpu-*.whl"))
    if not wheels:
        raise SystemExit("No hash of torch's CPU build: its index must be reachable.")
    return [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]


def _runtime() -> str:
    versions = runtime_pins()
    text = _compiled(
        [f"{name}=={version}" for name, version in sorted(versions.items())], "--no-deps", "--default-index", INDEX
    )
    first = f"torch=={versions['torch']} \\\n"
    more = "".join(f"    --hash=sha256:{digest} \\\n" for digest in _cpu_hashes(versions["torch"]))
    return text.replace(first, first + more)


def _cuda(torch: str) -> str:
    text = _compiled([f"torch=={torch}"], "-c", "constraints.txt", "--default-index", INDEX)
    return "\n".join(block for block in re.split(r"\n(?=\S)", text) if block.startswith(("nvidia-", "cuda-"))) + "\n"


if __name__ == "__main__":
    (ROOT / "requirements.lock").write_text(HEAD.format(what=RUNTIME) + _runtime())
    (ROOT / "requirements.cuda.lock").write_text(HEAD.format(what=CUDA) + _cuda(runtime_pins()["torch"]))
