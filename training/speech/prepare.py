"""Makes the training sounds once: speaks, films and transforms every line into a log-mel spectrogram on disk.

`python -m training.speech.prepare FOLDER`. A shard that is there is not made again, so a run that was cut off goes on.
"""

import argparse
import multiprocessing
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.speech import sounds, voices
from training.speech.lines import training_lines, words

#: Lines of English as filmed, of other languages, of English outside the vocabulary, sounds without speech, and lines of
#: English with nothing but a voice.
COUNTS = {"en": 20_000, "foreign": 2_000, "unknown": 1_200, "none": 1_000, "plain": 20_000}
_SHARD = 500
_CORPUS = Path(__file__).parents[1] / "corpus"
#: Share of lines by a talker made larger or smaller, throat and all: unseen voices are between those that are heard.
_RESIZED_SHARE = 0.6
#: Seconds of sound before and after what is said.
_BEFORE, _AFTER = 0.5, 0.5


@dataclass(frozen=True, slots=True)
class Task:
    """One shard: its number, what it holds, and the lines with their languages."""

    number: int
    kind: str
    lines: tuple[tuple[str, str], ...]


def tasks() -> list[Task]:
    """Return all shards, the same ones every time."""
    lines = {
        "en": [("en", line) for line in training_lines(COUNTS["en"], seed=1)],
        "foreign": foreign_lines(COUNTS["foreign"], seed=2),
        "unknown": unknown_lines(COUNTS["unknown"], seed=3),
        "none": [("", "")] * COUNTS["none"],
        "plain": [("en", line) for line in training_lines(COUNTS["plain"], seed=4)],
    }
    shards = [
        (kind, tuple(given[i : i + _SHARD])) for kind, given in lines.items() for i in range(0, len(given), _SHARD)
    ]
    return [Task(number, kind, given) for number, (kind, given) in enumerate(shards)]


def _corpus_lines(language: str) -> list[str]:
    rows = (_CORPUS / f"none.{language}.tsv").read_text(encoding="utf-8").splitlines()
    return [row.split("\t")[-1] for row in rows if 15 <= len(row.split("\t")[-1]) <= 70]


def foreign_lines(n: int, seed: int) -> list[tuple[str, str]]:
    """Return languages and everyday lines in them."""
    draw = random.Random(seed)
    lines = {language: _corpus_lines(language) for language in voices.FOREIGN}
    chosen = [draw.choice(sorted(lines)) for _ in range(n)]
    return [(language, draw.choice(lines[language])) for language in chosen]


def unknown_lines(n: int, seed: int) -> list[tuple[str, str]]:
    """Return English lines without the words that the model learns: what it should be unsure of."""
    draw, known = random.Random(seed), {word.lower() for word in words()}
    strange = [
        [w for w in line.split() if w.isalpha() and len(w) > 4 and w.lower() not in known]
        for line in _corpus_lines("en")
    ]
    pool = sorted({word for line in strange for word in line})
    return [("en", " ".join(draw.choices(pool, k=draw.randint(3, 8)))) for _ in range(n)]


def make(task: Task, folder: Path) -> None:
    """Write one shard: `mel` (frames, 80) float16 in a file of its own, and lengths, times in seconds, lines."""
    import torch
    from whisper.audio import log_mel_spectrogram

    torch.set_num_threads(1)
    out = folder / f"shard-{task.number:03d}.npz"
    if out.exists():
        return
    draw, dice = np.random.default_rng(task.number), random.Random(task.number)
    mels, times = [], []
    for language, line in task.lines:
        samples, start, end = filmed(language, line, draw, dice, is_plain=task.kind == "plain")
        mels.append(log_mel_spectrogram(samples).numpy().T.astype(np.float16))
        times.append((start, end))
    np.save(folder / f"shard-{task.number:03d}.npy", np.concatenate(mels))
    rows = {
        "lengths": np.array([len(mel) for mel in mels]),
        "times": np.array(times),
        "languages": np.array([language for language, _ in task.lines]),
        "lines": np.array([line for _, line in task.lines]),
        "kind": np.array(task.kind),
    }
    partial = out.with_suffix(".part.npz")
    np.savez(partial, **rows)  # type: ignore[arg-type]  # the stub takes every keyword for `allow_pickle` too
    partial.rename(out)


def filmed(
    language: str, line: str, draw: np.random.Generator, dice: random.Random, *, is_plain: bool = False
) -> tuple[np.ndarray, float, float]:
    """Return samples of a line by a drawn voice, as filmed or in a quiet studio, and from when to when it is said; no line gives no speech."""
    if not line:
        return _speechless(draw), 0.0, 0.0
    accents = voices.ACCENTS if language == "en" else (voices.FOREIGN[language],)
    speech = voices.spoken(line, voices.Voice.drawn(dice, voices.TALKERS, accents))
    if draw.random() < _RESIZED_SHARE:
        speech = sounds.resampled(speech, round(sounds.RATE * draw.uniform(0.87, 1.15)))
    before = int(draw.uniform(0, _BEFORE) * sounds.RATE)
    n = before + len(speech) + int(draw.uniform(0, _AFTER) * sounds.RATE)
    sound = sounds.in_a_studio if is_plain else sounds.as_filmed
    return sound(speech, draw, before, n), before / sounds.RATE, (before + len(speech)) / sounds.RATE


def _speechless(draw: np.random.Generator) -> np.ndarray:
    n = int(draw.uniform(1, 5) * sounds.RATE)
    quiet = draw.standard_normal(n).astype(np.float32) * 10 ** draw.uniform(-5, -2)
    if draw.random() < 0.15:
        return quiet
    bed = sounds.background(n, draw)
    return quiet + bed * np.float32(draw.uniform(0.02, 0.9) / max(1e-6, np.abs(bed).max()))


def main() -> None:
    """Make all shards on all cores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", type=int, default=0, help="so many shards of each kind, for a trial")
    given = parser.parse_args()
    voices.check()
    given.folder.mkdir(parents=True, exist_ok=True)
    chosen = tasks()
    if given.only:
        kinds = [[task for task in chosen if task.kind == kind][: given.only] for kind in COUNTS]
        chosen = [task for group in kinds for task in group]
    with multiprocessing.get_context("spawn").Pool() as pool:
        pool.starmap(make, [(task, given.folder) for task in chosen], chunksize=1)


if __name__ == "__main__":
    main()
