"""What libraries do that we do or did ourselves (docs/adr/0031-libraries.md): who speaks, near-identical captions, measures.

Silero's model is what finds who speaks; its package's own loop at its own limit stands beside it. datasketch, scikit-learn and scipy are
compared with where they are installed (the group `train`), and the real recordings where the public data is.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection import minhash
from moderation.detection.speech import vad
from moderation.evaluation import measures
from policies.statistics import calibration
from policies.statistics.intervals import wilson
from tests.support.places import DATA
from tests.support.spoken import RATE, SAID, Samples, loaded, spoken, tune
from training.speech import sounds

Rows = dict[str, dict[str, Any]]
Flags = npt.NDArray[np.bool_]
CLIPS = DATA / "speech_clips"
#: Decibels by which speech is louder than what lies under it.
_BEDS = {"music": 0.0, "noise": 0.0, "noise, louder": -5.0}
_WORDS = (
    "river", "walk", "city", "dance", "music", "today", "follow", "link", "offer", "double", "send", "friend", "party", "recipe", "summer",
    "sunset", "beach", "train", "market", "winner", "prize", "profile", "morning", "garden", "window", "kitchen", "bicycle", "mountain",
)  # fmt: skip
#: Decibels of full scale to which speech is turned down.
_SOFT = -40


def run() -> Rows:
    """Return the measured rows."""
    return {**_voices(), **_signatures(), **_measures()}


def _row(value: float, unit: str, target: float | None = None, *, most: bool = True) -> dict[str, Any]:
    met = None if target is None else bool(value <= target if most else value >= target)
    return {"value": float(value), "unit": unit, "target": target, "met": met}


def _cpu(act: Callable[[], Any], times: int = 5) -> float:
    """Return the least CPU seconds of some runs."""
    best = float("inf")
    for _ in range(times):
        began = time.process_time()
        act()
        best = min(best, time.process_time() - began)
    return best


# --- who speaks ------------------------------------------------------------------------------------------------------


def _voices() -> Rows:
    said = [spoken(name) for name in SAID]
    long = np.resize(np.concatenate(said), 30 * RATE)
    vad.activity(long)  # loads the model
    music = [sounds.music(6 * RATE, np.random.default_rng(900 + i)) for i in range(40)]
    music = [(m / np.abs(m).max() / 2).astype(np.float32) for m in music]
    rows = {
        "voice activity": _row(_cpu(lambda: vad.activity(long)) / 30 * 1_000, "ms of one core a second of sound"),
        "voice activity, made music taken for speech": _row(
            100 * sum(_taken(m).sum() for m in music) / sum(map(_n_steps, music)), "%", 10.0
        ),
    }
    recordings = sorted(f for f in CLIPS.rglob("*") if f.suffix in {".wav", ".flac", ".raw", ".aiff"})
    if not recordings:
        print(f"There are no recordings at {CLIPS}; made speech stands for them.")
    speech = [loaded(f) for f in recordings] or said
    speech = [x * np.float32(0.6 / np.abs(x).max()) for x in speech]
    for name, heard in _heard(speech).items():
        rows[f"voice activity, speech kept, {name}"] = _row(_share_kept(speech, heard, _taken), "%")
        rows[f"voice activity, the package's own, speech kept, {name}"] = _row(
            _share_kept(speech, heard, _packaged), "%"
        )
    rows["voice activity, the package's own"] = _row(
        _cpu(lambda: _packaged(long), 3) / 30 * 1_000, "ms of one core a second of sound"
    )
    return rows


def _heard(speech: Sequence[Samples]) -> dict[str, list[Samples]]:
    """Return speech as it is, over beds, turned down, and after loud music, by name."""
    found = {"plain": list(speech)}
    for name, decibels in _BEDS.items():
        draw = np.random.default_rng(7)
        make = sounds.music if name == "music" else sounds.noise
        found[f"over {name}"] = [sounds.mixed(x, make(len(x), draw), decibels).astype(np.float32) for x in speech]
    scale = np.float32(10 ** (_SOFT / 20) * 32_768)
    soft: list[Samples] = [(np.round(x * scale) / 32_768).astype(np.float32) for x in speech]
    return {
        **found,
        f"at {_SOFT} dB": soft,
        f"at {_SOFT} dB, after loud music": [np.concatenate([tune(4, 0.8), x]) for x in soft],
    }


def _share_kept(speech: Sequence[Samples], heard: Sequence[Samples], take: Callable[[Samples], Flags]) -> float:
    """Return the share of loud steps of plain speech (within 30 dB of the loudest twentieth) that are taken for speech."""
    kept = total = 0
    for plain, samples in zip(speech, heard, strict=True):
        level = 10 * np.log10(np.maximum(np.square(vad._steps(plain, 0)).mean(axis=1), 1e-12))
        is_speech = level > np.percentile(level, 95) - 30
        taken = take(samples)[_n_steps(samples) - len(level) :]
        kept, total = kept + int(taken[is_speech].sum()), total + int(is_speech.sum())
    return 100 * kept / total


def _n_steps(samples: Samples) -> int:
    return -(-len(samples) // vad._STEP)


def _taken(samples: Samples) -> Flags:
    return _flags([(s.start, s.end) for s in vad.activity(samples).stretches], samples)


def _packaged(samples: Samples) -> Flags:
    """Return what the package's own loop takes for speech at its own limit, with our margins."""
    import torch
    from silero_vad import get_speech_timestamps, load_silero_vad

    found = get_speech_timestamps(
        torch.from_numpy(samples),
        load_silero_vad(onnx=True),
        min_silence_duration_ms=600,
        speech_pad_ms=250,
        return_seconds=True,
    )
    return _flags([(s["start"], s["end"]) for s in found], samples)


def _flags(stretches: Iterable[tuple[float, float]], samples: Samples) -> Flags:
    flags = np.zeros(_n_steps(samples), bool)
    for start, end in stretches:
        flags[round(start * RATE / vad._STEP) : round(end * RATE / vad._STEP)] = True
    return flags


# --- near-identical captions -------------------------------------------------------------------------------------------


def _signatures() -> Rows:
    draw = random.Random(1)
    captions = [" ".join(draw.choices(_WORDS, k=14)) for _ in range(400)]
    pairs = [(c, _changed(c, draw)) for c in captions for _ in range(5)]
    sets = [minhash._shingles(minhash.letters_of(c)) for c in captions]
    rows = {
        "signatures": _row(_cpu(lambda: [minhash._min_hash(s) for s in sets]) / 400 * 1e6, "µs a caption"),
        "signatures, error": _row(_error(pairs, minhash._min_hash), "root mean square", 0.05),
    }
    if not find_spec("datasketch"):
        print("datasketch is not installed: nothing to compare signatures with.")
        return rows
    return rows | {
        "signatures, datasketch": _row(_cpu(lambda: [_datasketch(s) for s in sets]) / 400 * 1e6, "µs a caption"),
        "signatures, datasketch, error": _row(_error(pairs, _datasketch), "root mean square"),
    }


def _changed(caption: str, draw: random.Random) -> str:
    letters = list(caption)
    for _ in range(draw.randint(0, 8)):
        letters[draw.randrange(len(letters))] = draw.choice("abcdefghij")
    return "".join(letters)


def _error(pairs: Sequence[tuple[str, str]], sign: Callable[[Any], npt.NDArray[Any]]) -> float:
    """Return how far estimates are off the true Jaccard similarity."""
    errors = []
    for one, other in pairs:
        a, b = (minhash._shingles(minhash.letters_of(text)) for text in (one, other))
        true = len(np.intersect1d(a, b)) / len(np.union1d(a, b))
        errors.append(float((sign(a) == sign(b)).mean()) - true)
    return float(np.sqrt(np.mean(np.square(errors))))


def _datasketch(shingles: npt.NDArray[np.uint64]) -> npt.NDArray[Any]:
    from datasketch import MinHash

    sketch = MinHash(
        minhash.N_VALUES, scheme="affine32", permutations=_permutations(), hashfunc=lambda n: n & 0xFFFFFFFF
    )
    sketch.update_batch(shingles.tolist())
    return np.asarray(sketch.hashvalues)


@lru_cache(maxsize=1)
def _permutations() -> Any:
    from datasketch import MinHash

    return MinHash(minhash.N_VALUES, scheme="affine32").permutations


# --- measures ----------------------------------------------------------------------------------------------------------


def _measures() -> Rows:
    draw = np.random.default_rng(3)
    y = draw.random(100_000) < 0.05
    p = np.round(np.clip(draw.normal(0.3 + 0.3 * y, 0.2), 0, 1), 3)  # with ties
    rows = {"average precision of 100,000": _row(_cpu(lambda: measures.average_precision(y, p)) * 1_000, "ms")}
    if not (find_spec("sklearn") and find_spec("scipy")):
        print("scikit-learn or scipy is not installed: nothing to compare measures with.")
        return rows
    from scipy.stats import binomtest, chi2
    from sklearn.metrics import average_precision_score

    counts = [(k, n) for n in (1, 10, 100, 10_000) for k in {0, n // 3, n}]
    apart = [
        abs(bound - theirs)
        for k, n in counts
        for found, interval in [(wilson(k, n), binomtest(k, n).proportion_ci(method="wilson"))]
        for bound, theirs in ((found.low, interval.low), (found.high, interval.high))
    ]
    tails = [
        abs(calibration._chi_squared_tail(n) / chi2.isf(0.001, n) - 1) for n in range(1, len(calibration.SCORE_EDGES))
    ]
    theirs = _cpu(lambda: average_precision_score(y, p))
    return rows | {
        "average precision, scikit-learn": _row(theirs * 1_000, "ms"),
        "average precision, apart": _row(
            abs(measures.average_precision(y, p) - average_precision_score(y, p)), "", 1e-9
        ),
        "Wilson's interval, apart from scipy": _row(max(apart), "", 1e-9),
        "chi-squared tail, apart from scipy": _row(100 * max(tails), "%", 2.0),
    }


if __name__ == "__main__":
    for row_name, row in run().items():
        print(f"{row_name:<75} {row['value']:10.4f} {row['unit']}")
