"""Long answers block by block: through a pipe, which the server reads as fast as the client takes it.

granian's own streams take everything at once and keep it in memory for a slow reader, where nothing can stop it any more.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from console.edge.answers import headers_of
from console.http import BlocksResponse

if TYPE_CHECKING:
    from console.edge.answers import Answering

#: A reader who takes nothing for so long is gone.
_STALLED_SECONDS = 60.0
#: While a reader takes nothing, whether it may go on is asked this often.
_ASK_SECONDS = 1.0
#: A pipe holds so much on Linux: once more was written, the server has opened its end and reads.
_PIPE_BYTES = 65_536


@contextmanager
def pipe_to(protocol: Answering, response: BlocksResponse) -> Iterator[Pipe]:
    """Begin an answer whose body is what is written to the pipe; where it ends before its length, the connection breaks off."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    pipe = Pipe(reading, writing)
    try:
        protocol.response_file(
            response.status_code, headers_of(response, closing=False), f"/proc/{os.getpid()}/fd/{reading}"
        )
        yield pipe
    finally:
        pipe.close()


class Pipe:
    """A pipe whose reading end the server opens a second time. Ours is closed as soon as it surely has.

    From then on a write fails where nobody reads any more.
    """

    def __init__(self, reading: int, end: int) -> None:
        self._reading: int | None = reading
        self._end = end
        self._written = 0

    def close(self) -> None:
        """Close what is open: with the writing end the answer is over."""
        self._forget_reading()
        os.close(self._end)

    def _forget_reading(self) -> None:
        reading, self._reading = self._reading, None
        if reading is not None:
            os.close(reading)

    async def send(self, blocks: Iterator[bytes], files: Executor) -> None:
        """Write block by block, each made when there is room for it.

        Raises:
            TimeoutError: nobody reads.
            BrokenPipeError: whoever read has gone.
        """
        loop = asyncio.get_running_loop()
        may_go_on = getattr(blocks, "may_go_on", lambda: True)
        while await self._room(may_go_on, files) and (block := await loop.run_in_executor(files, next, blocks, b"")):
            rest = memoryview(block)
            while rest and await self._room(may_go_on, files):
                try:
                    n = os.write(self._end, rest)
                except BlockingIOError:
                    continue
                rest, self._written = rest[n:], self._written + n
                if self._written > _PIPE_BYTES:
                    self._forget_reading()

    async def _room(self, may_go_on: Callable[[], bool], files: Executor) -> bool:
        """Wait until something can be written; return False where nothing more may be, which a thread asks."""
        for _ in range(int(_STALLED_SECONDS / _ASK_SECONDS)):
            if await self._is_writable(_ASK_SECONDS):
                return True
            if not await asyncio.get_running_loop().run_in_executor(files, may_go_on):
                return False
        raise TimeoutError("nobody reads")

    async def _is_writable(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        can_write = asyncio.Event()
        loop.add_writer(self._end, can_write.set)
        try:
            await asyncio.wait_for(can_write.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            loop.remove_writer(self._end)
        return True
