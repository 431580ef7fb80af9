"""What people may type: decisions, and what the filters of lists share. Services check again; forms say it kindly and in place."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Model, QuerySet

from console.pages.changed import read_typed
from policies.choices import Outcome
from policies.document.clauses import letters
from policies.models import Category

_PLACE = re.compile(r"(?:([0-9]{1,3}):)?([0-9]{1,6}(?:[.][0-9]{1,3})?)", re.ASCII)
AGES = ((13, "13 and over"), (16, "16 and over"), (18, "18 and over"))


def categories() -> list[Category]:
    """Return every category, the most severe first."""
    return list(Category.objects.order_by("-severity", "name"))


def category_names(known: list[Category] | None = None) -> dict[str, str]:
    """Return slug -> name of every category, the most severe first; without a query where they are at hand."""
    return {category.slug: category.name for category in (categories() if known is None else known)}


class DecisionForm(forms.Form):
    """A reviewer's decision on a job. Anything but CLEAR needs a category and a note."""

    outcomes: tuple[tuple[Outcome, str], ...] = (
        (Outcome.CLEAR, "Clear"),
        (Outcome.RESTRICT, "Restrict"),
        (Outcome.BLOCK, "Block"),
        (Outcome.ESCALATE, "Pass to seniors"),
    )
    outcome = forms.TypedChoiceField(coerce=int, error_messages={"required": "Choose an outcome."})
    category = forms.ChoiceField(required=False)
    min_age = forms.TypedChoiceField(choices=AGES, coerce=int, required=False, empty_value=None)
    territories = forms.CharField(required=False, max_length=800)
    note = forms.CharField(required=False, max_length=2_000, widget=forms.Textarea)
    #: The part of a clip that breaks the rule: in seconds, or as players write it, m:ss.
    span_from = forms.CharField(required=False, max_length=12)
    span_until = forms.CharField(required=False, max_length=12)
    lease_token = forms.UUIDField(required=False, widget=forms.HiddenInput)
    #: What the page showed; services refuse what is missing or overtaken, and the page says what changed.
    expected_decision = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def __init__(self, *args: Any, names: dict[str, str], **kwargs: Any) -> None:
        """Take the categories to choose from as slug -> name."""
        super().__init__(*args, **kwargs)
        self.fields["outcome"].choices = self.outcomes  # type: ignore[attr-defined]
        self.fields["category"].choices = [("", "Choose a policy"), *names.items()]  # type: ignore[attr-defined]
        given = letters(names)
        #: The policies to choose from as (slug, name, letter that chooses it).
        self.lettered = [("", "Choose a policy", ""), *((slug, name, given[slug]) for slug, name in names.items())]

    def clean_territories(self) -> list[str]:
        """Return the country codes, in capitals, once each."""
        codes = self.cleaned_data["territories"].replace(",", " ").upper().split()
        wrong = [code for code in codes if not (len(code) == 2 and code.isascii() and code.isalpha())]
        if wrong:
            raise forms.ValidationError(f"“{wrong[0]}” is not a country code; write two letters each, such as DE, FR.")
        return sorted(set(codes))

    def clean_span_from(self) -> int | None:
        """Return where the part begins, in ms."""
        return self._place("span_from")

    def clean_span_until(self) -> int | None:
        """Return where the part ends, in ms."""
        return self._place("span_until")

    def _place(self, name: str) -> int | None:
        text = self.cleaned_data[name].strip().replace(",", ".")
        match = _PLACE.fullmatch(text)
        if text and match is None:
            raise forms.ValidationError(
                f"“{text}” is no time of a clip; write seconds, or minutes and seconds as 1:05."
            )
        return round(60_000 * int(match[1] or 0) + 1_000 * float(match[2])) if match else None

    def clean(self) -> dict[str, Any]:
        """Check what depends on the outcome."""
        data = self.cleaned_data
        outcome = data.get("outcome")
        if outcome is None:
            return data
        self._check_span(data)
        if outcome != Outcome.RESTRICT:
            data["min_age"], data["territories"] = 0, []
        elif not (data.get("min_age") or data.get("territories") or "territories" in self.errors):
            self.add_error("min_age", "Choose a minimum age or countries to restrict to.")
        if outcome != Outcome.CLEAR:
            self._require_reason(data)
        return data

    def _check_span(self, data: dict[str, Any]) -> None:
        """Check that both ends are marked or neither; what is cleared breaks no rule, so nothing of it is."""
        if {"span_from", "span_until"} & set(self.errors):
            return
        if data["outcome"] == Outcome.CLEAR:
            data["span_from"] = data["span_until"] = None
        elif (data["span_from"] is None) != (data["span_until"] is None):
            name = "span_from" if data["span_from"] is None else "span_until"
            self.add_error(name, "Mark both ends of the part, or neither.")
        elif data["span_from"] is not None and data["span_from"] >= data["span_until"]:
            self.add_error("span_until", "The part ends before it begins; mark its end again.")

    @property
    def span(self) -> tuple[int, int] | None:
        """The part of the clip that breaks the rule, in ms; None where none is marked."""
        begins, ends = self.cleaned_data["span_from"], self.cleaned_data["span_until"]
        return None if begins is None or ends is None else (begins, ends)

    def _require_reason(self, data: dict[str, Any]) -> None:
        if not data.get("category"):
            self.add_error("category", "Choose the policy that this decision rests on.")
        if not (data.get("note") or "").strip():
            self.add_error("note", "Say in a sentence why; the creator may ask.")

    def field_of(self, error: Exception) -> str | None:
        """Return the field that a service's refusal is about; None where it is about the whole."""
        field = getattr(error, "field", None)
        return field if field in self.fields else None

    @property
    def sent(self) -> str:
        """What the page showed that this was sent from, also where the rest is incomplete; "" where it does not say."""
        return str(self.data.get("expected_decision", ""))

    def typed(self, names: dict[str, str]) -> list[tuple[str, str]]:
        """Return what was typed, to be read and copied where no form can take it any more."""
        outcomes = {str(int(value)): label for value, label in self.outcomes}
        return read_typed(self.data, outcomes, names)

    def verdict(self) -> dict[str, Any]:
        """Return the arguments that the deciding services take."""
        data = self.cleaned_data
        return {
            "expected_decision": data["expected_decision"],
            "outcome": Outcome(data["outcome"]),
            "category": data["category"],
            "note": data["note"],
            "min_age": data["min_age"] or 0,
            "territories": data["territories"],
        }


class OverturnForm(DecisionForm):
    """A senior's decision over an earlier one; even restoring says why."""

    outcomes = ((Outcome.CLEAR, "Restore"), (Outcome.RESTRICT, "Restrict"), (Outcome.BLOCK, "Take down"))

    def clean(self) -> dict[str, Any]:
        """Ask for a note whatever the outcome: somebody's decision is being changed."""
        data = super().clean()
        if data.get("outcome") == Outcome.CLEAR and not (data.get("note") or "").strip():
            self.add_error("note", "Say in a sentence why the earlier decision changes.")
        return data


class RatioForm(forms.Form):
    """How much of a hash bank is in force."""

    choices = (
        (1.0, "fully on"),
        (0.5, "on for half of its entries"),
        (0.1, "on for a tenth of its entries"),
        (0.0, "off"),
    )
    ratio = forms.TypedChoiceField(choices=choices, coerce=float)

    def words(self) -> str:
        """Return the choice in words."""
        return dict(self.choices)[self.cleaned_data["ratio"]]


class FilterForm(forms.Form):
    """The form of a list's filters: what makes no sense is said with what was typed, since a list of choices cannot show it."""

    def clean(self) -> dict[str, Any]:
        """Check that the days are in order."""
        data = super().clean() or {}
        since, until = data.get("since"), data.get("until")
        if since and until and since > until:
            self.add_error("until", f"{until} is before {since}: no day is in between.")
        return data

    @property
    def problems(self) -> list[tuple[str, str, str]]:
        """The label of each field that makes no sense, what was typed, and what is wrong with it."""
        return [
            (str(self[name].label), str(self.data.get(name, "")), " ".join(map(str, errors)))
            for name, errors in self.errors.items()
        ]


class DayFilter(django_filters.DateFilter):  # type: ignore[misc]
    """A day (UTC), as a range of moments: an index is of moments, not of days.

    Args:
        is_last: keep what is of that day or before, not of that day or after.
    """

    def __init__(self, column: str, *, is_last: bool = False, **kwargs: Any) -> None:
        """Take the column of moments."""
        kwargs.setdefault("widget", forms.DateInput({"type": "date"}))
        super().__init__(
            field_name=column,
            error_messages={"invalid": "Write a day as year-month-day, such as 2026-05-31."},
            **kwargs,
        )
        self.is_last = is_last

    def filter(self, rows: "QuerySet[Model]", value: date | None) -> "QuerySet[Model]":
        """Keep the rows of those days."""
        if value is None:
            return rows
        begins = datetime.combine(value, time.min, UTC)
        if self.is_last:
            return rows.filter(**{f"{self.field_name}__lt": begins + timedelta(days=1)})
        return rows.filter(**{f"{self.field_name}__gte": begins})


def choice_error(what: str) -> dict[str, str]:
    """Return what is said of a choice that is not there."""
    return {"invalid_choice": f"There is no such {what}. Choose one from the list."}
