"""Rendering of forms: plain inputs without a template. A draft's thresholds are some 150 of them, and each would cost two templates."""

from typing import Any

from django.forms.renderers import DjangoTemplates
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join

#: Widgets of Django whose templates are all one input and its attributes.
_PLAIN = frozenset(f"django/forms/widgets/{name}.html" for name in ("number", "text", "hidden", "date", "input"))


class PlainInputs(DjangoTemplates):
    """Django's own renderer, but for plain inputs; those read the same."""

    def render(self, template_name: str, context: dict[str, Any], request: HttpRequest | None = None) -> Any:
        """Render a template, or what it would say."""
        if template_name not in _PLAIN:
            return super().render(template_name, context, request)
        widget = context["widget"]
        value = "" if widget["value"] is None else format_html(' value="{}"', widget["value"])
        attributes = format_html_join("", "{}", ((_attribute(*pair),) for pair in widget["attrs"].items()))
        return format_html('<input type="{}" name="{}"{}{}>', widget["type"], widget["name"], value, attributes)


def _attribute(name: str, value: Any) -> str:
    if value is False:
        return ""
    return format_html(" {}", name) if value is True else format_html(' {}="{}"', name, value)
