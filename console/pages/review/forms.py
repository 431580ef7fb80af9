"""What people may type when they give a job back, ask about it, end a shift, or say what jobs they can judge and bear."""

from collections.abc import Iterable
from typing import Any

from django import forms

from moderation.models.job_note import SkipReason
from moderation.verdict.job_order import language_of


class SkipForm(forms.Form):
    """Why a job is skipped; each reason is a button of its own."""

    reason = forms.ChoiceField(choices=SkipReason.choices, error_messages={"required": "Choose why you skip it."})
    skip_note = forms.CharField(required=False, max_length=400)


class AskForm(forms.Form):
    """A question to seniors."""

    question = forms.CharField(
        max_length=2_000,
        error_messages={"required": "Write what you want to know; the senior reads nothing else of you."},
    )


class ShiftForm(forms.Form):
    """What is left for whoever has the job next."""

    shift_note = forms.CharField(required=False, max_length=400)


class SeatForm(forms.Form):
    """One's own languages, and what one does not want to be given."""

    languages = forms.CharField(required=False, max_length=200)
    opted_out = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    grave_per_day = forms.IntegerField(required=False, min_value=0, max_value=1_000)

    def __init__(self, *args: Any, names: dict[str, str], **kwargs: Any) -> None:
        """Take the categories to choose from as slug -> name."""
        super().__init__(*args, **kwargs)
        self.fields["opted_out"].choices = list(names.items())  # type: ignore[attr-defined]

    def clean_languages(self) -> list[str]:
        """Return the languages as primary subtags, once each."""
        tags = self.cleaned_data["languages"].replace(",", " ").split()
        wrong = [tag for tag in tags if not language_of(tag)]
        if wrong:
            raise forms.ValidationError(f"“{wrong[0]}” is not a language code; write such as de, en, pt.")
        return sorted({language_of(tag) for tag in tags})


class TrainForm(forms.Form):
    """The queues that somebody is trained for; none for all."""

    queues = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, slugs: Iterable[str], **kwargs: Any) -> None:
        """Take the queues to choose from."""
        super().__init__(*args, **kwargs)
        self.fields["queues"].choices = [(slug, slug) for slug in slugs]  # type: ignore[attr-defined]
