"""What the demo's reviewers decide, and why, in the words that they would write."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import User

from console.demo.catalogue import PREFIX
from moderation.decisions.basis import basis_of
from moderation.exceptions import ModerationError
from moderation.models import Decision, Job
from moderation.review.leases import job_decide, job_release
from policies.choices import Outcome


@dataclass(frozen=True)
class Ruling:
    """What a reviewer decides, and why. `answer` goes to whoever asked about the job; `clause` is one of the policy's."""

    outcome: Outcome
    category: str = ""
    note: str = ""
    min_age: int = 0
    answer: str = ""
    clause: str = ""


#: Slug of an upload -> what is decided of it, whoever gets it.
RULINGS: dict[str, Ruling] = {
    "text-089": Ruling(Outcome.RESTRICT, "self_harm", "Asks for help. Help message sent; the duty lead knows.", 16),
    "text-090": Ruling(Outcome.RESTRICT, "self_harm", "Tells of recovery and points to help.", 16, clause="self-harm-recovery"),
    "text-091": Ruling(Outcome.RESTRICT, "self_harm", "Sucht Hilfe. Hilfenachricht gesendet.", 16),
    "text-107": Ruling(
        Outcome.CLEAR, "", "Reports what was shouted and that three people objected.",
        answer="Clear it: who is meant is the man who shouted. Quoting hate in order to object to it is not hate.",
    ),
    "text-012": Ruling(Outcome.CLEAR, "", "About a workout."),
    "text-013": Ruling(Outcome.CLEAR, "", "A volcano at a science fair."),
    "text-021": Ruling(Outcome.CLEAR, "", "A joke about sourdough."),
    "clip-skate": Ruling(
        Outcome.RESTRICT, "dangerous_acts", "Wears protection, but young children may copy it.", 13, clause="dangerous-stunt"
    ),
    "clip-chess": Ruling(
        Outcome.RESTRICT, "spam_scam", "No advert. The report is about chess; ages stay as they were.", 13
    ),
    "clip-weather": Ruling(Outcome.RESTRICT, "spam_scam", "Shows no source; asked the creator to name one.", 13),
    "pic-chart-coffee": Ruling(Outcome.CLEAR, "", "Information, sells nothing."),
    "text-094": Ruling(Outcome.RESTRICT, "spam_scam", "Follow exchange, tiresome and no more.", 16),
    "text-102": Ruling(Outcome.RESTRICT, "drugs", "Approving mention of a drug; adults only.", 18, clause="drugs-use"),
}  # fmt: skip
#: What a senior does about the first copy of a picture, whose hash a bank has.
FIRST_COPY_RULING = Ruling(
    Outcome.BLOCK,
    "spam_scam",
    "There is no such market; people paid for stalls. Its hash is in the bank, so that copies are found.",
)
_BLOCK_NOTES = {
    "spam_scam": "Promises money for nothing.",
    "drugs": "Offers goods that may not be sold here.",
    "harassment": "Aims a crowd at one person.",
    "hate": "Tells people to leave for where they come from.",
    "violence": "Threatens somebody.",
    "dangerous_acts": "Invites to copy what can kill.",
    "self_harm": "Encourages self-harm.",
}
_BLOCK_CLAUSES = {
    "spam_scam": "spam-money",
    "drugs": "drugs-sale",
    "harassment": "harassment-insult",
    "hate": "hate-attack",
    "violence": "violence-threat",
    "dangerous_acts": "dangerous-challenge",
    "self_harm": "self-harm-encouraged",
}
#: The uploads that break a rule begin so. What of the others waits for people, waits because a machine could not read it.
_BREAKS = (
    "text-09",
    "text-10",
    "text-11",
    "pic-ad-",
    "pic-market-",
    "pic-dare-",
    "pic-insult-",
    "clip-coins",
    "clip-pills",
    "clip-roofs",
    "wave-",
)
READ = Ruling(Outcome.CLEAR, "", "Read in its own language: everyday talk, nothing against the policy.")
LOOKED_AT = Ruling(Outcome.CLEAR, "", "Looked at from beginning to end: nothing against the policy.")


def ruling_for(job: Job) -> Ruling:
    """Return what is decided of a job: as it is written down for its item, or what its category asks for."""
    slug = job.item.external_id.removeprefix(PREFIX)
    if slug in RULINGS:
        return RULINGS[slug]
    if not slug.startswith(_BREAKS):
        return READ if slug.startswith("text-") else LOOKED_AT
    category = job.category if job.category in _BLOCK_NOTES else "spam_scam"
    return Ruling(Outcome.BLOCK, category, _BLOCK_NOTES[category], clause=_BLOCK_CLAUSES[category])


def job_rule(*, person: User, job: Job, ruling: Ruling, now: datetime) -> Decision | None:
    """Decide a job that a person holds, on what stands now; one that cannot be decided so is given back, and None returned."""
    token, basis = str(job.lease_token), basis_of(person, pk=job.item_id)
    try:
        return job_decide(
            actor=person, job_key=str(job.key), lease_token=token, expected_decision=basis.token if basis else "",
            outcome=ruling.outcome, category=ruling.category, note=ruling.note, min_age=ruling.min_age, territories=(),
            clause=ruling.clause, answer=ruling.answer, now=now,
        )  # fmt: skip
    except ModerationError:
        job_release(actor=person, job_key=str(job.key), lease_token=token, now=now)
        return None
