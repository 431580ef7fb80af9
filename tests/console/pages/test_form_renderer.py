"""Plain inputs that are drawn without a template read as Django's own."""

from __future__ import annotations

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates

from console.pages.form_renderer import PlainInputs


class Plain(forms.Form):
    """One of each plain input, and what is not plain."""

    text = forms.CharField(max_length=9, help_text="Words")
    number = forms.FloatField(min_value=0, required=False)
    day = forms.DateField(
        widget=forms.DateInput({"type": "date", "data-x": 'a "b" <c>', "disabled": True, "hidden": False})
    )
    key = forms.CharField(widget=forms.HiddenInput)
    choice = forms.ChoiceField(choices=[("a", "A")])
    long = forms.CharField(widget=forms.Textarea)


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"text": '<b>"x"</b>', "number": "1.5", "day": "2026-01-01", "key": "k"},
        {"text": "", "number": "no", "day": "no"},
    ],
)
def test_they_read_the_same(data: dict[str, str] | None) -> None:
    ours, djangos = (str(Plain(data, renderer=renderer())) for renderer in (PlainInputs, DjangoTemplates))
    assert ours == djangos
