"""Reading JSON bodies strictly: what two parsers could read differently is refused, and so is what is too large."""

from typing import IO, Any

from django.conf import settings
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import BaseParser

from console.api.problems import Problem
from policies.untrusted import UntrustedError, faults, load_json


class StrictJSONParser(BaseParser):
    """UTF-8 only, no NaN or Infinity, no key twice, at most DATA_UPLOAD_MAX_MEMORY_SIZE bytes."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return the decoded document.

        Raises:
            Problem: 413, larger than the limit.
            ParseError: not such JSON; the message says where.
        """
        limit: int = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise Problem(413, f"A JSON body may have at most {limit} bytes; send media as multipart/form-data.")
        try:
            document = load_json(raw.decode("utf-8"))
            check_texts(_whole(document, getattr((parser_context or {}).get("view"), "rows_field", None)))
        except UnicodeDecodeError as error:
            raise ParseError(f"The body is not UTF-8 (byte {error.start}).") from error
        except UntrustedError as error:
            raise ParseError(f"The body is not JSON that can be read: {error}.") from error
        return document


def _whole(document: Any, rows_field: str | None) -> Any:
    """Return what is refused as a whole: all but the rows of a view that checks each by itself, so that one loses no other."""
    if rows_field and isinstance(document, dict) and isinstance(document.get(rows_field), list):
        return {**document, rows_field: []}
    return document


def check_texts(document: object) -> None:
    """Refuse a document with texts that nothing behind this door can store or send, and one that is nested too deeply.

    Raises:
        ValidationError: the fields that hold such a text; 422, as for any field that is wrong.
        UntrustedError: the depth.
    """
    found: dict[str, list[ErrorDetail]] = {}
    for place, fault in faults(document):
        found.setdefault(place, [ErrorDetail(fault, code="unreadable_text")])
    if found:
        raise ValidationError(found)
