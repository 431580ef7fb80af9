"""One job: the page of its reviewer, the decision, giving it back, staying on it."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.forms import Form
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import push_url

from console.access import REVIEW, JobTaken, holds, job_mine, refusal_of_lease, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages import evidence, timeline
from console.pages.changed import Changed, describe_changes
from console.pages.forms import categories, category_names
from console.pages.looks import job_looked
from console.pages.media.panel import media_panel
from console.pages.review.act_panel import act_panel
from console.pages.review.drafts import draft_context, keep_refused, typed_on
from console.pages.review.forms import AskForm, JobDecisionForm, SkipForm
from console.pages.review.notes import notes_told, reports_told, say_raised, why_next
from console.pages.review.reason import Reason, say_reason
from console.pages.review.undo import say_decided, say_overtaken
from moderation.decisions.basis import Basis, basis_from, basis_of
from moderation.exceptions import DecisionChanged, DecisionInvalid, ItemNotOpen, LeaseLost
from moderation.items.match_words import words_in
from moderation.items.timeline import timeline as moments_of
from moderation.items.timeline import worst_moment
from moderation.items.visibility import category_visible, job_hides_media
from moderation.models import Decision, Item, Job
from moderation.models.job_note import NoteKind, SkipReason
from moderation.models.waiting import WaitingState
from moderation.review import leases, waiting
from moderation.review import queries as review_queries
from moderation.review.queries import JobPage, severity_of
from policies.choices import ItemKind
from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyUnavailable
from policies.live import active_policy, compile_version

NOTHING_RECORDED = "Nothing from you was recorded."


@require_GET
@requires(REVIEW)
def job_page(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show a job to its holder; to other reviewers, say where it stands and where to go on."""
    try:
        basis, page = _read(request, key)
    except JobTaken as taken:
        return answer_taken(request, taken.job, status=403)
    if not holds(request.user, page.job, timezone.now()):
        return render_page(request, "review/job_away.html", _away(request, page.job), status=403)
    return _job(request, basis, page)


@require_POST
@requires(REVIEW)
def job_decide(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Record the holder's decision, then go to the next job, whatever its queue."""
    form = JobDecisionForm(request.POST, names=category_names())
    try:
        basis, page = _read(request, key)
        offer_clauses(form, page.item)
        if not holds(request.user, page.job, timezone.now()):
            return _answer_lost(request, page.job)
        if not form.is_valid():
            return _again(request, basis, page, form)
        made = waiting.job_send(
            actor=request.user, job_key=str(key), lease_token=_token(request), now=timezone.now(),
            answer=request.POST.get("answer", "").strip()[:2_000], span=form.span,
            **form.verdict(),
        )  # fmt: skip
    except (DecisionInvalid, ItemNotOpen) as error:
        form.add_error(form.field_of(error), str(error))
        return _again(request, basis, page, form)
    except DecisionChanged:
        return _again(request, *_read(request, key), form, is_overtaken=True)
    except JobTaken as taken:
        return answer_taken(request, taken.job)
    except LeaseLost:
        return answer_after_lost(request, key)
    messages.success(request, say_decided(made, page.item.external_id))
    return go_on(request)


@require_POST
@requires(REVIEW)
def job_heartbeat(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Extend the lease while its holder is at work; say what they should know before they decide."""
    try:
        job_mine(request.user, key)
        until = leases.job_heartbeat(
            actor=request.user, job_key=str(key), lease_token=_token(request), now=timezone.now()
        )
    except JobTaken as taken:
        return JsonResponse({"detail": f"{refusal_of_lease(request.user, taken.job)} {NOTHING_RECORDED}"}, status=409)
    except LeaseLost as error:
        return JsonResponse({"detail": str(error)}, status=409)
    basis, sent = basis_of(request.user, jobs__key=key), request.POST.get("expected_decision")
    is_changed = basis is not None and sent is not None and sent != basis.token
    news = _raised_since(key, request.POST.get("last_note", ""))
    said = say_overtaken(request)
    return JsonResponse({"expires_at": until.isoformat(), "is_changed": is_changed, "news": news, "said": said})


def _raised_since(key: UUID, last_note: str) -> str:
    """Return in words how the job was raised after the page was made that knows the notes up to `last_note`."""
    note = review_queries.job_notes(str(key)).filter(kind=NoteKind.RAISED).first()
    if note is None or str(note.key) == last_note:
        return ""
    return say_raised(note, category_names())


def _read(request: HtmxRequest, key: UUID) -> tuple[Basis, JobPage]:
    """Return what a verdict is given on, and the page. The basis comes from the page's first look at the database, so that
    what changes while the rest is read is never taken as seen.

    Raises:
        Http404, JobTaken: as `job_mine`.
    """
    page = job_mine(request.user, key)
    return basis_from(page.item), page


def _token(request: HtmxRequest) -> str:
    return request.POST.get("lease_token", "")


def _job(request: HtmxRequest, basis: Basis, page: JobPage) -> HttpResponse:
    job_looked(request.user, page.job)
    return render_page(request, "review/job.html", job_context(request, basis, page), fragment="job")


def _again(
    request: HtmxRequest, basis: Basis, page: JobPage, form: JobDecisionForm, *, is_overtaken: bool = False
) -> HttpResponse:
    """Show the page with what was typed: 409 and what changed where it was overtaken, 422 where something is missing."""
    job_looked(request.user, page.job)
    page = replace(page, draft=keep_refused(request, page.job))
    changed = describe_changes(form.sent, basis, page.decisions)
    context = job_context(request, basis, page, form, changed)
    return render_page(
        request, "review/job.html", context, fragment="job", status=409 if changed or is_overtaken else 422
    )


def go_on(request: HtmxRequest) -> HttpResponse:
    """Go on with whatever comes first: htmx gets the next job in place, others are redirected to it; at the end, to the queues."""
    job = leases.job_claim(actor=request.user, now=timezone.now())
    if job is None:
        messages.info(request, "Every queue that you work on is empty. Well done: take a breath.")
        return redirect_to(request, "queue_list")
    if not request.htmx:
        return redirect_to(request, "job_page", job.key)
    response = _job(request, *_read(request, job.key))
    return push_url(response, reverse("job_page", args=[job.key]))


def answer_again(
    request: HtmxRequest,
    key: UUID,
    *,
    skip: SkipForm | None = None,
    ask: AskForm | None = None,
    refused: Mapping[str, Form] | None = None,
) -> HttpResponse:
    """Show the page with what was typed to give the job back or to act on it, and what is missing.

    Raises:
        Http404, JobTaken: as `job_mine`.
    """
    basis, page = _read(request, key)
    if not holds(request.user, page.job, timezone.now()):
        return _answer_lost(request, page.job)
    job_looked(request.user, page.job)
    page = replace(page, draft=keep_refused(request, page.job))
    sent = {name: form for name, form in (("skip", skip), ("ask", ask)) if form}
    context = job_context(request, basis, page) | sent
    if refused:
        context["acts"] = act_panel(page.job, page.item, refused=refused)
    return render_page(request, "review/job.html", context, fragment="job", status=422)


def answer_after_lost(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Say what became of a job that the service says is not the person's: it may have been taken a moment ago."""
    try:
        return _answer_lost(request, job_mine(request.user, key).job)
    except JobTaken as taken:
        return answer_taken(request, taken.job)


def _answer_lost(request: HtmxRequest, job: Job) -> HttpResponse:
    return render_page(request, "review/job_away.html", _away(request, job), fragment="away", status=409)


def answer_taken(request: HtmxRequest, job: Job, status: int = 409) -> HttpResponse:
    """Tell the person from whom a job was taken why, and give back what they had typed."""
    why = refusal_of_lease(request.user, job)
    context = _away(request, job) | {"why": f"{why} {NOTHING_RECORDED}", "is_hidden": why != job.taken_why}
    return render_page(request, "review/job_away.html", context, fragment="away", status=status)


def _away(request: HtmxRequest, job: Job) -> dict[str, Any]:
    job_looked(request.user, job)
    decision = job.decision
    return {
        "job": job,
        "item": job.item,
        "is_mine": holds(request.user, job, timezone.now()),
        "has_expired": job.lease_holder_id == request.user.pk,
        "decided_by_me": decision is not None and decision.actor_id == request.user.pk,
        "waits": job.waiting_decisions.filter(actor=request.user, state=WaitingState.WAITING).first(),
        "typed": typed_on(request, job),
    }


def job_context(
    request: HtmxRequest,
    basis: Basis,
    page: JobPage,
    form: JobDecisionForm | None = None,
    changed: Changed | None = None,
) -> dict[str, Any]:
    """Return what the job page shows.

    Args:
        changed: what to mark as new, where somebody decided on an earlier page.
    """
    now = timezone.now()
    known = categories()
    names = category_names(known)
    current = page.item.current_decision
    policy = policy_of(current)
    levels = levels_of(current, policy)
    forms = draft_context(request, page, basis, names, form)
    chosen = forms["form"]["category"].value()
    offer_clauses(forms["form"], page.item)
    at = timeline.moment_asked(request.GET.get("at"), page.item.lasts_ms)
    reason = reason_of(page, current, levels, names)
    rows = evidence.rows_of(page.findings, levels, names, changed.known if changed else None)
    over, under = evidence.split_at_lines(rows)
    return {
        "page": page,
        "job": page.job,
        "item": page.item,
        "media": media_panel(page.item, is_shown=not job_hides_media(page.job), at=at),
        "chart": timeline.chart_of(
            moments_of(page.findings), page.item.lasts_ms, levels, names, timeline.spans_of(page.decisions)
        ),
        "words": words_in(getattr(page.job, "own_words", ())),
        "decision": current,
        "parts": evidence.caption_parts(page.item.caption, page.findings, names),
        "reason": reason,
        "worst_ms": worst_of(reason, page),
        "viewing": page.viewing,
        "over": over,
        "under": under,
        "is_still": is_still(page.item),
        "transcript": page.transcript,
        "new_rows": [row for row in rows if row.is_new],
        "missing": evidence.missing_words(current, policy),
        "names": names,
        "guidelines": sorted((c for c in known if c.guideline), key=lambda c: c.slug != chosen),
        "chosen": chosen,
        "is_overdue": page.job.due_at < now,
        "why": why_next(page.job, names, now),
        "severity": severity_of(page.job),
        "notes": notes_told(page.notes, names),
        "last_raise": next((str(note.key) for note in page.notes if note.kind == NoteKind.RAISED), ""),
        "questions": page.questions,
        "reports": reports_told(request.user, page),
        "reasons": SkipReason.choices,
        "acts": act_panel(page.job, page.item),
        **forms,
        **basis_context(request, basis, names),
        "changed": changed,
    }


def reason_of(page: JobPage, decision: Decision | None, levels: evidence.Levels, names: dict[str, str]) -> Reason:
    """Return the one reason of a job in words."""
    return say_reason(
        rule=page.job.reason,
        category=page.job.category,
        findings=page.findings,
        reasons=decision.reasons if decision else (),
        levels=levels,
        names=names,
        reports=page.reports,
        missing=decision.evidence.get("missing", {}) if decision else {},
        is_still=is_still(page.item),
    )


def worst_of(reason: Reason, page: JobPage) -> int | None:
    """Return the moment (ms) that a clip is played from: the one that the reason names, else where the strongest finding is."""
    if reason.at_ms is not None:
        return reason.at_ms
    return worst_moment(page.findings)


def is_still(item: Item) -> bool:
    """Return whether nothing of an item has a time: it is a picture, or words alone."""
    return not item.media.is_video if item.media else item.kind != ItemKind.VIDEO


def offer_clauses(form: JobDecisionForm, item: Item) -> None:
    """Let a form offer the clauses of the policy in force, told in the item's language, else in the deployment's.

    Without a policy that can be read there are none; deciding says so.
    """
    with suppress(PolicyUnavailable):
        form.offer(active_policy().clauses, item.language, settings.LANGUAGE_CODE)


def basis_context(request: HtmxRequest, basis: Basis, names: dict[str, str]) -> dict[str, Any]:
    """Return what a page shows of the basis of a verdict, and the token that its form carries."""
    shown = [names.get(slug, slug) for slug in basis.later_categories if category_visible(request.user, slug)]
    return {
        "expected": basis.token,
        "hard_since": shown,
        "is_hard_since": basis.has_later_evidence,
        "campaign": basis.campaign,
    }


def policy_of(decision: Decision | None) -> CompiledPolicy | None:
    """Return the policy that a decision was made under; None where it cannot be read."""
    try:
        return compile_version(decision.policy_version) if decision else None
    except PolicyUnavailable:
        return None


def levels_of(decision: Decision | None, policy: CompiledPolicy | None) -> evidence.Levels:
    """Return the thresholds that a decision's item was held to; without its policy, those that its reasons name."""
    if decision is None:
        return {}
    if policy is None:
        return evidence.levels_in(decision.reasons)
    return evidence.levels_under(policy, decision.evidence.get("context", {}))
