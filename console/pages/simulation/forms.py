"""What people may ask of simulations, the slider and the calibration page. Services check again; forms say it in place."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings

from console.pages.fields import NumberField
from policies.choices import DETECTORS, Band, ItemKind
from policies.replay.population import Filter

_DATE = forms.DateInput({"type": "date"})
_DAYS = ((7, "last 7 days"), (28, "last 28 days"), (90, "last 90 days"))
#: The levels of a threshold row, from the mildest consequence to the strictest.
LEVEL_WORDS = {
    "restrict_13": "Restrict to 13",
    "restrict_16": "Restrict to 16",
    "restrict_18": "Restrict to 18",
    "escalate": "Escalate to people",
    "block": "Block",
}
_WEEKS = (("13", "Last 13 weeks"), ("4", "Last 4 weeks"))


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

    def filter_values(self) -> dict[str, Any]:
        """Return what was asked; where a field is wrong, what the page shows without it."""
        given = {name: self.cleaned_data.get(name) or "" for name in ("language", "detector", "category")}
        return {**given, "weeks": int(self.cleaned_data.get("weeks") or 13)}

    def since(self, now: datetime) -> datetime:
        """Return when the time looked at begins."""
        return now - timedelta(weeks=self.filter_values()["weeks"])


class PopulationForm(forms.Form):
    """Which uploads to replay: the time they came in, and what they were. Codes come one after the other: DE, FR."""

    since = forms.DateField(label="Uploaded from", widget=_DATE, error_messages={"required": "Say from which day on."})
    until = forms.DateField(
        label="Up to and including", widget=_DATE, error_messages={"required": "Say up to which day."}
    )
    markets = forms.CharField(required=False, max_length=200, label="Markets")
    languages = forms.CharField(required=False, max_length=200, label="Languages")
    band = forms.TypedChoiceField(
        choices=[("", "Any"), *Band.choices], coerce=int, empty_value=None, required=False, label="Meant for"
    )
    kind = forms.TypedChoiceField(
        choices=[("", "Any"), *ItemKind.choices], coerce=int, empty_value=None, required=False, label="Kind"
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        """Take the time from which the stored evidence is counted back."""
        super().__init__(*args, **kwargs)
        self.now = now
        self.initial.setdefault("since", (now - timedelta(days=7)).date())
        self.initial.setdefault("until", now.date())

    def clean_markets(self) -> tuple[str, ...]:
        """Return the country codes in capitals, once each."""
        return _codes(self.cleaned_data["markets"].upper(), (2,), "a country code of two letters, such as DE")

    def clean_languages(self) -> tuple[str, ...]:
        """Return the language codes in small letters, once each."""
        return _codes(self.cleaned_data["languages"].lower(), (2, 3), "a language code such as en or pt")

    def clean_since(self) -> date:
        """Refuse a day of which no evidence is kept in memory."""
        day: date = self.cleaned_data["since"]
        first = (self.now - timedelta(days=settings.SIMULATION_DAYS)).date()
        if day < first:
            raise forms.ValidationError(
                f"Evidence is replayed for the last {settings.SIMULATION_DAYS} days; begin on {first:%d %b %Y} or later."
            )
        return day

    def clean(self) -> dict[str, Any]:
        """Check that the period ends after it begins."""
        since, until = self.cleaned_data.get("since"), self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", "The period must end on the day it begins, or later.")
        return self.cleaned_data

    def period(self) -> tuple[datetime, datetime]:
        """Return when the period begins and ends; the last day is inside."""
        since, until = self.cleaned_data["since"], self.cleaned_data["until"]
        return _midnight(since), _midnight(until) + timedelta(days=1)

    def to_filter(self) -> Filter:
        """Return the filter without its period."""
        data = self.cleaned_data
        band, kind = data["band"], data["kind"]
        return Filter(
            markets=data["markets"],
            languages=data["languages"],
            bands=() if band is None else (band,),
            kinds=() if kind is None else (kind,),
        )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _codes(text: str, lengths: tuple[int, ...], what: str) -> tuple[str, ...]:
    codes = text.replace(",", " ").split()
    wrong = [code for code in codes if len(code) not in lengths or not (code.isascii() and code.isalpha())]
    if wrong:
        raise forms.ValidationError(f"“{wrong[0]}” is not {what}.")
    return tuple(dict.fromkeys(codes))


class SliderForm(forms.Form):
    """Which threshold is moved, and to where.

    There are two inputs for one number: `slide` is the range, `threshold` is what can be typed, empty for never. Without a
    script only one of them moves; `slid_from` is where the range stood, so that the one that moved can be told. `of` says
    which threshold they belong to: after another category or level was chosen, they are those of the one before.
    """

    category = forms.ChoiceField(label="Category")
    level = forms.ChoiceField(label="Level", choices=list(LEVEL_WORDS.items()))
    days = forms.TypedChoiceField(label="Uploads of", choices=_DAYS, coerce=int, required=False, empty_value=None)
    threshold = NumberField(
        label="Threshold",
        required=False,
        min_value=0.0001,
        max_value=1,
        error_messages={"invalid": "Write a number from 0.0001 to 1, or nothing for never."},
    )
    slide = NumberField(required=False, min_value=0, max_value=1)
    slid_from = NumberField(required=False, widget=forms.HiddenInput)
    of = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, names: dict[str, str], **kwargs: Any) -> None:
        """Take the categories to choose from as slug -> name."""
        super().__init__(*args, **kwargs)
        self.names = names
        self.fields["category"].choices = list(names.items())  # type: ignore[attr-defined]

    @property
    def is_moved(self) -> bool:
        """Whether the number belongs to the threshold that is chosen."""
        data = self.cleaned_data
        return bool(data.get("of")) and data["of"] == f"{data.get('category')}/{data.get('level')}"

    def threshold_or(self, current: float | None) -> float | None:
        """Return the place of the threshold in question: as moved, else where it stands now. None is never."""
        if not self.is_moved:
            return current
        data = self.cleaned_data
        slide, was = data.get("slide"), data.get("slid_from")
        place = slide if slide is not None and was is not None and slide != was else data.get("threshold")
        return None if place is None else round(place, 4)

    def move(self) -> dict[str, Any]:
        """Return the typed place as `threshold_set` takes it: four decimals, None for never."""
        data = self.cleaned_data
        place = data["threshold"]
        return {
            "category": data["category"],
            "level": data["level"],
            "value": None if place is None else round(place, 4),
        }

    def query(self) -> str:
        """Return the query that shows the same threshold where it stands."""
        data = self.cleaned_data
        return f"category={data['category']}&level={data['level']}&days={data['days'] or ''}"


class FlipForm(forms.Form):
    """An item, by any of its ids."""

    item = forms.CharField(max_length=128, label="Item", error_messages={"required": "Paste the id of an item."})
