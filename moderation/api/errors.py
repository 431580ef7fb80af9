"""Refusals of the item endpoints. The console's handler turns them into problem documents."""

from rest_framework.exceptions import APIException

#: HTTP statuses that a refused upload can have.
CONFLICT, TOO_LARGE, UNSUPPORTED, INVALID = 409, 413, 415, 422
#: And those that say that it is not the request's fault.
UNAVAILABLE, STORAGE_FULL = 503, 507


class Refused(APIException):
    """A request that was read and is not acceptable; nothing was stored.

    Args:
        status: HTTP status, one of those above.
        detail: what was wrong and what to do, in one sentence.
        field: the field at fault, "" for the request as a whole.
        code: a stable word for programs.
    """

    def __init__(self, status: int, detail: str, *, field: str = "", code: str = "invalid") -> None:
        super().__init__(detail=detail, code=code)
        self.status_code = status
        self.errors = [{"field": field, "code": code, "detail": detail}] if field else []
