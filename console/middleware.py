"""Binds a request id to every log line and answer; times, counts and logs API calls without their content."""

import re
import time
import uuid
from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse
from prometheus_client import Histogram

from console.models import ApiKey

log = structlog.get_logger(__name__)

_SAFE_ID = re.compile(r"[A-Za-z0-9._-]{1,40}")

API_SECONDS = Histogram(
    "api_seconds",
    "Server time of an API call, body included",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0),
)


class RequestContextMiddleware:
    """Takes X-Request-Id from the caller where it is harmless, else makes one; logs each API call once."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        began = time.perf_counter()
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _SAFE_ID.fullmatch(given) else uuid.uuid4().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        response = self.get_response(request)
        response["X-Request-Id"] = request_id
        if request.path_info.startswith("/api/"):
            _account(request, response, time.perf_counter() - began)
        return response


def _account(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """Time, count and log one call. The route stands for the address, which may hold ids of people."""
    route = request.resolver_match.route if request.resolver_match else "none"
    response["Server-Timing"] = f"app;dur={seconds * 1000:.2f}"
    method = request.method if request.method in _METHODS else "other"
    API_SECONDS.labels(method, route, response.status_code).observe(seconds)
    user = getattr(request, "user", None)
    # type() looks at a lazy session user without loading it.
    key = user.prefix if type(user) is ApiKey else ""
    log.info("api_call", method=method, route=route, status=response.status_code, ms=round(seconds * 1000, 1), key=key)


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
