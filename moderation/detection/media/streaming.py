"""Bytes of stored files on their way out: from a folder or a bucket, block by block, for as long as they may go."""

from collections.abc import Callable
from typing import IO, Any

from django.core.files.storage import Storage, default_storage

#: Whether a file may still be sent is asked before each block. A reader gets no more than what the server and the kernel
#: hold for it already when the answer turns.
BLOCK_BYTES = 64 * 1024


def open_at(key: str, first: int, length: int, *, storage: Storage = default_storage) -> IO[bytes]:
    """Return a stored file opened at byte `first`, for `length` bytes; of a bucket no more than those are asked for.

    Raises:
        FileNotFoundError: storage has no such file.
    """
    bucket = getattr(storage, "bucket", None)
    if bucket is not None:
        return _open_object(bucket.Object(key), first, length)
    opened = storage.open(key)
    opened.seek(first)
    return opened


def _open_object(stored: Any, first: int, length: int) -> IO[bytes]:
    from botocore.exceptions import ClientError

    try:
        body: IO[bytes] = stored.get(Range=f"bytes={first}-{first + length - 1}")["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404"}:
            raise FileNotFoundError(stored.key) from error
        raise
    return body


class Stream:
    """An open file's next `length` bytes, until they are sent or `may_go_on` says no: then the answer breaks off.

    Whoever iterates closes it, once or more often. `on_block` is told how many bytes have gone since it was told last.
    """

    def __init__(
        self,
        opened: IO[bytes],
        length: int,
        *,
        may_go_on: Callable[[], bool],
        on_block: Callable[[int], None],
        on_close: Callable[[], None],
    ) -> None:
        self._opened = opened
        self._left = length
        #: Whether the next block may still go; who waits for room to send it may ask as well.
        self.may_go_on = may_go_on
        self._on_block = on_block
        self._n_asked = 0
        self._on_close: Callable[[], None] | None = on_close

    def __iter__(self) -> "Stream":
        return self

    def __next__(self) -> bytes:
        # who asks for a block has sent the one before
        self._on_block(self._n_asked)
        if not self._left or not self.may_go_on():
            raise StopIteration
        block = self._opened.read(min(BLOCK_BYTES, self._left))
        if not block:
            raise StopIteration
        self._left -= len(block)
        self._n_asked = len(block)
        return block

    def close(self) -> None:
        """Close the file, and say so to whoever waits for it."""
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            self._opened.close()
            on_close()
