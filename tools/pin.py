"""Write constraints.txt: the version in .venv of every package that pyproject.toml asks for, directly or not.

Run it with .venv/bin/python after installing or upgrading something. What nothing depends on any more is left out.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
#: Installed without their dependencies by tools/setup.sh, which says why.
WITHOUT_DEPENDENCIES = {"rapidocr-onnxruntime"}
#: Needed on other machines than this: redis asks for it before Python 3.11.3.
ELSEWHERE = {"async-timeout": "5.0.1"}
HEAD = "# Every version, direct or not. Written by tools/pin.py; do not edit by hand.\n"


def _asked() -> list[Requirement]:
    document = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = document["dependency-groups"]
    lines = [*document["project"]["dependencies"], *groups["dev"], *groups["train"], *WITHOUT_DEPENDENCIES]
    return [Requirement(line) for line in lines]


def _needed(requirement: Requirement) -> list[Requirement]:
    """Return what an installed package asks for with the extras named; [] for what is installed alone."""
    if canonicalize_name(requirement.name) in WITHOUT_DEPENDENCIES:
        return []
    found = []
    for line in distribution(requirement.name).requires or []:
        needed = Requirement(line)
        extras = ["", *requirement.extras]
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            found.append(needed)
    return found


def pins(direct: list[Requirement]) -> dict[str, str]:
    """Return name -> version of everything reachable; without local tags such as +cpu, which differ by machine.

    Args:
        direct: what is asked for.

    Raises:
        SystemExit: something asked for directly is not installed.
    """
    versions = dict(ELSEWHERE)
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(direct)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, frozenset(requirement.extras)) in seen:
            continue
        seen.add((name, frozenset(requirement.extras)))
        try:
            versions[name] = distribution(name).version.split("+")[0]
            waiting += _needed(requirement)
        except PackageNotFoundError:
            if requirement in direct:
                raise SystemExit(f"{name} is in pyproject.toml but not in .venv; install it first.") from None
    return versions


if __name__ == "__main__":
    lines = [f"{name}=={version}\n" for name, version in sorted(pins(_asked()).items())]
    (ROOT / "constraints.txt").write_text(HEAD + "".join(lines))
