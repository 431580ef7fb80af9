"""A clip's frames and sound as one file, so that workers on other machines need not fetch and decode the clip again."""

import json
import zipfile
from pathlib import Path
from typing import Any

from moderation.detection.media.sandbox import Examination, FrameHash, Probe, SampledFrame

#: Of what is in the file; another version is not read.
VERSION = "2"
_INDEX = "index.json"


def pack(taken: Examination, target: Path) -> None:
    """Write an examined clip as a ZIP; JPEG gains nothing from compression, so nothing is compressed."""
    index: dict[str, Any] = {
        "probe": {name: getattr(taken.probe, name) for name in Probe.__slots__},
        "frames": [
            {"ms": f.ms, "why": f.why, "file": f.path.name, "pdq": f.pdq, "quality": f.quality} for f in taken.frames
        ],
        "track": [(h.ms, h.pdq, h.quality) for h in taken.track],
        "audio": taken.audio.name if taken.audio else None,
    }
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_INDEX, json.dumps(index))
        for path in [f.path for f in taken.frames] + ([taken.audio] if taken.audio else []):
            archive.write(path, path.name)


def unpack(source: Path, workdir: Path) -> Examination:
    """Return what `pack` wrote, its files in `workdir`; without sheet and waveform, which are kept elsewhere.

    Raises:
        OSError, ValueError, KeyError, zipfile.BadZipFile: it is not such a file.
    """
    with zipfile.ZipFile(source) as archive:
        index = json.loads(archive.read(_INDEX))
        frames = tuple(
            SampledFrame(f["ms"], f["why"], _extract(archive, f["file"], workdir), f["pdq"], f["quality"])
            for f in index["frames"]
        )
        audio = _extract(archive, index["audio"], workdir) if index["audio"] else None
        track = tuple(FrameHash(*given) for given in index["track"])
        return Examination(Probe(**index["probe"]), frames, audio, track=track)


def _extract(archive: zipfile.ZipFile, name: str, workdir: Path) -> Path:
    target = workdir / Path(name).name
    target.write_bytes(archive.read(name))
    return target
