"""The order in which jobs are handed out, as one rule over values: pure, and without a clock.

1. Imminent harm comes before everything, the soonest due first.
2. Then what is overdue or due within AT_RISK, the soonest due first: no queue breaches while there is time elsewhere.
3. Then the least slack to the due time, which harm has shortened by at most HARM_SHARE; then the oldest.

So nothing waits behind work that arrived after it was due, imminent harm apart. `review.next_job` asks the database in this order.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from policies.decision.compiled import CompiledPolicy, Route

#: The sentence that reviewers read.
RULE = (
    "Imminent harm first; then what is overdue or due within ten minutes, the soonest first; then the least time left, "
    "which harm (severity × probability × expected views) shortens by up to half; then the oldest."
)
#: As long as a lease: whoever claims now may well be busy until then.
AT_RISK = timedelta(minutes=10)
#: Harm takes at most this part of the time that a job has: whatever comes after it was due comes behind it.
HARM_SHARE = 0.5
#: A hint weaker than this is no reason to let everything else wait.
IMMINENT_SCORE = 0.25
#: The severity that policies give to what may cost a life.
A_LIFE = 5
#: What nobody sees does harm too: to whoever made it, and to the one it is about.
_REACH_UNSEEN = 0.2
#: From so many views on, more of them make no difference to the order. Each tenfold counts alike.
_MOST_VIEWS = 1_000_000
_LEAST_SCORE = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """A job's place in the order.

    Attributes:
        due_at: when it is to be decided.
        claim_by: when somebody should have it: the due time less the head start of its harm.
        harm: severity x probability x reach, in [0, 1].
        is_imminent: it goes before everything that is not.
    """

    due_at: datetime
    claim_by: datetime
    harm: float
    is_imminent: bool


def place_job(
    policy: CompiledPolicy, *, route: Route, category: str, score: float, views: int | None, now: datetime
) -> Place:
    """Return the place of a job that is opened, or opened for one more reason, at `now`.

    Args:
        score: probability in [0, 1] of the category that sent it here.
        views: expected before review: 0 where nobody is shown the item, None where nothing is known.
    """
    slack = timedelta(minutes=route.sla_minutes)
    due_at, harm = now + slack, harm_of(severity=route.severity, score=score, views=views)
    return Place(due_at, due_at - head_start(harm, slack), harm, is_imminent(policy, route, category, score))


def harm_of(*, severity: int, score: float, views: int | None) -> float:
    """Return severity x probability x reach, each in [0, 1]; where the views are not known, they are taken to be many."""
    probability = min(max(score, _LEAST_SCORE), 1.0) if math.isfinite(score) else 1.0
    return severity / A_LIFE * probability * _reach(views)


def _reach(views: int | None) -> float:
    if views is None:
        return 1.0
    seen = math.log1p(max(views, 0)) / math.log1p(_MOST_VIEWS)
    return _REACH_UNSEEN + (1 - _REACH_UNSEEN) * min(seen, 1.0)


def head_start(harm: float, slack: timedelta) -> timedelta:
    """Return by how much harm shortens the time that a job has: never more than HARM_SHARE of it, nor less than nothing."""
    return max(slack, timedelta(0)) * HARM_SHARE * min(max(harm, 0.0), 1.0)


def is_imminent(policy: CompiledPolicy, route: Route, category: str, score: float) -> bool:
    """Return whether a life may be at stake: child safety, or what the policy's category or routing rule gives severity 5."""
    is_grave = category in policy.child_safety or A_LIFE in (policy.severities.get(category, 0), route.severity)
    return is_grave and not score < IMMINENT_SCORE


def place_raised(old: Place, new: Place) -> Place:
    """Return the place of an open job for which there is one more reason: never later, never less urgent."""
    return Place(
        due_at=min(old.due_at, new.due_at),
        claim_by=min(old.claim_by, new.claim_by),
        harm=max(old.harm, new.harm),
        is_imminent=old.is_imminent or new.is_imminent,
    )


def is_graver(old: Place, new: Place) -> bool:
    """Return whether a new reason is the graver one, so that the job goes where that reason's jobs go."""
    return (new.is_imminent, new.harm) > (old.is_imminent, old.harm)


def language_of(tag: str) -> str:
    """Return the language that a job's reviewer must read, as its primary subtag; "" where any will do or none is known."""
    subtag = tag.replace("_", "-").split("-")[0].strip().lower()
    known = 2 <= len(subtag) <= 3 and subtag.isascii() and subtag.isalpha() and subtag != "und"
    return subtag if known else ""


def say_why(place: Place, *, subject: str, now: datetime) -> str:
    """Return the line that says why a job is handed out now: `Overdue by 4 min, self-harm: goes first.`

    Args:
        subject: what it is about, in words; "" where nothing is known.
    """
    left = place.due_at - now
    due = f"Overdue by {_say_span(-left)}" if left < timedelta(0) else f"Due in {_say_span(left)}"
    about = f"{due}, {subject}" if subject else due
    if place.is_imminent:
        return f"{about}: imminent harm goes first."
    if left <= AT_RISK:
        return f"{about}: goes before all that has more time."
    shortened = place.due_at - place.claim_by
    if shortened >= timedelta(minutes=1):
        return f"{about}: the least time left, counted {_say_span(shortened)} shorter for its harm."
    return f"{about}: the least time left."


def _say_span(span: timedelta) -> str:
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h" if hours < 48 else f"{hours // 24} days"
