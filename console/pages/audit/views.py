"""The audit log: who did what, when."""

from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET

from console.access import READ_AUDIT, requires
from console.http import HtmxRequest, render_page
from console.pages.audit.forms import AuditFilter
from console.pages.paging import page_after
from moderation.items.visibility import AUDIT_ASKED, AUDIT_OPEN, audit_visible
from policies.untrusted import whole_number

_PAGE_SIZE = 100


@require_GET
@requires(READ_AUDIT)
def audit_list(request: HtmxRequest) -> HttpResponse:
    """List acts, newest first, as the filters say."""
    found = AuditFilter(request.GET, queryset=audit_visible(request.user), kinds=(*AUDIT_OPEN, *AUDIT_ASKED))
    rows = found.qs if found.is_valid() else found.qs.none()
    page = page_after(rows, request.GET, size=_PAGE_SIZE, before=_before, cursor=lambda event: event.pk)
    context = {"filter": found, "page": page, "is_filtered": any(request.GET.values())}
    return render_page(request, "audit/list.html", context, fragment="results", status=200 if found.is_valid() else 422)


def _before(cursor: str) -> Q | None:
    after = whole_number(cursor, 0, 2**63 - 1)
    return None if after is None else Q(pk__lt=after)
