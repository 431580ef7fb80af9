"""Reading multipart bodies strictly: text must be UTF-8, and what a file is called says nothing about it."""

from typing import Any

from django.http import QueryDict
from django.http.multipartparser import MultiPartParser as DjangoMultiPartParser
from django.http.multipartparser import MultiPartParserError
from django.utils.datastructures import MultiValueDict
from rest_framework.exceptions import ErrorDetail, ParseError, ValidationError
from rest_framework.parsers import BaseParser, DataAndFiles

from policies.untrusted import faults


class _NamelessParser(DjangoMultiPartParser):
    """Keeps every file that was sent, whatever its name: Django drops one that is called `..`, as if it were absent."""

    def sanitize_file_name(self, file_name: str) -> str:
        """Return one fixed name; no name that a client chose goes any further."""
        return "upload"


class StrictMultiPartParser(BaseParser):
    """Like REST framework's, but bytes that are not UTF-8 are refused instead of replaced."""

    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> Any:
        """Return fields and files; files above FILE_UPLOAD_MAX_MEMORY_SIZE lie in temporary files.

        Raises:
            ParseError: the body is no multipart form, or a field is not UTF-8.
        """
        request = parser_context["request"]
        meta = {**request.META, "CONTENT_TYPE": media_type}
        try:
            # Latin-1 maps every byte to one character, so that we can decode strictly afterwards.
            fields, files = _NamelessParser(meta, stream, request.upload_handlers, "latin-1").parse()
        except MultiPartParserError as error:
            raise ParseError(f"The multipart form cannot be read: {error}.") from error
        try:
            return _check(_decode(fields), MultiValueDict({_utf8(n): found for n, found in files.lists()}))
        except UnicodeDecodeError as error:
            _close(files)
            raise ParseError("A field of the form is not UTF-8.") from error
        except ValidationError:
            _close(files)
            raise


def _check(fields: QueryDict, files: MultiValueDict[str, Any]) -> Any:
    """Return what was sent where all of its text is text that can be kept."""
    found = dict(faults({**dict(fields.lists()), **{name: [] for name in files}}))
    if found:
        # Fields may come twice: `caption.0` is the caption.
        raise ValidationError({p.partition(".")[0]: [ErrorDetail(f, code="unreadable_text")] for p, f in found.items()})
    return DataAndFiles(fields, files)


def _close(files: MultiValueDict[str, Any]) -> None:
    for _, found in files.lists():
        for file in found:
            file.close()


def _decode(fields: QueryDict) -> QueryDict:
    decoded = QueryDict(mutable=True)
    for name, values in fields.lists():
        decoded.setlist(_utf8(name), [_utf8(value) for value in values])
    return decoded


def _utf8(text: str) -> str:
    return text.encode("latin-1").decode("utf-8")
