"""Makes the demo's files once, in a folder that keeps them: clips with covers, pictures, and what the bank knows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

import av
import numpy as np
from PIL import Image

from console.demo.clips import BANKED_CLIP, CLIPS, Clip, clip_write, cover_frame
from console.demo.picture_list import BANKED_PICTURE, pictures
from console.demo.pictures import picture_write
from moderation.detection.hashes.pdq import pdq_of

BANK = ("known-scams", "spam_scam", "BLOCK")  # slug, category, outcome
FRAME_STEP_SECONDS = 0.5


def content_make(folder: Path, wanted: Collection[Path] | None = None) -> None:
    """Make the wanted files (None: all of them) where they are not there yet; each is written whole or not at all.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for path, make in _work(folder).items():
        if (wanted is None or path in wanted) and not path.exists():
            make(path)


def bank_file(folder: Path) -> Path:
    """Return where the CSV of the demo's bank is."""
    return folder / "bank.csv"


def _work(folder: Path) -> dict[Path, Callable[[Path], None]]:
    work: dict[Path, Callable[[Path], None]] = {bank_file(folder): _bank_write}
    for clip in CLIPS:
        banked = clip.slug == BANKED_CLIP
        # What the bank knows was uploaded again: the first half second cut off, encoded worse.
        make = partial(clip_write, clip, crf=31, start=0.5) if banked else partial(clip_write, clip)
        work[folder / f"clip-{clip.slug}.mp4"] = make
        work[folder / f"clip-{clip.slug}.jpg"] = partial(_cover_write, clip)
    return work | {folder / f"pic-{picture.slug}.jpg": partial(picture_write, picture) for picture in pictures()}


def _cover_write(clip: Clip, path: Path) -> None:
    unfinished = path.with_suffix(".part")
    cover_frame(clip).save(unfinished, "JPEG", quality=86)
    unfinished.replace(path)


def _bank_write(path: Path) -> None:
    """Write the CSV that `banks_load` reads: hashes of originals that the platform never received."""
    clip = next(c for c in CLIPS if c.slug == BANKED_CLIP)
    picture = next(p for p in pictures() if p.slug == BANKED_PICTURE)
    original, still = path.with_name("bank-original.mp4"), path.with_name("bank-original.jpg")
    clip_write(clip, original, crf=18)
    picture_write(picture, still, quality=96)
    rows = [(value, f"{clip.slug} at {seconds:.1f} s") for seconds, value in frame_hashes(original)]
    with Image.open(still) as image:
        rows.append((pdq_hex(image)[0], picture.slug))
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
