"""A draft replayed over past uploads: runs begun, watched, cancelled, read, compared; and what would flip one item."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import HttpResponseClientRefresh

from console.access import DASHBOARDS, EDIT_POLICIES, may, pace, requires, run_visible, version_visible
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.simulation import context as shown
from console.pages.simulation.forms import FlipForm, PopulationForm
from moderation.exceptions import SimulationInvalid
from moderation.models import SimulationRun
from moderation.simulation.queries import simulation_list as runs
from moderation.simulation.service import simulation_cancel, simulation_start
from policies.errors import PolicyError, PolicyUnavailable
from policies.models import PolicyVersion

#: A run may take a worker for seconds.
_RUNS_PER_MINUTE = 12
_LOOKS_PER_MINUTE = 120
#: Runs that a list shows.
_SHOWN = 50


@require_GET
@requires(DASHBOARDS)
def policy_simulate(request: HtmxRequest, number: int) -> HttpResponse:
    """Ask what to replay for a version, and list what was replayed."""
    return _start_page(request, version_visible(number), PopulationForm(now=timezone.now()))


@require_POST
@requires(EDIT_POLICIES)
@pace("simulation_start", _RUNS_PER_MINUTE)
def simulation_start_view(request: HtmxRequest, number: int) -> HttpResponse:
    """Begin a run; where it is quick its answer is there at once, else its page counts along."""
    version, now = version_visible(number), timezone.now()
    form = PopulationForm(request.POST, now=now)
    if not form.is_valid():
        return _start_page(request, version, form, status=422)
    since, until = form.period()
    try:
        run = simulation_start(
            actor=request.user, draft=version, since=since, until=until, wanted=form.to_filter(), now=now
        )
    except (SimulationInvalid, PolicyError, PolicyUnavailable) as error:
        field = getattr(error, "field", "")
        form.add_error(field if field in form.fields else None, f"It cannot be simulated: {error}.")
        return _start_page(request, version, form, status=422)
    return redirect_to(request, "simulation_page", run.key)


def _start_page(request: HtmxRequest, version: PolicyVersion, form: PopulationForm, status: int = 200) -> HttpResponse:
    context = {
        "version": version,
        "tab": "simulate",
        "sub": "runs",
        "form": form,
        "runs": _tell(runs(request.user, draft_key=version.key)),
        "may_start": may(request.user, EDIT_POLICIES),
    }
    return render_page(request, "simulation/simulate.html", context, status=status)


@require_GET
@requires(DASHBOARDS)
def simulation_list(request: HtmxRequest) -> HttpResponse:
    """List the runs of all versions, newest first."""
    return render_page(request, "simulation/list.html", {"runs": _tell(runs(request.user))})


def _tell(found: QuerySet[SimulationRun]) -> list[shown.RunRow]:
    return [shown.RunRow(run, shown.filter_words(run.wanted)) for run in found[:_SHOWN]]


@require_GET
@requires(DASHBOARDS)
def simulation_page(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show how far a run is, and its answer when it is done."""
    run = run_visible(request.user, key)
    if run.is_finished and request.htmx:  # it was being watched: now load the whole page with its answer
        return HttpResponseClientRefresh()
    context: dict[str, Any] = {"run": run, "may_start": may(request.user, EDIT_POLICIES)}
    if run.is_finished:
        context |= shown.run_context(request.user, run, timezone.now())
    return render_page(request, "simulation/simulation.html", context, fragment="progress")


@require_POST
@requires(EDIT_POLICIES)
def simulation_cancel_view(request: HtmxRequest, key: UUID) -> HttpResponse:
    """End a run that waits or runs."""
    run = simulation_cancel(actor=request.user, run_key=str(run_visible(request.user, key).key), now=timezone.now())
    done = "It had finished already." if run.is_finished and not run.wants_cancel else "Cancelled; it ends in a moment."
    messages.success(request, done)
    return redirect_to(request, "simulation_page", key)


@require_GET
@requires(DASHBOARDS)
def simulation_compare(request: HtmxRequest) -> HttpResponse:
    """Show two finished runs side by side."""
    context = shown.compare_context(request.user, request.GET.get("a", ""), request.GET.get("b", ""))
    return render_page(request, "simulation/compare.html", context, status=422 if context["problem"] else 200)


@require_GET
@requires(DASHBOARDS)
@pace("policy_flips", _LOOKS_PER_MINUTE)
def policy_flips(request: HtmxRequest, number: int) -> HttpResponse:
    """Show which thresholds of a version, each moved alone, would give one item another verdict."""
    version = version_visible(number)
    form = FlipForm(request.GET or None)
    context: dict[str, Any] = {"version": version, "tab": "simulate", "sub": "flips", "form": form}
    if form.is_bound and form.is_valid():
        context |= shown.flip_context(request.user, version, form)
    return render_page(
        request, "simulation/changed_items.html", context, status=422 if form.is_bound and form.errors else 200
    )
