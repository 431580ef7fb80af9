"""The text ensemble alone: one caption of 64 tokens on one thread, and many texts in batches on all cores."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import django
import numpy as np
from django.conf import settings

if not settings.configured:
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ.setdefault("ENVIRONMENT", "test")  # nothing secret is needed here
    django.setup()

from moderation.detection.model_store import read_source
from moderation.detection.text.loading import WEIGHTS
from moderation.evaluation.scoring import Text, TextEnsemble
from training.examples import HELDOUT, written

N_CAPTIONS = 400
N_BATCH = 2_000
N_TOKENS = 64


def captions(ensemble: TextEnsemble, n: int) -> list[str]:
    """Return captions of 64 tokens each, made of held-out lines."""
    draw = random.Random(1)
    lines = [e.text for e in written(HELDOUT) if e.language == "en"]
    return [_of_length(ensemble, lines, draw) for _ in range(n)]


def _of_length(ensemble: TextEnsemble, lines: list[str], draw: random.Random) -> str:
    words: list[str] = []
    while len(words) < N_TOKENS:
        words += draw.choice(lines).split()
    while ensemble.classifier.n_tokens(" ".join(words)) > N_TOKENS:
        words.pop()
    return " ".join(words)


def run() -> dict[str, dict[str, Any]]:
    """Measure."""
    ensemble = TextEnsemble.load(read_source(WEIGHTS, settings.TEXT_MODEL_PATH, Path(settings.MODELS_FOLDER)))
    texts = captions(ensemble, N_CAPTIONS)
    taken = []
    for i, caption in enumerate(texts):
        started = time.perf_counter()
        ensemble.score([Text(str(i), caption)])
        taken.append((time.perf_counter() - started) * 1_000)
    p50, p95, p99 = np.percentile(taken[20:], [50, 95, 99])
    lines = [Text(str(i), e.text) for i, e in enumerate(written(HELDOUT))]
    many = (lines * (N_BATCH // len(lines) + 1))[:N_BATCH]
    started = time.perf_counter()
    for _ in ensemble.score_all(many[start : start + 64] for start in range(0, N_BATCH, 64)):
        pass
    pace = N_BATCH / (time.perf_counter() - started)
    return {
        "text: caption of 64 tokens, p50": {"value": p50, "unit": "ms", "target": None, "met": None},
        "text: caption of 64 tokens, p95": {"value": p95, "unit": "ms", "target": "<= 12", "met": bool(p95 <= 12)},
        "text: caption of 64 tokens, p99": {"value": p99, "unit": "ms", "target": None, "met": None},
        "text: scored in batches": {"value": pace, "unit": "texts/s", "target": ">= 200", "met": bool(pace >= 200)},
    }


if __name__ == "__main__":
    print(run())
