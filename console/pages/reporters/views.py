"""Reporters who are known, and whose reports are trusted. Administrators say so here; the API takes nobody's word for it."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import MANAGE_REPORTERS, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.keys.forms import ReporterForm, TrustForm
from moderation.models import Reporter
from moderation.reports import reporters


@require_GET
@requires(MANAGE_REPORTERS)
def reporter_list(request: HtmxRequest) -> HttpResponse:
    """List the registered reporters."""
    return _page(request)


@require_POST
@requires(MANAGE_REPORTERS)
def reporter_register(request: HtmxRequest) -> HttpResponse:
    """Register somebody by the platform's id of them, of which only a keyed hash is kept."""
    form = ReporterForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        reporters.reporter_register(actor=request.user, now=timezone.now(), **form.cleaned_data)
    except reporters.ReporterInvalid as error:
        form.add_error(error.field, str(error))
        return _page(request, form, status=422)
    messages.success(request, "Registered. It counts for reports that come from now on.")
    return redirect_to(request, "reporter_list")


@require_POST
@requires(MANAGE_REPORTERS)
def reporter_trust(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Say whether somebody's reports are trusted from now on."""
    form = TrustForm(request.POST)
    try:
        if form.is_valid():
            reporters.reporter_trust(actor=request.user, reporter_key=str(key), **form.cleaned_data)
            messages.success(request, "Noted. It counts for reports that come from now on.")
        elif not Reporter.objects.filter(key=key).exists():
            raise Http404
        else:
            messages.error(request, "Say whether reports of this person are trusted.")
    except Reporter.DoesNotExist:
        raise Http404 from None
    return redirect_to(request, "reporter_list")


def _page(request: HtmxRequest, form: ReporterForm | None = None, status: int = 200) -> HttpResponse:
    context = {"reporters": reporters.reporters(), "form": form or ReporterForm()}
    return render_page(request, "reporters/reporters.html", context, status=status)
