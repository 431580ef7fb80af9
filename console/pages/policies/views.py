"""Reading policy versions: the list, one version with what it changes and what can be done next, its content, two compared."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_POST

from console.access import EDIT_POLICIES, EXPLORE, REVIEW, requires, version_visible, versions_visible
from console.api.limits import form_bytes, takes_body
from console.http import HtmxRequest, redirect_to, render_page
from console.pages.policies.context import head, in_groups, offers_to
from console.pages.policies.forms import IMPORT_MAX_BYTES, PolicyFileForm
from console.pages.rollout import views as rollout_views
from moderation.audit.log import audit_write
from moderation.rollout.queries import activation_current
from policies.document.stored import as_document, document_of, dump_yaml, line_of
from policies.document.yaml_form import YamlRefused, read_yaml
from policies.errors import PolicyError
from policies.live import version_list
from policies.models import PolicyVersion, VersionState
from policies.queries import base_of, term_lists, version_content, version_diff, version_steps, writers_in
from policies.services.drafts import version_copy
from policies.services.versions import version_create


@require_GET
@requires(EXPLORE, REVIEW)
def policy_list(request: HtmxRequest) -> HttpResponse:
    """List every version, newest first, and what decides now."""
    versions = list(version_list())
    context = {"versions": versions, "activation": activation_current()}
    return render_page(request, "policies/list.html", context)


@require_GET
@requires(EXPLORE, REVIEW)
def policy_page(request: HtmxRequest, number: int) -> HttpResponse:
    """Show what a version changes, what can be done next, how it does, and its record."""
    version, versions = versions_visible(number)
    base, steps = base_of(version, versions), version_steps(version)
    diff = version_diff(base, version) if base else None
    context = head(version, "overview") | {
        "base": base,
        "diff": diff,
        "groups": in_groups(diff.changes) if diff else [],
        "offers": offers_to(request.user, version, writers_in(steps)),
        "steps": steps,
        **_way_back(version, versions),
        **rollout_views.standing(request.user, version),
    }
    return render_page(request, "policies/version.html", context)


def _way_back(version: PolicyVersion, versions: Sequence[PolicyVersion]) -> dict[str, Any]:
    """Return the version that the active one can be rolled back to, and what that would change; nothing for any other version."""
    if version.state != VersionState.ACTIVE:
        return {}
    former = [other for other in versions if other.state == VersionState.RETIRED and other.activated_at]
    if not former:
        return {"way_back": None}
    last = max(former, key=lambda other: other.activated_at or other.created_at)
    diff = version_diff(version, last)
    return {"way_back": last, "way_back_diff": diff, "way_back_groups": in_groups(diff.changes)}


@require_GET
@requires(EXPLORE, REVIEW)
def policy_content(request: HtmxRequest, number: int) -> HttpResponse:
    """Show all that one version says; its terms have a page of their own."""
    version = version_visible(number)
    content = version_content(version)
    names = {slug: row["name"] for slug, row in content.document["categories"].items()}
    context = head(version, "content") | {"content": content, "names": names, "lists": term_lists(version)}
    return render_page(request, "policies/content.html", context)


@require_GET
@requires(EXPLORE, REVIEW)
def policy_compare(request: HtmxRequest, number: int) -> HttpResponse:
    """Show how a version differs from another one, as sentences and side by side."""
    version, versions = versions_visible(number)
    asked = request.GET.get("with", "")
    other = next((v for v in versions if str(v.number) == asked), None) or base_of(version, versions)
    diff = version_diff(other, version) if other else None
    context = head(version, "compare") | {
        "versions": [v for v in versions if v.pk != version.pk],
        "other": other,
        "diff": diff,
        "groups": in_groups(diff.changes) if diff else [],
    }
    return render_page(request, "policies/compare.html", context)


@require_POST
@requires(EDIT_POLICIES)
def policy_copy(request: HtmxRequest, number: int) -> HttpResponse:
    """Begin a draft that says what a version says."""
    version = version_visible(number)
    try:
        draft = version_copy(actor=request.user, version=version)
    except PolicyError as error:
        messages.error(request, f"Version {number} contradicts itself and cannot be copied: {error}.")
        return redirect_to(request, "policy_page", number)
    messages.success(request, f"Version {draft.number} is your draft; it says what version {number} says.")
    return redirect_to(request, "policy_edit", draft.number, "thresholds")


# --- as a file ---------------------------------------------------------------------------------------------------


@require_GET
@requires(EXPLORE, REVIEW)
def policy_export(request: HtmxRequest, number: int) -> HttpResponse:
    """Hand a version out as YAML, in the form in which `policy_import` takes it."""
    version = version_visible(number)
    audit_write(actor=request.user, action="version.exported", object_type="policy_version", object_key=version.key)
    name = {"Content-Disposition": f'attachment; filename="policy-{number}.yaml"'}
    return HttpResponse(dump_yaml(document_of(version)), content_type="application/yaml; charset=utf-8", headers=name)


@require_GET
@requires(EDIT_POLICIES)
def policy_import(request: HtmxRequest) -> HttpResponse:
    """Ask for a file."""
    return render_page(request, "policies/import.html", {"form": PolicyFileForm()})


@takes_body(lambda: form_bytes(IMPORT_MAX_BYTES))
@require_POST
@requires(EDIT_POLICIES)
def policy_take(request: HtmxRequest) -> HttpResponse:
    """Make a draft of a version written as YAML, or say in which line what is wrong."""
    form = PolicyFileForm(request.POST, request.FILES)
    if not form.is_valid():
        return render_page(request, "policies/import.html", {"form": form}, status=422)
    text = form.cleaned_data["text"]
    try:
        version = _draft_of(request.user, text)
    except YamlRefused as error:
        context = {"form": _with_text(text), "problem": error, "line": error.line, "near": _near(text, error.line)}
        return render_page(request, "policies/import.html", context, status=422)
    messages.success(request, f"Version {version.number} is a draft with what the file says.")
    return redirect("policy_page", version.number)


def _draft_of(actor: User, text: str) -> PolicyVersion:
    """Make a draft of a version written as YAML, which is read once, whatever is wrong with it.

    Raises: YamlRefused with the field and the line that are wrong.
    """
    data, lines = read_yaml(text)
    try:
        return version_create(actor=actor, document=as_document(data))
    except PolicyError as error:
        raise YamlRefused(error.message, line_of(lines, error.field), error.field) from error


def _with_text(text: str) -> forms.Form:
    """Return the form with the text that was sent, also where it came as a file: it can be mended in place."""
    return PolicyFileForm(initial={"text": text})


#: Characters of a line that are shown beside what is wrong with it.
_NEAR = 200


def _near(text: str, line: int | None) -> list[tuple[int, str, bool]]:
    """Return the lines around the one that is wrong, numbered."""
    if line is None:
        return []
    lines = text.splitlines()
    first = max(line - 2, 1)
    return [(n, lines[n - 1][:_NEAR], n == line) for n in range(first, min(line + 2, len(lines)) + 1)]
