"""Drafts of decisions on jobs, on campaigns and over earlier ones: kept while somebody types, back when they are, discarded when
they say so.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from console.access import OVERTURN, REVIEW, JobTaken, campaign_visible, item_visible, job_mine, pace, requires
from console.http import HtmxRequest, redirect_to
from console.pages.changed import read_typed
from console.pages.forms import AGES, DecisionForm, category_names
from console.pages.review.forms import AskForm, JobDecisionForm, SkipForm
from moderation.decisions.basis import Basis
from moderation.exceptions import DraftTooLarge
from moderation.models import Campaign, DecisionDraft, Item, Job
from moderation.review import drafts
from moderation.review.queries import JobPage

_SAVES_PER_MINUTE = 120


@require_POST
@requires(REVIEW)
@pace("job_draft", _SAVES_PER_MINUTE)
def job_draft(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Keep what was typed; also where the lease is over, since that is when it would be lost."""
    try:
        draft = drafts.draft_keep(
            actor=request.user, job_key=str(key), fields=request.POST.dict(), now=timezone.now(),
            basis=request.POST.get("expected_decision", ""),
        )  # fmt: skip
    except DraftTooLarge as error:
        return JsonResponse({"detail": str(error)}, status=413)
    except Job.DoesNotExist:
        raise Http404 from None
    return HttpResponse(status=204, headers={"Draft-Kept-At": _mark(draft)})


def _mark(draft: DecisionDraft | None) -> str:
    """Return what tells a person's browser whether what it holds itself is later than what the server has."""
    return draft.updated_at.isoformat() if draft else ""


@require_POST
@requires(REVIEW)
def job_draft_discard(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Drop one's own draft and show the job without it; a repeat changes nothing."""
    with suppress(JobTaken):
        job_mine(request.user, key)
    drafts.draft_drop(actor=request.user, job_key=str(key))
    messages.info(request, "Your draft is discarded.")
    return redirect_to(request, "job_page", key)


@require_POST
@requires(REVIEW)
@pace("campaign_draft", _SAVES_PER_MINUTE)
def campaign_draft(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Keep what was typed into the decision on a campaign."""
    return _keep_beside(request, campaign_visible(request.user, key))


@require_POST
@requires(OVERTURN)
@pace("overturn_draft", _SAVES_PER_MINUTE)
def overturn_draft(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Keep what was typed into a decision over an earlier one."""
    return _keep_beside(request, item_visible(request.user, key))


def _keep_beside(request: HtmxRequest, on: Campaign | Item) -> HttpResponse:
    try:
        draft = drafts.draft_keep_beside(
            actor=request.user, on=on, fields=request.POST.dict(), now=timezone.now(),
            basis=request.POST.get("expected_decision", ""),
        )  # fmt: skip
    except DraftTooLarge as error:
        return JsonResponse({"detail": str(error)}, status=413)
    return HttpResponse(status=204, headers={"Draft-Kept-At": _mark(draft)})


@require_POST
@requires(REVIEW)
def campaign_draft_discard(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Drop one's own draft of a campaign's decision; a repeat changes nothing."""
    return _discard(request, campaign_visible(request.user, key), "campaign_page")


@require_POST
@requires(OVERTURN)
def overturn_draft_discard(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Drop one's own draft of a decision over an earlier one; a repeat changes nothing."""
    return _discard(request, item_visible(request.user, key), "item_page")


def _discard(request: HtmxRequest, on: Campaign | Item, page: str) -> HttpResponse:
    drafts.draft_drop_beside(actor=request.user, on=on)
    messages.info(request, "Your draft is discarded.")
    return redirect_to(request, page, on.key)


def draft_beside_context(
    request: HtmxRequest, on: Campaign | Item, token: str, form: DecisionForm | None, empty: DecisionForm
) -> dict[str, Any]:
    """Return the form of a decision on a campaign or over an earlier one: what was sent and came back, else the person's draft.

    Args:
        token: of what a decision would be made on now.
        empty: the page's form, which takes the draft.
    """
    if form is not None and request.method == "POST":  # the page has it, until somebody goes elsewhere
        with suppress(DraftTooLarge, PermissionDenied):
            drafts.draft_keep_beside(
                actor=request.user, on=on, fields=request.POST.dict(), basis=form.sent or token, now=timezone.now()
            )
        draft = drafts.draft_beside(request.user, on)
    else:
        draft = drafts.draft_in(on.own_draft) if hasattr(on, "own_draft") else drafts.draft_beside(request.user, on)
    if form is None and draft is not None:
        names = dict(empty.fields["category"].choices)  # type: ignore[attr-defined]
        empty.initial.update(_fitting(draft.fields, names))
    return {
        "form": form or empty,
        "draft_at": _mark(draft),
        "draft": None if form or draft is None else _kept(draft, token),
    }


@dataclass(frozen=True, slots=True)
class Kept:
    """What the page says of a draft that is back.

    Attributes:
        is_changed: what it was typed about has changed since.
    """

    at: str
    is_changed: bool


def draft_context(
    request: HtmxRequest, page: JobPage, basis: Basis, names: Mapping[str, str], form: JobDecisionForm | None
) -> dict[str, Any]:
    """Return the forms of a job's page: what was sent and came back, else the person's draft. Fields that fit no more stay empty."""
    draft = page.draft
    typed: dict[str, str] = draft.fields if draft else {}
    initial = {"category": page.job.category, **_fitting(typed, names)}
    return {
        "form": form or JobDecisionForm(names=dict(names), initial=initial),
        "answer": request.POST.get("answer", "") if form else typed.get("answer", ""),
        "skip": SkipForm(initial=typed) if "skip_note" in typed else None,
        "ask": AskForm(initial=typed) if "question" in typed else None,
        "draft_at": _mark(draft),
        "draft": None if form or draft is None else _kept(draft, basis.token),
    }


def _kept(draft: DecisionDraft, token: str) -> Kept:
    return Kept(_clock(draft.updated_at, timezone.now()), is_changed=draft.basis != token)


def _fitting(typed: Mapping[str, str], names: Mapping[str, str]) -> dict[str, str]:
    """Return the fields of a draft that the form still takes: outcomes and categories come and go."""
    offered = {
        "outcome": {str(int(value)) for value, _ in DecisionForm.outcomes},
        "category": names,
        "min_age": {str(age) for age, _ in AGES},
    }
    return {
        name: typed[name]
        for name in drafts.DECISION_FIELDS
        if name in typed and (name not in offered or typed[name] in offered[name])
    }


def _clock(moment: datetime, now: datetime) -> str:
    """Return a time as a person says it: the day only where it is not today."""
    return moment.strftime("%H:%M" if moment.date() == now.date() else "%-d %B, %H:%M")


def keep_refused(request: HtmxRequest, job: Job) -> DecisionDraft | None:
    """Keep what a form sent that was refused: its page has it, until somebody goes elsewhere. The other forms' words stay.

    Returns the draft as it is then.
    """
    names = drafts.DECISION_FIELDS + drafts.HAND_BACK_FIELDS
    sent = {name: request.POST[name] for name in names if name in request.POST}
    draft = drafts.draft_of(request.user, job)
    if not sent:
        return draft
    fields = (draft.fields if draft else {}) | sent | {"reason": request.POST.get("reason", "")}
    # Whoever is told of the refusal has the words before them: that they are kept as well is no answer of its own.
    with suppress(DraftTooLarge, Job.DoesNotExist, PermissionDenied):
        return drafts.draft_keep(
            actor=request.user, job_key=str(job.key), fields=fields, now=timezone.now(),
            basis=request.POST.get("expected_decision", draft.basis if draft else ""),
        )  # fmt: skip
    return draft


def typed_on(request: HtmxRequest, job: Job) -> list[tuple[str, str]]:
    """Keep and return what a person sent or had typed on a job that they do not have (any more), to be read and copied."""
    draft = keep_refused(request, job)
    typed = (draft.fields if draft else {}) | request.POST.dict()
    if not typed:
        return []
    return read_typed(typed, {str(int(value)): label for value, label in DecisionForm.outcomes}, category_names())
