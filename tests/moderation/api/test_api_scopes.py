"""Who may call what: every endpoint by every scope, and callers without a valid key."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from console.models import SCOPES, ApiKey

pytestmark = pytest.mark.django_db

#: The description is public; everything else needs a key.
PUBLIC = {"api-schema", "api-docs"}


def _walk(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, str, type[APIView]]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith("api/") and pattern.name not in PUBLIC:
            yield route, pattern.name or "", pattern.callback.view_class  # type: ignore[attr-defined]


def _endpoints() -> list[tuple[str, str, str]]:
    """Return (method, address, scope) of everything under /api/."""
    found = []
    for route, _, view in _walk(get_resolver().url_patterns):
        scopes: dict[str, str] = view.scopes  # type: ignore[attr-defined]
        address = "/" + route.replace("<path:external_id>", "nobody")
        found += [(method, address, scope) for method, scope in scopes.items()]
    return sorted(found)


@pytest.fixture(autouse=True)
def _nothing_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every view answer at once where the caller may: what it would do is not the question here."""

    def answer(view: APIView, request: Request, **kwargs: Any) -> Response:
        return Response(status=204)

    for _, _, view in _walk(get_resolver().url_patterns):
        for method in view.scopes:  # type: ignore[attr-defined]
            monkeypatch.setattr(view, method.lower(), answer)


def _headers(*scopes: str, is_active: bool = True) -> dict[str, str]:
    key, secret = ApiKey.issue(name=uuid.uuid4().hex, scopes=list(scopes))
    if not is_active:
        ApiKey.objects.filter(pk=key.pk).update(is_active=False)
    return {"Authorization": f"Api-Key {secret}"}


def _call(method: str, address: str, headers: dict[str, str]) -> Any:
    client = Client(raise_request_exception=True)
    body = {} if method in {"GET", "HEAD"} else {"data": "{}", "content_type": "application/json"}
    return client.generic(method, address, headers=headers, **body)  # type: ignore[arg-type]


def test_it_finds_the_endpoints() -> None:
    assert ("POST", "/api/v1/items", "items:write") in _endpoints()
    assert ("GET", "/api/v1/feed", "feed:read") in _endpoints()


def test_it_names_a_known_scope_for_every_method_of_every_view() -> None:
    for route, _, view in _walk(get_resolver().url_patterns):
        methods: set[str] = {name.upper() for name in view.http_method_names if hasattr(view, name)} - {
            "OPTIONS",
            "HEAD",
        }
        assert set(view.scopes) == methods, route  # type: ignore[attr-defined]
        assert set(view.scopes.values()) <= set(SCOPES), route  # type: ignore[attr-defined]


def test_it_answers_401_without_a_key_and_with_a_revoked_one() -> None:
    revoked = _headers(*SCOPES, is_active=False)
    for method, address, _ in _endpoints():
        for headers in ({}, revoked, {"Authorization": "Api-Key gh_" + "0" * 43}, {"Authorization": "Basic eDp5"}):
            answer = _call(method, address, headers)
            assert answer.status_code == 401, (method, address, headers)
            assert answer.json()["type"] == "urn:gatehouse:problem:unauthenticated"
            assert answer.headers["WWW-Authenticate"] == "Api-Key"


def test_it_answers_403_to_every_key_without_the_scope_and_lets_the_right_one_through() -> None:
    keys = {scope: _headers(scope) for scope in SCOPES}
    for method, address, needed in _endpoints():
        for scope, headers in keys.items():
            status = _call(method, address, headers).status_code
            if scope == needed:
                assert status == 204, (method, address, scope)
            else:
                assert status == 403, (method, address, scope)


def test_it_lets_no_scope_make_up_for_another() -> None:
    for method, address, needed in _endpoints():
        others = [scope for scope in SCOPES if scope != needed]
        assert _call(method, address, _headers(*others)).status_code == 403, (method, address)


def test_head_needs_what_get_needs() -> None:
    assert _call("HEAD", "/api/v1/items/nobody", _headers("items:read")).status_code == 204
    assert _call("HEAD", "/api/v1/items/nobody", _headers("items:write")).status_code == 403


def test_a_signed_in_person_is_not_a_key(admin_client: Client) -> None:
    assert admin_client.get("/api/v1/items/nobody").status_code == 401
