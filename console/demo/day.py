"""The demo's first day after the uploads: reports, viewers watching, and some of the reviewers' decisions."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from console.demo.captions import BURNERS
from console.demo.catalogue import PREFIX, REPORTS
from console.demo.client import Client
from moderation.decisions.basis import basis_of
from moderation.exceptions import ModerationError
from moderation.models import Decision, Job
from moderation.models.decision import DecisionStage
from moderation.review.leases import job_claim, job_decide, job_release
from policies.choices import Outcome

REGIONS = {"DE": "de", "US": "en", "BR": "pt", "FR": "fr", "JP": "ja", "MX": "es", "TR": "tr", "IN": "hi"}
VIEWERS_PER_REGION = 4
#: Of each queue's jobs the reviewers take this share, so that there is a history and there is work.
DECIDED_SHARE = 0.4


@dataclass(frozen=True)
class Ruling:
    """What a reviewer decides, and why."""

    outcome: Outcome
    category: str = ""
    note: str = ""
    min_age: int = 0


#: What viewers make of a form as such: of a clip more than of a text.
_FORMS = {"clip": 0.45, "pic": 0.2, "text": 0.0}
N_PAGES = 2  # that each viewer scrolls through


RULINGS: dict[str, Ruling] = {
    "text-089": Ruling(Outcome.RESTRICT, "self_harm", "Asks for help. Help message sent; the duty lead knows.", 16),
    "text-090": Ruling(Outcome.RESTRICT, "self_harm", "Tells of recovery and points to help.", 16),
    "text-091": Ruling(Outcome.RESTRICT, "self_harm", "Sucht Hilfe. Hilfenachricht gesendet.", 16),
    "text-107": Ruling(Outcome.ESCALATE, "hate", "A quotation and people who object; I would keep it. Second opinion?"),
    "text-012": Ruling(Outcome.CLEAR, "", "About a workout."),
    "text-013": Ruling(Outcome.CLEAR, "", "A volcano at a science fair."),
    "text-021": Ruling(Outcome.CLEAR, "", "A joke about sourdough."),
    "clip-skate": Ruling(Outcome.RESTRICT, "dangerous_acts", "Wears protection, but young children may copy it.", 13),
    "clip-chess": Ruling(
        Outcome.RESTRICT, "spam_scam", "No advert. The report is about chess; ages stay as they were.", 13
    ),
    "clip-weather": Ruling(Outcome.RESTRICT, "spam_scam", "Shows no source; asked the creator to name one.", 13),
    "pic-chart-coffee": Ruling(Outcome.CLEAR, "", "Information, sells nothing."),
    "text-094": Ruling(Outcome.RESTRICT, "spam_scam", "Follow exchange, tiresome and no more.", 16),
    "text-102": Ruling(Outcome.RESTRICT, "drugs", "Approving mention of a party; adults only.", 18),
}
_BLOCK_NOTES = {
    "spam_scam": "Promises money for nothing.",
    "drugs": "Offers goods that may not be sold here.",
    "harassment": "Aims a crowd at one person.",
    "hate": "Tells people to leave for where they come from.",
    "violence": "Threatens somebody.",
    "dangerous_acts": "Invites to copy what can kill.",
    "self_harm": "Encourages self-harm.",
}


def reports_send(client: Client) -> list[str]:
    """File the first day's reports; returns what was refused, as sentences."""
    refused = []
    for external_id, reporter, category, text, is_trusted in REPORTS:
        document = {
            "external_id": external_id, "reporter": reporter, "category": category, "text": text, "trusted_flagger": is_trusted,
        }  # fmt: skip
        answer = client.post_json("/api/v1/reports", document)
        if not answer.is_ok:
            refused.append(f"report on {external_id}: {answer.why()}")
    return refused


def viewers_watch(client: Client, now: datetime) -> tuple[int, list[str]]:
    """Let made-up viewers of several regions scroll through the real feed and tell what they did.

    Returns the number of events that were taken, and what was refused. A repeat takes nothing: event ids are fixed.
    """
    n_taken, refused = 0, []
    for region, language in REGIONS.items():
        for n in range(VIEWERS_PER_REGION):
            query = {"age": str(15 + 5 * n), "region": region, "language": language, "limit": "40"}
            taken, why_not = _scroll(client, f"{PREFIX}viewer-{region.lower()}-{n}", query, now)
            n_taken += taken
            refused += why_not
    return n_taken, refused


def _scroll(client: Client, viewer: str, query: dict[str, str], now: datetime) -> tuple[int, list[str]]:
    n_taken, cursor = 0, ""
    for _ in range(N_PAGES):
        page = client.get("/api/v1/feed", viewer=viewer, **query, **({"cursor": cursor} if cursor else {}))
        if not page.is_ok:
            return n_taken, [f"feed of {viewer}: {page.why()}"]
        if acts := _acts(viewer, page.body["items"], now):
            answer = client.post_json("/api/v1/events", {"events": acts})
            if not answer.is_ok:
                return n_taken, [f"events of {viewer}: {answer.why()}"]
            n_taken += answer.body["accepted"]
        cursor = page.body["cursor"] or ""
        if not cursor:
            break
    return n_taken, []


def _acts(viewer: str, items: list[dict[str, str]], now: datetime) -> list[dict[str, object]]:
    rng = random.Random(viewer)  # noqa: S311 - a made-up day, not a secret
    acts: list[dict[str, object]] = []
    for n, item in enumerate(items):
        at = (now - timedelta(seconds=600 - 20 * n)).astimezone(UTC).isoformat()
        taste = _taste(item, viewer)
        kinds = ["impression", "skip" if taste < 0.3 else "watch"]
        kinds += ["finish"] * (taste > 0.5) + ["like"] * (taste > 0.7) + ["share"] * (taste > 0.93)
        for kind in kinds:
            act: dict[str, object] = {
                "event_id": f"{viewer}-{item['external_id']}-{kind}"[-64:], "type": kind, "viewer": viewer,
                "external_id": item["external_id"], "impression_id": item["impression_id"], "at": at,
            }  # fmt: skip
            acts.append(act | ({"watch_ms": rng.randint(800, 6000)} if kind in {"watch", "finish"} else {}))
    return acts


def _taste(item: dict[str, str], viewer: str) -> float:
    """Return how much a viewer likes an item, 0..1: its form and its own quality, and partly the viewer."""
    external_id = item["external_id"]
    if item["creator"] in BURNERS:
        return 0.1
    form = next((bonus for kind, bonus in _FORMS.items() if external_id.startswith(PREFIX + kind)), 0.0)
    quality = random.Random(external_id).random()  # noqa: S311 - as above
    return form + 0.35 * quality + 0.2 * random.Random(viewer + external_id).random()  # noqa: S311 - as above


def reviewers_decide(usernames: list[str]) -> Counter[str]:
    """Let the reviewers take some of the open jobs, through the same services as the console's buttons.

    Returns the number of decisions by outcome. Where people have decided before, nothing is done.
    """
    made: Counter[str] = Counter()
    if Decision.objects.filter(stage=DecisionStage.REVIEW).exists():
        return made
    people = list(User.objects.filter(username__in=usernames).order_by("username"))
    queues = Job.objects.filter(state="open", queue__is_restricted=False).values_list("queue__slug", flat=True)
    for slug, n_open in Counter(queues).items():
        for n in range(round(n_open * DECIDED_SHARE)):
            ruling = _decide_next(people[n % len(people)], slug)
            made[ruling] += 1
    return made


def _decide_next(person: User, queue: str) -> str:
    job = job_claim(actor=person, queue_slugs=[queue], now=timezone.now())
    if job is None:
        return "nothing left"
    slug = job.item.external_id.removeprefix(PREFIX)
    ruling = RULINGS.get(slug) or Ruling(
        Outcome.BLOCK, job.category, _BLOCK_NOTES.get(job.category, "Against this policy.")
    )
    token, basis = str(job.lease_token), basis_of(person, pk=job.item_id)
    try:
        job_decide(
            actor=person, job_key=str(job.key), lease_token=token, expected_decision=basis.token if basis else "",
            outcome=ruling.outcome, category=ruling.category,
            note=ruling.note, min_age=ruling.min_age, territories=(), now=timezone.now(),
        )  # fmt: skip
    except ModerationError:
        job_release(actor=person, job_key=str(job.key), lease_token=token, now=timezone.now())
        return "left for others"
    return ruling.outcome.label
