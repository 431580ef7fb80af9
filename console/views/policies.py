"""Reading policy versions."""

from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET

from console.access import EXPLORE, REVIEW, requires
from console.forms import category_names
from console.http import HtmxRequest, render_page
from policies.selectors import version_list


@require_GET
@requires(EXPLORE, REVIEW)
def policy_list(request: HtmxRequest) -> HttpResponse:
    """List every version, newest first."""
    return render_page(request, "policies.html", {"versions": version_list()})


@require_GET
@requires(EXPLORE, REVIEW)
def policy_page(request: HtmxRequest, number: int) -> HttpResponse:
    """Show all that one version says."""
    version = version_list().filter(number=number).first()
    if version is None:
        raise Http404
    context = {
        "version": version,
        "names": category_names(),
        "thresholds": version.thresholds.order_by("-category__severity", "category", "market", "language", "band"),
        "uses": version.detectoruses.order_by("kind", "detector"),
        "ages": version.agerules.order_by("-min_age"),
        "territories": version.territoryrules.all(),
        "standings": version.standingrules.order_by("standing"),
        "banks": version.bankrules.all(),
        "routes": version.routingrules.order_by("position"),
        "lists": version.termlists.prefetch_related("terms").order_by("name"),
        "approvals": version.approvals.select_related("actor"),
    }
    return render_page(request, "policy.html", context)
