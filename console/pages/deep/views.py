"""The deep pass: how its queues stand, and runs of one detector over history."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import DASHBOARDS, RERUN, may, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.deep.forms import RerunForm
from moderation.deep import reruns
from moderation.exceptions import RerunInvalid
from moderation.items.visibility import messages_visible
from moderation.outbox.queries import deep_queues, rerun_progress

#: What a button of a run may ask for.
_ACTS = {"pause": reruns.rerun_pause, "resume": reruns.rerun_resume, "cancel": reruns.rerun_cancel}
_SAID = {"pause": "It is paused.", "resume": "It goes on.", "cancel": "It has ended; what was found stays."}


@require_GET
@requires(DASHBOARDS)
def deep_page(request: HtmxRequest) -> HttpResponse:
    """Show the queues and the runs."""
    return _page(request)


@require_POST
@requires(RERUN)
def rerun_start(request: HtmxRequest) -> HttpResponse:
    """Begin a run over history."""
    form = RerunForm(request.POST)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        reruns.rerun_start(actor=request.user, now=timezone.now(), **form.cleaned_data)
    except RerunInvalid as error:
        form.add_error(error.field or None, str(error))
        return _page(request, form, status=422)
    messages.success(request, "The run has begun; it goes on by itself.")
    return redirect_to(request, "deep_page")


@require_POST
@requires(RERUN)
def rerun_act(request: HtmxRequest, key: UUID, act: str) -> HttpResponse:
    """Pause, resume or cancel a run."""
    if act not in _ACTS:
        raise Http404
    try:
        _ACTS[act](actor=request.user, key=str(key), now=timezone.now())
        messages.success(request, _SAID[act])
    except RerunInvalid as error:
        messages.warning(request, str(error))
    return redirect_to(request, "deep_page")


def _page(request: HtmxRequest, form: RerunForm | None = None, status: int = 200) -> HttpResponse:
    queues = deep_queues(timezone.now(), messages_visible(request.user))
    context = {
        "queues": queues,
        "is_pressed": any(queue.is_pressed for queue in queues),
        "runs": rerun_progress(),
        "may_rerun": may(request.user, RERUN),
        "form": form or RerunForm(),
    }
    return render_page(request, "deep/deep.html", context, fragment="live", status=status)
