"""Files are kept under their content's hash: once, whole, or not at all."""

from __future__ import annotations

import errno
import hashlib
import io
import shutil
from pathlib import Path

import pytest
from django.core.files.storage import FileSystemStorage, InMemoryStorage

from moderation.detection.media.limits import MediaStorageFull
from moderation.detection.media.storage import discard, hash_file, key_of, local_copy, save_upload

DATA = bytes(range(256)) * 4_096


@pytest.fixture
def storage(tmp_path: Path) -> FileSystemStorage:
    return FileSystemStorage(location=tmp_path)


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_a_file_lies_under_its_hash(storage: FileSystemStorage, tmp_path: Path) -> None:
    stored = save_upload(io.BytesIO(DATA), storage=storage)
    assert stored.sha256 == hashlib.sha256(DATA).hexdigest()
    assert (stored.key, stored.n_bytes, stored.is_new) == (key_of(stored.sha256), len(DATA), True)
    assert files(tmp_path) == [tmp_path / stored.key]
    assert (tmp_path / stored.key).read_bytes() == DATA


def test_the_same_content_is_stored_once(storage: FileSystemStorage, tmp_path: Path) -> None:
    first = save_upload(io.BytesIO(DATA), storage=storage)
    second = save_upload(io.BytesIO(DATA), storage=storage)
    assert (first.key, second.is_new) == (second.key, False)
    assert len(files(tmp_path)) == 1


def test_a_file_is_stored_from_its_start_wherever_it_was_read_to(storage: FileSystemStorage) -> None:
    file = io.BytesIO(DATA)
    file.seek(1_000)
    assert save_upload(file, storage=storage).n_bytes == len(DATA)


def test_it_is_read_in_pieces() -> None:
    class Watched(io.BytesIO):
        largest = 0

        def read(self, size: int | None = -1, /) -> bytes:
            assert size is not None
            assert size > 0
            self.largest = max(self.largest, size)
            return super().read(size)

    file = Watched(DATA)
    hash_file(file)
    assert file.largest < len(DATA)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_nothing_behind(
    storage: FileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def half(source: io.BytesIO, target: io.BufferedWriter, _: int) -> None:
        target.write(source.read(1_000))
        target.flush()
        raise OSError(code, "no room")

    monkeypatch.setattr(shutil, "copyfileobj", half)
    with pytest.raises(MediaStorageFull, match="no room"):
        save_upload(io.BytesIO(DATA), storage=storage)
    assert files(tmp_path) == []


def test_another_fault_of_the_disk_is_not_called_full(
    storage: FileSystemStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(shutil, "copyfileobj", broken)
    with pytest.raises(OSError, match="broken"):
        save_upload(io.BytesIO(DATA), storage=storage)
    assert files(tmp_path) == []


def test_only_what_the_upload_brought_is_discarded(storage: FileSystemStorage, tmp_path: Path) -> None:
    first = save_upload(io.BytesIO(DATA), storage=storage)
    again = save_upload(io.BytesIO(DATA), storage=storage)
    discard(again, storage=storage)
    assert len(files(tmp_path)) == 1
    discard(first, storage=storage)
    assert files(tmp_path) == []


def test_object_stores_work_too() -> None:
    storage = InMemoryStorage()
    stored = save_upload(io.BytesIO(DATA), storage=storage)
    assert storage.exists(stored.key)
    with local_copy(stored.key, storage=storage) as path:
        assert path.read_bytes() == DATA
    assert not path.exists()


def test_a_local_file_is_not_copied(storage: FileSystemStorage, tmp_path: Path) -> None:
    stored = save_upload(io.BytesIO(DATA), storage=storage)
    with local_copy(stored.key, storage=storage) as path:
        assert path == tmp_path / stored.key
    assert path.exists()
