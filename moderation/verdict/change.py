"""An item's new decision, worked out and not yet written: many of them are written at once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from moderation.verdict.job_order import Place, language_of, place_job
from moderation.verdict.routing import route_job
from policies.choices import UNEXAMINED_QUEUE, Outcome
from policies.decision.compiled import CompiledPolicy, Route


@dataclass(frozen=True, slots=True)
class Job:
    """A job that a changed item needs."""

    route: Route
    place: Place
    language: str


@dataclass(frozen=True, slots=True)
class Change:
    """One item's new decision.

    Attributes:
        expected: the decision that must still stand when it is written.
        reasons, evidence: JSON.
        job: None closes the item's open job.
        ends_lease: takes the job also from who works on it, because what they see was overtaken.
        floor: outcome that the item's campaign sets as its mildest, 0 for none; None leaves what is known of that.
        was_served, is_narrower: for the counts of an activation.
        is_unnamed: its hard evidence is other than before, and stored findings do not say which terms or hashes it is.
        is_wider: milder than what stands, or for more people; to be written only on a scan with the lists of now.
    """

    item_pk: int
    expected: int
    outcome: Outcome
    min_age: int
    territories: tuple[str, ...]
    decided_by: str
    category: str
    score: float
    reasons: str
    evidence: str
    digest: str
    job: Job | None
    ends_lease: bool = False
    floor: int | None = None
    was_served: bool = False
    is_narrower: bool = False
    is_wider: bool = False
    is_unnamed: bool = False

    @property
    def territories_blocked(self) -> tuple[str, ...]:
        """The territories, as the decision that is written calls them."""
        return self.territories


def job_for(
    context: Mapping[str, Any], policy: CompiledPolicy, *, category: str, outcome: Outcome, score: float, now: datetime
) -> Job:
    """Return the job that a verdict asks for; `context` is that of its evidence."""
    queue = UNEXAMINED_QUEUE if outcome == Outcome.HOLD else ""
    route = route_job(policy, category=category, language=context["language"], kind=context["kind"], queue=queue)
    # What is escalated or held is shown to nobody meanwhile.
    place = place_job(policy, route=route, category=category, score=score, views=0, now=now)
    return Job(route, place, language_of(context["language"]))
