"""What the job page offers beside a decision: a help message, a warning, a call to whoever leads."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from django.conf import settings
from django.forms import Form

from moderation.models import Item, Job
from moderation.models.enforcement import ActKind
from policies.errors import PolicyUnavailable
from policies.live import active_policy


@dataclass(frozen=True, slots=True)
class Sentence:
    """One clause's sentence as the creator would read it, in `language`."""

    key: str
    name: str
    text: str
    language: str


@dataclass(frozen=True, slots=True)
class ActPanel:
    """What can be done, what was done from this job already, and what was refused a moment ago, by kind."""

    helps: Sequence[Sentence]
    warnings: Sequence[Sentence]
    is_helped: bool
    is_warned: bool
    is_lead_called: bool
    done: str = ""
    refused: Mapping[str, Form] = field(default_factory=dict)


def act_panel(job: Job, item: Item, *, done: str = "", refused: Mapping[str, Form] | None = None) -> ActPanel:
    """Return the panel of a job that was read by `review.queries.job_page`; the warnings are those of its category."""
    told = set(getattr(job, "told_kinds", ()))
    return ActPanel(
        helps=_sentences(item, job.category, is_help=True),
        warnings=_sentences(item, job.category, is_help=False),
        is_helped=ActKind.HELP in told,
        is_warned=ActKind.WARNING in told,
        is_lead_called=bool(getattr(job, "is_lead_called", False)),
        done=done,
        refused=refused or {},
    )


def _sentences(item: Item, category: str, *, is_help: bool) -> list[Sentence]:
    found = []
    with suppress(PolicyUnavailable):
        rows = [
            row for row in active_policy().clauses if row.is_help == is_help and (is_help or row.category == category)
        ]
        for row in rows:
            said = row.language_for(item.language, settings.LANGUAGE_CODE)
            found.append(Sentence(row.key, row.name, row.sentences[said], said))
    return found
