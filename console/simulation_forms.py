"""What people may ask of simulations, the slider and the calibration page. Services check again; forms say it in place."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django import forms

from policies.choices import DETECTORS

_WEEKS = (("4", "Last 4 weeks"), ("13", "Last 13 weeks"))


class CalibrationFilter(forms.Form):
    """Which weeks and language to look at; on the overview also which detector and category."""

    weeks = forms.ChoiceField(choices=_WEEKS, required=False, label="Time")
    language = forms.ChoiceField(required=False, label="Language")
    detector = forms.ChoiceField(
        choices=[("", "Every detector"), *((d, d) for d in DETECTORS)], required=False, label="Detector"
    )
    category = forms.ChoiceField(required=False, label="Category")

    def __init__(self, *args: Any, names: dict[str, str], languages: list[str], **kwargs: Any) -> None:
        """Take the categories, slug -> name, and the languages to choose from."""
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [("", "Every category"), *names.items()]  # type: ignore[attr-defined]
        self.fields["language"].choices = [("", "All together"), *((code, code) for code in languages)]  # type: ignore[attr-defined]

    def asked(self) -> dict[str, Any]:
        """Return what was asked; where a field is wrong, what the page shows without it."""
        given = {name: self.cleaned_data.get(name) or "" for name in ("language", "detector", "category")}
        return {**given, "weeks": int(self.cleaned_data.get("weeks") or 13)}

    def since(self, now: datetime) -> datetime:
        """Return when the time looked at begins."""
        return now - timedelta(weeks=self.asked()["weeks"])
