"""What people may type about runs over history. The service checks again."""

from django import forms

from console.pages.fields import WholeNumberField
from moderation.live.detectors import deep_declared


class RerunForm(forms.Form):
    """Which detector runs over history, and how fast at most."""

    detector = forms.ChoiceField(
        choices=[(name, name) for name in deep_declared()],
        error_messages={"invalid_choice": "Choose one of the deep detectors.", "required": "Choose a detector."},
    )
    per_minute = WholeNumberField(
        label="Files a minute, at most", min_value=1, max_value=6_000, initial=60,
        error_messages={"required": "Give a number of files a minute.", "invalid": "Give a whole number from 1 to 6000."},
    )  # fmt: skip
