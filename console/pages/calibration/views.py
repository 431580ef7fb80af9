"""How far scores can be believed: each detector and category held against people's decisions, and against last week."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from console.access import DASHBOARDS, pace, requires
from console.http import HtmxRequest, render_page
from console.pages import charts
from console.pages.forms import category_names
from console.pages.simulation.forms import CalibrationFilter
from moderation.calibration.queries import Calibration, calibrations, differing_items, languages_known
from moderation.items.visibility import category_visible
from policies.choices import DETECTORS
from policies.statistics.calibration import SCORE_EDGES, DriftLevel

#: The list of single disagreements looks through thousands of decisions.
_PAGES_PER_MINUTE = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the overview, with its little chart."""

    calibration: Calibration
    trend: SafeString


@require_GET
@requires(DASHBOARDS)
def calibration_list(request: HtmxRequest) -> HttpResponse:
    """List every detector and category, what drifts first."""
    form = CalibrationFilter(request.GET, names=category_names(), languages=languages_known())
    is_valid = form.is_valid()
    asked = form.filter_values()
    found = calibrations(request.user, now=timezone.now(), **asked)
    context = {
        "form": form,
        "rows": [Row(row, _trend(row)) for row in found],
        "n_alarms": sum(row.level is DriftLevel.ALARM for row in found),
        "names": category_names(),
        "query": _query(asked),
        "is_filtered": any(request.GET.values()),
    }
    status = 200 if is_valid else 422
    return render_page(request, "calibration/list.html", context, fragment="results", status=status)


@require_GET
@requires(DASHBOARDS)
@pace("calibration_page", _PAGES_PER_MINUTE)
def calibration_page(request: HtmxRequest, detector: str, category: str) -> HttpResponse:
    """Show one detector and category: reliability, drift, and the items on which it and people differ most."""
    names = category_names()
    _check_known(request, detector, category, names)
    form = CalibrationFilter(request.GET, names=names, languages=languages_known())
    is_valid = form.is_valid()
    asked = {**form.filter_values(), "detector": detector, "category": category}
    now = timezone.now()
    found = calibrations(request.user, now=now, **asked)
    context = {
        "form": form,
        "detector": detector,
        "category": category,
        "names": names,
        "found": _show(found[0]) if found else None,
        "differing": differing_items(
            request.user, detector=detector, category=category, language=asked["language"], since=form.since(now)
        ),
        "query": _query(asked),
    }
    return render_page(request, "calibration/page.html", context, status=200 if is_valid else 422)


def _check_known(request: HtmxRequest, detector: str, category: str, names: dict[str, str]) -> None:
    if detector not in DETECTORS or category not in names or not category_visible(request.user, category):
        raise Http404


def _query(asked: dict[str, Any]) -> str:
    """Return what the links on the page carry on, so that a look at one language stays one."""
    return f"weeks={asked['weeks']}&language={asked['language']}"


def _trend(row: Calibration) -> SafeString:
    shares = [week.share_found for week in row.weeks]
    words = (
        f"Share of items in which {row.detector} found anything, week by week, last {shares[-1]:.2%}" if shares else ""
    )
    return charts.spark(shares, words, row.level is DriftLevel.ALARM)


def _show(row: Calibration) -> dict[str, Any]:
    title = f"Reliability of {row.detector}"
    last = row.weeks[-2:]
    return {
        "row": row,
        "diagram": charts.reliability("reliability", title, row.bins),
        "trend": _trend(row),
        "weeks": row.weeks[::-1],
        "bins": _bins_of(last),
        "last": last,
    }


def _bins_of(weeks: tuple[Any, ...]) -> list[tuple[float, float, list[tuple[int, float]]]]:
    """Return for each score bin its edges and, for each week, how many scores and which share of that week's."""
    lows = (0.0, *SCORE_EDGES[:-1])
    return [
        (low, high, [(week.histogram[i], week.histogram[i] / week.n_found if week.n_found else 0.0) for week in weeks])
        for i, (low, high) in enumerate(zip(lows, SCORE_EDGES, strict=True))
    ]
