"""The terms of a version: search, a live tester, and in a draft adding, changing, removing and taking files."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.views.decorators.http import require_GET, require_POST

from console.access import EDIT_POLICIES, EXPLORE, REVIEW, draft_visible, may, requires, term_visible, version_visible
from console.api.limits import form_bytes, takes_body
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.forms import category_names
from console.pages.paging import page_after
from console.pages.policies.context import head
from console.pages.policies.forms import IMPORT_MAX_BYTES, TermFileForm, TermForm, TryForm, sentence_of
from moderation.emergency.trials import entries_of, terms_try
from policies.choices import Outcome
from policies.document.schema import OUTCOME_KEYS, parse_terms
from policies.document.stored import read_terms
from policies.errors import DraftConflict, PolicyError
from policies.models import PolicyVersion, Term
from policies.queries import term_lists, terms_found, version_content
from policies.services.drafts import term_add, term_change, term_remove, term_token
from policies.services.versions import version_add_terms

PAGE_SIZE = 50


@require_GET
@requires(EXPLORE, REVIEW)
def policy_terms(request: HtmxRequest, number: int) -> HttpResponse:
    """Show the terms of a version, by page and search, with the tester beside them."""
    return _page(request, version_visible(number))


def _page(request: HtmxRequest, version: PolicyVersion, status: int = 200, **more: Any) -> HttpResponse:
    chosen = {name: request.GET.get(name, "") for name in ("list", "q", "category")}
    found = terms_found(version, list_name=chosen["list"], text=chosen["q"], category=chosen["category"])
    names = category_names()
    context = head(version, "terms") | {
        "page": page_after(found, request.GET, size=PAGE_SIZE, before=_after, cursor=lambda term: term.key),
        "lists": list(term_lists(version)),
        "chosen": chosen,
        "is_filtered": any(chosen.values()),
        "names": names,
        "may_edit": version.is_draft and may(request.user, EDIT_POLICIES),
        "form": TermForm(categories=names, initial={"list_name": chosen["list"], "means": "score"}),
        "file_form": TermFileForm(prefix="file"),
        "try_form": TryForm(prefix="try"),
        **more,
    }
    return render_page(request, "terms/list.html", context, fragment="results", status=status)


def _after(cursor: str) -> Q | None:
    """Return the condition "behind the term with this key"."""
    try:
        term = Term.objects.filter(key=UUID(cursor)).first()
    except ValueError:
        return None
    return Q(text__gt=term.text) | Q(text=term.text, id__gt=term.pk) if term else None


@require_POST
@requires(EDIT_POLICIES)
def term_put(request: HtmxRequest, number: int) -> HttpResponse:
    """Add a term to a draft."""
    version = draft_visible(number)
    form = TermForm(request.POST, categories=category_names())
    if not form.is_valid():
        return _page(request, version, 422, form=form)
    list_name = form.cleaned_data["list_name"]
    try:
        term = term_add(actor=request.user, version=version, list_name=list_name, term=form.document())
    except PolicyError as error:
        _place(form, error)
        return _page(request, version, 422, form=form)
    messages.success(request, f"“{term.text}” is in list {list_name}.")
    return redirect_to(request, "policy_terms", number)


@require_GET
@requires(EDIT_POLICIES)
def term_page(request: HtmxRequest, number: int, key: UUID) -> HttpResponse:
    """Show one term of a draft as a form."""
    version = draft_visible(number)
    term = term_visible(version, key)
    return _term(request, version, term, TermForm(categories=category_names(), initial=_initial(term)))


@require_POST
@requires(EDIT_POLICIES)
def term_save(request: HtmxRequest, number: int, key: UUID) -> HttpResponse:
    """Change a term of a draft."""
    version = draft_visible(number)
    term = term_visible(version, key)
    form = TermForm(request.POST, categories=category_names())
    if not form.is_valid():
        return _term(request, version, term, form, 422)
    expected = request.POST.get("expected", "")
    try:
        term_change(actor=request.user, version=version, key=key, term=form.document(), expected=expected)
    except DraftConflict as error:
        return _term(request, version, term, form, 409, conflict=error.message)
    except PolicyError as error:
        _place(form, error)
        return _term(request, version, term, form, 422)
    messages.success(request, "Saved.")
    return redirect_to(request, "policy_terms", number)


@require_POST
@requires(EDIT_POLICIES)
def term_drop(request: HtmxRequest, number: int, key: UUID) -> HttpResponse:
    """Take a term out of a draft."""
    version = draft_visible(number)
    term = term_visible(version, key)
    try:
        term_remove(actor=request.user, version=version, key=key, expected=request.POST.get("expected", ""))
        messages.success(request, f"“{term.text}” is removed.")
    except DraftConflict as error:
        messages.error(request, f"“{term.text}” is still there: {error.message}. Look at it again.")
    return redirect_to(request, "policy_terms", number)


def _term(
    request: HtmxRequest, version: PolicyVersion, term: Term, form: TermForm, status: int = 200, conflict: str = ""
) -> HttpResponse:
    seen = request.POST.get("expected") if not conflict else None
    context = head(version, "terms") | {
        "term": term,
        "form": form,
        "expected": seen or term_token(term),
        "conflict": conflict,
        "names": form.names,
    }
    return render_page(request, "terms/term.html", context, status=status)


def _initial(term: Term) -> dict[str, Any]:
    means = "exception" if term.is_exception else "score" if term.outcome is None else OUTCOME_KEYS[term.outcome]
    return {
        "list_name": term.list.name,
        "text": term.text,
        "category": term.category_id,
        "language": term.language,
        "means": means,
        "score": term.score,
        "inside_words": not term.whole_word,
    }


def _place(form: forms.Form, error: PolicyError) -> None:
    """Put a service's refusal beside the field that it names."""
    name = error.field.rpartition(".")[2]
    form.add_error(name if name in form.fields else None, sentence_of(error))


@takes_body(lambda: form_bytes(IMPORT_MAX_BYTES))
@require_POST
@requires(EDIT_POLICIES)
def terms_take(request: HtmxRequest, number: int) -> HttpResponse:
    """Add the terms of a file to a draft: all of them, or none."""
    version = draft_visible(number)
    form = TermFileForm(request.POST, request.FILES, prefix="file")
    if not form.is_valid():
        return _page(request, version, 422, file_form=form)
    name, text = form.cleaned_data["list_name"], form.cleaned_data["text"]
    try:
        n = version_add_terms(actor=request.user, version=version, list_name=name, terms=read_terms(text))
    except PolicyError as error:
        again = TermFileForm(initial={"list_name": name, "text": text}, prefix="file")
        return _page(request, version, 422, file_form=again, file_problem=error)
    messages.success(request, f"{n} terms are in list {name}. Those that were there before stayed as they were.")
    return redirect_to(request, "policy_terms", number)


@require_POST
@requires(EXPLORE, REVIEW)
def terms_tried(request: HtmxRequest, number: int) -> HttpResponse:
    """Show what a text would match. A POST, because captions belong in no log; nothing is stored."""
    version = version_visible(number)
    form = TryForm(request.POST, prefix="try")
    if not form.is_valid():
        return _try(request, version, form, {}, 422)
    data = form.cleaned_data
    rows = version_content(version, with_terms=True).document["terms"].items()
    terms = [row for name, listed in rows for row in parse_terms(name, listed)]
    found = terms_try(entries_of(terms), data["text"], data["language"] or "und")
    return _try(request, version, form, {"tried": found, "block": Outcome.BLOCK})


def _try(
    request: HtmxRequest, version: PolicyVersion, form: TryForm, more: dict[str, Any], status: int = 200
) -> HttpResponse:
    if request.htmx:
        context = {"version": version, "try_form": form, "names": category_names(), **more}
        return render_page(request, "terms/parts/try.html", context, status=status)
    return _page(request, version, status, try_form=form, **more)
