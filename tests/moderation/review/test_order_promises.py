"""What is promised of the order, tried on random shifts against an oracle that knows only the rules.

The oracle keeps its own list of jobs and people, in plain Python. It reads nothing of the product's order but the policy's
routing rules, and asks nothing of the database but which job a claim handed out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.jobs.opening import job_close, job_open
from moderation.models import Creator, Item, Job, Reviewer
from moderation.review.giving_back import job_ask, shift_end
from moderation.review.leases import job_claim, job_release, leases_expire
from policies.live import active_policy
from tests.support import scenes

#: The policy's rules as its editors wrote them: category -> queue, severity of queue and category, minutes.
RULES = {
    "self_harm": ("wellbeing", 5, 30),
    "violence": ("graphic", 4, 60),
    "hate": ("hate", 4, 120),
    "harassment": ("hate", 3, 240),
    "spam_scam": ("spam", 2, 720),
}
IMMINENT = {"self_harm"}
#: Queues of which a job counts as grave: some rule of theirs has severity 4 or 5.
GRAVE = {"wellbeing", "graphic", "hate"}
SOON = timedelta(minutes=10)
LANGUAGES = ("en", "tr", "fi", "")
N_ITEMS = 10


@dataclass
class Rules:
    """What one person may be given; empty for all."""

    languages: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    opted_out: frozenset[str] = frozenset()
    grave_per_day: int | None = None
    is_senior: bool = False


PEOPLE = {
    "ana": Rules(),
    "tuva": Rules(languages=frozenset({"tr"})),
    "cem": Rules(queues=frozenset({"hate", "spam"}), grave_per_day=2),
    "ola": Rules(languages=frozenset({"en", "fi"}), opted_out=frozenset({"self_harm"})),
    "sue": Rules(is_senior=True),
}


@dataclass
class Known:
    """A job, as the oracle knows it."""

    item: Item
    category: str
    queue: str
    due_at: datetime
    opened_at: datetime
    harm: tuple[float, float, int]  # severity, score, views: each the largest there was
    is_imminent: bool
    n_reasons: int = 1
    holder: str = ""
    passed: dict[str, datetime] = field(default_factory=dict)


class Oracle:
    """Knows the rules, and what happened."""

    def __init__(self) -> None:
        self.jobs: dict[int, Known] = {}
        self.at_work: dict[str, datetime] = {}
        self.grave: dict[tuple[str, object], int] = {}

    def colleagues(self, name: str, now: datetime) -> list[str]:
        since = now - timedelta(hours=1)
        return [other for other, at in self.at_work.items() if other != name and at > since]

    def _suits(self, name: str, job: Known, now: datetime) -> bool:
        """Whether a job is within a person's languages, training, wishes and role."""
        rules, language = PEOPLE[name], job.item.language_detected
        is_read = not rules.languages or not language or language in rules.languages
        return (
            is_read
            and (not rules.queues or job.queue in rules.queues)
            and job.category not in rules.opted_out
            and (job.queue != "seniors" or rules.is_senior)
        )

    def may_have(self, name: str, job: Known, now: datetime) -> bool:
        rules, language = PEOPLE[name], job.item.language_detected
        others = self.colleagues(name, now)
        is_unread = language and not any(
            not PEOPLE[other].languages or language in PEOPLE[other].languages for other in others
        )
        suits = self._suits(name, job, now)
        if not suits and is_unread and rules.languages:
            suits = self._suits(name, Known(**{**vars(job), "item": Item(language_detected="")}), now)
        is_spent = rules.grave_per_day is not None and self.grave.get((name, now.date()), 0) >= rules.grave_per_day
        return suits and not (is_spent and job.queue in GRAVE) and not self.holds_off(name, job, now)

    def holds_off(self, name: str, job: Known, now: datetime) -> bool:
        """Whether a person gave the job back, and it is not theirs again yet."""
        at = job.passed.get(name)
        if at is None:
            return False
        return now - at < timedelta(minutes=30) or any(
            self._suits(other, job, now) for other in self.colleagues(name, now)
        )

    @staticmethod
    def _is_as_harmful(other: Known, got: Known) -> bool:
        """Whether the one is for sure as harmful as the other: by every factor, and with as long a time to shorten."""
        is_plain = other.n_reasons == got.n_reasons == 1
        minutes = [RULES[job.category][2] for job in (other, got)]
        return is_plain and minutes[0] >= minutes[1] and all(a >= b for a, b in zip(other.harm, got.harm, strict=True))

    def check(self, name: str, got: Known | None, now: datetime) -> None:
        """See that a claim was answered as the rules have it."""
        open_jobs = [job for job in self.jobs.values() if not job.holder and self.may_have(name, job, now)]
        if got is None:
            assert open_jobs == [], "somebody went away while there was work for them: it would wait for ever"
            return
        assert got in open_jobs, "a job that was held, given back before, or not for this person"
        others = [job for job in open_jobs if job is not got]
        for other in others:
            if other.is_imminent:
                assert got.is_imminent, "imminent harm waited"
                assert got.due_at <= other.due_at, "a suicide report waited behind a job with more slack"
        if got.is_imminent:
            return
        for other in others:
            if got.due_at > now + SOON:
                assert other.due_at > now + SOON, "a queue breaches while another with slack is worked"
                assert got.due_at <= other.due_at or not self._is_as_harmful(other, got), (
                    "less harm, more slack, and first"
                )
                head_start = timedelta(minutes=max(RULES[c][2] for c in RULES)) / 2
                assert got.due_at - other.due_at <= head_start, "harm took more than half of the slack"
            else:
                assert got.due_at <= other.due_at, "what is due soon is not handed out in the order of due times"
            assert got.opened_at <= other.due_at, "a job waited behind one that came after it was due"


class Shift:
    """A random shift, carried out by the services and told to the oracle."""

    def __init__(self, items: list[Item], people: dict[str, User]) -> None:
        self.items, self.people, self.oracle = items, people, Oracle()
        self.now = timezone.now()
        self.held: dict[str, Job] = {}

    def pass_time(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)
        leases_expire(now=self.now)
        for name, job in list(self.held.items()):
            if job.lease_expires_at and job.lease_expires_at <= self.now:
                self.oracle.jobs[job.pk].holder = ""
                del self.held[name]

    def report(self, n: int, category: str, score: float) -> None:
        item = self.items[n % N_ITEMS]
        queue, severity, minutes = RULES[category]
        views = 0 if item.state not in {"cleared", "restricted"} else (item.creator.expected_views or 10**6)
        job = job_open(
            item=item, policy=active_policy(), category=category, score=score, reason="Reported", now=self.now
        )
        due_at, harm = self.now + timedelta(minutes=minutes), (float(severity), score, views)
        is_imminent = category in IMMINENT and score >= 0.25
        known = self.oracle.jobs.get(job.pk)
        if known is None:
            known = Known(item, category, queue, due_at, self.now, harm, is_imminent)
            self.oracle.jobs[job.pk] = known
            assert job.due_at == due_at
            return
        assert job.due_at == min(known.due_at, due_at), "one more reason made a job due later"
        assert job.is_imminent == (known.is_imminent or is_imminent)
        # Where it is worked on follows the graver reason; which that is, the job says.
        known.category, known.queue = job.category, Job.objects.get(pk=job.pk).queue.slug
        known.due_at, known.is_imminent, known.n_reasons = job.due_at, job.is_imminent, known.n_reasons + 1
        known.harm = tuple(max(pair) for pair in zip(known.harm, harm, strict=True))  # type: ignore[assignment]
        if is_imminent:
            assert known.queue in {"wellbeing", "seniors"}, "a suicide report changed nothing"

    def claim(self, name: str) -> None:
        job = job_claim(actor=self.people[name], now=self.now)
        if name in self.held:
            assert job == self.held[name]
            return
        known = self.oracle.jobs.get(job.pk) if job else None
        assert (job is None) == (known is None)
        self.oracle.check(name, known, self.now)
        self.oracle.at_work[name] = self.now
        if job is None or known is None:
            return
        assert not known.holder, "one job, two people"
        known.holder, known.passed = name, {}
        self.held[name] = job
        if known.queue in GRAVE:
            day = (name, self.now.date())
            self.oracle.grave[day] = self.oracle.grave.get(day, 0) + 1

    def give_back(self, name: str, how: str) -> None:
        job = self.held.pop(name, None)
        if how == "end":
            self.oracle.at_work.pop(name, None)
            shift_end(actor=self.people[name], note="", now=self.now)
        if job is None:
            return
        known, lease = self.oracle.jobs[job.pk], {"job_key": str(job.key), "lease_token": str(job.lease_token)}
        if how == "decide":
            job_close(item=known.item, now=self.now, even_leased=True, why="Decided.")
            del self.oracle.jobs[job.pk]
            return
        if how == "skip":
            job_release(actor=self.people[name], now=self.now, **lease)
        elif how == "ask":
            job_ask(actor=self.people[name], question="Who?", now=self.now, **lease)
            known.queue = "seniors"
        known.holder, known.passed[name] = "", self.now


NAMES = st.sampled_from(sorted(PEOPLE))
STEPS = st.one_of(
    st.tuples(st.just("report"), st.integers(0, N_ITEMS - 1), st.sampled_from(sorted(RULES)), st.floats(0.05, 1)),
    st.tuples(st.just("claim"), NAMES),
    st.tuples(st.just("claim"), NAMES),
    st.tuples(st.just("give_back"), NAMES, st.sampled_from(["decide", "skip", "skip", "ask", "end"])),
    st.tuples(st.just("pass_time"), st.sampled_from([1, 4, 9, 25, 70, 300])),
)


@pytest.fixture
def world(db: None) -> tuple[list[Item], dict[str, User]]:
    scenes.policy_ready()
    people = {name: scenes.person("senior" if rules.is_senior else "reviewer", name) for name, rules in PEOPLE.items()}
    for name, rules in PEOPLE.items():
        Reviewer.objects.create(
            user=people[name], languages=sorted(rules.languages), queues=sorted(rules.queues),
            opted_out=sorted(rules.opted_out), grave_per_day=rules.grave_per_day,
        )  # fmt: skip
    for n in range(N_ITEMS):
        item = scenes.item_judged(f"item-{n}", creator=f"creator-{n}", language=LANGUAGES[n % len(LANGUAGES)] or "und")
        Creator.objects.filter(pk=item.creator_id).update(expected_views=(None, 3, 40_000)[n % 3])
        Item.objects.filter(pk=item.pk, language_detected="und").update(language_detected="", language_claimed="")
    items = list(Item.objects.select_related("creator").order_by("pk"))
    return items, people


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEPS, min_size=10, max_size=45))
def test_a_random_shift_keeps_every_promise(
    world: tuple[list[Item], dict[str, User]], steps: list[tuple[Any, ...]]
) -> None:
    with transaction.atomic():
        shift = Shift(*world)
        for act, *given_with in steps:
            getattr(shift, act)(*given_with)
        transaction.set_rollback(True)
