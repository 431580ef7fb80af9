"""A person's own keys: seen, chosen, set back, switched off."""

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import pace, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.shortcuts.forms import ShortcutForm
from console.shortcuts.actions import keys_of
from console.shortcuts.queries import own_keys
from console.shortcuts.service import ShortcutsInvalid, shortcuts_save

_SAVES_PER_MINUTE = 30


@require_GET
@requires()
def shortcut_page(request: HtmxRequest) -> HttpResponse:
    """Show the person's keys as a form."""
    own = own_keys(request.user)
    return _page(request, ShortcutForm(chosen=own.chosen, initial={"is_off": own.is_off}))


@require_POST
@requires()
@pace("shortcuts", _SAVES_PER_MINUTE)
def shortcut_save(request: HtmxRequest) -> HttpResponse:
    """Store what was typed, or the first keys where the person asks for them."""
    form = ShortcutForm(request.POST, chosen=own_keys(request.user).chosen)
    is_reset = "reset" in request.POST
    if not is_reset and not form.is_valid():
        return _page(request, form, status=422)
    try:
        shortcuts_save(
            actor=request.user, keys=keys_of({}) if is_reset else form.keys(),
            is_off=not is_reset and form.cleaned_data["is_off"], now=timezone.now(),
        )  # fmt: skip
    except ShortcutsInvalid as error:
        for slug, fault in error.faults.items():
            form.add_error(slug if slug in form.fields else None, fault)
        return _page(request, form, status=422)
    messages.success(request, "The keys are as they were at first." if is_reset else "Your keys are saved.")
    return redirect_to(request, "shortcut_page")


def _page(request: HtmxRequest, form: ShortcutForm, status: int = 200) -> HttpResponse:
    return render_page(request, "shortcuts/shortcuts.html", {"form": form}, status=status)
