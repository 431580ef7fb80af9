"""Makes speech/: what is said in the demo's clips, spoken once by espeak-ng and committed. Run it after a change of LINES.

    python console/demo/assets/make_speech.py

The lines in English use words that the starter Whisper knows, so that the demo's transcripts can be read.
"""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

FOLDER = Path(__file__).parent / "speech"
RATE = 24_000
#: Slug of the clip -> voice, and (seconds from the start, what is said).
LINES: dict[str, tuple[str, tuple[tuple[float, str], ...]]] = {
    "waves": ("en-gb", ((0.3, "close your eyes and hold out your hand"),)),
    "pancakes": ("en-us+Andy", ((0.3, "put the butter and the sugar in the bowl and mix it until it is soft"),)),
    "counter": ("en-gb", ((0.3, "that was the funny part of the video"),)),
    "weather": ("en-us+Andy", ((0.3, "it is cold outside so take your hat"),)),
    "saturn": ("en-gb", ((0.3, "thank you for watching and see you next week"),)),
    "snow": ("de", ((0.3, "Der erste Schnee in diesem Jahr."),)),
    "dunes": ("fr-fr", ((0.3, "Le désert, à la fin du jour."),)),
    "coins": ("en-us+Andy", ((0.3, "send ten dollars and get a hundred back tomorrow"),)),
    "bread": (
        "en-gb",
        (
            (0.3, "good morning everyone today I will show you how to make bread"),
            (5.2, "I have cheap pills and you can pay with bitcoin"),
        ),
    ),
}


def main() -> None:
    """Write a file for every clip in which somebody speaks."""
    FOLDER.mkdir(exist_ok=True)
    for slug, (voice, lines) in LINES.items():
        said = [(round(at * RATE), spoken(words, voice)) for at, words in lines]
        sound = np.zeros(max(start + len(part) for start, part in said), np.float32)
        for start, part in said:
            sound[start : start + len(part)] += part
        _write(FOLDER / f"{slug}.opus", sound)


def spoken(words: str, voice: str) -> npt.NDArray[np.float32]:
    """Return words as espeak-ng says them: mono at RATE, in [-1, 1]."""
    done = subprocess.run(  # noqa: S603 - a fixed program
        ["espeak-ng", "-v", voice, "-s", "150", "--stdout", "--", words],  # noqa: S607 - wherever it is installed
        capture_output=True,
        check=True,
    )
    parts = []
    resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE)
    with av.open(io.BytesIO(done.stdout), "r") as source:
        for frame in source.decode(audio=0):
            parts += [out.to_ndarray()[0] for out in resampler.resample(frame)]
    parts += [out.to_ndarray()[0] for out in resampler.resample(None)]
    return np.concatenate(parts)


def _write(path: Path, sound: npt.NDArray[np.float32]) -> None:
    with av.open(str(path), "w", format="ogg") as out:
        stream = out.add_stream("libopus", rate=RATE, layout="mono")
        stream.bit_rate = 20_000
        frame = av.AudioFrame.from_ndarray(sound[None, :], format="flt", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(format="flt", layout="mono", rate=RATE, frame_size=480)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))


if __name__ == "__main__":
    main()
