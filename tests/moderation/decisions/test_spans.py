"""The part of a clip that breaks the rule: kept with the decision, checked by the service and by the database."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from moderation.exceptions import DecisionInvalid
from moderation.models import Decision, Job
from moderation.models.decision import DecisionStage
from moderation.review.leases import job_decide
from policies.choices import ItemKind, Outcome
from tests.support import scenes
from tests.support.people import seen

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer() -> User:
    scenes.policy_ready()
    return scenes.person("reviewer")


def clip_job(user: User, **kwargs: Any) -> Job:
    fields: dict[str, Any] = {"kind": ItemKind.VIDEO, "media": scenes.stored(b"clip" * 99), "duration_ms": 8_000}
    return scenes.job_held(user, **{**fields, **kwargs})


def decide(user: User, job: Job, span: tuple[int, int] | None, outcome: Outcome = Outcome.BLOCK) -> Decision:
    return job_decide(
        actor=user, job_key=str(job.key), lease_token=str(job.lease_token), expected_decision=seen(job.item),
        outcome=outcome, category="harassment" if outcome else "", note="Aimed at a person." if outcome else "",
        min_age=0, territories=(), now=timezone.now(), span=span,
    )  # fmt: skip


def test_the_part_goes_into_the_decision(reviewer: User) -> None:
    decision = decide(reviewer, clip_job(reviewer), (1_200, 3_400))
    decision.refresh_from_db()
    assert decision.span_ms == (1_200, 3_400)


def test_the_whole_clip_is_a_part(reviewer: User) -> None:
    assert decide(reviewer, clip_job(reviewer), (0, 8_000)).span_ms == (0, 8_000)


def test_no_part_is_needed(reviewer: User) -> None:
    assert decide(reviewer, clip_job(reviewer), None).span_ms is None


@pytest.mark.parametrize(
    ("span", "field", "sentence"),
    [
        ((3_400, 1_200), "span_until", "before it begins"),
        ((1_200, 1_200), "span_until", "before it begins"),
        ((-1, 1_200), "span_until", "before it begins"),
        ((1_200, 8_001), "span_until", "which lasts 8.0 seconds"),
    ],
)
def test_a_part_that_is_none_is_refused_and_nothing_is_recorded(
    reviewer: User, span: tuple[int, int], field: str, sentence: str
) -> None:
    job = clip_job(reviewer)
    with pytest.raises(DecisionInvalid, match=sentence) as refused:
        decide(reviewer, job, span)
    assert refused.value.field == field
    assert not Decision.objects.filter(actor=reviewer).exists()


def test_what_is_cleared_has_no_part(reviewer: User) -> None:
    with pytest.raises(DecisionInvalid, match="breaks no rule"):
        decide(reviewer, clip_job(reviewer), (0, 1_000), Outcome.CLEAR)


def test_a_still_has_no_part(reviewer: User) -> None:
    job = clip_job(reviewer, kind=ItemKind.IMAGE, media=scenes.stored(b"png" * 9, mime="image/png"), duration_ms=None)
    with pytest.raises(DecisionInvalid, match="still"):
        decide(reviewer, job, (0, 1_000))


@pytest.mark.parametrize("span", [(None, 5), (5, None), (5, 5), (9, 5)])
def test_the_database_takes_no_half_and_no_reversed_part(reviewer: User, span: tuple[int | None, int | None]) -> None:
    stands = decide(reviewer, clip_job(reviewer), (1, 2))
    with pytest.raises(IntegrityError, match="moderation_decision_span_whole"), transaction.atomic():
        _insert(stands, span, stage=DecisionStage.SENIOR, actor=reviewer)


def test_the_database_takes_no_part_of_a_machines_or_of_what_is_cleared(reviewer: User) -> None:
    stands = decide(reviewer, clip_job(reviewer), (1, 2))
    with pytest.raises(IntegrityError, match="moderation_decision_span_whole"), transaction.atomic():
        _insert(stands, (1, 2), stage=DecisionStage.ACTIVATION, actor=None)
    with pytest.raises(IntegrityError, match="moderation_decision_span_whole"), transaction.atomic():
        _insert(stands, (1, 2), stage=DecisionStage.SENIOR, actor=reviewer, outcome=Outcome.CLEAR)


def _insert(stands: Decision, span: tuple[int | None, int | None], **fields: Any) -> None:
    values = {"outcome": stands.outcome, **fields}
    Decision.objects.create(
        item=stands.item, decided_by="x", evidence_digest="x", policy_version=stands.policy_version, supersedes=stands,
        span_from_ms=span[0], span_until_ms=span[1], **values,
    )  # fmt: skip
