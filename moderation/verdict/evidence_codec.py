"""How findings lie in a stored row: one cell of eight bytes per source and category. Pure; the database holds the bytes.

A source says who found something and in whose result: `terms` on the caption, or `terms` on what `ocr` read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection.types import Finding
from policies.choices import DETECTORS
from policies.replay.population import FUSED, source_code

#: A category that no policy version has: what was found in it counts as unlabelled.
NO_CATEGORY = 0
#: As in `moderation.models.evidence.CELL_BYTES`.
CELL = np.dtype([("source", "u1"), ("hard", "u1"), ("category", "<u2"), ("score", "<f4")])
_PACK = struct.Struct("<BBHf")
_FLOAT32 = struct.Struct("<f")
_PLACE = {name: i for i, name in enumerate(DETECTORS)}
_Key = tuple[int, int]


def pack_findings(findings: Sequence[Finding], sources: Sequence[str], codes: Mapping[str, int]) -> bytes:
    """Return the cells of one item's findings.

    Args:
        sources: per finding, the detector whose result carries it.
        codes: category to its code; what is not in it goes to NO_CATEGORY.
    """
    best: dict[_Key, tuple[float, int]] = {}
    for finding, via in zip(findings, sources, strict=True):
        key = (_source(via, finding.detector), codes.get(finding.category, NO_CATEGORY))
        score, hard = best.get(key, (0.0, 0))
        best[key] = (max(score, finding.score), max(hard, int(finding.hard or 0)))
    return _pack(best)


def pack_fused(scores: Mapping[str, float], hard: Mapping[str, int], codes: Mapping[str, int]) -> bytes:
    """Return the cells of evidence of which only the fused scores are known."""
    best: dict[_Key, tuple[float, int]] = {}
    for category in (*scores, *hard):
        best[FUSED, codes.get(category, NO_CATEGORY)] = (scores.get(category, 0.0), hard.get(category, 0))
    return _pack(best)


def _pack(best: Mapping[_Key, tuple[float, int]]) -> bytes:
    return b"".join(_PACK.pack(source, hard, code, encode_score(s)) for (source, code), (s, hard) in best.items())


def encode_score(score: float) -> float:
    """Return a score as decisions store it, so that both are judged alike: single precision, six decimals."""
    single: float = _FLOAT32.unpack(_FLOAT32.pack(score))[0]
    return round(single, 6)


def _source(via: str, detector: str) -> int:
    """Return the code of a source; of one with a detector nobody knows, one that counts under any policy."""
    if via not in _PLACE or detector not in _PLACE:
        return FUSED
    return source_code(_PLACE[via], _PLACE[detector])


def source_of(detector: str, where: Mapping[str, Any]) -> str:
    """Return the detector whose result carried a stored finding: who read the text, where somebody did."""
    via = where.get("source")
    return via if via in _PLACE else detector


def missing_mask(missing: Iterable[str]) -> int:
    """Return the set of missing detectors as bits, in the order of DETECTORS."""
    return sum(1 << _PLACE[name] for name in set(missing) if name in _PLACE)


def unpack(cells: bytes) -> npt.NDArray[np.void]:
    """Return cells as an array of CELL.

    Raises: ValueError when the bytes are no whole number of cells.
    """
    return np.frombuffer(cells, CELL)


def primary_subtag(language: str) -> str:
    """Return the part of a BCP 47 tag that policies look at; "" where they would call it unknown."""
    subtag = language.split("-")[0].lower()
    is_tag = 2 <= len(subtag) <= 3 and subtag.isascii() and subtag.isalpha() and subtag != "und"
    return subtag if is_tag else ""


def market_or_unknown(market: str) -> str:
    """Return a market in capitals; "" where policies would call it unknown."""
    return market.upper() if len(market) == 2 and market.isascii() and market.isalpha() else ""
