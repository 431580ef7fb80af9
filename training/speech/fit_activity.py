"""Fits what tells speech from other sounds: `python -m training.speech.fit_activity` writes moderation/detection/speech/weights/activity.json."""

import json
import random
from pathlib import Path

import numpy as np

from moderation.detection.speech.features import describe, spectra
from training.speech import sounds, voices
from training.speech.lines import training_lines

_OUT = Path(__file__).parents[2] / "moderation" / "detection" / "speech" / "weights" / "activity.json"
_N_LINES, _N_OTHERS = 500, 700


def _speech(draw: np.random.Generator) -> list[np.ndarray]:
    """Return looks at speech, also over beds that are as loud."""
    dice, looks = random.Random(6), []
    for line in training_lines(_N_LINES, seed=6):
        samples = voices.spoken(line, voices.Voice.drawn(dice, voices.TALKERS))
        if draw.random() < 0.4:
            samples = sounds.mixed(samples, sounds.background(len(samples), draw), draw.uniform(0, 8))
        looks.append(describe(spectra(sounds.as_filmed(samples, draw, 0, len(samples)))))
    return looks


def _others(draw: np.random.Generator) -> list[np.ndarray]:
    """Return looks at music, noise, engines, claps and near silence."""
    makers = [
        lambda n: sounds.music(n, draw),
        lambda n: sounds.music(n, draw),
        lambda n: sounds.noise(n, draw, draw.uniform(0, 2)),
        lambda n: sounds.hum(n, draw),
        lambda n: sounds.noise(n, draw, 1.5) * (1.2 + np.sin(np.arange(n) / sounds.RATE * draw.uniform(6, 250))),
        lambda n: sounds.noise(n, draw, 0.5) * (np.cumsum(draw.random(n) < 3 / sounds.RATE) % 2 * 0.99 + 0.01),
    ]
    looks = []
    for i in range(_N_OTHERS):
        n = int(draw.uniform(1, 5) * sounds.RATE)
        bed = np.asarray(makers[i % len(makers)](n), np.float32)
        bed *= np.float32(draw.uniform(0.01, 0.9) / max(1e-6, np.abs(bed).max()))
        looks.append(
            describe(
                spectra(bed + draw.standard_normal(n).astype(np.float32) * np.float32(10 ** draw.uniform(-5, -2.5)))
            )
        )
    return looks


def main() -> None:
    """Fit, tell how well the two are apart on a third that was kept out, and write."""
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(6)
    groups = [*_speech(draw), *_others(draw)]
    looks = np.concatenate(groups)
    is_speech = np.concatenate([np.full(len(g), i < _N_LINES) for i, g in enumerate(groups)])
    number = np.concatenate([np.full(len(g), i) for i, g in enumerate(groups)])
    mean, scale = looks.mean(axis=0), looks.std(axis=0)
    scaled, held = (looks - mean) / scale, number % 3 == 0
    fit = LogisticRegression(max_iter=2_000).fit(scaled[~held], is_speech[~held])
    scores = fit.decision_function(scaled[held])
    for cut in (-2.0, -1.0, 0.0):
        missed, taken = (scores[is_speech[held]] < cut).mean(), (scores[~is_speech[held]] >= cut).mean()
        print(f"cut {cut:+.0f}: {missed:.2%} of speech missed, {taken:.2%} of the rest taken for speech")
    fit = LogisticRegression(max_iter=2_000).fit(scaled, is_speech)
    weights = fit.coef_[0] / scale
    bias = float(fit.intercept_[0] - (weights * mean).sum())
    _OUT.parent.mkdir(exist_ok=True)
    _OUT.write_text(
        json.dumps({"weights": [round(float(w), 6) for w in weights], "bias": round(bias, 6)}) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
