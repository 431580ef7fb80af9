"""What the starter vision model is worth: zero-shot over unseen drawings, and each policy category by the shipped prompts.

`run()` is called by `make evaluate-starters`.
"""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np

from moderation.detection.model_store import Source
from moderation.detection.vision.compiled import compile_prompts
from moderation.detection.vision.loading import WEIGHTS, load_model
from moderation.detection.vision.model import CHECKPOINT, STARTER, Vision
from moderation.detection.vision.prompts import read_prompts
from moderation.detection.vision.scoring import score_vectors
from training.vision.captions import CaptionWriter, unseen_prompts
from training.vision.pen import THINGS
from training.vision.scenes import UNSEEN, draw_scene

#: Drawings of each thing, alone in its scene.
N_PER_THING = 20
#: Drawings with whatever is in them, for the categories.
N_MIXED = 2_000
TARGET = 0.90


def run() -> dict[str, dict[str, Any]]:
    """Return {name: {"value", "unit", "target", "met"}}; a minute or two on one core."""
    vision = load_model(Source(WEIGHTS, STARTER))
    accuracy, best_five, worst = zero_shot(vision)
    rows = {
        "vision_zero_shot_accuracy": _row(accuracy, "share", TARGET, accuracy >= TARGET),
        "vision_zero_shot_in_best_five": _row(best_five, "share"),
        "vision_size": _row((STARTER / CHECKPOINT).stat().st_size / 2**20, "MiB", 12, (STARTER / CHECKPOINT).stat().st_size <= 12 * 2**20),
        "vision_ms_per_frame": _row(frame_ms(vision), "ms of one core"),
    }  # fmt: skip
    for category, (recall, false, precision) in by_category(vision).items():
        rows[f"vision_{category}_recall_at_half"] = _row(recall, "share")
        rows[f"vision_{category}_false_at_half"] = _row(false, "share")
        rows[f"vision_{category}_average_precision"] = _row(precision, "share")
    print(f"vision: least often right: {', '.join(worst)}")
    return rows


def _row(value: float, unit: str, target: float | None = None, met: bool | None = None) -> dict[str, Any]:
    return {"value": float(value), "unit": unit, "target": target, "met": met}


def zero_shot(vision: Vision) -> tuple[float, float, list[str]]:
    """Return the share of unseen drawings whose thing is the nearest of all, among the nearest five, and the weakest things.

    Every thing is asked for by sentences that training never saw whole.
    """
    names = sorted(THINGS)
    prompts = np.stack([_prompt_vector(vision, name) for name in names])
    right, in_five, of_thing = [], [], {}
    for number, name in enumerate(names):
        drawn = [draw_scene(i, stream=UNSEEN, name=name, alone=True)[0] for i in range(N_PER_THING)]
        order = np.argsort(-(vision.embed(drawn) @ prompts.T), axis=1)
        hits = order[:, 0] == number
        right.append(hits.mean())
        in_five.append((order[:, :5] == number).any(axis=1).mean())
        of_thing[name] = float(hits.mean())
    weakest = sorted(of_thing, key=lambda n: of_thing[n])[:8]
    return float(np.mean(right)), float(np.mean(in_five)), [f"{n} {of_thing[n]:.2f}" for n in weakest]


def _prompt_vector(vision: Vision, name: str) -> np.ndarray:
    mean = vision.embed_texts(unseen_prompts(name)).mean(axis=0)
    vector: np.ndarray = mean / np.linalg.norm(mean)
    return vector


def by_category(vision: Vision) -> dict[str, tuple[float, float, float]]:
    """Return, per category of the shipped prompts: recall and false share at one half, and average precision."""
    prompts = compile_prompts(Source(WEIGHTS, STARTER), read_prompts(STARTER))
    drawn = [draw_scene(i, stream=UNSEEN) for i in range(N_MIXED)]
    vectors = np.concatenate([vision.embed([image for image, _ in drawn[i : i + 100]]) for i in range(0, N_MIXED, 100)])
    scores = score_vectors(vectors, prompts.categories, vision.scale)
    found = {}
    for category, p in scores.items():
        is_in = np.array([category in {THINGS[t].category for t in scene.things} for _, scene in drawn])
        found[category] = (
            float((p[is_in] >= 0.5).mean()),
            float((p[~is_in] >= 0.5).mean()),
            average_precision(p, is_in),
        )
    return found


def average_precision(scores: np.ndarray, is_positive: np.ndarray) -> float:
    """Return the mean of the precisions at each positive, from the highest score down."""
    hits = is_positive[np.argsort(-scores, kind="stable")]
    return float((np.cumsum(hits) / np.arange(1, len(hits) + 1))[hits].mean())


def frame_ms(vision: Vision, n: int = 64) -> float:
    """Return the processor time for one frame, in ms."""
    pictures = [draw_scene(i, stream=UNSEEN, size=(960, 540))[0] for i in range(8)] * (n // 8)
    vision.embed(pictures[:8])
    started = time.process_time()
    vision.embed(pictures)
    return (time.process_time() - started) / n * 1_000


def unseen_sentences_are_unseen() -> bool:
    """Whether no sentence that is asked here can be a caption of training."""
    from training.vision.captions import HELD, PLACES, TEMPLATES

    starts = [t.split("{}") for t in (*TEMPLATES, *HELD)]
    places = ["", *(" " + place for several in PLACES.values() for place in several)]
    asked = {sentence for name in CaptionWriter().names for sentence in unseen_prompts(name)}
    phrases = {phrase for name in CaptionWriter().names for phrase in THINGS[name].names}
    framed = {
        f"{a}{article}{phrase}{b}{place}"
        for a, b in starts
        for phrase in phrases
        for article in ("", "a ", "an ")
        for place in places
    }
    return not asked & framed


def main() -> None:
    """Print the figures."""
    print(json.dumps(run(), indent=1))


if __name__ == "__main__":
    main()
