"""What lies beside a job: similar uploads and what was decided for them, looked up when somebody opens the panel."""

from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from console.access import REVIEW, JobTaken, holds, job_mine, pace, requires
from console.http import HtmxRequest, render_page
from console.pages.forms import category_names
from console.pages.looks import items_looked
from console.pages.review.views import answer_taken
from moderation.items.queries import items_of_file
from moderation.items.visibility import job_hides_media
from moderation.prompts.queries import items_alike

#: More would be read by nobody who has minutes.
_N_SIMILAR = 5


@require_GET
@requires(REVIEW)
@pace("item_alike", 60)
def job_similar(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show a job's holder what is similar, and what was decided for it; nothing where the job's media are hidden."""
    try:
        page = job_mine(request.user, key)
    except JobTaken as taken:
        return answer_taken(request, taken.job, status=403)
    is_shown = holds(request.user, page.job, timezone.now()) and not job_hides_media(page.job)
    same = list(items_of_file(request.user, page.item)[:_N_SIMILAR]) if is_shown else []
    alike = items_alike(request.user, page.item, n=_N_SIMILAR) if is_shown else None
    keys = {item.pk for item in same}
    others = None if alike is None else [one for one in alike if one.item.pk not in keys]
    items_looked(request.user, [*same, *(one.item for one in others or ())])
    context = {"job": page.job, "same": same, "alike": others, "names": category_names()}
    return render_page(request, "review/similar.html", context, fragment="similar")
