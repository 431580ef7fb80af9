"""Makes the demo's files once, in a folder that keeps them: clips with covers, pictures, and what the bank knows.

`python -m console.demo.content FOLDER` makes them all. Several of these share the work, and so does whoever waits for them.
"""

from __future__ import annotations

import csv
import fcntl
import os
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

from console.demo.clips import BANKED_CLIP, CLIPS, Clip, clip_write, cover_frame
from console.demo.picture_list import FIRST_COPY, pictures, wave_pictures
from console.demo.pictures import picture_write
from moderation.detection.hashes.pdq import pdq_of

BANK = ("known-scams", "spam_scam", "BLOCK")  # slug, category, outcome
FRAME_STEP_SECONDS = 0.5
#: How long to wait before looking again for what others are making.
_LOOK_SECONDS = 0.2


def content_make(
    folder: Path, wanted: Collection[Path] | None = None, *, seen: Callable[[int, int], None] | None = None
) -> None:
    """Make the wanted files (None: all of them) where they are not there yet; each is written whole or not at all.

    Concurrency: any number of processes may do so at once; each file is made by one of them, and all return when all are there.

    Args:
        seen: is told how many of how many are there.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = {path: make for path, make in _work(folder).items() if wanted is None or path in wanted}
    while left := [path for path in work if not path.exists()]:
        n_made = sum(_make_alone(path, work[path]) for path in _telling(left, len(work), seen))
        if not n_made:
            time.sleep(_LOOK_SECONDS)
    if seen:
        seen(len(work), len(work))


def _telling(left: list[Path], n_all: int, seen: Callable[[int, int], None] | None) -> Iterator[Path]:
    for path in left:
        if seen:
            seen(n_all - sum(not one.exists() for one in left), n_all)
        yield path


def _make_alone(path: Path, make: Callable[[Path], None]) -> bool:
    """Make a file unless it is there or somebody makes it; return whether it was made here."""
    with _claim(path) as is_ours:
        if not is_ours or path.exists():
            return False
        make(path)
        return True


@contextmanager
def _claim(path: Path) -> Iterator[bool]:
    """Hold a file's lock while it is made, and say whether it is ours; whoever dies lets go of it."""
    lock = path.with_suffix(".lock")
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
        lock.unlink(missing_ok=True)


def bank_file(folder: Path) -> Path:
    """Return where the CSV of the demo's bank is."""
    return folder / "bank.csv"


def first_copy(folder: Path) -> Path:
    """Return where the picture is whose hash goes into the bank of what people have seen before."""
    return folder / f"pic-{FIRST_COPY}.jpg"


def _work(folder: Path) -> dict[Path, Callable[[Path], None]]:
    """Return how each file is made, those that take longest first."""
    work: dict[Path, Callable[[Path], None]] = {bank_file(folder): _bank_write}
    for clip in CLIPS:
        banked = clip.slug == BANKED_CLIP
        # What the bank knows was uploaded again: the first half second cut off, encoded worse.
        make = partial(clip_write, clip, crf=31, start=0.5) if banked else partial(clip_write, clip)
        work[folder / f"clip-{clip.slug}.mp4"] = make
    drawn = {folder / f"pic-{picture.slug}.jpg": partial(picture_write, picture) for picture in pictures()}
    wave = {folder / f"{picture.slug}.jpg": partial(picture_write, picture) for picture in wave_pictures()}
    covers = {folder / f"clip-{clip.slug}.jpg": partial(_cover_write, clip) for clip in CLIPS}
    return work | drawn | wave | covers


def _cover_write(clip: Clip, path: Path) -> None:
    unfinished = path.with_suffix(".part")
    cover_frame(clip).save(unfinished, "JPEG", quality=86)
    unfinished.replace(path)


def _bank_write(path: Path) -> None:
    """Write the CSV that `banks_load` reads: hashes of a clip that the platform never received in this form."""
    clip = next(c for c in CLIPS if c.slug == BANKED_CLIP)
    original = path.with_name("bank-original.mp4")
    clip_write(clip, original, crf=18)
    rows = [(value, f"{clip.slug} at {seconds:.1f} s") for seconds, value in frame_hashes(original)]
    unfinished = path.with_suffix(".part")
    with unfinished.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("bank", "category", "outcome", "algorithm", "value", "note"))
        writer.writerows((*BANK, "pdq", value, note) for value, note in rows)
    unfinished.replace(path)


def frame_hashes(video: Path) -> list[tuple[float, str]]:
    """Return (seconds, PDQ) of frames half a second apart, each hash once, those too plain to mean anything left out."""
    found: dict[str, float] = {}
    due = 0.0
    with av.open(str(video)) as source:
        for frame in source.decode(video=0):
            if frame.time is None or frame.time < due:
                continue
            due = frame.time + FRAME_STEP_SECONDS
            value, quality = pdq_hex(Image.fromarray(frame.to_ndarray(format="rgb24")))
            if quality >= 50:
                found.setdefault(value, frame.time)
    return [(seconds, value) for value, seconds in found.items()]


def pdq_hex(image: Image.Image) -> tuple[str, int]:
    """Return an image's PDQ as 64 hexadecimal digits, and its quality 0..100."""
    return pdq_of(np.asarray(image.convert("RGB")))


if __name__ == "__main__":
    with suppress(OSError):
        os.nice(5)  # the servers that start meanwhile go first
    content_make(Path(sys.argv[1]))
