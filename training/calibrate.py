"""Fits calibration and fusion on the tuning split, and writes the manifest that makes a folder of weights a model.

Per category, logistic regression on the parts' logits with non-negative weights: monotone in each part, and 0.5 is a fair cut.
The tuning split is rows of the training sources that neither model saw; the held-out sources play no part.
"""

import argparse
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from moderation.detection.text import CATEGORIES
from moderation.detection.text.encoder import Encoder
from moderation.detection.text.ngrams import NgramModel
from moderation.detection.text.prepare import prepare
from training.examples import CORPUS, Example, written
from training.pool import split, targets
from training.slots import Slots
from training.sources import public
from training.train_ngrams import NGRAM_LANGUAGES
from training.train_text import ENCODER_LANGUAGES

Array = npt.NDArray[np.float64]
#: Written texts stand for what users write; public sets, being large and narrow, count less each.
_WRITTEN_WEIGHT = 6.0


def tuning_texts(data: Path) -> list[Example]:
    """Return the tuning split, its slots filled, in a fixed order."""
    import random

    slots, draw = Slots(data), random.Random(3)
    own = split(written(CORPUS))[1]
    own = [
        Example(slots.fill(e.text, e.language, draw), e.labels, e.language, e.source, e.slice, _WRITTEN_WEIGHT)
        for e in own
    ]
    return own + split(public(data, is_held_out=False))[1]


def fit_line(parts: Sequence[Array], labels: Array, weights: Array) -> tuple[list[float], float]:
    """Return non-negative weights of the parts' logits (n,) and a bias, by weighted logistic loss with a weak pull to 1/k."""
    x = np.stack(parts, axis=1)
    k = x.shape[1]

    def loss(theta: Array) -> tuple[float, Array]:
        z = x @ theta[:k] + theta[k]
        p = 1 / (1 + np.exp(-z))
        pull = theta[:k] - 1 / k
        value = float(np.sum(weights * (np.logaddexp(0, z) - labels * z)) + 2.0 * pull @ pull)
        slope = weights * (p - labels)
        return value, np.append(x.T @ slope + 4.0 * pull, slope.sum())

    start = np.append(np.full(k, 1 / k), 0.0)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 3.0)] * k + [(-6.0, 6.0)])
    return [float(v) for v in found.x[:k]], float(found.x[k])


def fit(data: Path, folder: Path) -> dict[str, Any]:
    """Return the fusion lines for the two models in the folder."""
    texts = tuning_texts(data)
    prepared = [prepare(e.text) for e in texts]
    is_read = np.array([e.language in ENCODER_LANGUAGES for e in texts])
    encoder = np.zeros((len(texts), len(CATEGORIES)))
    encoder[is_read] = Encoder(folder).logits([t for t, read in zip(prepared, is_read, strict=True) if read])
    ngrams = NgramModel.load(folder / "ngrams.npz").logits(prepared).astype(np.float64)
    labels, known = (np.array(a) for a in targets(texts))
    lines: dict[str, dict[str, list[float]]] = {
        name: {"encoder": [], "ngrams": [], "bias": []} for name in ("both", "ngrams_alone", "encoder_alone")
    }
    for i in range(len(CATEGORIES)):
        rows = known[:, i] > 0
        for name, which in (("both", rows & is_read), ("encoder_alone", rows & is_read), ("ngrams_alone", rows)):
            parts = {"both": [encoder, ngrams], "encoder_alone": [encoder], "ngrams_alone": [ngrams]}[name]
            weights, bias = fit_line([p[which, i] for p in parts], labels[which, i], known[which, i])
            lines[name]["bias"].append(round(bias, 5))
            lines[name]["encoder"].append(round(weights[0], 5) if name != "ngrams_alone" else 0.0)
            lines[name]["ngrams"].append(round(weights[-1], 5) if name != "encoder_alone" else 0.0)
    return lines


def write_manifest(folder: Path, fusion: dict[str, Any]) -> None:
    """Write manifest.json; the version is drawn from the files and the fusion, so other weights are another version."""
    files = {
        n: hashlib.sha256((folder / n).read_bytes()).hexdigest()
        for n in ("encoder.onnx", "tokenizer.json", "ngrams.npz")
    }
    body: dict[str, Any] = {
        "categories": list(CATEGORIES),
        "encoder_languages": sorted(ENCODER_LANGUAGES),
        "languages": sorted(ENCODER_LANGUAGES | NGRAM_LANGUAGES),
        "fusion": fusion,
        "files": files,
    }
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps({"version": f"text-{digest[:12]}", **body}, indent=1) + "\n")


def main() -> None:
    """Calibrate and write the manifest."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=Path(os.environ.get("GATEHOUSE_DATA", "../shared/data")))
    asked.add_argument("folder", type=Path)
    given = asked.parse_args()
    write_manifest(given.folder, fit(given.data, given.folder))


if __name__ == "__main__":
    main()
