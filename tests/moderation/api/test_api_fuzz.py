"""Random bodies: whatever is sent, the answer is an item's status or a problem document, and never our error."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.models import SCOPES, ApiKey
from policies import live as live_policies
from tests.support.forms import FORM_TYPE, form, part

pytestmark = pytest.mark.django_db

_QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40)
_ANYTHING = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
_NAMES = st.sampled_from(
    ["external_id", "kind", "caption", "creator", "language", "region", "duration_ms", "audience", "media", "cover"]
)
_PLAUSIBLE = st.fixed_dictionaries(
    {
        "external_id": st.text(min_size=1, max_size=12),
        "kind": st.just("text"),
        "creator": st.text(min_size=1, max_size=12),
        "caption": st.text(max_size=60),
    },
    optional={
        "language": st.sampled_from(["", "de", "pt-BR", "x"]) | st.text(max_size=8),
        "region": st.sampled_from(["", "DE", "US"]) | st.text(max_size=3),
        "duration_ms": st.integers(),
        "audience": st.sampled_from(["under_13", "adult"]) | st.text(max_size=5),
    },
)


@pytest.fixture
def api() -> Iterator[Client]:
    """Return a client that lets errors of ours through as answers, under a policy."""
    call_command("policy_seed", verbosity=0, stdout=io.StringIO())
    live_policies.invalidate()
    _, secret = ApiKey.issue(name="fuzz", scopes=list(SCOPES))
    yield Client(headers={"Authorization": f"Api-Key {secret}"}, raise_request_exception=False)
    live_policies.invalidate()


def _check(answer: Any) -> None:
    assert answer.status_code in {200, 201, 400, 404, 409, 413, 415, 422}, (answer.status_code, answer.content[:300])
    body = json.loads(answer.content)
    if answer.status_code >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert body["type"].startswith("urn:gatehouse:problem:")
        assert body["status"] == answer.status_code
    else:
        assert body["state"] in {"pending", "cleared", "restricted", "held", "blocked"}


def _post(api: Client, path: str, body: bytes, content_type: str = "application/json") -> None:
    _check(api.generic("POST", path, body, content_type=content_type))


@_QUICK
@given(body=st.dictionaries(_NAMES | st.text(max_size=5), _ANYTHING, max_size=6) | _ANYTHING)
def test_it_survives_any_json(api: Client, body: Any) -> None:
    _post(api, "/api/v1/items", json.dumps(body).encode())


@_QUICK
@given(body=_PLAUSIBLE)
def test_it_survives_nearly_right_uploads_and_finds_what_it_took(api: Client, body: dict[str, Any]) -> None:
    from urllib.parse import quote

    answer = api.generic("POST", "/api/v1/items", json.dumps(body).encode(), content_type="application/json")
    _check(answer)
    if answer.status_code in {200, 201}:
        found = api.get(f"/api/v1/items/{quote(body['external_id'], safe='')}")
        assert found.json() == answer.json()


@_QUICK
@given(body=st.binary(max_size=200))
def test_it_survives_any_bytes(api: Client, body: bytes) -> None:
    _post(api, "/api/v1/items", body)
    _post(api, "/api/v1/reports", body)


@_QUICK
@given(parts=st.lists(st.tuples(_NAMES, st.binary(max_size=40), st.none() | st.text(max_size=8)), max_size=6))
def test_it_survives_any_form(api: Client, parts: list[tuple[str, bytes, str | None]]) -> None:
    made = (part(name, value, filename=name_of and name_of.replace('"', "").replace("\r", "").replace("\n", ""))
            for name, value, name_of in parts)  # fmt: skip
    body = b"".join(p for p in made)
    _post(api, "/api/v1/items", form(body), FORM_TYPE)


@_QUICK
@given(
    body=st.dictionaries(
        st.sampled_from(["external_id", "reporter", "category", "text", "trusted_flagger", "x"]), _ANYTHING, max_size=6
    )
)
def test_it_survives_any_report(api: Client, body: Any) -> None:
    answer = api.generic("POST", "/api/v1/reports", json.dumps(body).encode(), content_type="application/json")
    assert answer.status_code in {400, 422}, answer.content


@_QUICK
@given(external_id=st.text(min_size=1, max_size=30))
def test_it_survives_any_address(api: Client, external_id: str) -> None:
    from urllib.parse import quote

    answer = api.get(f"/api/v1/items/{quote(external_id, safe='', errors='surrogatepass')}")
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
