"""Health on threads of its own: what waits for Django's threads does not wait for these, and many askers get one answer."""

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

    One thread for each address: whether the process lives is told while it is being found out whether it is ready.

    Args:
        handler: makes the answer; called in a thread.
    """

    handler: Callable[[Environ], Any]
    _pools: dict[str, Pool] = field(default_factory=lambda: {path: Pool(path, 1) for path in PATHS})
    _next: dict[_Key, asyncio.Future[Any]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the threads."""
        for pool in self._pools.values():
            pool.start()

    async def ask(self, environ: Environ) -> Any:
        """Return an answer whose making began after this call: nobody is told of a time before they asked."""
        key = environ["REQUEST_METHOD"], environ["PATH_INFO"], environ.get("HTTP_HOST", "")
        waiting = self._next.get(key)
        if waiting is None:
            waiting = self._next[key] = self._pools[environ["PATH_INFO"]].run(lambda: self._make(key, environ))
        return await asyncio.shield(waiting)

    def _make(self, key: _Key, environ: Environ) -> Any:
        self._next.pop(key, None)  # who comes from now on gets the next one
        return self.handler(environ)
