"""Work that failed for good: see why, drive it again."""

from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import REDRIVE, dead_letter_visible, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.looks import items_looked
from console.pages.paging import page_after
from moderation.exceptions import DeadLetterInvalid
from moderation.items.visibility import dead_letters_visible
from moderation.outbox.dead_letters import dead_letter_redrive
from policies.untrusted import whole_number

_PAGE_SIZE = 50
#: Redriving all at once is bounded, so that the request ends and the queues are not flooded.
_REDRIVE_MAX = 200


@require_GET
@requires(REDRIVE)
def deadletter_list(request: HtmxRequest) -> HttpResponse:
    """List dead letters, newest first."""
    letters = dead_letters_visible(request.user)
    page = page_after(letters, request.GET, size=_PAGE_SIZE, before=_before, cursor=lambda letter: letter.pk)
    items_looked(request.user, [letter.item for letter in page.rows])
    return render_page(
        request, "deadletters/list.html", {"page": page, "n_letters": letters.count(), "n_max": _REDRIVE_MAX}
    )


def _before(cursor: str) -> Q | None:
    after = whole_number(cursor, 0, 2**63 - 1)
    return None if after is None else Q(pk__lt=after)


@require_POST
@requires(REDRIVE)
def deadletter_redrive(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Give one dead letter a fresh set of attempts."""
    dead_letter_visible(request.user, key)
    try:
        dead_letter_redrive(actor=request.user, message_key=str(key), now=timezone.now())
        messages.success(request, "It is on its way again.")
    except DeadLetterInvalid as error:
        messages.warning(request, str(error))
    return redirect_to(request, "deadletter_list")


@require_POST
@requires(REDRIVE)
def deadletter_redrive_all(request: HtmxRequest) -> HttpResponse:
    """Drive every dead letter again, each in its own transaction, so that one that cannot go stops no other."""
    n_driven, refused = 0, 0
    for key in list(dead_letters_visible(request.user).values_list("key", flat=True)[:_REDRIVE_MAX]):
        try:
            dead_letter_redrive(actor=request.user, message_key=str(key), now=timezone.now())
            n_driven += 1
        except DeadLetterInvalid:
            refused += 1
    text = f"{n_driven} on their way again." + (
        f" {refused} left: the same work is under way already." if refused else ""
    )
    messages.success(request, text)
    return redirect_to(request, "deadletter_list")
