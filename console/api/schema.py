"""The OpenAPI description and its page. Every operation gets the problem documents that it can answer with, and examples."""

from typing import Any

from csp.decorators import csp_update
from django.http import HttpResponse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.views import APIView

from console.api.examples import ANSWERS, PARAMETERS, PROBLEMS, REQUESTS
from console.api.problems import CONTENT_TYPE, TITLES, problem

_PROBLEM = {
    "type": "object",
    "description": "An RFC 9457 problem document.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "description": "Stable; what clients compare.",
            "example": "urn:gatehouse:problem:invalid",
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong and what to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {
                    "field": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
_ALWAYS = (401, 403, 406, 429, 500, 503)
_WITH_BODY = (400, 411, 413, 415, 422)


def problems_documented(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add the problem responses to every operation (a drf-spectacular post-processing hook)."""
    result.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for path in result.get("paths", {}).values():
        for operation in path.values():
            _document(operation)
    return result


def _document(operation: dict[str, Any]) -> None:
    responses: dict[str, Any] = operation["responses"]
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    codes = [*_ALWAYS, *([404] if "path" in places else []), *([422] if "query" in places else [])]
    codes += _WITH_BODY if "requestBody" in operation else ()
    for code in codes:
        responses.setdefault(str(code), {"description": TITLES[code]})
    for status, response in responses.items():
        if status >= "400":
            response["content"] = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    operation["responses"] = dict(sorted(responses.items()))


def examples_given(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Add an example to every request, parameter and answer (a hook, after `problems_documented`)."""
    for path in result.get("paths", {}).values():
        for operation in path.values():
            _exemplify(operation)
    return result


def _exemplify(operation: dict[str, Any]) -> None:
    name = operation["operationId"]
    for content in operation.get("requestBody", {}).get("content", {}).values():
        _give(content, REQUESTS.get(name))
    for parameter in operation.get("parameters", ()):
        _give(parameter, PARAMETERS.get(parameter["name"]))
    for status, response in operation["responses"].items():
        for content in response.get("content", {}).values():
            is_fault = status >= "400"
            _give(content, problem(int(status), PROBLEMS[int(status)]) if is_fault else ANSWERS.get(name))


def _give(place: dict[str, Any], example: Any) -> None:
    if example is not None:
        place["example"] = example


class _MethodsOnly(APIView):
    """Answers OPTIONS without what describes or shows the page itself."""

    def options(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        """Return the methods in the header Allow, and no body."""
        return HttpResponse(status=204, headers={"Allow": "GET, HEAD, OPTIONS"})


@method_decorator(cache_control(public=True, max_age=300), name="dispatch")
class SchemaView(_MethodsOnly, SpectacularAPIView):
    """The description, as YAML or JSON."""

    renderer_classes = [OpenApiYamlRenderer, OpenApiJsonRenderer, OpenApiJsonRenderer2]


# Swagger UI writes style attributes; scripts stay files of ours. The relaxation ends with this page.
@method_decorator(csp_update({"style-src": ["'self'", "'unsafe-inline'"]}), name="dispatch")
class DocsView(_MethodsOnly, SpectacularSwaggerSplitView):
    """The description as a page to try calls on."""

    url_name = "api-schema"
