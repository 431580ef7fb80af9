"""Receiving a body: within its length, within a time, in memory while that is small, and gone when it is not wanted."""

from __future__ import annotations

import asyncio
import errno
import io
import tempfile
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Protocol

#: The time that any body has, and what is added for its size: a sender slower than this is not waited for.
BASE_SECONDS = 10.0
LEAST_BYTES_PER_SECOND = 256 * 1024
#: Larger bodies wait in a file while they come in; so do smaller ones once those in memory are so large together.
MEMORY_BYTES = 2**20
MEMORY_BYTES_IN_ALL = 64 * 2**20
#: What all files of one process may hold together; a process is asked for more only by those whom it knows.
DISK_BYTES_IN_ALL = 2 * 2**30
_WRITE_BYTES = 2**20


class BodyRefused(Exception):
    """A body that is not taken: the status and a sentence for its sender."""

    def __init__(self, status: int, detail: str) -> None:
        """Keep both."""
        super().__init__(detail)
        self.status = status
        self.detail = detail


class BodyAbandoned(Exception):
    """The sender went away before the body was whole; there is nobody to answer."""


class Receiving(Protocol):
    """The part of granian's protocol that is used."""

    async def __call__(self) -> bytes:
        """Return the whole body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Return the pieces of the body as they come."""


def seconds_for(length: int) -> float:
    """Return the time that a body of so many bytes has to come in."""
    return BASE_SECONDS + length / LEAST_BYTES_PER_SECOND


@dataclass
class Bodies:
    """What one process receives at present. Used from its event loop only.

    Args:
        writer: where files are written: never in the loop, which a slow disk would stop.
        folder: where files lie, nameless, so that they are gone with the process however it ends; None for the system's.
    """

    writer: Executor
    folder: str | None = None
    n_in_memory: int = 0
    n_on_disk: int = 0

    @asynccontextmanager
    async def receive(self, protocol: Receiving, length: int) -> AsyncIterator[BinaryIO]:
        """Receive a body and yield it, at its beginning; nothing of it is left after the block.

        Args:
            length: what its sender said, already found to be within the limit of the address.

        Raises:
            BodyRefused: 408 too slow, 413 longer than said, 503 too much is on its way already, 507 no room.
            BodyAbandoned: the sender went away.
        """
        is_small = length <= MEMORY_BYTES and self.n_in_memory + length <= MEMORY_BYTES_IN_ALL
        with self._room(length, in_memory=is_small):
            file: BinaryIO = io.BytesIO() if is_small else tempfile.TemporaryFile(dir=self.folder)  # noqa: SIM115 # closed below
            try:
                await self._receive_into(file, protocol, length, whole=is_small)
                yield file
            finally:
                if is_small:
                    file.close()
                else:  # behind what is being written to it, and not in the loop
                    self.writer.submit(file.close)

    @contextmanager
    def _room(self, length: int, *, in_memory: bool) -> Iterator[None]:
        if not in_memory and self.n_on_disk + length > DISK_BYTES_IN_ALL:
            raise BodyRefused(503, "Too many large bodies are on their way already. Try again shortly.")
        self.n_in_memory += length if in_memory else 0
        self.n_on_disk += 0 if in_memory else length
        try:
            yield
        finally:
            self.n_in_memory -= length if in_memory else 0
            self.n_on_disk -= 0 if in_memory else length

    async def _receive_into(self, file: BinaryIO, protocol: Receiving, length: int, *, whole: bool) -> None:
        try:
            async with asyncio.timeout(seconds_for(length)):
                if whole:
                    # The server keeps to the length itself, and wakes us once instead of at every piece.
                    _finish(file, _check(await protocol(), length))
                else:
                    await self._fill(file, protocol, length)
        except TimeoutError:
            raise BodyRefused(408, f"The body did not come within {seconds_for(length):.0f} seconds.") from None
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise BodyRefused(507, "There is no room left to receive this. Try again later.") from error
            raise BodyAbandoned from error
        except RuntimeError as error:  # what granian raises when a connection ends
            raise BodyAbandoned from error

    async def _fill(self, file: BinaryIO, protocol: Receiving, length: int) -> None:
        loop = asyncio.get_running_loop()
        n, waiting = 0, bytearray()
        async for piece in protocol:
            n += len(piece)
            if n > length:
                raise BodyRefused(413, "The body is longer than its Content-Length.")
            waiting += piece
            if len(waiting) >= _WRITE_BYTES:
                await loop.run_in_executor(self.writer, file.write, bytes(waiting))
                waiting.clear()
        if n < length:
            raise BodyAbandoned
        await loop.run_in_executor(self.writer, _finish, file, bytes(waiting))


def _check(body: bytes, length: int) -> bytes:
    if len(body) < length:
        raise BodyAbandoned
    if len(body) > length:
        raise BodyRefused(413, "The body is longer than its Content-Length.")
    return body


def _finish(file: BinaryIO, rest: bytes) -> None:
    file.write(rest)
    file.seek(0)
