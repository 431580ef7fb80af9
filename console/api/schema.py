"""The OpenAPI description and its page. Every operation gets the problem documents that it can answer with."""

from typing import Any

from csp.decorators import csp_update
from django.utils.decorators import method_decorator
from django.views.decorators.cache import cache_control
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from console.api.problems import CONTENT_TYPE, TITLES

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
_WITH_BODY = (400, 413, 415, 422)


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


@method_decorator(cache_control(public=True, max_age=300), name="dispatch")
class SchemaView(SpectacularAPIView):
    """The description, as YAML or JSON."""

    renderer_classes = [OpenApiYamlRenderer, OpenApiJsonRenderer, OpenApiJsonRenderer2]


# Swagger UI writes style attributes; scripts stay files of ours. The relaxation ends with this page.
@method_decorator(csp_update({"style-src": ["'self'", "'unsafe-inline'"]}), name="dispatch")
class DocsView(SpectacularSwaggerSplitView):
    """The description as a page to try calls on."""

    url_name = "api-schema"
