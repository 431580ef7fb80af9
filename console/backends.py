"""What a person may do, read in one query: every page asks, and Django would ask twice."""

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, Permission, User
from django.db.models import Q
from django.http import HttpRequest


class _WithShortcuts:
    """Finds the person of a session with their own keys, which every page shows, in the same query."""

    def get_user(self, user_id: int) -> User | None:
        """Return somebody who may (still) sign in."""
        user = User.objects.select_related("shortcuts").filter(pk=user_id).first()
        return user if user is not None and user.is_active else None


class SignInBackend(_WithShortcuts, AuthenticationBackend):  # type: ignore[misc]
    """Signs people in, behind the rate limits of allauth."""


class PermissionBackend(_WithShortcuts, ModelBackend):
    """Permissions of one's own and of one's groups. It signs nobody in; `SignInBackend` does."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:  # type: ignore[override]
        """Return None: another backend decides."""

    def get_all_permissions(self, user_obj: User | AnonymousUser, obj: Any = None) -> set[str]:
        """Return `app_label.codename` of all that a person may; read once for each user object."""
        if not user_obj.is_active or user_obj.is_anonymous or obj is not None:
            return set()
        if not hasattr(user_obj, "_perm_cache"):  # the name that Django's own backends look at as well
            found = Permission.objects.all()
            if not user_obj.is_superuser:
                found = found.filter(Q(user=user_obj) | Q(group__user=user_obj)).distinct()
            pairs = found.order_by().values_list("content_type__app_label", "codename")
            user_obj._perm_cache = {f"{label}.{name}" for label, name in pairs}  # type: ignore[attr-defined]
        return user_obj._perm_cache  # type: ignore[attr-defined, no-any-return]
