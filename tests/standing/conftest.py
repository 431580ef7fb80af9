"""The stage that sequences and single cases share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from moderation.live import onpath
from policies.models import PolicyVersion
from tests.support.people import ready
from tests.support.rolling import approved, fresh, people
from tests.support.world import OWN_TERM, Quiet, Stage, World


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[Stage]:
    """Yield people, versions, a bank and files, with a classifier that finds nothing and a machine that is never late."""
    settings.EMERGENCY_MAX_PERMILLE = 1_000
    settings.CLEARING_WAITS_SECONDS = 10  # of what is sent as people send it
    settings.GATE_MAX_AGE_MS = 50
    settings.ONPATH_DEADLINE_MS = 60_000  # what is late here is the machine, and no matter of the rules
    monkeypatch.setattr(onpath, "text_model", lambda _setting: Quiet())
    ready()
    author, approver = people()

    def edit(document: dict[str, Any]) -> None:
        name = next(iter(document["terms"]))
        document["terms"][name].append({"text": OWN_TERM, "category": "violence", "outcome": "block"})

    made = Stage(author, approver, (PolicyVersion.objects.get(number=1), approved(edit)))
    yield made
    made.gate.stop()
    fresh()
    onpath.forget()


@pytest.fixture
def world(stage: Stage) -> World:
    """Return a world of its own for a single case."""
    return World(stage)
