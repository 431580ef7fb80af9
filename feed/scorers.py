"""Scorers put numbers on candidates. They order only: no score here can admit an item."""

import numpy as np
import numpy.typing as npt

from feed import params
from feed.index import primary_language
from feed.stages import OnFailure, World
from feed.types import Candidates, Network, Query, Scores
from policies.choices import ItemKind


class Prerank:
    """Freshness and popularity: cheap, the same for everybody."""

    name = "score.prerank"
    budget_ms = 2.0
    on_failure = OnFailure.SHELF

    def is_enabled(self, query: Query) -> bool:
        """Return True for every request."""
        return True

    def score(self, query: Query, world: World, candidates: Candidates) -> None:
        """Write the pre-rank scores."""
        age_hours = np.maximum(query.now.timestamp() - candidates.created_at, 0.0) / 3600
        fresh = np.exp2(-age_hours / params.FRESH_HALF_LIFE_HOURS)
        popular = np.log1p(np.maximum(candidates.popularity, 0.0))
        candidates.prerank = (params.WEIGHT_FRESH * fresh + params.WEIGHT_POPULAR * popular).astype(np.float32)


class Affinity:
    """The pre-rank, plus what fits this viewer: language, region, connection."""

    name = "score.affinity"
    budget_ms = 5.0
    on_failure = OnFailure.PRERANKED

    def is_enabled(self, query: Query) -> bool:
        """Return True for every request."""
        return True

    def score(self, query: Query, world: World, candidates: Candidates) -> None:
        """Write the final scores."""
        language = world.index.languages.find(primary_language(query.language))
        region = world.index.regions.find(query.viewer.region)
        score = candidates.prerank.astype(np.float64)
        score += params.WEIGHT_LANGUAGE * (candidates.language == language)
        score += params.WEIGHT_REGION * (candidates.region == region)
        if query.network is Network.SLOW:
            score += params.WEIGHT_LIGHT * _is_light(candidates)
        if query.viewer_hash:
            score += params.WEIGHT_JITTER * jitter(candidates.ids, int(query.viewer_hash[:16], 16))
        candidates.rank = score.astype(np.float32)


def _is_light(candidates: Candidates) -> npt.NDArray[np.bool_]:
    is_still = candidates.kind != ItemKind.VIDEO
    is_short = (candidates.duration_ms > 0) & (candidates.duration_ms <= params.LIGHT_DURATION_MS)
    light: npt.NDArray[np.bool_] = is_still | is_short
    return light


def jitter(ids: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.float64]:
    """Return a fixed number in [0, 1) for each item and seed.

    Source: the finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
    """
    mixed = ids.astype(np.uint64) ^ np.uint64(seed)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    return (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53


def best_first(scores: Scores) -> npt.NDArray[np.intp]:
    """Return the rows from the best score to the worst; NaN sinks to the end."""
    return np.argsort(-np.nan_to_num(scores, nan=-np.inf, posinf=np.inf, neginf=-np.inf), kind="stable")
