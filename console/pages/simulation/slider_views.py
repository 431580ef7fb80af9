"""Moving one threshold and seeing at once what it would do; a place that convinces can be written into the draft."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import (
    DASHBOARDS,
    EDIT_POLICIES,
    draft_visible,
    may,
    pace,
    requires,
    version_visible,
)
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.forms import categories, category_names
from console.pages.simulation.forms import LEVEL_WORDS, SliderForm
from console.pages.simulation.slider_context import Choice, choice_of, move_to, out_of_order, prepare_slider
from moderation.items.visibility import categories_hidden
from policies.errors import DraftConflict, PolicyError, PolicyUnavailable
from policies.models import PolicyVersion
from policies.services.drafts import threshold_set

#: A hand that moves steadily sends at most seven a second.
_MOVES_PER_MINUTE = 600
#: What one press of an arrow key moves the range by; the number beside it takes four decimals.
_STEP = 0.01


@require_GET
@requires(DASHBOARDS)
@pace("policy_slider", _MOVES_PER_MINUTE)
def policy_slider(request: HtmxRequest, number: int) -> HttpResponse:
    """Show one threshold of a version and what it would do at the place asked for."""
    version = version_visible(number)
    form = SliderForm(request.GET, names=_names(request))
    is_valid = form.is_valid() or not request.GET
    return _page(request, version, form, status=200 if is_valid else 422)


@require_POST
@requires(EDIT_POLICIES)
def slider_apply(request: HtmxRequest, number: int) -> HttpResponse:
    """Write the threshold into the draft, unless somebody changed the thresholds meanwhile."""
    version = draft_visible(number)
    form = SliderForm(request.POST, names=_names(request))
    if not form.is_valid():
        return _page(request, version, form, status=422)
    try:
        changes = threshold_set(
            actor=request.user, version=version, expected=request.POST.get("expected", ""), **form.move()
        )
    except DraftConflict:
        form.add_error(
            None, "Somebody else changed the thresholds since you opened this page. Below is how they stand now."
        )
        return _page(request, version, form, status=409)
    except PolicyError as error:
        form.add_error("threshold", out_of_order(error))
        return _page(request, version, form, status=422)
    messages.success(request, " ".join(change.sentence for change in changes) or "Nothing differs from what was there.")
    return redirect_to(request, f"{reverse('policy_slider', args=[number])}?{form.query()}")


def _names(request: HtmxRequest) -> dict[str, str]:
    known = categories()
    hidden = categories_hidden(request.user, known)
    return {slug: name for slug, name in category_names(known).items() if slug not in hidden}


def _page(request: HtmxRequest, version: PolicyVersion, form: SliderForm, status: int = 200) -> HttpResponse:
    choice = choice_of(version, form)
    is_sound = not (form.is_bound and form.data and form.errors)
    threshold = form.threshold_or(choice.now) if is_sound and form.data else choice.now
    context: dict[str, Any] = {
        "version": version,
        "tab": "simulate",
        "sub": "slider",
        "form": form,
        "choice": choice,
        "threshold": threshold,
        "level_words": LEVEL_WORDS[choice.level],
        "range_value": _range_value(choice, threshold),
        "number_value": "" if threshold is None else f"{threshold:g}",
        "problem": _problem(form) if not is_sound else "",
        "names": form.names,
        "levels": [(key, LEVEL_WORDS[key], choice.levels[key]) for key in choice.levels],
        "may_apply": version.is_draft and may(request.user, EDIT_POLICIES),
    }
    context |= _move(request, choice, threshold)
    fragment = "answer" if request.htmx.target == "answer" else "slider"
    status = 422 if context["problem"] and status == 200 else status
    return render_page(request, "simulation/slider.html", context, fragment=fragment, status=status)


def _move(request: HtmxRequest, choice: Choice, threshold: float | None) -> dict[str, Any]:
    now = timezone.now()
    try:
        prepared = prepare_slider(request.user, choice, now)
        return {"moved": move_to(request.user, prepared, choice, threshold, now), "as_of": prepared.as_of}
    except PolicyError as error:
        return {"problem": out_of_order(error)}
    except PolicyUnavailable:
        return {"problem": "No version is active, so there is nothing to compare with."}


def _range_value(choice: Choice, threshold: float | None) -> str:
    """Return where the range stands: as a browser would round it, so that an unmoved range gives the same back."""
    low, high = choice.bounds
    place = high if threshold is None else min(max(threshold, low), high)
    steps = min(round((place - low) / _STEP), int((high - low) / _STEP + 1e-9))
    return f"{low + steps * _STEP:g}"


def _problem(form: SliderForm) -> str:
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
