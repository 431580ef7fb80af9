"""The hours before the demo was started: uploads that came then, and what people did with them, each at its time.

Everything goes through the services that the API and the console's buttons call; only the clock that they are handed is an
earlier one. A repeat finds everything done and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import User

from console.demo.catalogue import PREFIX, Upload
from console.demo.day.rulings import Ruling, job_rule, ruling_for
from moderation.decisions.basis import basis_of
from moderation.decisions.record import item_overturn
from moderation.intake.submit import Submission, item_submit
from moderation.models import Item, Job, Reviewer
from moderation.models.decision import DecisionStage
from moderation.models.enforcement import ActKind
from moderation.models.job_note import SkipReason
from moderation.models.review import JobState
from moderation.reports.service import report_file
from moderation.review.creator_acts import creator_tell
from moderation.review.giving_back import job_ask, job_skip, shift_end
from moderation.review.lead_calls import lead_call
from moderation.review.leases import job_claim
from policies.choices import ItemKind, Outcome

ACTOR = "demo"
#: Jobs that are decided on the way to the one that is wanted, at most.
_MOST_BEFORE = 12


@dataclass(frozen=True)
class Moment:
    """The clock that acts are handed: minutes before the demo was started, and what came."""

    start: datetime
    uploads: dict[str, Upload]

    def ago(self, minutes: float) -> datetime:
        """Return the time so many minutes before."""
        return self.start - timedelta(minutes=minutes)


#: (minutes before, what happens), in the order of the day.
Act = Callable[[Moment], None]


def _arrive(slug: str, ago: float) -> tuple[float, Act]:
    def act(moment: Moment) -> None:
        if upload := moment.uploads.get(slug):
            item_submit(actor=ACTOR, submission=_submission(upload), now=moment.ago(ago))

    return ago, act


def _submission(upload: Upload) -> Submission:
    caption = upload.caption
    return Submission(
        external_id=upload.external_id, kind=ItemKind.TEXT, caption=caption.words, creator=caption.creator,
        language=caption.language, region=caption.region, duration_ms=None, audience=None, media=None, cover=None,
    )  # fmt: skip


def _report(slug: str, reporter: str, category: str, text: str, ago: float) -> tuple[float, Act]:
    def act(moment: Moment) -> None:
        if Item.objects.filter(external_id=PREFIX + slug).exists():
            report_file(
                actor=ACTOR, external_id=PREFIX + slug, reporter=reporter, category=category, text=text, now=moment.ago(ago)
            )  # fmt: skip

    return ago, act


def _decide(
    slug: str,
    person: str,
    ago: float,
    *,
    takes: float = 1.5,
    first: Callable[[User, Job, datetime], None] | None = None,
) -> tuple[float, Act]:
    """Let a person take the job of an upload and decide it `takes` minutes later, which is `ago`.

    Args:
        first: what they do about the job before.
    """

    def act(moment: Moment) -> None:
        actor = User.objects.get(username=person)
        if job := _take(actor, slug, moment.ago(ago + takes)):
            if first:
                first(actor, job, moment.ago(ago + takes / 2))
            job_rule(person=actor, job=job, ruling=ruling_for(job), now=moment.ago(ago))

    return ago, act


def _help(actor: User, job: Job, now: datetime) -> None:
    """Do what the guideline asks for where somebody may be in danger: a help message, and a call to the duty lead."""
    token = str(job.lease_token)
    creator_tell(
        actor=actor, job_key=str(job.key), lease_token=token, kind=ActKind.HELP, clause="self-harm-help", text="",
        fallback="en", now=now,
    )  # fmt: skip
    lead_call(actor=actor, job_key=str(job.key), lease_token=token, text="She asks for a number, tonight.", now=now)


def _ask(slug: str, person: str, question: str, ago: float) -> tuple[float, Act]:
    def act(moment: Moment) -> None:
        actor = User.objects.get(username=person)
        if job := _take(actor, slug, moment.ago(ago + 2), is_first=True):
            job_ask(
                actor=actor, job_key=str(job.key), lease_token=str(job.lease_token), question=question, now=moment.ago(ago)
            )  # fmt: skip

    return ago, act


def _skip(slug: str, person: str, reason: SkipReason, note: str, ago: float) -> tuple[float, Act]:
    def act(moment: Moment) -> None:
        actor = User.objects.get(username=person)
        if job := _take(actor, slug, moment.ago(ago + 1), is_first=True):
            job_skip(
                actor=actor, job_key=str(job.key), lease_token=str(job.lease_token), reason=reason, note=note,
                now=moment.ago(ago),
            )  # fmt: skip

    return ago, act


def _overturn(slug: str, person: str, ruling: Ruling, ago: float) -> tuple[float, Act]:
    def act(moment: Moment) -> None:
        item = Item.objects.select_related("current_decision").filter(external_id=PREFIX + slug).first()
        if item is None or item.current_decision is None or item.current_decision.stage != DecisionStage.REVIEW:
            return
        actor = User.objects.get(username=person)
        basis = basis_of(actor, pk=item.pk)
        item_overturn(
            actor=actor, item_key=str(item.key), outcome=ruling.outcome, category=ruling.category, note=ruling.note,
            min_age=ruling.min_age, territories=(), expected_decision=basis.token if basis else "", now=moment.ago(ago),
        )  # fmt: skip

    return ago, act


def _hand_over(slug: str, person: str, note: str, ago: float) -> tuple[float, Act]:
    """Let a person's shift end in the middle of a job."""

    def act(moment: Moment) -> None:
        actor = User.objects.get(username=person)
        if _take(actor, slug, moment.ago(ago + 3), is_first=True):
            shift_end(actor=actor, note=note, now=moment.ago(ago))

    return ago, act


def _take(person: User, slug: str, now: datetime, *, is_first: bool = False) -> Job | None:
    """Claim until the job of an upload is the person's, deciding what comes before it; None where they cannot have it.

    Args:
        is_first: only where nobody had it before, so that a repeat gives nothing back a second time.
    """
    for _ in range(_MOST_BEFORE):
        waiting = Job.objects.filter(item__external_id=PREFIX + slug, state=JobState.OPEN).select_related("queue")
        wanted = waiting.first()
        if wanted is None or not _reads(person, wanted) or (is_first and wanted.n_leases):
            return None
        job = job_claim(actor=person, queue_slugs=[wanted.queue.slug], now=now)
        if job is None or job.pk == wanted.pk:
            return job
        job_rule(person=person, job=job, ruling=ruling_for(job), now=now)
    return None


def _reads(person: User, job: Job) -> bool:
    seat = Reviewer.objects.filter(user=person).first()
    return seat is None or not seat.languages or job.language in ("", *seat.languages)


#: What a senior says who sees it otherwise: what was good first, then what the guideline asks for.
KIND_NOTE = Ruling(
    Outcome.RESTRICT,
    "drugs",
    "You were right to stop at it. The guideline asks for use that is shown with approval; here it is a number and a party, and "
    "nothing is shown. So 16 is enough. Thank you for looking closely.",
    16,
)
#: Uploads that came this morning: slug -> minutes before the demo was started.
MORNING: dict[str, float] = {
    "text-012": 88, "text-001": 87, "text-107": 86, "text-102": 84, "text-092": 82, "text-021": 80, "text-100": 78,
    "text-103": 76, "text-025": 74, "text-094": 71, "text-091": 69, "text-093": 66, "text-105": 63, "text-013": 60,
    "text-106": 57, "text-095": 54, "text-039": 51, "text-108": 48, "text-101": 44, "text-109": 40, "text-090": 36,
    "text-089": 33, "text-096": 30, "text-070": 24,
}  # fmt: skip
#: What is reported this morning, and what people do; each is left out where there is no such job.
_PEOPLE: tuple[tuple[float, Act], ...] = (
    _report("text-012", "viewer-18", "self_harm", "Is this person all right?", 85),
    _decide("text-012", "reviewer", 81),
    _report("text-102", "viewer-05", "drugs", "Not for kids.", 82),
    _report("text-107", "viewer-40", "hate", "This is what they shout at us.", 84),
    _decide("text-102", "reviewer", 78, takes=2.2),
    _ask(
        "text-107", "reviewer",
        "It repeats what was shouted, and tells that three people objected. Is a quotation like this hate?", 75,
    ),
    _report("text-021", "viewer-09", "harassment", "Rude to bakers.", 76),
    _decide("text-021", "reviewer3", 70, takes=0.5),
    _decide("text-107", "senior", 66, takes=4),
    _overturn("text-102", "senior", KIND_NOTE, 62),
    # Thirty minutes are allowed for somebody who may be in danger; this one was taken with three of them left.
    _report("text-091", "viewer-26", "self_harm", "Bitte schaut schnell nach.", 68),
    _decide("text-103", "reviewer3", 61),
    _skip("text-093", "reviewer2", SkipReason.TECHNICAL, "Some of the letters are drawn as boxes in my browser.", 55),
    _report("text-013", "viewer-22", "violence", "It says bomb.", 54),
    _decide("text-013", "reviewer", 50, takes=0.8),
    _decide("text-106", "reviewer", 47),
    _decide("text-091", "reviewer", 40.5, takes=1.8),
    _decide("text-108", "reviewer3", 38),
    _report("text-090", "viewer-31", "self_harm", "Please look, she sounds sad.", 35),
    _decide("text-090", "reviewer", 29, takes=2.4),
    _report("text-089", "viewer-44", "self_harm", "Somebody should answer her.", 32),
    _decide("text-089", "reviewer", 25, takes=3.1, first=_help),
    _ask("text-096", "reviewer2", "Easy money is promised, but nothing is sold and no link is given. Is that enough to block?", 22),
    _hand_over("text-105", "lead", "The same person was insulted by others on Monday. Look at who else is named.", 14),
)  # fmt: skip


def morning_live(*, uploads: Iterable[Upload], now: datetime, seen: Callable[[int, int], None]) -> int:
    """Let the morning happen up to now; return how many of its uploads there are.

    Args:
        seen: is told how many of how many acts are done.
    """
    moment = Moment(now, {upload.external_id.removeprefix(PREFIX): upload for upload in uploads})
    acts = [*(_arrive(slug, ago) for slug, ago in MORNING.items()), *_PEOPLE]
    for n, (_, act) in enumerate(sorted(acts, key=lambda timed: -timed[0]), start=1):
        act(moment)
        seen(n, len(acts))
    return Item.objects.filter(external_id__in=[PREFIX + slug for slug in MORNING]).count()
