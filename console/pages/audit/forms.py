"""The filters of the audit log."""

from collections.abc import Iterable
from typing import Any

import django_filters
from django.db.models import QuerySet

from console.pages.forms import DayFilter, FilterForm, choice_error
from console.pages.labels import action_choices
from moderation.models import AuditEvent


class AuditFilter(django_filters.FilterSet):  # type: ignore[misc]
    """Who did what, to what, when."""

    actor = django_filters.CharFilter(field_name="actor_name", lookup_expr="iexact", label="Who", max_length=150)
    action = django_filters.ChoiceFilter(
        method="did", empty_label="Anything", label="Did", error_messages=choice_error("act")
    )
    object_type = django_filters.ChoiceFilter(
        empty_label="Any", label="Kind of object", error_messages=choice_error("kind of object")
    )
    object_key = django_filters.CharFilter(lookup_expr="exact", label="Object", max_length=128)
    since = DayFilter("at", label="From")
    until = DayFilter("at", is_last=True, label="To")

    class Meta:
        model = AuditEvent
        fields: tuple[str, ...] = ()
        form = FilterForm

    def __init__(self, *args: Any, kinds: Iterable[str], **kwargs: Any) -> None:
        """Take the kinds of objects to choose from."""
        super().__init__(*args, **kwargs)
        self.filters["action"].extra["choices"] = action_choices(str(self.data.get("action", "")))
        self.filters["object_type"].extra["choices"] = [(kind, kind.replace("_", " ")) for kind in sorted(kinds)]

    def did(self, events: "QuerySet[AuditEvent]", name: str, value: str) -> "QuerySet[AuditEvent]":
        """Keep one act, or all of a subject: its name ends in a dot."""
        return events.filter(action__startswith=value) if value.endswith(".") else events.filter(action=value)
