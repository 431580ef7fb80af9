"""What OPTIONS answers: the methods of an address, and nothing of what lies behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is being imported itself.
    from rest_framework.views import APIView


class Methods(BaseMetadata):
    """Names the methods, as the header Allow does; fields are described at /api/v1/schema/."""

    def determine_metadata(self, request: Request, view: APIView) -> dict[str, Any]:
        """Return them."""
        return {"methods": sorted(view.allowed_methods)}
