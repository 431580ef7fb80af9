"""Hash banks: how much they hold, and the switch of each."""

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_POST

from console.access import MANAGE_BANKS, bank_visible, banks_visible, requires
from console.forms import RatioForm, category_names
from console.http import HtmxRequest, redirect_to, render_page
from moderation.exceptions import BankInvalid
from moderation.services import banks


@require_GET
@requires(MANAGE_BANKS)
def bank_list(request: HtmxRequest) -> HttpResponse:
    """List banks with their size and the share that is in force."""
    in_use = Q(entries__retired_at=None)
    rows = banks_visible(request.user).annotate(
        n_sha256=Count("entries", filter=in_use & Q(entries__algorithm="sha256")),
        n_pdq=Count("entries", filter=in_use & Q(entries__algorithm="pdq")),
    )
    context = {"banks": rows.order_by("title"), "names": category_names(), "ratios": RatioForm.choices}
    return render_page(request, "banks.html", context)


@require_POST
@requires(MANAGE_BANKS)
def bank_ratio(request: HtmxRequest, slug: str) -> HttpResponse:
    """Switch a bank on, off, or on for a part of its entries."""
    bank = bank_visible(request.user, slug)
    form = RatioForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Choose how much of the bank is in force.")
        return redirect_to(request, "bank_list")
    try:
        banks.bank_set_ratio(actor=request.user, slug=slug, ratio=form.cleaned_data["ratio"])
        messages.success(request, f"{bank.title} is now {form.words()}.")
    except BankInvalid as error:
        messages.error(request, str(error))
    return redirect_to(request, "bank_list")
