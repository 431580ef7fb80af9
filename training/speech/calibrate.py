"""Decides how sure the starter must be of a segment: `python -m training.speech.calibrate CHECKPOINT.pt`.

Measured on new lines by the voices of training, as filmed; the test's lines and voices are not looked at.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
import whisper

from moderation.detection.model_store import sha256_of, write_sums
from moderation.detection.speech.loading import Trust
from moderation.detection.speech.transcribe import Listener, hear_all
from training.speech import sounds
from training.speech.lines import training_lines
from training.speech.prepare import filmed, unknown_lines

_N = 250
#: Share of segments of what it cannot know that may be believed: better to doubt much than to believe what was not said.
_BELIEVED = 0.05


def _surety(listener: Listener, lines: list[tuple[str, str]]) -> np.ndarray:
    """Return the log probabilities of all segments heard in made sounds of some lines."""
    draw, dice = np.random.default_rng(31), random.Random(31)
    clips = [filmed(language, line, draw, dice)[0] for language, line in lines]
    quiet = np.zeros(sounds.RATE // 4, np.float32)
    heard = hear_all(listener, [np.concatenate([quiet, clip, quiet]) for clip in clips])
    return np.array([s.log_probability for h in heard for s in h.segments])


def main() -> None:
    """Write the limit into the note beside the checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    file = parser.parse_args().checkpoint
    listener = Listener(whisper.load_model(str(file), device="cpu").eval(), Trust(frozenset({"en"}), -100.0), "cpu")
    known = _surety(listener, [("en", line) for line in training_lines(_N, seed=32)])
    unknown = _surety(listener, unknown_lines(_N, seed=33))
    limit = round(float(np.quantile(unknown, 1 - _BELIEVED)), 3)
    for name, found in (("lines of the vocabulary", known), ("lines outside it", unknown)):
        parts = " ".join(f"{np.quantile(found, q):.2f}" for q in (0.02, 0.1, 0.5, 0.9, 0.98))
        print(f"{name}: log probabilities {parts}; {np.mean(found < limit):.1%} below {limit}")
    note = file.with_suffix(".json")
    said = json.loads(note.read_text(encoding="utf-8"))
    said["min_log_probability"] = limit
    note.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    write_sums(file.parent, {part.name: sha256_of(part) for part in (file, note)})


if __name__ == "__main__":
    main()
