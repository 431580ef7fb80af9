"""Whether this process lives, whether it can do its work, and its numbers for Prometheus."""

import hmac
import ipaddress
import time
from collections.abc import Callable, Collection
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from console.api.numbers import registry
from console.celery import app as celery_app
from moderation.detection.media.sandbox_settings import confinement
from moderation.gate import door as gate
from moderation.live import banks as live_banks
from moderation.outbox.backpressure import lags
from policies.live import active_policy


@require_safe
@never_cache
def livez(request: HttpRequest) -> HttpResponse:
    """Answer that the process answers; nothing else is asked, so that no outage elsewhere gets it restarted."""
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 when uploads can be judged and feeds served, else 503 naming what is not usable."""
    checks = health_checks()
    is_ready = all(check["ok"] for check in checks.values())
    body = {"status": "ready" if is_ready else "not ready", "checks": checks}
    return JsonResponse(body, status=200 if is_ready else 503)


def health_checks(*, but: Collection[str] = ()) -> dict[str, dict[str, Any]]:
    """Return what each part says of itself, by name: `ok`, how long it took to ask, and what it adds."""
    return {name: _check(check) for name, check in _CHECKS.items() if name not in but}


def _check(check: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    began = time.perf_counter()
    try:
        found = {"ok": True, **check()}
    except Exception as error:  # whatever is wrong with it, it is not usable
        found = {"ok": False, "error": type(error).__name__}
    return {**found, "ms": round((time.perf_counter() - began) * 1000, 1)}


def _database() -> dict[str, Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return {}


def _broker() -> dict[str, Any]:
    with celery_app.connection_for_write() as broker:
        broker.connect()
    return {}


def _gate() -> dict[str, Any]:
    """Look at the view that feeds are answered from; an older one than the limit admits nothing."""
    current = gate.current()
    age_ms = current.age_seconds() * 1000
    if current.is_stale:
        return {"ok": False, "age_ms": round(age_ms) if age_ms < 1e9 else None}
    return {"age_ms": round(age_ms), "n_items": current.n_items}


def _banks() -> dict[str, Any]:
    """Look at the hash banks; without them nothing can be cleared that a bank is asked about."""
    follower = live_banks.current()
    n_entries = len(follower.usable_index())
    return {"age_ms": round(follower.age_seconds * 1000), "n_entries": n_entries}


def _policy() -> dict[str, Any]:
    return {"version": active_policy().number}


def _deep() -> dict[str, Any]:
    """Look at the deep queues. Late ones are no reason to take no uploads: these wait, held, and are told here."""
    latest = max(lags(timezone.now()).values())
    return {"is_pressed": latest > settings.DEEP_PRESSURE_SECONDS, "lag_seconds": round(latest, 1)}


def _decoders() -> dict[str, Any]:
    """Say what confines decoders; where it must hold and does not, nothing is decoded."""
    held = confinement()
    return {"ok": held.is_whole or not settings.MEDIA_CONFINEMENT_REQUIRED, "held": str(held)}


_CHECKS: dict[str, Callable[[], dict[str, Any]]] = {
    "database": _database,
    "broker": _broker,
    "gate": _gate,
    "policy": _policy,
    "banks": _banks,
    "deep": _deep,
    "decoders": _decoders,
}


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer Prometheus: from this machine, or with METRICS_TOKEN as bearer. For anybody else the address is empty."""
    if not _may_scrape(request):
        return HttpResponseNotFound()
    return HttpResponse(generate_latest(registry()), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        given = request.headers.get("Authorization", "").encode()
        return hmac.compare_digest(given, f"Bearer {settings.METRICS_TOKEN}".encode())
    # A proxy on this machine makes the whole world look local, but says whom it speaks for.
    is_forwarded = "X-Forwarded-For" in request.headers or "Forwarded" in request.headers
    return not is_forwarded and _is_loopback(request.META.get("REMOTE_ADDR", ""))


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
