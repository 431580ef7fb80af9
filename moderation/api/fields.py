"""Fields of requests, stricter than REST framework's: no guessing of types, and nothing that is not asked for."""

import re
from copy import copy, deepcopy
from typing import Any

from django.http import QueryDict
from rest_framework import serializers

from policies.document.regions import REGIONS

#: The shape of RFC 5646 language tags: language, script, region, variants, extensions, private use.
_LANGUAGE = re.compile(
    r"([a-z]{2,3}(-[a-z]{3}){0,3}|[a-z]{4,8})(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"
    r"(-[0-9a-wy-z](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?",
    re.IGNORECASE,
)
MAX_LANGUAGE = 35


class TextField(serializers.CharField):
    """A string that is kept as it was sent. Numbers are not turned into strings; NUL and lone surrogates are refused."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the string."""
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class IdentifierField(TextField):
    """An id that the platform chose: printable, no blank at either end, at most 128 characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=128, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the id."""
        value = super().to_internal_value(data)
        if not value.isprintable() or value != value.strip():
            raise serializers.ValidationError(
                "An id has printable characters only and no blank at either end.", code="not_printable"
            )
        return value


class ItemIdField(IdentifierField):
    """An id that also has to survive as the end of an address."""

    def to_internal_value(self, data: Any) -> str:
        """Return the id."""
        value = super().to_internal_value(data)
        parts = value.split("/")
        if any(part in {"", ".", ".."} for part in parts) or parts[1:][-1:] == ["history"]:
            raise serializers.ValidationError(
                "As a path, the id has an empty, '.' or '..' part or ends in '/history', so no address could name it.",
                code="not_addressable",
            )
        return value


class LanguageField(TextField):
    """A BCP 47 language tag; blank when the platform does not know."""

    def to_internal_value(self, data: Any) -> str:
        """Return the tag as it was written."""
        value = super().to_internal_value(data)
        if value and (len(value) > MAX_LANGUAGE or not _LANGUAGE.fullmatch(value)):
            raise serializers.ValidationError("Not a BCP 47 language tag, such as de or pt-BR.", code="not_a_language")
        return value


class RegionField(TextField):
    """An ISO 3166-1 alpha-2 code in capital letters; blank when the platform does not know."""

    def to_internal_value(self, data: Any) -> str:
        """Return the code."""
        value = super().to_internal_value(data)
        if value and value not in REGIONS:
            raise serializers.ValidationError(
                "Not an ISO 3166-1 alpha-2 code in capital letters, such as DE.", code="not_a_region"
            )
        return value


def _is_nested(field: Any) -> bool:
    """Whether a field holds others, which know it as their parent."""
    return isinstance(field, serializers.BaseSerializer) or hasattr(field, "child")


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses unknown fields, and fields that a form sends twice: one of the two would win silently."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return this serializer's own copies of its declared fields, for each request anew.

        Shallow ones where that will do: REST framework makes each field again from its arguments, which costs more than
        validating with it, and validating changes nothing of a field but what belongs to the copy.
        """
        declared = self._declared_fields
        return {name: deepcopy(f) if _is_nested(f) else copy(f) for name, f in declared.items()}

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated values.

        Raises:
            ValidationError: one error for each field at fault.
        """
        wrong = self._misname(data)
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(error.detail, dict):
                raise
            raise serializers.ValidationError({**error.detail, **wrong}) from error
        if wrong:
            raise serializers.ValidationError(wrong)
        return values

    def _misname(self, data: Any) -> dict[str, Any]:
        if not hasattr(data, "keys"):
            return {}
        wrong = {
            str(name)[:128]: serializers.ErrorDetail("There is no such field.", code="unknown")
            for name in data
            if name not in self.fields
        }
        if isinstance(data, QueryDict):
            repeated = (name for name, values in data.lists() if len(values) > 1 and name in self.fields)
            wrong |= {name: serializers.ErrorDetail("Sent more than once.", code="repeated") for name in repeated}
        return wrong
