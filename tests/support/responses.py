"""The type of what Django's test client answers, for annotations only: it exists in the stubs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.http import HttpResponse

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response
else:
    Response = HttpResponse

__all__ = ["Response"]
