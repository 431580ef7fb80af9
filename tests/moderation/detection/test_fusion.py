"""One score per category: the largest that counts; hard evidence and unknown categories are never lost."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.detection.fusion import Fused, fuse
from moderation.detection.types import Finding, Result
from policies.choices import DETECTORS, ItemKind, Outcome


class Policy:
    """As much of a compiled policy as fusion looks at."""

    categories = ("hate", "violence")

    def __init__(self, unused: frozenset[str] = frozenset()) -> None:
        self.unused = unused

    def counts(self, detector: str, kind: int) -> bool:
        return detector not in self.unused


def result(detector: str, *findings: tuple[str, float, Outcome | None]) -> Result:
    return Result(detector, "v", tuple(Finding(detector, "v", c, s, {}, hard) for c, s, hard in findings))


def test_the_largest_score_stands_for_its_category() -> None:
    results = [result("terms", ("hate", 0.2, None), ("hate", 0.4, None)), result("text", ("hate", 0.3, None))]
    fused = fuse(results, Policy(), ItemKind.TEXT)
    assert fused.scores.tolist() == [pytest.approx(0.4), 0.0]
    assert (fused.scores.dtype, fused.hard.dtype) == (np.dtype(np.float32), np.dtype(np.uint8))


def test_the_strictest_hard_evidence_stands() -> None:
    results = [result("hashes", ("hate", 1.0, Outcome.RESTRICT), ("hate", 1.0, Outcome.BLOCK))]
    assert fuse(results, Policy(), ItemKind.TEXT).hard.tolist() == [Outcome.BLOCK, 0]


def test_a_detector_that_the_policy_does_not_use_says_nothing() -> None:
    results = [result("vision", ("hate", 0.9, Outcome.BLOCK), ("new", 0.9, None))]
    fused = fuse(results, Policy(frozenset({"vision"})), ItemKind.TEXT)
    assert (fused.scores.max(), fused.hard.max(), fused.unlabelled) == (0.0, 0, 0)


@pytest.mark.parametrize(
    ("hard", "expected"), [(None, Outcome.HOLD), (Outcome.RESTRICT, Outcome.HOLD), (Outcome.BLOCK, Outcome.BLOCK)]
)
def test_a_category_that_the_policy_does_not_know_is_held_or_blocked(hard: Outcome | None, expected: Outcome) -> None:
    assert fuse([result("hashes", ("new", 0.0, hard))], Policy(), ItemKind.TEXT).unlabelled == expected


Row = tuple[str, str, float, Outcome | None]
FINDINGS = st.lists(
    st.tuples(
        st.sampled_from(DETECTORS), st.sampled_from(["hate", "violence", "new"]), st.floats(0, 1),
        st.sampled_from([None, *Outcome]),
    ),
    max_size=6,
)  # fmt: skip


@given(FINDINGS, FINDINGS)
def test_more_findings_never_lower_anything(few: list[Row], more: list[Row]) -> None:
    def fused(rows: list[Row]) -> Fused:
        return fuse([result(d, (c, s, h)) for d, c, s, h in rows], Policy(), ItemKind.TEXT)

    less, all_of_them = fused(few), fused(few + more)
    assert (all_of_them.scores >= less.scores).all()
    assert (all_of_them.hard >= less.hard).all()
    assert all_of_them.unlabelled >= less.unlabelled
