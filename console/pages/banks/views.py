"""Hash banks: what they hold and meet, the switch of each, their entries, and sharing."""

import io
from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import MANAGE_BANKS, bank_visible, entry_visible, pace, requires
from console.api.limits import form_bytes, takes_body
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.banks.forms import IMPORT_MAX_BYTES, IMPORT_MAX_ROWS, FormForm, ImportForm, ReasonForm
from console.pages.forms import RatioForm, category_names
from console.pages.looks import items_looked
from console.pages.wide.context import limits, weigh_list
from console.pages.wide.kinds import BANK_PROTECTS
from moderation.banks import exchange
from moderation.banks import queries as bank_queries
from moderation.banks import service as banks
from moderation.banks.radius import bank_radius
from moderation.banks.requests import bank_import_ask, bank_ratio_ask
from moderation.banks.threatexchange import ExchangeInvalid
from moderation.exceptions import BankInvalid, WideActInvalid
from moderation.items.visibility import banks_visible
from moderation.live.lists import ListsUnavailable
from moderation.models import HashBank, HashEntry, WideAct


@require_GET
@requires(MANAGE_BANKS)
def bank_list(request: HtmxRequest) -> HttpResponse:
    """List banks with their size, what they met lately, and the share that is in force."""
    rows = bank_queries.bank_rows(request.user, banks_visible(request.user), timezone.now())
    items_looked(request.user, [item for row in rows for item in row.met])
    context = {"rows": rows, "names": category_names(), "ratios": RatioForm.choices, "days": bank_queries.COUNT_DAYS}
    return render_page(request, "banks/list.html", context)


@require_GET
@requires(MANAGE_BANKS)
def bank_page(request: HtmxRequest, slug: str) -> HttpResponse:
    """Show one bank: what waits for a person, what it met, and its entries."""
    return _page(request, bank_visible(request.user, slug))


def _page(request: HtmxRequest, bank: HashBank, problems: list[str] | None = None, status: int = 200) -> HttpResponse:
    now, text = timezone.now(), request.GET.get("q", "")
    reader = request.user
    [numbers] = bank_queries.bank_rows(reader, HashBank.objects.filter(pk=bank.pk), now)
    found = (
        bank_queries.entries_found(reader, bank, text, now) if text else bank_queries.bank_entries(reader, bank, now)
    )
    items_looked(reader, [item for row in (*found.waiting, *found.others) for item in row.met])
    context = {
        "bank": bank,
        "numbers": numbers,
        "ratios": RatioForm.choices,
        "days": bank_queries.COUNT_DAYS,
        "waiting": found.waiting,
        "rows": found.others,
        "retired": bank_queries.entries_retired(bank),
        "text": text,
        "problems": problems or [],
    }
    return render_page(request, "banks/bank.html", context, status=status)


@require_POST
@requires(MANAGE_BANKS)
def bank_ratio(request: HtmxRequest, slug: str) -> HttpResponse:
    """Switch a bank on, off, or on for a part of its entries."""
    bank = bank_visible(request.user, slug)
    form = RatioForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how much of the bank is in force.")
        return redirect_to(request, "bank_list")
    if "look" in request.POST:
        return _weigh(request, bank, form)
    try:
        done = bank_ratio_ask(actor=request.user, slug=slug, ratio=form.cleaned_data["ratio"], now=timezone.now())
    except (BankInvalid, ListsUnavailable, WideActInvalid) as error:
        messages.error(request, str(error))
        return redirect_to(request, "bank_list")
    if isinstance(done, WideAct):
        messages.success(request, "It reaches far, so a second person has to confirm it; until then nothing changes.")
        return redirect_to(request, "act_page", done.key)
    messages.success(request, f"{bank.title} is now {form.words()}.")
    return redirect_to(request, "bank_list")


def _weigh(request: HtmxRequest, bank: HashBank, form: RatioForm) -> HttpResponse:
    """Show what a bank matches of what is stored, before it is switched."""
    try:
        weighed = weigh_list(request.user, bank_radius(bank), protects=BANK_PROTECTS)
    except ListsUnavailable as error:
        messages.error(request, str(error))
        return redirect_to(request, "bank_page", bank.slug)
    context = {"bank": bank, "weighed": weighed, "ratio": form.data["ratio"], "words": form.words(), **limits()}
    return render_page(request, "banks/weigh.html", context)


# --- sharing -----------------------------------------------------------------------------------------------------


@takes_body(lambda: form_bytes(IMPORT_MAX_BYTES))
@require_POST
@requires(MANAGE_BANKS)
@pace("bank_import", 6)
def bank_take(request: HtmxRequest, slug: str) -> HttpResponse:
    """Take a file of shared hashes into a bank: all of it, or nothing."""
    bank = bank_visible(request.user, slug)
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, bank, [str(e) for errors in form.errors.values() for e in errors], status=422)
    raw = form.cleaned_data["file"]
    lines = io.TextIOWrapper(raw.file, encoding="utf-8-sig", newline="")
    try:
        done, found = bank_import_ask(
            actor=request.user, bank=bank, lines=lines, form=form.cleaned_data["form"], max_rows=IMPORT_MAX_ROWS
        )
    except ExchangeInvalid as error:
        return _page(request, bank, error.problems, status=422)
    except (ListsUnavailable, WideActInvalid) as error:
        return _page(request, bank, [str(error)], status=422)
    except UnicodeDecodeError:
        return _page(request, bank, ["The file is not text in UTF-8."], status=422)
    words = f"{done.n_new} hashes are new, {done.n_known} were known, {done.n_passed_over} were passed over."
    if found is not None:
        reach = found.radius.seen_by(request.user)
        words += f" The new ones match {'at least ' if reach.is_at_least else ''}{reach.n_items} stored items."
    messages.success(request, words)
    return redirect_to(request, "bank_page", slug)


@require_POST
@requires(MANAGE_BANKS)
@pace("bank_export", 6)
def bank_give(request: HtmxRequest, slug: str) -> HttpResponseBase:
    """Hand out a bank's hashes as a file. A POST, because it is recorded who took them."""
    bank = bank_visible(request.user, slug)
    form = FormForm(request.POST)
    if not form.is_valid():
        return _page(request, bank, ["Choose CSV or JSON."], status=422)
    chosen = form.cleaned_data["form"]
    file = exchange.bank_export(actor=request.user, bank=bank, form=chosen)
    kind = {"csv": "text/csv; charset=utf-8", "json": "application/json"}[chosen]
    name = f'attachment; filename="{bank.slug}.{chosen}"'
    return StreamingHttpResponse(file.pieces, content_type=kind, headers={"Content-Disposition": name})


# --- entries -----------------------------------------------------------------------------------------------------


@require_POST
@requires(MANAGE_BANKS)
def entry_retire(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Take a wrong hash out of force, or ask for it where a second person has to agree."""
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    return _done(
        request,
        key,
        lambda entry: banks.entry_retire(actor=request.user, key=str(entry.key), reason=reason, now=timezone.now()),
        lambda entry: "The hash is retired." if entry.retired_at else "Noted; a second person has to agree.",
    )


@require_POST
@requires(MANAGE_BANKS)
def entry_restore(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Put a retired hash back in force, or turn a request down."""
    return _done(
        request,
        key,
        lambda entry: banks.entry_restore(actor=request.user, key=str(entry.key)),
        lambda entry: "The hash is in force.",
    )


@require_POST
@requires(MANAGE_BANKS)
def entry_release(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Say that a hash that was held back is right."""
    return _done(
        request,
        key,
        lambda entry: banks.entry_release(actor=request.user, key=str(entry.key), now=timezone.now()),
        lambda entry: "Its bank's outcome holds again.",
    )


def _done(
    request: HtmxRequest, key: UUID, act: Callable[[HashEntry], HashEntry], words: Callable[[HashEntry], str]
) -> HttpResponse:
    """Do something to an entry and go back to its bank, with what came of it."""
    entry = entry_visible(request.user, key)
    try:
        messages.success(request, words(act(entry)))
    except BankInvalid as error:
        messages.error(request, str(error))
    return redirect_to(request, "bank_page", entry.bank.slug)
