"""Versions and what people type about them, for the tests of the policy pages."""

from __future__ import annotations

import html
import re
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from policies.models import PolicyVersion
from policies.services.versions import version_approve, version_submit
from tests.support import scenes
from tests.support.sign_in import signed_in

_INPUT = re.compile(r"<(input|textarea|select)\b[^>]*\bname=\"([^\"]+)\"[^>]*>", re.DOTALL)
_VALUE = re.compile(r"\bvalue=\"([^\"]*)\"")
_CHOSEN = re.compile(r"<option value=\"([^\"]*)\" selected")


def form_of(client: Client, number: int, section: str) -> dict[str, str]:
    """Return the form of a section as a browser would send it back untouched."""
    page = client.get(reverse("policy_edit", args=[number, section])).content.decode()
    form = page[page.index('class="editor"') : page.index("</form>", page.index('class="editor"'))]
    data: dict[str, str] = {}
    for found in _INPUT.finditer(form):
        kind, name = found[1], found[2]
        if kind == "select":
            chosen = _CHOSEN.search(form[found.end() : form.index("</select>", found.end())])
            data[name] = chosen[1] if chosen else ""
        elif kind == "textarea":
            data[name] = html.unescape(form[found.end() : form.index("</textarea>", found.end())].strip())
        elif 'type="checkbox"' not in found[0]:
            value = _VALUE.search(found[0])
            data[name] = html.unescape(value[1]) if value else ""
    return data


def row_where(data: dict[str, str], **values: str) -> int:
    """Return the index of the row whose fields have these values."""
    rows = {int(name.split("-")[1]) for name in data if re.fullmatch(r"row-\d+-\w+", name)}
    return next(i for i in sorted(rows) if all(data.get(f"row-{i}-{key}") == value for key, value in values.items()))


def save(client: Client, number: int, section: str, data: dict[str, str], **more: Any) -> Any:
    """Send a section's form."""
    return client.post(reverse("policy_save", args=[number, section]), data, **more)


def take(client: Client, number: int, step: str, **data: Any) -> Any:
    """Take a step in a version's life."""
    return client.post(reverse("policy_step_take", args=[number, step]), data)


def draft() -> PolicyVersion:
    """Return the seeded draft."""
    return PolicyVersion.objects.get(number=2)


def browsers() -> tuple[Client, Client]:
    """Return the browsers of an editor and of an approver."""
    return signed_in(scenes.person("policy-editor")), signed_in(scenes.person("policy-approver"))


def approved() -> PolicyVersion:
    """Return the seeded draft, submitted by its author and approved by somebody else."""
    version = draft()
    version_submit(actor=version.author, version=version)
    return version_approve(actor=User.objects.get(username="policy-approver"), version=version)
