"""What is looked up for a job when somebody opens it: similar uploads and what was decided, and the pictures behind a match."""

from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET

from console.access import REVIEW, JobTaken, holds, job_mine, pace, requires
from console.http import HtmxRequest, render_page
from console.pages.forms import category_names
from console.pages.looks import items_looked
from console.pages.review.views import answer_taken
from moderation.banks.pictures import picture_kept, picture_of
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


@require_GET
@requires(REVIEW)
@pace("job_match", 120)
def job_match(request: HtmxRequest, key: UUID, entry: UUID) -> HttpResponse:
    """Show a job's holder what of the upload a known hash matched, and the bank's own picture where there is one."""
    try:
        page = job_mine(request.user, key)
    except JobTaken as taken:
        return answer_taken(request, taken.job, status=403)
    found = next((f for f in page.findings if f.where.get("entry") == str(entry)), None)
    if found is None or not holds(request.user, page.job, timezone.now()) or job_hides_media(page.job):
        raise Http404
    context = {
        "job": page.job,
        "ours": picture_of(page.item, found.where),
        "theirs": picture_kept(request.user, str(entry), but=page.item),
        "distance": found.where.get("distance"),
        "is_same_bytes": found.where.get("algorithm") == "sha256",
        "quality": found.where.get("quality"),
    }
    return render_page(request, "review/match.html", context, fragment="match")
