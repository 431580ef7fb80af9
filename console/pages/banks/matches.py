"""Asking what a picture meets in the hash banks, and saying whether a match is right."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_POST

from console.access import MANAGE_BANKS, OVERTURN, REVIEW, entry_visible, item_visible, pace, requires
from console.api.limits import form_bytes, takes_body
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.banks.forms import LookForm, WordForm
from console.pages.forms import category_names
from console.pages.looks import items_looked
from moderation.banks import lookup
from moderation.banks import matches as bank_matches
from moderation.banks import queries as bank_queries
from moderation.detection.media.limits import MediaRejected
from moderation.exceptions import BankInvalid
from moderation.items.visibility import banks_visible
from moderation.live.banks import BanksUnavailable
from moderation.live.onpath import bank_index
from moderation.models import HashEntry, Item
from policies.errors import PolicyUnavailable
from policies.live import active_policy


@require_GET
@requires(MANAGE_BANKS, OVERTURN)
def match_debugger(request: HtmxRequest) -> HttpResponse:
    """Show the form."""
    return render_page(request, "banks/matches.html", {"form": LookForm()})


@takes_body(lambda: form_bytes(settings.MEDIA_MAX_IMAGE_BYTES))
@require_POST
@requires(MANAGE_BANKS, OVERTURN)
@pace("match_look", 30)
def match_look(request: HtmxRequest) -> HttpResponse:
    """Show what a picture or a hash meets. Nothing is stored; neither is the picture."""
    form = LookForm(request.POST, request.FILES)
    if not form.is_valid():
        return render_page(request, "banks/matches.html", {"form": form}, status=422)
    try:
        context = _look(request, form)
    except MediaRejected as error:
        form.add_error("file", error.detail)
        return render_page(request, "banks/matches.html", {"form": form}, status=422)
    except (BanksUnavailable, PolicyUnavailable) as error:
        form.add_error(None, str(error))
        return render_page(request, "banks/matches.html", {"form": form}, status=503)
    return render_page(request, "banks/matches.html", {"form": LookForm(), **context})


def _look(request: HtmxRequest, form: LookForm) -> dict[str, Any]:
    file = form.cleaned_data["file"]
    asked = lookup.ask_by_file(file.file) if file else lookup.ask_by_value(form.cleaned_data["value"])
    titles = dict(banks_visible(request.user).values_list("slug", "title"))
    found = lookup.nearest(asked, bank_index(active_policy()), frozenset(titles))
    entries = HashEntry.objects.filter(key__in=[near.match.entry.entry_key for near in found])
    columns = entries.annotate(met=bank_queries.met_column(request.user, "entry")).values_list("key", "met")
    met = {str(key): bank_queries.items_in(column) for key, column in columns}
    items_looked(request.user, [item for items in met.values() for item in items])
    return {
        "asked": asked,
        "found": found,
        "met": met,
        "titles": titles,
        "names": category_names(),
        "is_hash": not file,
    }


@require_POST
@requires(MANAGE_BANKS, OVERTURN)
@pace("judge", 60)
def entry_judge(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Note whether a hash matches what it should, without an upload at hand."""
    entry = entry_visible(request.user, key)
    _judge(request, str(entry.key), None)
    if request.htmx:
        return render_page(request, "parts/noted.html", {})
    return redirect_to(request, "match_debugger")


@require_POST
@requires(REVIEW)
@pace("judge", 60)
def match_judge(request: HtmxRequest, key: UUID, entry: UUID) -> HttpResponse:
    """Note whether a hash that an upload matched is really of the same picture."""
    item = item_visible(request.user, key)
    job = _judge(request, str(entry), item)
    return redirect_to(request, "job_page", job) if job else redirect_to(request, "item_page", key)


def _judge(request: HtmxRequest, entry_key: str, item: Item | None) -> UUID | None:
    """Store the word; return the job that it was said in, if any."""
    form = WordForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say whether the match is right or wrong.")
        return None
    is_right, note = form.cleaned_data["is_right"], form.cleaned_data["note"]
    try:
        bank_matches.match_judge(actor=request.user, entry_key=entry_key, item=item, is_right=is_right, note=note)
        messages.success(request, f"Noted: this match is {'right' if is_right else 'wrong'}.")
    except BankInvalid as error:
        messages.error(request, str(error))
    job: UUID | None = form.cleaned_data["job"]
    return job
