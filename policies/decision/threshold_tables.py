"""The thresholds of a document as tables: the distinct sets of them, and which one holds in each context. Pure.

Rows are put where they hold, market by market, and never looked for: a few kilobytes of rows name tens of thousands of
pairs of a market and a language, and a search in each of them takes minutes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.choices import Band
from policies.decision.compiled import NEVER
from policies.document.rows import Document, ThresholdRow
from policies.document.schema import LEVEL_KEYS, MAX_CELLS, languages_of, markets_of
from policies.errors import PolicyError

#: Profiles are told apart by 16 bits; one more would be taken for the first.
_MAX_PROFILES = 2**16


def threshold_tables(document: Document) -> dict[str, Any]:
    """Return the distinct sets of thresholds, and which of them holds in each context.

    A row for a market or a language replaces the base; of several that match, each level takes the strictest. A row for
    a band only ever adds: a creator's claim must not buy a looser threshold.

    Raises: PolicyError where the sets are more than can be told apart.
    """
    columns = {row.slug: c for c, row in enumerate(document.categories)}
    base, rows = _split_base(document, columns)
    everywhere = _Levels.none(languages_of(document), columns)
    everywhere.take(rows[""])
    profiles = _Profiles(min(_MAX_PROFILES, MAX_CELLS // len(columns)))
    strictest = np.full((everywhere.bands.shape[0] + 1, len(Band) + 1, *base.shape), NEVER, np.float32)
    numbers = []
    for market in (*markets_of(document), ""):
        # Another known market has no rows of its own; an unknown one has the strictest of all.
        known = with_unknown(everywhere.join(rows[market] if market else ()).over(base), axes=(0, 1))
        np.minimum(strictest, known, out=strictest)
        numbers.append(profiles.numbers(known))
    numbers.append(profiles.numbers(strictest))
    return profiles.tables(np.concatenate(numbers), base.shape)


def with_unknown(known: Any, axes: tuple[int, ...], strictest: Callable[..., Any] = np.min) -> Any:
    """Return the table with one more slot on each axis, holding the strictest of the known ones."""
    for axis in axes:
        known = np.concatenate([known, strictest(known, axis=axis, keepdims=True)], axis=axis)
    return known


def _split_base(document: Document, columns: Mapping[str, int]) -> tuple[Any, dict[str, list[ThresholdRow]]]:
    """Return the base, (levels, categories), and the other rows by their market."""
    base = np.full((len(LEVEL_KEYS), len(columns)), NEVER, np.float32)
    rows: dict[str, list[ThresholdRow]] = defaultdict(list)
    for row in document.thresholds:
        if row.is_base:
            base[:, columns[row.category]] = _fill(row.levels)
        else:
            rows[row.market].append(row)
    return base, rows


@dataclass(frozen=True, slots=True)
class _Levels:
    """What rows other than the base say, by language; the last one stands for those that no row names."""

    columns: Mapping[str, int]
    places: Mapping[str, int]  # language -> index
    plain: Any  # (languages, levels, categories): rows for any band
    is_given: Any  # (languages, categories): whether there is such a row, which may say "never" throughout
    bands: Any  # (languages, bands, levels, categories): rows for one band

    @classmethod
    def none(cls, languages: tuple[str, ...], columns: Mapping[str, int]) -> _Levels:
        """Return the tables of a document without such rows: every level is NEVER."""
        n, levels = len(languages) + 1, (len(LEVEL_KEYS), len(columns))
        return cls(
            columns,
            {language: i for i, language in enumerate(languages)},
            np.full((n, *levels), NEVER, np.float32),
            np.zeros((n, len(columns)), bool),
            np.full((n, len(Band), *levels), NEVER, np.float32),
        )

    def take(self, rows: Iterable[ThresholdRow]) -> None:
        """Add rows, where each level keeps the strictest."""
        for row in rows:
            # A row without a language holds in all of them.
            where, c = self.places[row.language] if row.language else slice(None), self.columns[row.category]
            if row.band is None:
                self.is_given[where, c] = True
                held = self.plain[where, :, c]
            else:
                held = self.bands[where, row.band, :, c]
            np.minimum(held, _fill(row.levels), out=held)

    def join(self, rows: Iterable[ThresholdRow]) -> _Levels:
        """Return tables with these rows added; the ones they are made from stay as they are."""
        copies = (self.plain.copy(), self.is_given.copy(), self.bands.copy())
        together = _Levels(self.columns, self.places, *copies)
        together.take(rows)
        return together

    def over(self, base: Any) -> Any:
        """Return the thresholds in force, (languages, bands, levels, categories). They overwrite `bands`, which saves a copy."""
        plain = np.where(self.is_given[:, None, :], self.plain, base)
        return np.minimum(plain[:, None], self.bands, out=self.bands)


def _fill(levels: tuple[float | None, ...]) -> Any:
    """Return the levels with a null taking the next stricter one, so that counting those reached finds the highest."""
    filled, following = [], NEVER
    for level in reversed(levels):
        following = following if level is None else np.float32(level)
        filled.append(following)
    return np.array(filled[::-1], np.float32)


class _Profiles:
    """The distinct sets of thresholds, numbered in the order in which they are met."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._found: dict[bytes, int] = {}

    def numbers(self, known: Any) -> Any:
        """Return the number of each set of a table whose last two axes are levels and categories."""
        width = known.shape[-1] * known.shape[-2] * known.itemsize
        # Minus zero is zero, of other bytes.
        data = (known + np.float32(0)).tobytes()
        return np.array([self._number(data[at : at + width]) for at in range(0, len(data), width)], np.intp)

    def _number(self, levels: bytes) -> int:
        number = self._found.setdefault(levels, len(self._found))
        if number >= self._most:
            raise PolicyError("thresholds", f"more than {self._most} different sets of thresholds follow from the rows")
        return number

    def tables(self, numbers: Any, shape: tuple[int, int]) -> dict[str, Any]:
        """Return the sets in ascending order, and where each of `numbers` stands among them."""
        profiles = np.frombuffer(b"".join(self._found), np.float32).reshape(len(self._found), -1)
        order = np.lexsort(profiles.T[::-1])
        place = np.empty(len(order), np.uint16)
        place[order] = np.arange(len(order), dtype=np.uint16)
        return {"thresholds": profiles[order].reshape(-1, *shape, 1), "profile_of": place[numbers]}
