"""API keys: listed, issued, rotated, revoked. A key is shown on the page that answers its making, and never again."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_POST

from console.access import MANAGE_KEYS, key_visible, pace, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.identity import api_keys
from console.models import ApiKey
from console.pages.keys.forms import OVERLAPS, SCOPE_WORDS, KeyForm, RotateForm


@require_GET
@requires(MANAGE_KEYS)
def key_list(request: HtmxRequest) -> HttpResponse:
    """List every key with its owner, scopes, last use and end."""
    return _page(request)


@require_POST
@requires(MANAGE_KEYS)
@pace("key_issue", 20)
def key_issue(request: HtmxRequest) -> HttpResponse:
    """Make a key and show it, this once."""
    form, now = KeyForm(request.POST), timezone.now()
    if not form.is_valid():
        return _page(request, form=form, status=422)
    data, life = form.cleaned_data, form.life
    try:
        key, secret = api_keys.key_issue(
            actor=request.user, name=data["name"], scopes=data["scopes"], owner=data["owner"],
            expires_at=now + life if life else None, now=now,
        )  # fmt: skip
    except api_keys.ApiKeyInvalid as error:
        form.add_error(error.field if error.field in form.fields else None, str(error))
        return _page(request, form=form, status=422)
    return _page(request, made=(key, secret))


@require_POST
@requires(MANAGE_KEYS)
@pace("key_issue", 20)
def key_rotate(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Put a new key beside an old one, and show the new one, this once."""
    old, form = key_visible(key), RotateForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how long the old key goes on.")
        return redirect_to(request, "key_list")
    try:
        made = api_keys.key_rotate(actor=request.user, key=old, overlap=form.overlap, now=timezone.now())
    except api_keys.ApiKeyInvalid as error:
        messages.error(request, str(error))
        return redirect_to(request, "key_list")
    return _page(request, made=made)


@require_POST
@requires(MANAGE_KEYS)
def key_revoke(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Refuse a key from now on."""
    revoked = api_keys.key_revoke(actor=request.user, key=key_visible(key), now=timezone.now())
    messages.success(request, f"{revoked.name} is revoked: the next call with it is refused.")
    return redirect_to(request, "key_list")


def _page(
    request: HtmxRequest, *, form: KeyForm | None = None, made: tuple[ApiKey, str] | None = None, status: int = 200
) -> HttpResponse:
    now = timezone.now()
    known = list(api_keys.keys())
    context: dict[str, Any] = {
        "works": [key for key in known if key.is_valid(now)],
        "over": [key for key in known if not key.is_valid(now)],
        "form": form or KeyForm(initial={"owner": request.user.pk}),
        "scopes": SCOPE_WORDS,
        "overlaps": OVERLAPS,
        "made": made[0] if made else None,
        "secret": made[1] if made else "",
    }
    response = render_page(request, "keys/keys.html", context, status=status)
    add_never_cache_headers(response)
    return response
