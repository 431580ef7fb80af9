"""The OpenAPI description: valid, without warnings, and with the problems of every operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from console.models import ApiKey


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """Return the description, having checked that making it drew no warning."""
    GENERATOR_STATS.reset()
    made: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    assert not GENERATOR_STATS._warn_cache, dict(GENERATOR_STATS._warn_cache)
    assert not GENERATOR_STATS._error_cache, dict(GENERATOR_STATS._error_cache)
    return made


def _operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, op) for path, item in schema["paths"].items() for method, op in item.items()]


def test_it_is_valid_openapi_31(schema: dict[str, Any]) -> None:
    assert schema["openapi"].startswith("3.1")
    validate_schema(schema)  # type: ignore[no-untyped-call]


def test_it_holds_every_endpoint_of_items_and_reports(schema: dict[str, Any]) -> None:
    found = {(path, method) for path, method, _ in _operations(schema)}
    assert found >= {
        ("/api/v1/items", "post"),
        ("/api/v1/items/{external_id}", "get"),
        ("/api/v1/items/{external_id}", "delete"),
        ("/api/v1/items/{external_id}/history", "get"),
        ("/api/v1/reports", "post"),
        ("/api/v1/feed", "get"),
    }


def test_every_operation_says_how_it_can_fail(schema: dict[str, Any]) -> None:
    for path, method, operation in _operations(schema):
        codes = set(operation["responses"])
        assert codes >= {"401", "403", "429", "500", "503"}, (method, path)
        assert any(code < "300" for code in codes), (method, path)
        if "requestBody" in operation:
            assert codes >= {"400", "411", "413", "415", "422"}, (method, path)
        if "{" in path:
            assert "404" in codes, (method, path)
        for code, response in operation["responses"].items():
            if code >= "400":
                assert list(response["content"]) == ["application/problem+json"], (method, path, code)


def test_every_call_has_examples_that_are_what_they_say(schema: dict[str, Any]) -> None:
    for path, method, operation in _operations(schema):
        contents = [*operation.get("requestBody", {}).get("content", {}).items()]
        for response in operation["responses"].values():
            contents += response["content"].items()
        assert contents
        for kind, content in contents:
            assert "example" in content, (method, path, kind)
            _check(content["example"], content["schema"], schema)
        for parameter in operation.get("parameters", ()):
            assert "example" in parameter, (method, path, parameter["name"])
            _check(parameter["example"], parameter["schema"], schema)


def test_every_documented_error_is_a_problem_with_its_own_status(schema: dict[str, Any]) -> None:
    for path, method, operation in _operations(schema):
        for code, response in operation["responses"].items():
            if code >= "400":
                content = response["content"]["application/problem+json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}, (method, path, code)
                assert content["example"]["status"] == int(code), (method, path, code)


def _check(value: Any, described: dict[str, Any], schema: dict[str, Any]) -> None:
    validator = OAS31Validator({**described, "components": schema["components"]}, format_checker=oas31_format_checker)
    validator.validate(value)


@pytest.mark.parametrize("name", ["EventBatchSchemaRequest", "Explanation"])
def test_what_events_and_explanations_hold_is_typed(schema: dict[str, Any], name: str) -> None:
    assert list(_untyped(schema["components"]["schemas"][name], schema, name)) == []


def _untyped(described: dict[str, Any], schema: dict[str, Any], place: str) -> Iterator[str]:
    """Yield the places in a description where anything goes."""
    if "$ref" in described:
        described = schema["components"]["schemas"][described["$ref"].rpartition("/")[2]]
    inner = {
        **described.get("properties", {}),
        **{str(i): one for key in ("oneOf", "anyOf", "allOf") for i, one in enumerate(described.get(key, ()))},
    }
    for key in ("items", "additionalProperties"):
        if isinstance(described.get(key), dict):
            inner[key] = described[key]
    if not inner and not {"type", "enum", "const"} & set(described):
        yield place
    if described.get("type") == "object" and not inner:
        yield place
    for name, one in inner.items():
        yield from _untyped(one, schema, f"{place}.{name}")


def test_an_explanation_that_finds_nothing_is_documented(schema: dict[str, Any]) -> None:
    assert "404" in schema["paths"]["/api/v1/feed/explain"]["get"]["responses"]


def test_every_operation_asks_for_a_key_and_has_words_and_its_own_name(schema: dict[str, Any]) -> None:
    operations = _operations(schema)
    assert all({"ApiKey": []} in operation["security"] for _, _, operation in operations)
    wordless = [op["operationId"] for _, _, op in operations if not (op.get("summary") or op.get("description"))]
    assert not wordless
    names = [operation["operationId"] for _, _, operation in operations]
    assert len(names) == len(set(names))


def test_an_upload_is_described_as_a_form_with_files(schema: dict[str, Any]) -> None:
    content = schema["paths"]["/api/v1/items"]["post"]["requestBody"]["content"]
    assert {"application/json", "multipart/form-data"} <= set(content)
    fields = schema["components"]["schemas"]["ItemSubmissionRequest"]["properties"]
    assert fields["media"]["format"] == "binary"


@pytest.mark.django_db
def test_it_is_served_to_anybody(client: Client) -> None:
    answer = client.get("/api/v1/schema/")
    assert answer.status_code == 200
    assert yaml.safe_load(answer.content)["info"]["title"] == "Gatehouse API"


@pytest.mark.django_db
def test_the_page_loads_only_files_of_ours_and_relaxes_styles_for_itself_alone(client: Client) -> None:
    page = client.get("/api/v1/docs/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "style-src 'self' 'unsafe-inline'" in policy
    assert "script-src" not in policy  # default-src 'self' covers scripts
    text = page.content.decode()
    assert "https://" not in text
    assert "<script>" not in text
    script = client.get("/api/v1/docs/?script=")
    assert script.headers["Content-Type"].startswith("application/javascript")
    assert "unsafe-inline" not in client.get("/livez").headers.get("Content-Security-Policy", "")


@pytest.mark.django_db
class TestOptions:
    """OPTIONS on addresses of the API."""

    @pytest.mark.parametrize(
        ("path", "methods"),
        [
            ("items", ["OPTIONS", "POST"]), ("items/a", ["DELETE", "GET", "HEAD", "OPTIONS"]), ("items/a/history", ["GET", "HEAD", "OPTIONS"]),
            ("reports", ["OPTIONS", "POST"]), ("feed", ["GET", "HEAD", "OPTIONS"]), ("feed/revocations", ["GET", "HEAD", "OPTIONS"]),
            ("feed/explain", ["GET", "HEAD", "OPTIONS"]), ("events", ["OPTIONS", "POST"]),
        ],
    )  # fmt: skip
    def test_a_key_learns_which_methods_there_are_and_nothing_else(
        self, client: Client, path: str, methods: list[str]
    ) -> None:
        _, secret = ApiKey.issue(name="tests", scopes=["items:read"])
        answer = client.options(f"/api/v1/{path}", headers={"Authorization": f"Api-Key {secret}"})
        assert answer.status_code == 200
        assert answer.json() == {"methods": methods}
        assert sorted(answer.headers["Allow"].split(", ")) == methods

    def test_nobody_else_does(self, client: Client) -> None:
        assert client.options("/api/v1/items").status_code == 401
        assert (
            client.options("/api/v1/items", headers={"Authorization": "Api-Key wrong-wrong-wrong-wrong"}).status_code
            == 401
        )

    @pytest.mark.parametrize("path", ["schema/", "docs/"])
    def test_the_description_answers_as_well(self, client: Client, path: str) -> None:
        answer = client.options(f"/api/v1/{path}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert "GET" in answer.headers["Allow"]
