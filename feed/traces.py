"""Traces of requests, kept for `explain`: at once in this process, a moment later in the shared cache. No raw viewer ids."""

import threading
from collections import OrderedDict
from dataclasses import fields
from queue import SimpleQueue
from typing import Any

import structlog
from django.core.cache import cache

from feed import params
from feed.types import Trace
from moderation.gate import door as gate
from moderation.gate.per_process import PerProcess

log = structlog.get_logger(__name__)

_WAITING_MAX = 2_000  # traces that wait for the cache; beyond this they are kept in this process only


class TraceKeeper:
    """Writes behind the answer: a slow or absent cache costs a trace, never a viewer's time."""

    def __init__(self) -> None:
        self._ring: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()
        # no lock of Python's on the way of an answer, as queue.Queue takes
        self._waiting: SimpleQueue[tuple[str, dict[str, Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="feed-traces", daemon=True)
        self._thread.start()

    def keep(self, trace: Trace) -> None:
        """Store a trace under its id, and under nothing else: no request leads to another of the same viewer."""
        self._put(_name("trace", trace.trace_id), {f.name: getattr(trace, f.name) for f in fields(trace)})

    def find(self, trace_id: str) -> dict[str, Any] | None:
        """Return a trace, or None where it is unknown or older than an hour."""
        return self._get(_name("trace", trace_id))

    def stop(self) -> None:
        """Write what waits and end the thread."""
        self._waiting.put(None)
        self._thread.join(timeout=5)

    def _put(self, name: str, row: dict[str, Any]) -> None:
        with self._lock:
            self._ring[name] = row
            self._ring.move_to_end(name)
            while len(self._ring) > params.TRACE_RING:
                self._ring.popitem(last=False)
        if self._waiting.qsize() < _WAITING_MAX:
            self._waiting.put((name, row))
        else:
            log.warning("feed_trace_not_shared")

    def _get(self, name: str) -> dict[str, Any] | None:
        # the cache first: another process may have served this viewer since
        found: dict[str, Any] | None = cache.get(name)
        with self._lock:
            held = self._ring.get(name)
        if found is None or (held is not None and held["at"] > found["at"]):
            return held
        return found

    def _run(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            try:
                cache.set(waiting[0], waiting[1], params.TRACE_TTL_SECONDS)
            except Exception as error:  # a cache of any kind, in any state: the ring still has the trace
                log.warning("feed_trace_not_shared", error=type(error).__name__)


def _name(kind: str, key: str) -> str:
    """Return a cache key. It holds the history: traces name items by id, and in another history an id is another item."""
    return f"feed:{kind}:{gate.current().history}:{key}"


#: This process's traces.
HELD: PerProcess[TraceKeeper] = PerProcess(TraceKeeper)
