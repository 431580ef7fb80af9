"""Numbers in forms: ASCII digits and nothing else, by the rule of policies.untrusted. Django's take the digits of every script,
underscores and blanks."""

from typing import Any

from django import forms

from policies.untrusted import decimal_number, whole_number


class WholeNumberField(forms.IntegerField):
    """A whole number that is not negative."""

    def to_python(self, value: Any) -> int | None:
        """Return the number, None for an empty field."""
        if isinstance(value, str) and value not in self.empty_values and whole_number(value, 0, 2**63 - 1) is None:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class NumberField(forms.FloatField):
    """A number, such as 0.85."""

    def to_python(self, value: Any) -> float | None:  # type: ignore[override]
        """Return the number, None for an empty field."""
        if isinstance(value, str) and value not in self.empty_values and decimal_number(value) is None:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)
