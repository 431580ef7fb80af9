"""Steps in the life of a version: what follows from each, taking it, and how shadow, canary and activation go."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import (
    APPROVE_POLICIES,
    EDIT_POLICIES,
    EXPLORE,
    REVIEW,
    may,
    requires,
    step_allowed,
    version_visible,
)
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.forms import category_names
from console.pages.policies.context import head, in_groups, percent_of
from console.pages.policies.forms import CellForm, StepForm, sentence_of
from console.pages.policies.steps import STEPS, Offer, Step, offer_of
from console.pages.rollout.consequences import consequences
from moderation.exceptions import WideActInvalid
from moderation.models import WideAct
from moderation.rollout import queries as rollout_queries
from moderation.rollout import service as rollout
from moderation.rollout.requests import activation_ask
from policies.choices import Outcome
from policies.errors import PolicyError
from policies.live import version_list, version_writers
from policies.models import PolicyVersion, VersionState
from policies.queries import base_of, version_diff
from policies.services import versions as version_services
from policies.services.drafts import version_discard

#: The agreement table looks back so far.
AGREEMENT_DAYS = 7
#: Activations that the page lists.
_MAX_LISTED = 30


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
        taken = _TAKE[found.slug](request.user, version, form.cleaned_data)
    except PolicyError as error:
        form.refuse(error)
        return _page(request, version, found, form, status=422)
    except WideActInvalid as error:
        form.add_error(None, str(error))
        return _page(request, version, found, form, status=422)
    if isinstance(taken, WideAct):
        messages.success(request, "It reaches far, so a second person has to confirm it; until then nothing changes.")
        return redirect_to(request, "act_page", taken.key)
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
    offer, base = _offer(request.user, version, step), _base(version, step)
    diff = version_diff(base, version) if base else None
    context = head(version, "overview") | {
        "step": step,
        "offer": offer,
        "form": form,
        "base": base,
        "diff": diff,
        "groups": in_groups(diff.changes) if diff else [],
    }
    if offer and not offer.refused:
        context |= consequences(request.user, version, step)
    return render_page(request, "rollout/step.html", context, status=status)


def _base(version: PolicyVersion, step: Step) -> PolicyVersion | None:
    """Return what a version is compared with before a step: rolling back replaces the active one."""
    versions = list(version_list())
    if step.slug == "rollback":
        return next((other for other in versions if other.state == VersionState.ACTIVE), None)
    return base_of(version, versions)


_Data = dict[str, Any]
_TAKE: dict[str, Callable[[User, PolicyVersion, _Data], object]] = {
    "submit": lambda user, version, data: version_services.version_submit(
        actor=user, version=version, note=data["note"]
    ),
    "discard": lambda user, version, data: version_discard(actor=user, version=version, note=data["note"]),
    "approve": lambda user, version, data: version_services.version_approve(
        actor=user, version=version, note=data["note"]
    ),
    "reject": lambda user, version, data: version_services.version_reject(
        actor=user, version=version, note=data["note"]
    ),
    "shadow": lambda user, version, data: rollout.shadow_start(
        actor=user, version=version, note=data["note"], now=timezone.now()
    ),
    "canary": lambda user, version, data: rollout.canary_start(
        actor=user, version=version, percent=data["percent"], note=data["note"], now=timezone.now()
    ),
    "adjust": lambda user, version, data: rollout.canary_adjust(
        actor=user, version=version, percent=data["percent"], note=data["note"], now=timezone.now()
    ),
    "activate": lambda user, version, data: activation_ask(
        actor=user, version=version, note=data["note"], now=timezone.now()
    ),
    "rollback": lambda user, version, data: activation_ask(
        actor=user, version=version, note=data["note"], now=timezone.now()
    ),
    "withdraw": lambda user, version, data: rollout.version_withdraw(
        actor=user, version=version, note=data["note"], now=timezone.now()
    ),
}


# --- how it goes -------------------------------------------------------------------------------------------------


def standing(user: User, version: PolicyVersion) -> dict[str, Any]:
    """Return what a version's page shows of how it does: activation, agreement in shadow, guards in canary."""
    found: dict[str, Any] = {"activation": rollout_queries.activation_current(), "days": AGREEMENT_DAYS}
    if version.state == VersionState.SHADOW:
        agreement = rollout_queries.shadow_agreement(version, now=timezone.now(), days=AGREEMENT_DAYS, reader=user)
        found |= {
            "agreement": agreement,
            "outcomes": list(Outcome),
            "agreed": percent_of(agreement.n_agree, agreement.n),
        }
        found |= {"by_category": agreement.categories, "names": category_names()}
    if version.state == VersionState.CANARY:
        found["report"] = rollout_queries.canary_report(version)
    return found


@require_GET
@requires(EXPLORE, REVIEW)
def policy_live(request: HtmxRequest, number: int) -> HttpResponse:
    """Show how a version in shadow or canary does, alone: the part of its page that is asked for anew while one looks."""
    version = version_visible(number)
    if not request.htmx:
        return redirect_to(request, "policy_page", number)
    context = {"version": version, **standing(request.user, version)}
    return render_page(request, "rollout/parts/live.html", context)


@require_GET
@requires(EXPLORE, REVIEW)
def policy_disagreements(request: HtmxRequest, number: int) -> HttpResponse:
    """List items on which a version in shadow says something else than what was decided."""
    version, form = version_visible(number), CellForm(request.GET)
    cell = form.cleaned_data if form.is_valid() else {}
    found = rollout_queries.shadow_disagreements(
        version,
        now=timezone.now(),
        days=AGREEMENT_DAYS,
        was=cell.get("was"),
        would=cell.get("would"),
        reader=request.user,
    )
    context = head(version, "overview") | {
        "verdicts": found,
        "cell": {name: Outcome(value) for name, value in cell.items() if value is not None},
        "days": AGREEMENT_DAYS,
        "names": category_names(),
    }
    return render_page(request, "rollout/disagreements.html", context)


@require_GET
@requires(EXPLORE, REVIEW)
def activation_list(request: HtmxRequest) -> HttpResponse:
    """Show the activation that runs, and the ones before it."""
    found = list(rollout_queries.activation_list()[:_MAX_LISTED])
    context = {"activations": found, "activation": found[0] if found else None}
    return render_page(request, "rollout/activations.html", context, fragment="live")


@require_POST
@requires(APPROVE_POLICIES)
def rollback_seen(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Take the notice of a canary that was rolled back off every page."""
    try:
        notice = rollout.rollback_acknowledge(actor=request.user, key=str(key), now=timezone.now())
    except PolicyError as error:
        messages.error(request, sentence_of(error))
        return redirect_to(request, "policy_list")
    messages.success(request, "Noted. The version’s page keeps what happened.")
    return redirect_to(request, "policy_page", notice.version.number)
