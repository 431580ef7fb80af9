"""Detectors that do what a test wants."""

import time
from collections.abc import Callable
from typing import Any

from moderation.detection.types import Basis, Result, Subject
from policies.choices import ItemKind, Stage

SUBJECT = Subject(ItemKind.TEXT, "hello", "en", "DE")


class Fake:
    """A detector that does what the test says."""

    version = "v1"
    stage = Stage.ON_PATH
    categories: tuple[str, ...] = ()
    basis = Basis.CONTENT
    cost_ms = 1.0
    reads_files = False

    def __init__(self, name: str, act: Callable[[], Any] | None = None, **changes: Any) -> None:
        self.name = name
        self.act = act
        self.n_runs = 0
        self.languages: frozenset[str] | None = changes.get("languages")
        self.kinds = changes.get("kinds", frozenset(ItemKind))

    def run(self, subject: Subject) -> Result:
        self.n_runs += 1
        return self.act() if self.act else Result(self.name, self.version)


def after(seconds: float, name: str) -> Callable[[], Result]:
    """Return what a slow detector of this name does: it takes so long, and finds nothing."""

    def act() -> Result:
        time.sleep(seconds)
        return Result(name, Fake.version)

    return act


def why(results: tuple[Result, ...]) -> dict[str, str]:
    return {r.detector: r.missing.why if r.missing else "" for r in results}
