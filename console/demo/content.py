"""Makes the demo's files once, in a folder that keeps them: clips with covers, pictures, and what the bank knows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pdqhash
from PIL import Image

from console.demo.clips import BANKED_CLIP, CLIPS, clip_write, cover_frame
from console.demo.picture_list import BANKED_PICTURE
from console.demo.pictures import picture_write, pictures

BANK = ("known-scams", "spam_scam", "BLOCK")  # slug, category, outcome
FRAME_STEP_SECONDS = 0.5
Progress = Callable[[int, int], None]


def content_make(folder: Path, on_progress: Progress = lambda done, total: None) -> None:
    """Make every file that is not there yet; files are written whole or not at all.

    Args:
        folder: where the files are kept.
        on_progress: called with (done, total) after each file.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    work = _work(folder)
    for n, (path, make) in enumerate(work, start=1):
        if not path.exists():
            make(path)
        on_progress(n, len(work))


def _work(folder: Path) -> list[tuple[Path, Callable[[Path], None]]]:
    work: list[tuple[Path, Callable[[Path], None]]] = []
    for clip in CLIPS:
        banked = clip.slug == BANKED_CLIP
        # What the bank knows was uploaded again: the first half second cut off, encoded worse.
        work.append(
            (
                folder / f"clip-{clip.slug}.mp4",
                lambda p, c=clip, b=banked: clip_write(c, p, crf=31 if b else 25, start=0.5 if b else 0.0),
            )
        )  # type: ignore[misc]
        work.append((folder / f"clip-{clip.slug}.jpg", lambda p, c=clip: _save(cover_frame(c), p)))  # type: ignore[misc]
    work += [(folder / f"pic-{p.slug}.jpg", lambda path, p=p: picture_write(p, path)) for p in pictures()]  # type: ignore[misc]
    work.append((folder / "bank.csv", _bank_write))
    return work


def _save(image: Image.Image, path: Path) -> None:
    data = io.BytesIO()
    image.save(data, "JPEG", quality=86)
    partial = path.with_suffix(".part")
    partial.write_bytes(data.getvalue())
    partial.replace(path)


def _bank_write(path: Path) -> None:
    """Write the CSV that `banks_load` reads: hashes of originals that the platform never received."""
    clip = next(c for c in CLIPS if c.slug == BANKED_CLIP)
    picture = next(p for p in pictures() if p.slug == BANKED_PICTURE)
    original, still = path.with_name("bank-original.mp4"), path.with_name("bank-original.jpg")
    clip_write(clip, original, crf=18)
    picture_write(picture, still, quality=96)
    rows = [(value, f"{clip.slug} at {seconds:.1f} s") for seconds, value in frame_hashes(original)]
    rows.append((pdq_hex(Image.open(still))[0], picture.slug))
    partial = path.with_suffix(".part")
    with partial.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(("bank", "category", "outcome", "algorithm", "value", "note"))
        writer.writerows((*BANK, "pdq", value, note) for value, note in rows)
    partial.replace(path)


def frame_hashes(video: Path) -> list[tuple[float, str]]:
    """Return (seconds, PDQ) of frames half a second apart, each hash once, those too plain to mean anything left out."""
    found: dict[str, float] = {}
    due = 0.0
    with av.open(str(video)) as source:
        for frame in source.decode(video=0):
            if frame.time is None or frame.time < due:
                continue
            due = frame.time + FRAME_STEP_SECONDS
            value, quality = pdq_hex(frame.to_image())
            if quality >= 50:
                found.setdefault(value, frame.time)
    return [(seconds, value) for value, seconds in found.items()]


def pdq_hex(image: Image.Image) -> tuple[str, int]:
    """Return an image's PDQ as 64 hexadecimal digits, and its quality 0..100."""
    bits, quality = pdqhash.compute(np.asarray(image.convert("RGB")))
    return np.packbits(bits).tobytes().hex(), int(quality)
