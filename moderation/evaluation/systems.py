"""The systems that a report compares: the whole ensemble, each of its parts, and thresholds chosen for a stated recall."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from moderation.detection.text import CATEGORIES
from moderation.evaluation import measures
from moderation.evaluation.labelled import Example, label_arrays
from moderation.evaluation.report import System
from moderation.evaluation.scoring import Text, TextEnsemble
from policies.choices import Band
from policies.decision.compiled import CLAIM_SLOTS
from policies.document.schema import LEVEL_KEYS
from policies.errors import PolicyUnavailable
from policies.live import active_policy

#: Texts timed one by one.
_N_TIMED = 200


def texts_of(examples: Sequence[Example]) -> list[Text]:
    """Return examples as texts to score."""
    return [Text(str(i), e.text, e.language) for i, e in enumerate(examples)]


def parts(
    ensemble: TextEnsemble,
    examples: Sequence[Example],
    thresholds: Mapping[str, Mapping[str, float]],
    chosen: Mapping[str, float],
) -> list[System]:
    """Return the ensemble first, then each part of it alone."""
    scored = ensemble.score(texts_of(examples))
    return [
        System(
            "Gatehouse (fused)",
            scored.fused,
            note="terms, transformer and n-grams",
            thresholds=thresholds,
            chosen=chosen,
        ),
        System("transformer alone", np.nan_to_num(scored.encoder), note="0 where it does not read the language"),
        System("n-grams alone", scored.ngrams),
        System("word list alone", scored.terms, note="the seed's terms"),
    ]


def choose_thresholds(ensemble: TextEnsemble, validation: Sequence[Example], recall: float) -> dict[str, float]:
    """Return per category the highest threshold that reaches the recall on a validation split, never on the test."""
    fused = ensemble.score(texts_of(validation)).fused
    holds, known = label_arrays(validation)
    return {
        c: measures.threshold_for_recall(holds[known[:, i], i], fused[known[:, i], i], recall)
        for i, c in enumerate(CATEGORIES)
        if holds[known[:, i], i].any()
    }


def policy_thresholds() -> dict[str, dict[str, float]]:
    """Return the active policy's thresholds for everyone, everywhere; empty where no policy is active."""
    try:
        policy = active_policy()
    except PolicyUnavailable:
        return {}
    # Any market and language without rules of its own, and what is offered to adults: the rows that name nobody.
    context = (len(policy.markets) * (len(policy.languages) + 2) + len(policy.languages)) * CLAIM_SLOTS + int(
        Band.ADULT
    )
    profile = policy.profile_of[context]
    found: dict[str, dict[str, float]] = {}
    for i, category in enumerate(policy.categories):
        levels = policy.thresholds[profile, :, i, 0]
        found[category] = {k: float(v) for k, v in zip(LEVEL_KEYS, levels, strict=True) if np.isfinite(v)}
    return found


def latency(ensemble: TextEnsemble, examples: Sequence[Example]) -> dict[str, Any]:
    """Return the time of one text at a time through the whole ensemble, in milliseconds."""
    taken = []
    for text in texts_of(examples[:_N_TIMED]):
        started = time.perf_counter()
        ensemble.score([text])
        taken.append((time.perf_counter() - started) * 1_000)
    return {f"p{q}": round(float(np.percentile(taken, q)), 2) for q in (50, 95, 99)} if taken else {}
