"""Numbers in requests to the API, by the rule of policies.untrusted."""

from typing import Any

from rest_framework import serializers

from policies.untrusted import MAX_DIGITS, whole_number


class WholeNumberField(serializers.IntegerField):
    """A whole number that is not negative: of JSON a number without a fraction, of forms and addresses ASCII digits."""

    def to_internal_value(self, data: Any) -> int:
        """Return the number."""
        if isinstance(data, str):
            data = whole_number(data, 0, 10**MAX_DIGITS - 1)
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("invalid")
        return super().to_internal_value(data)
