"""Health on threads of its own: what waits for Django's threads does not wait for these, and many askers get one answer.

So nothing that an asker chooses may be in the answer, or in whether another one has to be made: each address has one question,
put in our own words.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http.request import split_domain_port, validate_host

from console.edge.environ import FIXED, Environ
from console.edge.pool import Pool

#: Addresses that machines ask to learn whether this process lives and works.
PATHS = frozenset({"/livez", "/readyz"})
_METHODS = frozenset({"GET", "HEAD"})


def is_health(environ: Environ) -> bool:
    """Return whether a request asks for health by a name of ours; whatever else comes to these addresses is an ordinary one."""
    if environ["PATH_INFO"] not in PATHS or environ["REQUEST_METHOD"] not in _METHODS:
        return False
    name, _ = split_domain_port(environ.get("HTTP_HOST") or environ["SERVER_NAME"])
    return bool(name) and validate_host(name, settings.ALLOWED_HOSTS)


@dataclass
class Health:
    """Asks `handler` for all that wait for the same address, once each time: one answer is being made and one waits, no more.

    One thread for each address: whether the process lives is told while it is being found out whether it is ready.

    Args:
        handler: makes the answer; called in a thread.
    """

    handler: Callable[[Environ], Any]
    _pools: dict[str, Pool] = field(default_factory=lambda: {path: Pool(path, 1) for path in PATHS})
    _next: dict[str, asyncio.Future[Any]] = field(default_factory=dict)

    def start(self) -> None:
        """Start the threads."""
        for pool in self._pools.values():
            pool.start()

    async def ask(self, environ: Environ) -> Any:
        """Return an answer whose making began after this call: nobody is told of a time before they asked."""
        path = environ["PATH_INFO"]
        waiting = self._next.get(path)
        if waiting is None:
            question = _question(environ)
            waiting = self._next[path] = self._pools[path].run(lambda: self._make(path, question))
        return await asyncio.shield(waiting)

    def _make(self, path: str, question: Environ) -> Any:
        self._next.pop(path, None)  # who comes from now on gets the next one
        return self.handler(question)


def _question(environ: Environ) -> Environ:
    """Return what Django is asked for all who wait: of whoever asked first only where they asked, and the name of ours."""
    kept = ("PATH_INFO", "HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.url_scheme")
    asked = {name: environ[name] for name in kept if name in environ}
    return {**FIXED, **asked, "REQUEST_METHOD": "GET", "QUERY_STRING": "", "wsgi.input": io.BytesIO()}
