"""Writes docs/api.md from the OpenAPI schema: `python tools/api_doc.py`; `--check` exits 1 where the page is not the schema's."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
OUT = ROOT / "docs" / "api.md"
Json = dict[str, Any]

HEAD = """# The HTTP contract

Written by `tools/api_doc.py` from the OpenAPI schema, which the server gives at `/api/v1/schema/`, with a browsable page at `/api/v1/docs/`.

JSON over HTTPS under `/api/v1/`. The key goes in `Authorization: Api-Key <key>` and has scopes; administrators issue keys in the console. Errors follow RFC 9457
(`application/problem+json`): a stable `type`, a sentence a person can act on and, for fields, `errors: [{"field", "code", "detail"}]`. Times are RFC 3339, UTC.
Fields that an endpoint does not know are refused. Whatever is refused leaves nothing behind. Media addresses live for minutes and die with the clearance; every range asks again.

`/livez` says that the process answers, `/readyz` that database, broker, gate, policy, banks, deep pass and decoders are usable; `/metrics` is for Prometheus and not public.
"""


def schema() -> Json:
    """Return the schema as the server gives it."""
    os.environ.setdefault("ENVIRONMENT", "test")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    import django

    django.setup()
    from drf_spectacular.generators import SchemaGenerator

    generator: Any = SchemaGenerator
    return dict(generator().get_schema(request=None, public=True))


def _resolve(part: Json, whole: Json) -> Json:
    while "$ref" in part:
        part = whole["components"]["schemas"][part["$ref"].rpartition("/")[2]]
    return part


def type_of(part: Json, whole: Json) -> str:
    """Return the type of a field in words, one level deep: what a list holds, which values there are, how long it may be."""
    found = _resolve(part, whole)
    several: list[Json] = found.get("oneOf") or found.get("anyOf") or found.get("allOf") or []
    choices = [one for one in several if one.get("type") != "null"]
    if choices:
        return " or ".join(
            dict.fromkeys(type_of(one, whole) for one in choices if _resolve(one, whole).get("enum") != [None])
        )
    if "enum" in found:
        return ", ".join(f"`{value}`" for value in found["enum"] if value is not None)
    if found.get("type") == "array":
        return f"list of {type_of(found['items'], whole)}"
    if found.get("properties"):
        return "{" + ", ".join(f"`{name}`" for name in found["properties"]) + "}"
    kind = found.get("type", "object")
    kinds = [kind] if isinstance(kind, str) else [one for one in kind if one != "null"]
    limits = [f"at most {found['maxLength']:,}"] if "maxLength" in found else []
    limits += [f"{found['minimum']:,} to {found['maximum']:,}"] if {"minimum", "maximum"} <= found.keys() else []
    return (
        " or ".join(kinds)
        + (f" ({found['format']})" if "format" in found else "")
        + (f", {limits[0]}" if limits else "")
    )


def _table(rows: list[tuple[str, str, str]], first: str) -> list[str]:
    if not rows:
        return []
    cells = [f"| `{name}` | {kind.replace('|', '/')} | {' '.join(says.split())} |" for name, kind, says in rows]
    return [f"| {first} | Type | |", "|---|---|---|", *cells, ""]


def _fields(part: Json, whole: Json) -> list[tuple[str, str, str]]:
    found = _resolve(part, whole)
    needed = set(found.get("required", []))
    return [
        (
            name,
            type_of(field, whole),
            " ".join(filter(None, ("required" if name in needed else "", field.get("description", "")))),
        )
        for name, field in found.get("properties", {}).items()
    ]


def _answer(response: Json, whole: Json) -> Json | None:
    return next((body["schema"] for body in response.get("content", {}).values() if "schema" in body), None)


def _endpoint(method: str, path: str, does: Json, whole: Json) -> list[str]:
    lines = [f"### `{method.upper()} {path}`", "", " ".join(does.get("description", "").split()), ""]
    asked = [(p["name"], type_of(p["schema"], whole), p.get("description", "")) for p in does.get("parameters", [])]
    lines += _table(asked, "Parameter")
    body: tuple[str, Json] | None = next(iter(does.get("requestBody", {}).get("content", {}).items()), None)
    if body:
        lines += [f"Takes {' or '.join(f'`{kind}`' for kind in does['requestBody']['content'])}.", ""]
        lines += _table(_fields(body[1]["schema"], whole), "Field")
    for code, response in does["responses"].items():
        answer = _answer(response, whole)
        if code.startswith("2") and answer:
            lines += [
                f"Answers {code}:",
                "",
                *_table(
                    [
                        (name, kind, says.removeprefix("required").strip())
                        for name, kind, says in _fields(answer, whole)
                    ],
                    "Field",
                ),
            ]
    refusals = [
        f"{code} {response.get('description', '')}".strip()
        for code, response in does["responses"].items()
        if code[0] in "45"
    ]
    return [*lines, "Refuses with " + "; ".join(refusals) + ".", ""]


def page(whole: Json) -> str:
    """Return the page: the groups by path, an endpoint a section."""
    lines, last = [HEAD], ""
    for path, methods in whole["paths"].items():
        group = path.removeprefix("/api/v1/").split("/")[0]
        lines += [f"## {group.capitalize()}", ""] if group != last else []
        last = group
        for method, does in methods.items():
            lines += _endpoint(method, path, does, whole)
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    written = page(schema())
    if "--check" in sys.argv:
        sys.exit(0 if OUT.exists() and OUT.read_text() == written else f"{OUT} is old: run python tools/api_doc.py")
    OUT.write_text(written)
