"""espeak-ng as a talker: which voices train, which only test, and how a line becomes samples."""

import random
import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.speech.sounds import RATE, resampled

Samples = npt.NDArray[np.float32]

ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-gbclan", "en-gb-x-rp", "en-gb-x-gbcwmd", "en-029", "en-us-nyc")
#: Talkers that no training hears.
TEST_TALKERS = ("f4", "m5", "Michael", "linda", "ed", "klatt3", "steph2", "paul", "Andrea", "victor", "iven3", "boris")
TALKERS = (
    "", "f1", "f2", "f3", "f5", "m1", "m2", "m3", "m4", "m6", "m7", "m8", "klatt", "klatt2", "klatt4", "klatt5", "klatt6", "Alex",
    "Alicia", "Andy", "Annie", "Denis", "Diogo", "Gene", "Gene2", "Henrique", "Hugo", "Jacky", "Lee", "Marco", "Mario", "Mike",
    "Nguyen", "adam", "anika", "announcer", "antonio", "aunty", "belinda", "benjamin", "caleb", "david", "edward", "edward2",
    "grandma", "grandpa", "gustave", "iven", "iven2", "iven4", "john", "marcelo", "max", "michel", "miguel", "norbert", "pablo",
    "pedro", "quincy", "rob", "robert", "sandro", "shelby", "steph", "steph3", "travis", "zac", "RicishayMax", "RicishayMax2",
)  # fmt: skip
#: Language by the name that Whisper knows it under -> espeak-ng's voice.
FOREIGN = {"de": "de", "es": "es", "fr": "fr-fr", "pt": "pt", "ru": "ru"}


class TalkerMissing(Exception):
    """There is no espeak-ng on this machine."""


@dataclass(frozen=True, slots=True)
class Voice:
    """An accent or language, a talker (espeak-ng's variant), words a minute, and pitch from 0 to 99."""

    accent: str
    talker: str
    speed: int
    pitch: int

    @classmethod
    def drawn(cls, draw: random.Random, talkers: tuple[str, ...], accents: tuple[str, ...] = ACCENTS) -> "Voice":
        """Return a voice at a drawn speed and pitch."""
        return cls(draw.choice(accents), draw.choice(talkers), draw.randint(125, 200), draw.randint(20, 80))


def check() -> None:
    """Raise TalkerMissing with what to do where espeak-ng is absent."""
    if not shutil.which("espeak-ng"):
        raise TalkerMissing(
            "espeak-ng is needed to make speech. Install it: apt-get install espeak-ng (or brew install espeak-ng)."
        )


def spoken(line: str, voice: Voice) -> Samples:
    """Return 16 kHz samples in [-1, 1] of a line, without the silence around it.

    Raises:
        TalkerMissing: espeak-ng is not installed.
        CalledProcessError: it refused the voice.
    """
    check()
    name = f"{voice.accent}+{voice.talker}" if voice.talker else voice.accent
    command = [
        "espeak-ng",
        "-v",
        name,
        "-s",
        str(voice.speed),
        "-p",
        str(voice.pitch),
        "-b",
        "1",
        "--stdin",
        "--stdout",
    ]
    # The line goes in by standard input; names of voices are ours.
    wav = subprocess.run(command, input=line.encode(), capture_output=True, check=True).stdout  # noqa: S603
    # A 44-byte header (its lengths are not filled in on a pipe), then 16-bit mono at the rate that it states.
    rate = int.from_bytes(wav[24:28], "little")
    sound = wav[44 : 44 + (len(wav) - 44) // 2 * 2]
    samples = np.frombuffer(sound, dtype="<i2").astype(np.float32) / np.float32(32_768)
    return trimmed(resampled(samples, rate))


def trimmed(samples: Samples) -> Samples:
    """Return samples without what is 40 dB below the loudest at either end."""
    frame = RATE // 100
    power = np.square(samples[: len(samples) // frame * frame]).reshape(-1, frame).mean(axis=1)
    loud = np.flatnonzero(power > power.max(initial=0) * 1e-4)
    return samples[loud[0] * frame : (loud[-1] + 1) * frame] if len(loud) else samples
