"""Fits the n-gram model on the same texts, one category at a time on the rows where it is known."""

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from moderation.detection.text import CATEGORIES
from moderation.detection.text.ngrams import N_FEATURES, NgramModel, features
from moderation.detection.text.prepare import prepare
from training.pool import Pool, targets

NGRAM_LANGUAGES = frozenset({"en", "de", "es", "fr", "pt", "tr", "ru", "ar", "zh", "ko"})
#: Weight of the penalty; chosen on the tuning split.
_C = 12.0


def matrix(texts: Sequence[str]) -> sparse.csr_matrix:
    """Return the features of prepared texts as rows."""
    indptr: list[int] = [0]
    indices: list[int] = []
    values: list[float] = []
    for text in texts:
        found = features(text)
        indices.extend(found.keys())
        values.extend(found.values())
        indptr.append(len(indices))
    return sparse.csr_matrix(
        (np.array(values, np.float32), np.array(indices, np.int32), np.array(indptr)), (len(texts), N_FEATURES)
    )


def fit(x: sparse.csr_matrix, labels: npt.NDArray[np.float32], known: npt.NDArray[np.float32]) -> NgramModel:
    """Return the model fitted to labels (n, 9) with weights (n, 9); a soft label counts for both sides."""
    weights = np.zeros((N_FEATURES, len(CATEGORIES)), np.float32)
    bias = np.zeros(len(CATEGORIES), np.float32)
    for i, category in enumerate(CATEGORIES):
        rows = np.flatnonzero(known[:, i] > 0)
        soft = labels[rows, i]
        both = sparse.vstack([x[rows], x[rows]])
        says = np.concatenate([np.ones(len(rows)), np.zeros(len(rows))])
        counts = np.concatenate([soft, 1 - soft]) * np.tile(known[rows, i], 2)
        keep = counts > 0.01
        model = LogisticRegression(C=_C, solver="liblinear", max_iter=200)
        model.fit(both[keep], says[keep], sample_weight=counts[keep])
        weights[:, i], bias[i] = model.coef_[0], model.intercept_[0]
        print(f"{category}: {len(rows)} texts", flush=True)
    return NgramModel.quantise(weights, bias)


def main() -> None:
    """Fit and write."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=Path(os.environ.get("GATEHOUSE_DATA", "../shared/data")))
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--texts", type=int, default=220_000)
    given = asked.parse_args()
    pool = Pool(given.data, languages=NGRAM_LANGUAGES, public_share=0.5, seed=11)
    drawn = pool.take(given.texts)
    labels, known = targets(drawn)
    model = fit(matrix([prepare(e.text) for e in drawn]), np.array(labels, np.float32), np.array(known, np.float32))
    model.save(given.out)


if __name__ == "__main__":
    main()
