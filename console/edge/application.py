"""The RSGI application: receives, then has Django answer. The order of a request can be read in `_serve`."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, BinaryIO, Protocol

import structlog
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.db import DatabaseError
from django.http import HttpResponseBase

from console.api.limits import DEFAULT_BODY_BYTES, REFUSAL, refusal_of
from console.edge.answers import Answering, answer
from console.edge.blocks import pipe_to
from console.edge.bodies import MEMORY_BYTES, Bodies, BodyAbandoned, BodyRefused, Receiving
from console.edge.callers import RecentCallers, caller_known
from console.edge.environ import Environ, Scope, environ_of, with_body
from console.edge.health import Health, is_health
from console.edge.pool import Pool
from console.http import BlocksResponse

log = structlog.get_logger(__name__)

#: After so long the server has surely opened a file that it was told to send.
_OPENED_SECONDS = 30.0


class HttpProtocol(Receiving, Answering, Protocol):
    """granian's protocol of one request."""


class Edge:
    """What granian calls for each request of one process."""

    def __init__(self, handler: WSGIHandler, *, n_threads: int) -> None:
        """Take Django's handler and how many threads may run it."""
        self._handler = handler
        self._pool = Pool("django", n_threads)
        self._health = Health(self._ask)
        self._recent = RecentCallers()
        self._files = ThreadPoolExecutor(2, "files")
        self._bodies = Bodies(ThreadPoolExecutor(1, "bodies"), settings.FILE_UPLOAD_TEMP_DIR)

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads."""
        self._pool.start()
        self._health.start()

    async def __rsgi__(self, scope: Scope, protocol: HttpProtocol) -> None:
        """Answer one request."""
        try:
            await self._serve(scope, protocol)
        except BodyAbandoned:
            protocol.response_empty(400, [("Connection", "close")])  # to nobody; it ends the server's bookkeeping
        except Exception:
            log.exception("edge_failed")
            protocol.response_empty(500, [("Connection", "close")])

    async def _serve(self, scope: Scope, protocol: HttpProtocol) -> None:
        environ = environ_of(scope)
        if environ.get("CONTENT_LENGTH", "0") == "0" and "HTTP_TRANSFER_ENCODING" not in environ:
            await self._without_body(environ, protocol)
        elif refusal := refusal_of(environ, scope.path):
            await self._refuse(environ, protocol, *refusal)
        else:
            await self._with_body(environ, protocol, int(environ["CONTENT_LENGTH"]))

    async def _without_body(self, environ: Environ, protocol: HttpProtocol) -> None:
        if is_health(environ):
            answer(protocol, await self._health.ask(environ))
        else:
            await self._answer(environ, protocol)

    async def _with_body(self, environ: Environ, protocol: HttpProtocol, length: int) -> None:
        try:
            if length > DEFAULT_BODY_BYTES and not await self._is_known(environ, length):
                await self._turn_away(environ, protocol)
                return
            async with self._bodies.receive(protocol, length) as body:
                await self._answer(with_body(environ, body), protocol)
        except BodyRefused as refused:
            await self._refuse(environ, protocol, refused.status, refused.detail)

    async def _is_known(self, environ: Environ, length: int) -> bool:
        if length <= MEMORY_BYTES and self._recent.knows(environ):
            return True
        try:
            is_known = await self._pool.run(partial(caller_known, environ))
        except DatabaseError as error:
            raise BodyRefused(503, "Who you are cannot be looked up now. Try again shortly.") from error
        if is_known:
            self._recent.note(environ)
        return is_known

    async def _turn_away(self, environ: Environ, protocol: HttpProtocol) -> None:
        """Let REST framework say what is wrong with a key, which it does before it reads; a page takes little of strangers."""
        if environ["PATH_INFO"].startswith("/api/"):
            await self._answer(environ, protocol, closing=True)
        else:
            detail = f"Before you have signed in, a request may have at most {DEFAULT_BODY_BYTES} bytes."
            await self._refuse(environ, protocol, 413, detail)

    async def _refuse(self, environ: Environ, protocol: HttpProtocol, status: int, detail: str) -> None:
        """Have Django say why a body is not taken, as it says everything: with its headers, its log and its counts."""
        await self._answer({**environ, REFUSAL: (status, detail)}, protocol, closing=True)

    async def _answer(self, environ: Environ, protocol: HttpProtocol, *, closing: bool = False) -> None:
        left = await self._pool.run(partial(self._run, environ, protocol, closing))
        if isinstance(left, BlocksResponse):
            await self._send_blocks(left, protocol)
        elif left is not None:
            asyncio.get_running_loop().call_later(_OPENED_SECONDS, left.close)

    def _run(self, environ: Environ, protocol: HttpProtocol, closing: bool) -> BinaryIO | BlocksResponse | None:
        """Run Django and send its answer, all in one of its threads; what has to be asked for block by block is returned."""
        response = self._ask(environ)
        if isinstance(response, BlocksResponse):
            return response
        try:
            return answer(protocol, response, closing=closing)
        finally:
            response.close()

    async def _send_blocks(self, response: BlocksResponse, protocol: HttpProtocol) -> None:
        """Send a long answer as fast as it is read, without a thread that waits; it ends when its blocks say so."""
        try:
            with pipe_to(protocol, response) as pipe:
                await pipe.send(response.blocks, self._files)
        except (OSError, TimeoutError) as error:  # whoever read it went away, or storage did
            log.info("blocks_ended", error=type(error).__name__)
        finally:
            await asyncio.get_running_loop().run_in_executor(self._files, response.close)

    def _ask(self, environ: Environ) -> HttpResponseBase:
        return self._handler(environ, _nothing)  # without a file wrapper it is the response


def _nothing(*_: Any) -> Any:
    """Stand in for WSGI's start_response: what it would be told stands in the response."""
