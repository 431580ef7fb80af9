"""One rule for text and numbers at every door: addresses, parameters, forms, names of files, JSON."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django import forms
from django.core.management import CommandError, call_command
from django.test import Client
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from console.models import SCOPES, ApiKey
from console.pages.fields import NumberField, WholeNumberField

pytestmark = pytest.mark.django_db

#: As percent escapes: a NUL, half of a surrogate pair, a byte that is no UTF-8, a character cut off.
BAD = ["%00", "a%00b", "%ED%A0%80", "%ff", "%E2%82"]
_PAGES = [
    "/accounts/login/",
    "/items/",
    "/queues/",
    "/audit/",
    "/policies/",
    "/demo/feed",
    "/livez",
    "/static/x.css",
    "/nowhere",
]
_API = [
    "/api/v1/feed",
    "/api/v1/feed/revocations",
    "/api/v1/feed/explain",
    "/api/v1/items/x",
    "/api/v1/schema/",
    "/api/v1/nothing",
]
_NUMBERS = ["+5", "-5", " 5", "5 ", "5_0", "٥", "５", "5.0", "5e0", "0x5", "nan", "9" * 30]


@pytest.fixture
def api() -> Client:
    _, secret = ApiKey.issue(name="text", scopes=list(SCOPES))
    return Client(headers={"Authorization": f"Api-Key {secret}"}, raise_request_exception=False)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("path", _PAGES + _API)
def test_parameters_with_unreadable_text_are_refused_at_every_address(browser: Client, path: str, bad: str) -> None:
    for query in (f"q={bad}", f"{bad}=1"):
        answer = browser.generic("GET", path, QUERY_STRING=query)
        assert answer.status_code == (422 if path in _API else 400), (path, query)
        if path in _API:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["errors"]


def test_parameters_in_other_scripts_are_taken(browser: Client) -> None:
    for text in ("é", "日本", "😀", "plain", "a%zz"):
        assert browser.get(f"/items/?q={quote(text, safe='%')}").status_code == 200


@pytest.mark.parametrize(
    "path", ["/items/%00", "/media/%00", "/api/v1/items/a%00b", "/%00", "/admin/%00", "/policies/%00/"]
)
def test_no_address_has_a_nul(browser: Client, api: Client, path: str) -> None:
    assert (api if path.startswith("/api/") else browser).get(path).status_code == 404


@pytest.mark.parametrize("fields", [{"login": "a\0", "password": "x"}, {"login": "a", "password": "\0"}, {"a\0": "x"}])
@pytest.mark.parametrize("path", ["/accounts/login/", "/admin/login/", "/queues/", "/jobs/claim", "/policies/take"])
def test_a_form_with_a_nul_is_refused_at_every_page(browser: Client, path: str, fields: dict[str, str]) -> None:
    body = urlencode(fields)
    answer = browser.generic("POST", path, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 400


_EVENT = {"event_id": "e", "type": "watch", "viewer": "v", "external_id": "x", "at": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("events", {"\0": []}, "body"),
        ("reports", {"external_id": "x", "reporter": "r", "category": "hate", "text": "a\0"}, "text"),
        ("items", {"external_id": "x", "\ud83d": 1}, "body"),
        ("items", {"external_id": ["\ud83d"]}, "external_id.0"),
    ],
)
def test_json_names_the_field_whose_text_is_unreadable(api: Client, path: str, body: Any, field: str) -> None:
    answer = api.generic("POST", f"/api/v1/{path}", json.dumps(body), content_type="application/json")
    assert answer.status_code == 422, answer.content
    assert [(error["field"], error["code"]) for error in answer.json()["errors"]] == [(field, "unreadable_text")]


@pytest.mark.parametrize(
    "change",
    [{"viewer": "\ud800"}, {"event_id": "\ud800"}, {"\udfff": 1}, {"watch_ms": {"a\0": 1}}, {"external_id": "a\0"}, {"x": [[[[[[[[[[["\0"]]]]]]]]]]]}],
)  # fmt: skip
def test_an_event_with_unreadable_text_loses_no_other(api: Client, change: dict[str, Any]) -> None:
    body = {"events": [{**_EVENT, **change}, {"event_id": "other"}]}
    answer = api.generic("POST", "/api/v1/events", json.dumps(body), content_type="application/json")
    assert answer.status_code == 202, answer.content
    assert [row["code"] for row in answer.json()["rejected"]] == ["invalid", "unknown_type"]


@pytest.mark.parametrize("path", ["items", "events", "reports"])
@pytest.mark.parametrize(
    "body",
    ['{"a": 1e999}', '{"a": -1e999}', '{"a": NaN}', f'{{"a": {"9" * 20}}}', '{"a": 1, "a": 2}', "[" * 40 + "]" * 40,
     '{"a":' * 40 + "1" + "}" * 40, "[" * 20_000],
)  # fmt: skip
def test_json_that_is_read_differently_elsewhere_is_refused(api: Client, path: str, body: str) -> None:
    answer = api.generic("POST", f"/api/v1/{path}", body, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert len(answer.content) < 1_000


@pytest.mark.parametrize("name", ["external_id", "caption", "nobody"])
def test_a_form_of_the_api_passes_the_same_rule(api: Client, name: str) -> None:
    part = f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\na\0b\r\n--b--\r\n'.encode()
    answer = api.generic("POST", "/api/v1/items", part, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 422
    assert name in {error["field"] for error in answer.json()["errors"]}


@effort(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(st.dictionaries(st.sampled_from([*_EVENT, "watch_ms"]) | st.text(st.characters(exclude_categories=()), max_size=4), st.none() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=()), max_size=5), max_size=7), max_size=4))  # fmt: skip
def test_events_survive_anything(api: Client, events: Any) -> None:
    answer = api.generic("POST", "/api/v1/events", json.dumps({"events": events}), content_type="application/json")
    assert answer.status_code in {202, 400, 422}, answer.content
    assert json.loads(answer.content)


@effort(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.dictionaries(st.sampled_from(["viewer", "age", "region", "language", "network", "limit", "cursor", "x"]), st.text(max_size=9) | st.binary(max_size=4), max_size=4))  # fmt: skip
def test_the_feeds_parameters_survive_anything(api: Client, query: Any) -> None:
    answer = api.generic("GET", "/api/v1/feed", QUERY_STRING=urlencode(query))
    assert answer.status_code in {200, 400, 422}, answer.content


@pytest.mark.parametrize("number", _NUMBERS)
@pytest.mark.parametrize(("path", "name"), [("feed", "limit"), ("feed/revocations", "since")])
def test_numbers_in_addresses_are_ascii_digits(api: Client, path: str, name: str, number: str) -> None:
    answer = api.get(f"/api/v1/{path}", {name: number})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [name]


@pytest.mark.parametrize("number", [*_NUMBERS, 5.0, True, [5]])
def test_numbers_in_bodies_are_whole_or_ascii_digits(api: Client, number: object) -> None:
    body = {"external_id": "x", "kind": "text", "creator": "c", "caption": "words", "duration_ms": number}
    answer = api.generic("POST", "/api/v1/items", json.dumps(body), content_type="application/json")
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["duration_ms"]


@pytest.mark.parametrize("number", _NUMBERS)
def test_numbers_in_forms_are_ascii_digits(number: str) -> None:
    with pytest.raises(forms.ValidationError):
        WholeNumberField().clean(number)
    if number not in {"5.0", "-5", "5e0"}:
        with pytest.raises(forms.ValidationError):
            NumberField().clean(number)


def test_numbers_in_forms_are_read() -> None:
    assert WholeNumberField(required=False).clean("") is None
    assert WholeNumberField().clean("12") == 12
    assert NumberField().clean("0.85") == 0.85


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("domains_load", "domain,action,value,category,note\nexample.org,score,0.5,hate,a\0b\n"),
        ("domains_load", "domain,action,value,category,note\nexample.org,score,٠.٥,hate,x\n"),
        ("domains_load", "domain,action\nexample.org\n"),
        ("banks_load", "bank,category,outcome,algorithm,value,note\nx,hate,BLOCK,pdq,\0,x\n"),
        ("banks_load", "bank,category,outcome,algorithm,value,note\nx\n"),
    ],
)
def test_a_file_that_a_command_cannot_keep_is_refused_in_a_sentence(
    ready: None, tmp_path: Any, command: str, text: str
) -> None:
    file = tmp_path / "file.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match="Nothing was stored"):
        call_command(command, str(file))


@pytest.mark.parametrize(
    "text", ['[{"type": "HASH_PDQ", "indicator": "\\ud800"}]', "[" * 50 + "]" * 50, '{"type": "a\\u0000"}']
)
def test_a_shared_file_with_unreadable_text_is_refused_in_a_sentence(ready: None, tmp_path: Any, text: str) -> None:
    file = tmp_path / "file.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CommandError, match="Nothing was stored"):
        call_command("banks_import", "new-bank", str(file), "--category", "hate")
