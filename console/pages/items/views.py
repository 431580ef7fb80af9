"""Finding items, and the full history of one; seniors overturn here."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from console.access import EXPLORE, OVERTURN, READ_AUDIT, item_visible, may, pace, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.pages import evidence, timeline
from console.pages.changed import Changed, describe_changes
from console.pages.forms import OverturnForm, category_names
from console.pages.items.forms import ItemFilter
from console.pages.items.snippets import Snippet, find_snippet
from console.pages.looks import item_looked, items_looked
from console.pages.media.panel import media_panel
from console.pages.paging import page_after
from console.pages.review.drafts import draft_beside_context
from console.pages.review.undo import say_decided
from console.pages.review.views import basis_context, levels_of, policy_of
from moderation.decisions.basis import Basis, basis_from
from moderation.exceptions import DecisionChanged, DecisionInvalid, ItemNotOpen
from moderation.items import queries
from moderation.items.match_words import words_in
from moderation.items.search import languages_used, texts_of
from moderation.items.timeline import timeline as moments_of
from moderation.items.timeline import worst_moment
from moderation.items.viewing import viewing_in
from moderation.items.visibility import item_hides_media
from moderation.models import Decision, Item
from moderation.prompts.queries import items_alike
from moderation.reports import queries as report_queries
from moderation.review import queries as review_queries
from moderation.review import waiting

_PAGE_SIZE = 50


@require_GET
@requires(EXPLORE)
def item_list(request: HtmxRequest) -> HttpResponse:
    """List items, newest first, as the filters say."""
    names = category_names()
    asked, languages = queries.items_search(request.user), languages_used(request.user)
    found = ItemFilter(request.GET, queryset=asked, names=names, languages=languages)
    rows = found.qs if found.is_valid() else asked.none()
    page = page_after(rows, request.GET, size=_PAGE_SIZE, before=_before, cursor=lambda item: item.key)
    items_looked(request.user, page.rows)
    context = {
        "filter": found,
        "page": page,
        "names": names,
        "rows": list(zip(page.rows, _snippets(page.rows, found.form.cleaned_data.get("q", "")), strict=True)),
        "is_filtered": any(request.GET.values()),
    }
    return render_page(request, "items/list.html", context, fragment="results", status=200 if found.is_valid() else 422)


def _snippets(items: list[Item], text: str) -> list[Snippet | None]:
    """Return, for each item, where what was searched for stands; nothing where nothing was searched."""
    if not text:
        return [None] * len(items)
    texts = texts_of(items)
    places = [
        (("Caption", item.caption), *zip(("Picture", "Sound"), texts.get(item.pk, ("", "")), strict=True))
        for item in items
    ]
    return [find_snippet(text, of_item) for of_item in places]


def _before(cursor: str) -> Q | None:
    """Return the condition "older than this item"; rows of one moment are told apart by their primary key."""
    try:
        row = Item.objects.filter(key=UUID(cursor)).values("created_at", "pk").first()
    except ValueError:
        return None
    if row is None:
        return None
    # The first condition says nothing more, but it is what the index can begin at.
    is_older = Q(created_at__lt=row["created_at"]) | Q(created_at=row["created_at"], pk__lt=row["pk"])
    return Q(created_at__lte=row["created_at"]) & is_older


@require_GET
@requires(EXPLORE)
def item_page(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Show everything that happened to an item."""
    basis, item = _read(request, key)
    return render_page(request, "items/item.html", item_context(request, basis, item), fragment="item")


@require_GET
@requires(EXPLORE)
@pace("item_alike", 60)
def item_alike(request: HtmxRequest, key: UUID) -> HttpResponse:
    """List the items that look most like one."""
    item = item_visible(request.user, key)
    items_looked(request.user, [item])
    context = {"item": item, "found": items_alike(request.user, item)}
    return render_page(request, "items/alike.html", context)


@require_POST
@requires(OVERTURN)
def item_overturn(request: HtmxRequest, key: UUID) -> HttpResponse:
    """Decide an item over its present decision."""
    basis, item = _read(request, key)
    form = OverturnForm(request.POST, names=category_names())
    if not form.is_valid():
        return _again(request, basis, item, form)
    try:
        made = waiting.overturn_send(
            actor=request.user, item_key=str(key), now=timezone.now(), span=form.span, **form.verdict()
        )
    except (DecisionInvalid, ItemNotOpen) as error:
        form.add_error(form.field_of(error), str(error))
        return _again(request, basis, item, form)
    except DecisionChanged:
        return _again(request, *_read(request, key), form, is_overtaken=True)
    said = "The decision is recorded; the feed follows within a second."
    is_recorded = isinstance(made, Decision)
    messages.success(request, said if is_recorded else say_decided(made, made.item.external_id))
    return redirect_to(request, "item_page", key)


def _read(request: HtmxRequest, key: UUID) -> tuple[Basis, Item]:
    """Return what a verdict is given on, and the item, from one look at the database; who looks at a restricted one is recorded.

    Raises:
        Http404: as `item_visible`.
    """
    item = item_visible(request.user, key)
    item_looked(request.user, item)
    return basis_from(item), item


def _again(
    request: HtmxRequest, basis: Basis, item: Item, form: OverturnForm, *, is_overtaken: bool = False
) -> HttpResponse:
    """Show the page with what was typed: 409 and what changed where it was overtaken, 422 where something is missing."""
    context = item_context(request, basis, item, form)
    status = 409 if context["changed"] or is_overtaken else 422
    return render_page(request, "items/item.html", context, fragment="item", status=status)


def item_context(request: HtmxRequest, basis: Basis, item: Item, form: OverturnForm | None = None) -> dict[str, Any]:
    """Return what the item page shows, newest decision first; where a form was sent from an earlier page, what changed."""
    names = category_names()
    told = list(queries.decision_trail(item))
    trail = told[::-1]
    changed = describe_changes(form.sent, basis, told) if form else None
    jobs = list(review_queries.item_jobs(request.user, item))
    findings = next((list(d.findings.all()) for d in trail if d.findings.all()), [])
    shown = [_tell(decision, names, changed) for decision in trail]
    current, is_shown = item.current_decision, not item_hides_media(item)
    return {
        "item": item,
        "media": media_panel(item, is_shown=is_shown, at=timeline.moment_asked(request.GET.get("at"), item.lasts_ms)),
        "chart": timeline.chart_of(
            moments_of(findings), item.lasts_ms, levels_of(current, policy_of(current)), names, timeline.spans_of(told)
        ),
        "worst_ms": worst_moment(findings),
        "viewing": viewing_in(getattr(item, "own_viewing", None), current.category if current else ""),
        "may_find_alike": item.media is not None and is_shown,
        "words": words_in(getattr(item, "own_words", ())),
        "names": names,
        "parts": evidence.caption_parts(item.caption, findings, names),
        "trail": shown,
        "new_rows": [row for row in shown[0][1] if row.is_new] if shown else [],
        "revisions": queries.clearance_revisions(item),
        # The item was read with how many there are.
        "reports": report_queries.item_reports(request.user, item) if getattr(item, "n_reports", 1) else (),
        "jobs": jobs,
        "audit": queries.audit_of(request.user, "item", item.external_id)[:50]
        if may(request.user, READ_AUDIT)
        else None,
        "waits": _waits(item),
        "may_overturn": may(request.user, OVERTURN) and item.withdrawn_at is None,
        "flip_version": current.policy_version.number if current else None,
        **draft_beside_context(request, item, basis.token, form, OverturnForm(names=names)),
        "has_errors": form is not None,
        **basis_context(request, basis, names),
        "changed": changed,
        "typed": form.typed(names) if form else [],
    }


def _waits(item: Item) -> dict[str, Any] | None:
    """Return whose decision on an item waits, what it is and until when; None where none does."""
    found: dict[str, Any] | None = getattr(item, "waits", None)
    return {**found, "due_at": datetime.fromisoformat(found["due_at"])} if found else None


def _tell(
    decision: Decision, names: dict[str, str], changed: Changed | None
) -> tuple[Decision, list[evidence.Row], list[tuple[str, str]]]:
    """Return a decision with its findings and its missing detectors as the history shows them."""
    policy = policy_of(decision)
    is_new = changed is not None and str(decision.key) in changed.decisions
    known = changed.known if changed and is_new else None
    rows = evidence.rows_of(decision.findings.all(), levels_of(decision, policy), names, known)
    return decision, rows, evidence.missing_words(decision, policy)
