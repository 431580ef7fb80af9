"""Content-addressed storage: files lie under their SHA-256, so that the same bytes are deduplicated, and whole or not at all."""

import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, default_storage

from moderation.detection.media.limits import MediaStorageFull

_CHUNK = 256 * 1024
#: What is restricted lies here, under keys that say nothing of the content; a bucket's rules can close the whole folder.
RESTRICTED_FOLDER = "restricted"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in storage. `is_new` is False where the same bytes were there before."""

    sha256: str
    n_bytes: int
    key: str
    is_new: bool


def key_of(sha256: str, *, folder: str = "media") -> str:
    """Return where content is stored: two levels of folders keep each small."""
    return f"{folder}/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def hash_file(file: IO[bytes]) -> tuple[str, int]:
    """Return SHA-256 and length of a file, read in pieces; the file is left at its start."""
    digest, n_bytes = hashlib.sha256(), 0
    file.seek(0)
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        n_bytes += len(chunk)
    file.seek(0)
    return digest.hexdigest(), n_bytes


def save_upload(
    file: IO[bytes],
    *,
    hashed: tuple[str, int] | None = None,
    storage: Storage = default_storage,
    folder: str = "media",
) -> StoredFile:
    """Store a file under its hash. It appears under its key whole, or not at all.

    Args:
        hashed: what `hash_file` said of it, where the caller asked already.
        folder: what was made from uploads lies in one of its own, so that removing it can never remove an upload.

    Raises:
        MediaStorageFull: the disk has no room; nothing is left behind.
    """
    sha256, n_bytes = hashed or hash_file(file)
    key = key_of(sha256, folder=folder)
    if storage.exists(key):
        return StoredFile(sha256, n_bytes, key, is_new=False)
    try:
        _save(file, key, storage)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise MediaStorageFull("There is no room left for media. Free some, then send the upload again.") from error
        raise
    return StoredFile(sha256, n_bytes, key, is_new=True)


def _save(file: IO[bytes], key: str, storage: Storage) -> None:
    file.seek(0)
    backend = getattr(storage, "_wrapped", storage)
    if not isinstance(backend, FileSystemStorage):
        storage.save(key, File(file))  # object stores show an object only once it is whole
        return
    target = Path(storage.path(key))
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{uuid.uuid4().hex}.partial")
    try:
        with partial.open("wb") as out:
            shutil.copyfileobj(file, out, _CHUNK)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
    except OSError:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def copy_stored(key: str, new_key: str, *, storage: Storage = default_storage) -> None:
    """Copy a stored file to another key, where it appears whole or not at all. Safe to repeat.

    Raises:
        FileNotFoundError: storage has no such file.
    """
    with local_copy(key, storage=storage) as path, path.open("rb") as file:
        _save(file, new_key, storage)


def is_stored(key: str, *, storage: Storage = default_storage) -> bool:
    """Return whether storage has a file."""
    return bool(storage.exists(key))


def content_lock(sha256: str) -> int:
    """Return the advisory lock of a content, 60 of its bits: shared by who names it, held alone by who removes it."""
    return int(sha256[:15], 16)


def discard(stored: StoredFile, *, storage: Storage = default_storage) -> None:
    """Remove a file that this upload brought and that nothing refers to; one that was there before stays."""
    if stored.is_new:
        storage.delete(stored.key)


@contextmanager
def local_copy(key: str, *, storage: Storage = default_storage) -> Iterator[Path]:
    """Yield a path on this machine with the file's content: the file itself, or a temporary copy of an object.

    Raises:
        FileNotFoundError: storage has lost it, or does not have it yet; that is no fault of the content.
    """
    backend = getattr(storage, "_wrapped", storage)
    if isinstance(backend, FileSystemStorage):
        path = Path(storage.path(key))
        path.stat()
        yield path
        return
    with storage.open(key) as remote, NamedTemporaryFile(prefix="gh-media-") as copy:
        shutil.copyfileobj(remote, copy, _CHUNK)
        copy.flush()
        yield Path(copy.name)
