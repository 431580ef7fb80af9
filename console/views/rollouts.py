"""Steps in the life of a version: what follows from each, taking it, and how shadow, canary and activation go."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from console.access import APPROVE_POLICIES, EDIT_POLICIES, may, requires, step_allowed, version_visible
from console.http import HtmxRequest, redirect_to, render_page
from console.policy_forms import StepForm
from console.policy_pages import head, in_groups
from console.policy_steps import STEPS, Offer, Step, offer_of
from moderation.models import Activation
from policies import services
from policies.exceptions import PolicyError
from policies.models import PolicyVersion, VersionState
from policies.selectors import version_list, version_writers
from policies.selectors_versions import base_of, version_diff
from policies.services_drafts import version_discard


@require_GET
@requires(EDIT_POLICIES, APPROVE_POLICIES)
def policy_step(request: HtmxRequest, number: int, step: str) -> HttpResponse:
    """Say what follows from a step, and ask for what it needs."""
    found, version = _step(request, step), version_visible(number)
    return _page(request, version, found, StepForm(step=found, version=version))


@require_POST
@requires(EDIT_POLICIES, APPROVE_POLICIES)
def policy_step_take(request: HtmxRequest, number: int, step: str) -> HttpResponse:
    """Take a step, or say why not."""
    found, version = _step(request, step), version_visible(number)
    form = StepForm(request.POST, step=found, version=version)
    offer = _offer(request.user, version, found)
    if offer is None or offer.refused:
        return _page(request, version, found, form, status=409)
    if not form.is_valid():
        return _page(request, version, found, form, status=422)
    try:
        _TAKE[found.slug](request.user, version, form.cleaned_data)
    except PolicyError as error:
        form.refuse(error)
        return _page(request, version, found, form, status=422)
    messages.success(request, found.done)
    return redirect_to(request, "policy_page", number)


def _step(request: HtmxRequest, slug: str) -> Step:
    if slug not in STEPS:
        raise Http404
    step_allowed(request.user, STEPS[slug].permission)
    return STEPS[slug]


def _offer(user: User, version: PolicyVersion, step: Step) -> Offer | None:
    is_writer = user.pk in version_writers(version)
    return offer_of(version, step.slug, may=lambda code: may(user, code), is_writer=is_writer)


def _page(request: HtmxRequest, version: PolicyVersion, step: Step, form: StepForm, status: int = 200) -> HttpResponse:
    offer, base = _offer(request.user, version, step), base_of(version, version_list())
    diff = version_diff(base, version) if base else None
    context = head(version, "overview") | {
        "step": step,
        "offer": offer,
        "form": form,
        "base": base,
        "diff": diff,
        "groups": in_groups(diff.changes) if diff else [],
    }
    return render_page(request, "policies/step.html", context, status=status)


_Data = dict[str, Any]
_TAKE: dict[str, Callable[[User, PolicyVersion, _Data], object]] = {
    "submit": lambda user, version, data: services.version_submit(actor=user, version=version, note=data["note"]),
    "discard": lambda user, version, data: version_discard(actor=user, version=version, note=data["note"]),
    "approve": lambda user, version, data: services.version_approve(actor=user, version=version, note=data["note"]),
    "reject": lambda user, version, data: services.version_reject(actor=user, version=version, note=data["note"]),
    "shadow": lambda user, version, data: services.version_stage(
        actor=user, version=version, state=VersionState.SHADOW, note=data["note"]
    ),
    "canary": lambda user, version, data: services.version_stage(
        actor=user, version=version, state=VersionState.CANARY, canary_percent=data["percent"], note=data["note"]
    ),
    "activate": lambda user, version, data: services.version_activate(actor=user, version=version, note=data["note"]),
    "rollback": lambda user, version, data: services.version_rollback(actor=user, version=version, note=data["note"]),
}


def activation_shown() -> Activation | None:
    """Return the activation that runs, else the newest one."""
    return Activation.objects.select_related("version", "former_version", "started_by").order_by("-pk").first()


def standing(version: PolicyVersion) -> dict[str, Any]:
    """Return how a version does that is in shadow, in canary or being activated."""
    return {}
