"""Health on a thread of its own: what waits for Django's threads does not wait for this, and many askers get one answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from console.edge.environ import Environ
from console.edge.pool import Pool

#: Addresses that machines ask to learn whether this process lives and works.
PATHS = frozenset({"/livez", "/readyz"})
_Key = tuple[str, str, str]


@dataclass
class Health:
    """Asks `handler` for all that wait for the same, once each time.

    Args:
        handler: makes the answer; called in the thread.
    """

    handler: Callable[[Environ], Any]
    _pool: Pool = field(default_factory=lambda: Pool("health", 1))
    _next: dict[_Key, asyncio.Future[Any]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the thread."""
        self._pool.start()

    async def ask(self, environ: Environ) -> Any:
        """Return an answer whose making began after this call: nobody is told of a time before they asked."""
        key = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_HOST", "")
        waiting = self._next.get(key)
        if waiting is None:
            waiting = self._next[key] = self._pool.run(lambda: self._make(key, environ))
        return await asyncio.shield(waiting)

    def _make(self, key: _Key, environ: Environ) -> Any:
        self._next.pop(key, None)  # who comes from now on gets the next one
        return self.handler(environ)
