"""One job: the page of its reviewer, the decision, giving it back, staying on it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, JsonResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import push_url

from console import evidence, timeline
from console.access import REVIEW, holds, job_visible, requires, shows_media
from console.forms import DecisionForm, categories, category_names
from console.http import HtmxRequest, redirect_to, render_page
from console.looks import job_looked
from console.media_panel import media_panel
from moderation.bank_selectors import own_words
from moderation.exceptions import DecisionInvalid, ItemNotOpen, LeaseLost
from moderation.models import Decision
from moderation.selectors import JobPage
from moderation.services import jobs
from moderation.timeline import timeline as moments_of
from policies.compiled import CompiledPolicy
from policies.exceptions import PolicyUnavailable
from policies.selectors import compiled_version


@require_GET
@requires(REVIEW)
def job_page(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show a job to its holder; to other reviewers, say where it stands and where to go on."""
    page = job_visible(request.user, key)
    if not holds(request.user, page.job, timezone.now()):
        return render_page(request, "job_away.html", _away(request, page), status=403)
    return _job(request, page)


@require_POST
@requires(REVIEW)
def job_decide(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Record the holder's decision, then go to the next job of the same queue."""
    page = job_visible(request.user, key)
    form = DecisionForm(request.POST, names=category_names())
    if not holds(request.user, page.job, timezone.now()):
        return _lost(request, page)
    if not form.is_valid():
        return _job(request, page, form, status=422)
    try:
        jobs.job_decide(
            actor=request.user, job_key=str(key), lease_token=_token(request), now=timezone.now(), **form.verdict()
        )
    except (DecisionInvalid, ItemNotOpen) as error:
        form.add_error(form.field_of(error), str(error))
        return _job(request, page, form, status=422)
    except LeaseLost:
        return _lost(request, job_visible(request.user, key))
    return _next(request, page)


@require_POST
@requires(REVIEW)
def job_release(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Give the job back undecided."""
    page = job_visible(request.user, key)
    try:
        jobs.job_release(actor=request.user, job_key=str(key), lease_token=_token(request), now=timezone.now())
    except LeaseLost:
        return _lost(request, page)
    messages.info(request, "You gave the job back; it is open for the next reviewer.")
    return redirect_to(request, "queue_list")


@require_POST
@requires(REVIEW)
def job_heartbeat(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Extend the lease while its holder is at work."""
    job_visible(request.user, key)
    try:
        until = jobs.job_heartbeat(
            actor=request.user, job_key=str(key), lease_token=_token(request), now=timezone.now()
        )
    except LeaseLost as error:
        return JsonResponse({"detail": str(error)}, status=409)
    return JsonResponse({"expires_at": until.isoformat()})


def _token(request: HtmxRequest) -> str:
    return request.POST.get("lease_token", "")


def _job(request: HtmxRequest, page: JobPage, form: DecisionForm | None = None, status: int = 200) -> HttpResponse:
    job_looked(request.user, page.job, page.item)
    return render_page(request, "job.html", job_context(request, page, form), fragment="job", status=status)


def _next(request: HtmxRequest, page: JobPage) -> HttpResponse:
    """Go on: htmx gets the next job in place, others are redirected to it; at the end, to the queues."""
    messages.success(request, f"Decided {page.item.external_id}.")
    queue = page.job.queue
    job = jobs.job_claim(actor=request.user, queue_slugs=[queue.slug], now=timezone.now())
    if job is None:
        messages.info(request, f"{queue.title} is empty. Well done: take a breath, or choose another queue.")
        return redirect_to(request, "queue_list")
    if not request.htmx:
        return redirect_to(request, "job_page", job.key)
    response = _job(request, job_visible(request.user, job.key))
    return push_url(response, reverse("job_page", args=[job.key]))


def _lost(request: HtmxRequest, page: JobPage) -> HttpResponse:
    return render_page(request, "job_away.html", _away(request, page), fragment="away", status=409)


def _away(request: HtmxRequest, page: JobPage) -> dict[str, Any]:
    job_looked(request.user, page.job, page.item)
    decision = page.job.decision
    return {
        "job": page.job,
        "item": page.item,
        "is_mine": holds(request.user, page.job, timezone.now()),
        "has_expired": page.job.lease_holder_id == request.user.pk,
        "decided_by_me": decision is not None and decision.actor_id == request.user.pk,
    }


def job_context(request: HtmxRequest, page: JobPage, form: DecisionForm | None) -> dict[str, Any]:
    """Return what the job page shows."""
    known = categories()
    names = category_names(known)
    current = page.item.current_decision
    policy = policy_of(current)
    levels = levels_of(current, policy)
    chosen = form["category"].value() if form else page.job.category
    initial = {"category": page.job.category, "lease_token": page.job.lease_token}
    at = timeline.moment_asked(request.GET.get("at"), page.item.lasts_ms)
    return {
        "page": page,
        "job": page.job,
        "item": page.item,
        "media": media_panel(page.item, is_shown=shows_media(request.user, page), at=at),
        "chart": timeline.chart_of(moments_of(page.findings), page.item.lasts_ms, levels, names),
        "words": own_words(request.user.pk, page.item.pk),
        "decision": current,
        "parts": evidence.caption_parts(page.item.caption, page.findings, names),
        "rows": evidence.rows_of(page.findings, levels, names),
        "missing": evidence.missing_words(current, policy),
        "names": names,
        "guidelines": sorted((c for c in known if c.guideline), key=lambda c: c.slug != chosen),
        "chosen": chosen,
        "is_overdue": page.job.due_at < timezone.now(),
        "form": form or DecisionForm(names=names, initial=initial),
    }


def policy_of(decision: Decision | None) -> CompiledPolicy | None:
    """Return the policy that a decision was made under; None where it cannot be read."""
    try:
        return compiled_version(decision.policy_version) if decision else None
    except PolicyUnavailable:
        return None


def levels_of(decision: Decision | None, policy: CompiledPolicy | None) -> evidence.Levels:
    """Return the thresholds that a decision's item was held to; without its policy, those that its reasons name."""
    if decision is None:
        return {}
    if policy is None:
        return evidence.levels_in(decision.reasons)
    return evidence.levels_under(policy, decision.evidence.get("context", {}))
