"""The second opinion: a linear model over hashed character n-grams and words. Small, quick, and at home in every script."""

import re
import unicodedata
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderation.detection.text import CATEGORIES

#: Hashed features; a power of two.
N_FEATURES = 1 << 18
_SIZES = (2, 3, 4, 5)
_WORDS = re.compile(r"\w+|[^\w\s]+")
#: More of a text than this adds time, not knowledge.
_MAX_CHARS = 1_200
_ACCENTS = re.compile(r"[\u0300-\u036f]+")


def plain_letters(text: str) -> str:
    """Return a text in small letters without accents: they are left out and put in at will, and decide no category."""
    text = text.lower()
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", text)))


def features(text: str) -> dict[int, float]:
    """Return the hashed features of a prepared text with their weights, of length 1 in all.

    Words and pairs of words, and the n-grams of 2 to 5 characters inside words with their edges. Counts enter by their
    square root: a word said ten times says little more than said once.
    """
    words = _WORDS.findall(plain_letters(text[:_MAX_CHARS]))
    counts: dict[int, float] = {}
    previous = ""
    for word in words:
        grams = [f"w{word}", f"p{previous} {word}"]
        edged = f" {word[:40]} "
        grams += [edged[i : i + size] for size in _SIZES for i in range(len(edged) - size + 1)]
        for gram in grams:
            key = zlib.crc32(gram.encode("utf-8", "ignore")) & (N_FEATURES - 1)
            counts[key] = counts.get(key, 0.0) + 1.0
        previous = word
    scale = sum(counts.values()) ** -0.5 if counts else 0.0
    return {key: count**0.5 * scale for key, count in counts.items()}


@dataclass(frozen=True, slots=True)
class NgramModel:
    """Logits per category: weights (N_FEATURES, 9) int8 with one scale per category, bias (9,)."""

    weights: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]
    bias: npt.NDArray[np.float32]

    @classmethod
    def load(cls, path: Path) -> "NgramModel":
        """Read a model that `save` wrote.

        Raises:
            ValueError: other dimensions than this code's.
        """
        with np.load(path, allow_pickle=False) as file:
            model = cls(file["weights"], file["scales"], file["bias"])
        if model.weights.shape != (N_FEATURES, len(CATEGORIES)) or model.weights.dtype != np.int8:
            raise ValueError(f"{path.name} has weights of another shape; train it again with this code.")
        return model

    @classmethod
    def quantise(cls, weights: npt.NDArray[np.float32], bias: npt.NDArray[np.float32]) -> "NgramModel":
        """Return the model of full-precision weights; what is beyond 127 steps is cut."""
        scales = np.maximum(np.quantile(np.abs(weights), 0.99999, axis=0) / 127, 1e-8).astype(np.float32)
        return cls(np.clip(np.rint(weights / scales), -127, 127).astype(np.int8), scales, bias)

    def save(self, path: Path) -> None:
        """Write the model, compressed."""
        np.savez_compressed(path, weights=self.weights, scales=self.scales, bias=self.bias)

    def logits(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (texts, 9) logits of prepared texts."""
        return (
            np.stack([self._logits(features(text)) for text in texts])
            if texts
            else np.zeros((0, len(CATEGORIES)), np.float32)
        )

    def _logits(self, found: Mapping[int, float]) -> npt.NDArray[np.float32]:
        if not found:
            return self.bias
        keys = np.fromiter(found.keys(), np.int64, len(found))
        values = np.fromiter(found.values(), np.float32, len(found))
        summed: npt.NDArray[np.float32] = values @ self.weights[keys].astype(np.float32)
        return summed * self.scales + self.bias
