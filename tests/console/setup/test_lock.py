"""requirements.lock: production installs what constraints.txt names, by hash, and nothing else."""

from __future__ import annotations

import re
import sys

import pytest

from tests.support.places import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import lock

from tests.support.places import ROOT


def test_every_version_is_that_of_the_constraints() -> None:
    constraints = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line)
    found = lock.locked((ROOT / "requirements.lock").read_text())
    assert {name: version for name, (version, _) in found.items() if constraints.get(name) != version} == {}


def test_all_that_the_product_needs_is_in_it() -> None:
    found = lock.locked((ROOT / "requirements.lock").read_text())
    assert set(lock.runtime_pins()) == set(found)
    assert "pytest" not in found


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.cuda.lock"])
def test_every_line_has_its_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = re.findall(r"^[a-z0-9]\S*==", text, re.MULTILINE)
    found = lock.locked(text)
    assert len(packages) == len(found) > 10
    assert [name for name, (_, hashes) in found.items() if not hashes] == []


def test_torch_may_be_either_build_and_the_cards_libraries_are_apart() -> None:
    found, cuda = (lock.locked((ROOT / name).read_text()) for name in ("requirements.lock", "requirements.cuda.lock"))
    digests = found["torch"][1]
    assert len(digests) == len(set(digests))
    assert not set(found) & set(cuda)
    assert any(name.startswith("nvidia-") for name in cuda)
