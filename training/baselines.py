"""What one would otherwise use: TF-IDF with logistic regression on the same training texts, and a package from the index."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from moderation.detection.text import CATEGORIES
from moderation.evaluation.report import System
from training.examples import CORPUS, Example, written
from training.pool import split, targets
from training.slots import Slots
from training.sources import public


def tfidf(data: Path, texts: Sequence[str]) -> System:
    """Fit on the texts that the shipped model learned from, in the usual way, and score."""
    slots, draw = Slots(data), random.Random(5)
    own = [_filled(e, slots, draw) for e in split(written(CORPUS))[0]]
    learned = own + split(public(data, is_held_out=False))[0]
    labels, known = (np.array(a, np.float32) for a in targets(learned))
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    x = vectorizer.fit_transform([e.text for e in learned])
    asked = vectorizer.transform(texts)
    scores: npt.NDArray[np.float32] = np.zeros((len(texts), len(CATEGORIES)), np.float32)
    for i in range(len(CATEGORIES)):
        rows = np.flatnonzero(known[:, i] > 0)
        model = LogisticRegression(C=4.0, class_weight="balanced", max_iter=300, solver="liblinear")
        model.fit(x[rows], labels[rows, i] >= 0.5)
        scores[:, i] = model.predict_proba(asked)[:, 1]
    return System("TF-IDF + logistic regression", scores, note=f"fitted on the same {len(learned):,} training texts")


def alt_profanity_check(texts: Sequence[str]) -> System:
    """Return what the package says: one score, for English."""
    from profanity_check import predict_prob

    return System(
        "alt-profanity-check", any_score=np.asarray(predict_prob(list(texts)), np.float32), note="one score, English"
    )


def _filled(example: Example, slots: Slots, draw: random.Random) -> Example:
    text = slots.fill(example.text, example.language, draw)
    return Example(text, example.labels, example.language, example.source, example.slice)
