"""The filters of the items explorer."""

from typing import Any

import django_filters
from django.db.models import Q, QuerySet

from console.pages.forms import DayFilter, FilterForm, choice_error
from console.pages.labels import language_label
from moderation.items.search import PLACES, items_in_language, items_matching
from moderation.models import Item
from moderation.models.item import ItemState
from moderation.verdict.judge import state_of
from policies.choices import ItemKind, Outcome


class ItemFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Words and where they stand, what became of an item, and what it is."""

    q = django_filters.CharFilter(method="search", label="Search", max_length=300)
    where = django_filters.ChoiceFilter(
        method="only_where", label="Where", empty_label=PLACES[0].title, error_messages=choice_error("place"),
        choices=[(place.slug, place.title) for place in PLACES[1:]],
    )  # fmt: skip
    state = django_filters.ChoiceFilter(
        choices=ItemState.choices, empty_label="Any", label="State", error_messages=choice_error("state")
    )
    outcome = django_filters.ChoiceFilter(
        method="with_outcome", choices=Outcome.choices, empty_label="Any", label="Outcome",
        error_messages=choice_error("outcome"),
    )  # fmt: skip
    kind = django_filters.ChoiceFilter(
        choices=ItemKind.choices, empty_label="Any", label="Kind", error_messages=choice_error("kind")
    )
    category = django_filters.ChoiceFilter(
        field_name="current_decision__category",
        empty_label="Any",
        label="Policy",
        error_messages=choice_error("policy"),
    )
    language = django_filters.ChoiceFilter(
        method="in_language", empty_label="Any", label="Language", error_messages=choice_error("language in use")
    )
    creator = django_filters.CharFilter(field_name="creator__external_id", label="Creator’s id", max_length=128)
    since = DayFilter("created_at", label="From")
    until = DayFilter("created_at", is_last=True, label="To")

    class Meta:
        model = Item
        fields: tuple[str, ...] = ()
        form = FilterForm

    def __init__(self, *args: Any, names: dict[str, str], languages: list[str], **kwargs: Any) -> None:
        """Take what there is to choose from: categories as slug -> name, and the tags of languages."""
        super().__init__(*args, **kwargs)
        self.filters["category"].extra["choices"] = list(names.items())
        named = [(tag, language_label(tag)) for tag in languages]
        self.filters["language"].extra["choices"] = sorted(named, key=lambda choice: choice[1])

    def search(self, items: "QuerySet[Item]", name: str, value: str) -> "QuerySet[Item]":
        """Find an id, a creator, or items that hold every word."""
        return items_matching(items, value, self.form.cleaned_data.get("where") or "")

    def only_where(self, items: "QuerySet[Item]", name: str, value: str) -> "QuerySet[Item]":
        """Say nothing by itself: it narrows the search."""
        return items

    def with_outcome(self, items: "QuerySet[Item]", name: str, value: str) -> "QuerySet[Item]":
        """Match what was decided last; the state follows from it, and is what the index has."""
        outcome = Outcome(int(value))
        return items.filter(Q(current_decision__outcome=outcome), state=state_of(outcome))

    def in_language(self, items: "QuerySet[Item]", name: str, value: str) -> "QuerySet[Item]":
        """Match the language that an item is taken to be in."""
        return items_in_language(items, value)
