"""The editor of a draft: one page a section. What is refused comes back with all that was typed."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.views.decorators.http import require_GET, require_POST

from console.access import EDIT_POLICIES, draft_visible, requires
from console.api.limits import form_bytes, takes_body
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.policies.context import head, in_groups
from console.pages.policies.sections import SECTIONS, RowSet, Section, row_set, section_of
from policies.document.diff import Change, diff_documents
from policies.document.schema import parse_document
from policies.document.stored import documents_of
from policies.errors import DraftConflict, PolicyError
from policies.models import PolicyVersion
from policies.services.drafts import section_replace, section_token

#: Changes told in the message after saving; the record has all of them.
_MAX_TOLD = 3


@require_GET
@requires(EDIT_POLICIES)
def policy_edit(request: HtmxRequest, number: int, section: str) -> HttpResponse:
    """Show a section of a draft as a form."""
    found, version = _section(section), draft_visible(number)
    document = _document(version)
    return _page(request, version, found, document, row_set(found, document))


@takes_body(form_bytes)
@require_POST
@requires(EDIT_POLICIES)
def policy_save(request: HtmxRequest, number: int, section: str) -> HttpResponse:
    """Let a section of a draft say what was typed, or say what is wrong with it."""
    found, version = _section(section), draft_visible(number)
    document = _document(version)
    rows = row_set(found, document, request.POST)
    if not rows.is_valid():
        return _page(request, version, found, document, rows, status=422)
    value, expected = found.value(rows.rows_to_keep()), request.POST.get("expected", "")
    try:
        changes = section_replace(
            actor=request.user, version=version, section=found.key, value=value, expected=expected
        )
    except DraftConflict:
        theirs = _theirs(document, value, found)
        return _page(request, version, found, document, rows, status=409, is_conflict=True, theirs=in_groups(theirs))
    except PolicyError as error:
        rows.place(error)
        return _page(request, version, found, document, rows, status=422)
    messages.success(request, _tell(changes))
    return redirect_to(request, "policy_edit", number, section)


def _section(slug: str) -> Section:
    section = section_of(slug)
    if section is None:
        raise Http404
    return section


def _document(version: PolicyVersion) -> dict[str, Any]:
    [document] = documents_of([version], with_terms=False)
    return document


def _page(
    request: HtmxRequest,
    version: PolicyVersion,
    section: Section,
    document: dict[str, Any],
    rows: RowSet,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    # After a conflict the form carries what stands now: to save once more is then a choice made with open eyes. After any
    # other refusal it keeps what the editor first saw.
    seen = request.POST.get("expected") if not more.get("is_conflict") else None
    context = head(version, "edit") | {
        "section": section,
        "sections": SECTIONS,
        "rows": rows,
        "expected": seen or section_token(document, section.key),
        **more,
    }
    return render_page(request, "policies/edit.html", context, status=status)


def _theirs(document: dict[str, Any], value: dict[str, Any], section: Section) -> tuple[Change, ...]:
    """Return how what was typed differs from what stands now."""
    if section.key == "categories":
        rows = document["categories"].items()
        value = {"categories": {slug: row | {"guideline": value.get(slug, row["guideline"])} for slug, row in rows}}
    try:
        return diff_documents(parse_document(document), parse_document(document | value))
    except PolicyError:
        return ()


def _tell(changes: tuple[Change, ...]) -> str:
    if not changes:
        return "Nothing differs from what was there."
    told = " ".join(change.sentence for change in changes[:_MAX_TOLD])
    more = len(changes) - _MAX_TOLD
    return f"Saved. {told}" + (f" And {more} more." if more > 0 else "")
