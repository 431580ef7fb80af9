"""The queue list with live counts, and claiming from it."""

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import REVIEW, may_claim_from, queue_slugs_visible, requires
from console.http import HtmxRequest, redirect_to, render_page
from moderation.campaigns.queries import campaigns_waiting
from moderation.review import leases
from moderation.review import queries as review_queries
from moderation.verdict.job_order import RULE


@require_GET
@requires(REVIEW)
def queue_list(request: HtmxRequest) -> HttpResponse:
    """Show what waits in each queue; htmx asks for the table alone, every few seconds."""
    depths = review_queries.queue_depths(request.user, timezone.now())
    context = {
        "depths": depths,
        "closed": {d.slug for d in depths if not may_claim_from(request.user, d.slug)},
        "n_open": sum(d.n_open for d in depths),
        "n_leased": sum(d.n_leased for d in depths),
        "n_overdue": sum(d.n_overdue for d in depths),
        "answers": review_queries.answers_back(request.user),
        "rule": RULE,
        "n_campaigns": campaigns_waiting(request.user).count(),
    }
    return render_page(request, "review/queues.html", context, fragment="depths")


@require_POST
@requires(REVIEW)
def job_claim(request: HtmxRequest) -> HttpResponse:
    """Lease the next job of one queue, or of all, and go to it."""
    slugs = queue_slugs_visible(request.user, request.POST.get("queue", ""))
    job = leases.job_claim(actor=request.user, queue_slugs=slugs, now=timezone.now())
    if job is None:
        messages.info(request, "Nothing waits there right now. This page counts along by itself.")
        return redirect_to(request, "queue_list")
    return redirect_to(request, "job_page", job.key)
