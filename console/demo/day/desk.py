"""Reviewers at their desks now: they decide a share of what waits, and two of them are in the middle of a job."""

from __future__ import annotations

from collections import Counter

from django.contrib.auth.models import User
from django.utils import timezone

from console.demo.catalogue import PREFIX
from console.demo.day.morning import MORNING
from console.demo.day.rulings import FIRST_COPY_RULING, job_rule, ruling_for
from console.demo.picture_list import FIRST_COPY
from moderation.decisions.basis import basis_of
from moderation.decisions.record import item_overturn
from moderation.models import Decision, Item, Job
from moderation.models.decision import DecisionStage
from moderation.models.item import ItemState
from moderation.review.leases import job_claim
from policies.choices import Outcome

#: Of each queue's jobs the reviewers take this share, so that there is a history and there is work.
DECIDED_SHARE = 0.4
#: Who is in the middle of a job when the demo stands, and of which queues.
AT_WORK = {"reviewer2": ("unexamined",), "reviewer3": ("spam",)}


def reviewers_decide(usernames: list[str]) -> Counter[str]:
    """Let the reviewers take some of the open jobs, through the same services as the console's buttons.

    Returns the number of decisions by outcome. Where people have decided before, but for the morning's, nothing is done.
    """
    made: Counter[str] = Counter()
    if _has_been_done():
        return made
    people = list(User.objects.filter(username__in=usernames).order_by("username"))
    queues = Job.objects.filter(state="open", queue__is_restricted=False).values_list("queue__slug", flat=True)
    for slug, n_open in Counter(queues).items():
        for n in range(round(n_open * DECIDED_SHARE)):
            made[_decide_next(people[n % len(people) :] + people[: n % len(people)], slug)] += 1
    return made


def _has_been_done() -> bool:
    morning = [f"{PREFIX}{slug}" for slug in MORNING]
    reviewed = Decision.objects.filter(stage=DecisionStage.REVIEW)
    return reviewed.exclude(item__external_id__in=morning).exists()


def _decide_next(people: list[User], queue: str) -> str:
    """Let the first of some people who may have a job of a queue decide it; nobody claims it twice."""
    for person in people:
        now = timezone.now()
        job = job_claim(actor=person, queue_slugs=[queue], now=now)
        if job is None:
            continue
        decision = job_rule(person=person, job=job, ruling=ruling_for(job), now=now)
        return Outcome(decision.outcome).label if decision else "left for others"
    return "left for others"


def people_begin() -> int:
    """Let some reviewers claim a job that they are still at when the demo stands; return how many are."""
    people = User.objects.filter(username__in=AT_WORK)
    return sum(job_claim(actor=p, queue_slugs=AT_WORK[p.username], now=timezone.now()) is not None for p in people)


def first_copy_block() -> bool:
    """Let a senior take down the first copy of what a bank knows, found in Items; return whether that was still to do."""
    item = Item.objects.filter(external_id=f"{PREFIX}pic-{FIRST_COPY}").exclude(state=ItemState.BLOCKED).first()
    if item is None:
        return False
    ruling, senior = FIRST_COPY_RULING, User.objects.get(username="senior")
    basis = basis_of(senior, pk=item.pk)
    item_overturn(
        actor=senior, item_key=str(item.key), outcome=ruling.outcome, category=ruling.category, note=ruling.note,
        min_age=0, territories=(), expected_decision=basis.token if basis else "", now=timezone.now(),
    )  # fmt: skip
    return True
