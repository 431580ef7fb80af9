"""What a key may do: every API view names the scope that each method needs; a view that names none is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from console.models import ApiKey

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is being imported itself.
    from rest_framework.views import APIView


class HasScope(BasePermission):
    """Allows a key that has `view.scopes[method]`."""

    message = "This key lacks the scope that the call needs."

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Return whether the caller's key covers the call; a missing declaration denies."""
        scopes: dict[str, str] = getattr(view, "scopes", {})
        method = "GET" if request.method == "HEAD" else request.method or ""
        if method == "OPTIONS":  # which methods there are is no secret, but for a caller whom we know
            return isinstance(request.auth, ApiKey)
        needed = scopes.get(method)
        if needed is None:
            return method not in view.allowed_methods  # let REST framework answer 405
        self.message = f"This key lacks the scope {needed}."
        return isinstance(request.auth, ApiKey) and needed in request.auth.scopes
