"""The prompts that frames are held against: their versions, writing a draft, and trying what a sentence finds."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import APPROVE_POLICIES, EDIT_POLICIES, may, pace, prompt_set_visible, requires
from console.api.limits import form_bytes, takes_body
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.evidence import clock
from console.pages.forms import category_names
from console.pages.prompts.forms import PromptSetForm, TryForm
from moderation.detection.model_store import ModelInvalid
from moderation.detection.vision.prompts import PromptsInvalid
from moderation.exceptions import PromptSetChanged
from moderation.gate.media_urls import Part, reviewer_url
from moderation.live import prompts as live_prompts
from moderation.models import PromptSet
from moderation.prompts import queries as prompt_queries
from moderation.prompts import service as prompts
from moderation.prompts import trials as prompt_trials
from policies.untrusted import whole_number


@require_GET
@requires(EDIT_POLICIES)
def prompt_list(request: HtmxRequest) -> HttpResponse:
    """List the sets of prompts, and say which is in force."""
    sets = list(prompt_queries.prompt_sets())
    context = {
        "sets": sets,
        "model": live_prompts.model_in_use(),
        "shipped": live_prompts.prompts_of_model(),
        "has_active": any(s.state == PromptSet.State.ACTIVE for s in sets),
    }
    return render_page(request, "prompts/list.html", context)


@require_POST
@requires(EDIT_POLICIES)
def prompt_draft(request: HtmxRequest) -> HttpResponse:
    """Start a draft from a set, or from what is in force."""
    number = whole_number(request.POST.get("source", ""), 1, 10**8)
    source = None if number is None else prompt_set_visible(number)
    draft = prompts.prompt_set_draft(actor=request.user, title="", source=source, now=timezone.now())
    return redirect_to(request, "prompt_page", draft.number)


@require_GET
@requires(EDIT_POLICIES)
def prompt_page(request: HtmxRequest, number: int) -> HttpResponse:
    """Show a set; a draft as a form."""
    return _page(request, prompt_set_visible(number))


@takes_body(form_bytes)
@require_POST
@requires(EDIT_POLICIES)
def prompt_save(request: HtmxRequest, number: int) -> HttpResponse:
    """Store a draft as it was written. Nothing typed is lost where it is refused."""
    draft = prompt_set_visible(number)
    form = PromptSetForm(request.POST, names=category_names())
    if not form.is_valid():
        return _page(request, draft, form, status=422)
    written = {name: form.cleaned_data[name] for name in ("title", "note", "seen_at")}
    try:
        prompts.prompt_set_write(
            actor=request.user, number=number, prompts=form.prompts(), now=timezone.now(), **written
        )
    except PromptsInvalid as error:
        form.refuse(error)
        return _page(request, draft, form, status=422)
    except PromptSetChanged as error:
        form.add_error(None, str(error))
        return _page(request, prompt_set_visible(number), form, status=409)
    messages.success(request, "Saved. It counts once somebody else puts it in force.")
    return redirect_to(request, "prompt_page", number)


@require_POST
@requires(APPROVE_POLICIES)
def prompt_publish(request: HtmxRequest, number: int) -> HttpResponse:
    """Put a set in force."""
    prompt_set_visible(number)
    try:
        prompts.prompt_set_publish(actor=request.user, number=number, now=timezone.now())
        messages.success(request, "In force: clips that are looked at from now on are held against these prompts.")
    except (PromptSetChanged, PromptsInvalid, PermissionDenied) as error:
        messages.error(request, str(error))
    return redirect_to(request, "prompt_page", number)


@require_POST
@requires(EDIT_POLICIES)
def prompt_discard(request: HtmxRequest, number: int) -> HttpResponse:
    """Remove a draft."""
    prompt_set_visible(number)
    try:
        prompts.prompt_set_discard(actor=request.user, number=number)
        messages.success(request, "The draft is gone.")
    except PromptSetChanged as error:
        messages.error(request, str(error))
    return redirect_to(request, "prompt_list")


@require_GET
@requires(EDIT_POLICIES)
@pace("prompt_try", 60)
def prompt_try(request: HtmxRequest, number: int) -> HttpResponse:
    """Show which stored frames a sentence finds, and what this set of prompts says of each. Nothing is stored."""
    prompt_set = prompt_set_visible(number)
    form = TryForm(request.GET)
    context: dict[str, Any] = {"set": prompt_set, "form": form, "names": category_names()}
    status = 422
    if form.is_valid():
        status = 200
        try:
            found = prompt_trials.prompt_found(request.user, form.cleaned_data["text"], prompt_set)
            context["found"] = [(one, clock(one.frame.ms), _show(one)) for one in found]
        except (ModelInvalid, PromptsInvalid) as error:
            form.add_error(None, str(error))
            status = 503
    return render_page(request, "prompts/try.html", context, fragment="found", status=status)


def _show(found: prompt_trials.Found) -> dict[str, Any]:
    """Return where the frame itself is: a moment of the clip, or the picture."""
    item = found.frame.item
    media = item.media
    if media is None:
        return {}
    url = reviewer_url(item.key, Part.MEDIA)
    return {"is_video": media.is_video, "url": f"{url}#t={found.frame.ms / 1_000:.1f}" if media.is_video else url}


def _page(
    request: HtmxRequest, prompt_set: PromptSet, form: PromptSetForm | None = None, status: int = 200
) -> HttpResponse:
    names, written = category_names(), live_prompts.prompts_of_set(prompt_set)
    initial = PromptSetForm.initial_of(prompt_set.title, prompt_set.note, written, prompt_set.edited_at)
    context = {
        "set": prompt_set,
        "form": form or PromptSetForm(names=names, initial=initial),
        "prompts": written,
        "names": names,
        "measured": prompt_trials.calibrations(written),
        "model": live_prompts.model_in_use(),
        "try_form": TryForm(),
        "is_mine": prompt_set.author_id == request.user.pk,
        "may_publish": may(request.user, APPROVE_POLICIES),
    }
    return render_page(request, "prompts/set.html", context, status=status)
