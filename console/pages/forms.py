"""What people may type: decisions and the filters of lists. Services check again; forms say it kindly and in place."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from console.pages.changed import read_typed
from moderation.models import AuditEvent, Item
from moderation.models.item import ItemState
from policies.choices import ItemKind, Outcome
from policies.document.clauses import letters
from policies.models import Category

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

    def clean(self) -> dict[str, Any]:
        """Check what depends on the outcome."""
        data = self.cleaned_data
        outcome = data.get("outcome")
        if outcome is None:
            return data
        if outcome != Outcome.RESTRICT:
            data["min_age"], data["territories"] = 0, []
        elif not (data.get("min_age") or data.get("territories") or "territories" in self.errors):
            self.add_error("min_age", "Choose a minimum age or countries to restrict to.")
        if outcome != Outcome.CLEAR:
            self._require_reason(data)
        return data

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


class ItemFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The filters of the items explorer."""

    q = django_filters.CharFilter(method="search", label="Search")
    state = django_filters.ChoiceFilter(choices=ItemState.choices, empty_label="Any", label="State")
    outcome = django_filters.ChoiceFilter(
        choices=Outcome.choices, field_name="current_decision__outcome", empty_label="Any", label="Outcome"
    )
    kind = django_filters.ChoiceFilter(choices=ItemKind.choices, empty_label="Any", label="Kind")
    category = django_filters.ChoiceFilter(field_name="current_decision__category", empty_label="Any", label="Category")
    language = django_filters.CharFilter(method="in_language", label="Language")
    since = django_filters.DateFilter(
        field_name="created_at", lookup_expr="date__gte", label="From", widget=forms.DateInput({"type": "date"})
    )
    until = django_filters.DateFilter(
        field_name="created_at", lookup_expr="date__lte", label="To", widget=forms.DateInput({"type": "date"})
    )

    class Meta:
        model = Item
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, names: dict[str, str], **kwargs: Any) -> None:
        """Take the categories to choose from as slug -> name."""
        super().__init__(*args, **kwargs)
        self.filters["category"].extra["choices"] = list(names.items())

    def search(self, items: "QuerySet[Item]", name: str, value: str) -> "QuerySet[Item]":
        """Find an external id, a creator, or captions that hold every word."""
        words = Q()
        for word in value.split()[:8]:
            words &= Q(caption__icontains=word)
        return items.filter(Q(external_id=value) | Q(creator__external_id=value) | words)

    def in_language(self, items: "QuerySet[Item]", name: str, value: str) -> "QuerySet[Item]":
        """Match the language that detectors were asked for: the detected one, else the claim."""
        code = value.strip().lower()
        return items.filter(Q(language_detected=code) | Q(language_detected="", language_claimed__istartswith=code))


class AuditFilter(django_filters.FilterSet):  # type: ignore[misc]
    """The filters of the audit log."""

    actor = django_filters.CharFilter(field_name="actor_name", lookup_expr="iexact", label="Who")
    action = django_filters.CharFilter(lookup_expr="startswith", label="Action")
    object_type = django_filters.ChoiceFilter(empty_label="Any", label="Kind of object")
    object_key = django_filters.CharFilter(lookup_expr="exact", label="Object")
    since = django_filters.DateFilter(method="since_day", label="From", widget=forms.DateInput({"type": "date"}))
    until = django_filters.DateFilter(method="until_day", label="To", widget=forms.DateInput({"type": "date"}))

    class Meta:
        model = AuditEvent
        fields: tuple[str, ...] = ()

    def __init__(self, *args: Any, kinds: Iterable[str], **kwargs: Any) -> None:
        """Take the kinds of objects to choose from."""
        super().__init__(*args, **kwargs)
        self.filters["object_type"].extra["choices"] = [(kind, kind.replace("_", " ")) for kind in sorted(kinds)]

    def since_day(self, events: "QuerySet[AuditEvent]", name: str, value: date) -> "QuerySet[AuditEvent]":
        """Keep what happened on a day (UTC) or after; a range, since the index is of moments, not of days."""
        return events.filter(at__gte=datetime.combine(value, time.min, UTC))

    def until_day(self, events: "QuerySet[AuditEvent]", name: str, value: date) -> "QuerySet[AuditEvent]":
        """Keep what happened on a day (UTC) or before."""
        return events.filter(at__lte=datetime.combine(value, time.max, UTC))
