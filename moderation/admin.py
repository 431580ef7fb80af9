"""The admin site's one page of ours: listed domains. It writes through the service, so that every change is audited."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from moderation.domains.service import domain_list, domain_retire
from moderation.exceptions import DomainInvalid
from moderation.models import ListedDomain
from policies.choices import Outcome


class ListedDomainForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new listing; the service checks it, and says what is wrong with it in place."""

    class Meta:
        model = ListedDomain
        fields = ("domain", "category", "score", "outcome", "note")

    def clean(self) -> dict[str, Any]:
        """List the domain: what cannot be listed is an error of the form."""
        data: dict[str, Any] = super().clean() or {}
        if self.errors:
            return data
        outcome = data.get("outcome")
        try:
            self.instance = domain_list(
                actor=self.actor,  # type: ignore[attr-defined] # ListedDomainAdmin.get_form gives it
                domain=data["domain"],
                category=data.get("category") or "",
                outcome=None if outcome is None else Outcome(outcome),
                score=data.get("score"),
                note=data.get("note") or "",
                now=timezone.now(),
            )
        except DomainInvalid as error:
            raise forms.ValidationError(str(error)) from error
        return data

    def _post_clean(self) -> None:
        """Leave the stored row as it is: it is complete, and rows never change."""


@admin.register(ListedDomain)
class ListedDomainAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Domains in force and retired ones. Listings are added and retired, never changed or deleted."""

    form = ListedDomainForm
    list_display = ("domain", "is_allowed", "category", "score", "outcome", "listed_by", "created_at", "retired_at")
    list_filter = ("is_allowed", "category", ("retired_at", admin.EmptyFieldListFilter))
    search_fields = ("domain",)
    actions = ("retire",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let in those who manage domains."""
        return request.user.has_perm("moderation.manage_domains")

    def has_view_permission(self, request: HttpRequest, obj: ListedDomain | None = None) -> bool:
        """Let in those who manage domains."""
        return request.user.has_perm("moderation.manage_domains")

    def has_change_permission(self, request: HttpRequest, obj: ListedDomain | None = None) -> bool:
        """Refuse: another consequence is another listing. Only the list, for its action, counts as changing."""
        return obj is None and request.user.has_perm("moderation.manage_domains")

    def has_delete_permission(self, request: HttpRequest, obj: ListedDomain | None = None) -> bool:
        """Refuse: listings are retired."""
        return False

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Return the form with the person who lists."""
        return type("Form", (super().get_form(request, *args, **kwargs),), {"actor": request.user})

    def save_model(self, request: HttpRequest, obj: ListedDomain, form: Any, change: bool) -> None:
        """Do nothing: the form listed it."""

    @admin.action(description="Take off the list")
    def retire(self, request: HttpRequest, rows: QuerySet[ListedDomain]) -> None:
        """Retire what is chosen."""
        for row in rows.filter(retired_at=None):
            domain_retire(actor=request.user, domain=row.domain, now=timezone.now())  # type: ignore[arg-type]
        messages.success(request, "Taken off the list.")
