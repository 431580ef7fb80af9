"""The classifier that ships: two models, each calibrated, fused by a stated rule, read from one folder with checksums.

Fusion: per category, the fused logit is `a * encoder + b * ngrams + c`, fitted on texts that neither model was trained on; where
the encoder does not read the language, a second such line with `a = 0`. Both are monotone in each part.
A text that reads differently once its spelling tricks are undone, or its joined words are cut apart, is scored both ways; the
higher score counts.
"""

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection.model_store import ModelAbsent, ModelInvalid, check_files
from moderation.detection.terms.normalise import normalise
from moderation.detection.text import CATEGORIES
from moderation.detection.text.encoder import Encoder
from moderation.detection.text.ngrams import NgramModel
from moderation.detection.text.prepare import prepare
from moderation.detection.text.unjoin import Unjoiner

#: The weights that ship with the project.
SHIPPED = Path(__file__).parent / "weights"
MANIFEST = "manifest.json"
#: What a manifest must name: nothing is read whose SHA-256 it does not give.
FILES = frozenset({"encoder.onnx", "tokenizer.json", "ngrams.npz"})

#: A text of which this share of words is in the vocabulary is in a language that the vocabulary was made for.
_MIN_WHOLE_WORDS = 0.75

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Line:
    """Weights of one fused logit per category, each (9,)."""

    encoder: Scores
    ngrams: Scores
    bias: Scores

    @classmethod
    def of(cls, found: Mapping[str, Sequence[float]]) -> "Line":
        """Read from the manifest."""
        return cls(*(np.array(found[k], np.float32) for k in ("encoder", "ngrams", "bias")))


#: What each named part says, arrays (texts, 9) of calibrated probabilities. "fused" is what counts; "transformer" is NaN where it
#: does not read the language.
Parts = dict[str, Scores]


class TextClassifier:
    """Scores texts. Thread-safe.

    Args:
        folder: holds manifest.json (version, languages, calibration, fusion, SHA-256 of the other files), encoder.onnx,
            tokenizer.json and ngrams.npz.

    Raises:
        ModelInvalid: a file is absent or not the one the manifest names.
    """

    def __init__(self, folder: Path = SHIPPED) -> None:
        manifest = read_manifest(folder)
        check_files(folder, manifest["files"])
        self.version: str = manifest["version"]
        self.encoder_languages = frozenset(manifest["encoder_languages"])
        self.languages: frozenset[str] = frozenset(manifest["languages"])
        self._encoder = Encoder(folder)
        self._ngrams = NgramModel.load(folder / "ngrams.npz")
        self._both = Line.of(manifest["fusion"]["both"])
        self._alone = Line.of(manifest["fusion"]["ngrams_alone"])
        self._of_encoder = Line.of(manifest["fusion"]["encoder_alone"])
        self._unjoiner = Unjoiner(self._encoder.vocabulary())

    def knows_words_of(self, text: str) -> bool:
        """Whether most words of a text are whole in the encoder's vocabulary; see `Encoder.share_of_whole_words`."""
        return self._encoder.share_of_whole_words(prepare(text)) >= _MIN_WHOLE_WORDS

    def _readings(self, texts: Sequence[str]) -> tuple[list[str], list[int]]:
        """Return the prepared texts, each followed by its readings without tricks where those differ, and whose each is."""
        rows: list[str] = []
        owners: list[int] = []
        for i, text in enumerate(texts):
            plain = prepare(text)
            undone = prepare(normalise(text).text)
            apart = self._unjoiner.unjoin(undone)
            readings = [
                plain,
                *([undone] if _bones(undone) != _bones(plain) else []),
                *([apart] if apart != undone else []),
            ]
            rows += readings
            owners += [i] * len(readings)
        return rows, owners

    def _is_read(self, prepared: str, language: str) -> bool:
        """Whether the encoder reads a text. Short English is at times taken for a neighbour, but its words are known."""
        if language in self.encoder_languages or language == "und":
            return True
        return self._encoder.share_of_whole_words(prepared) >= _MIN_WHOLE_WORDS

    def n_tokens(self, text: str) -> int:
        """Return how many tokens the encoder reads a text as, of the first window."""
        return self._encoder.n_tokens(prepare(text))

    def scores(self, text: str, language: str = "und") -> dict[str, float]:
        """Return the calibrated probability in [0, 1] of each category for one text."""
        return dict(zip(CATEGORIES, map(float, self.scores_of([text], [language])[0]), strict=True))

    def scores_of(self, texts: Sequence[str], languages: Sequence[str]) -> Scores:
        """Return (texts, 9) fused probabilities. `languages` are BCP 47 primary subtags, "und" where unknown."""
        return self.parts_of(texts, languages)["fused"]

    def parts_of(self, texts: Sequence[str], languages: Sequence[str]) -> Parts:
        """Return fused probabilities and each part's; of a text's readings the one with the higher fused score counts."""
        rows, owners = self._readings(texts)
        n = len(texts)
        is_read = np.array([self._is_read(row, languages[i]) for row, i in zip(rows, owners, strict=True)], bool)
        encoder = np.full((len(rows), len(CATEGORIES)), np.nan, np.float32)
        if is_read.any():
            encoder[is_read] = self._encoder.logits([row for row, read in zip(rows, is_read, strict=True) if read])
        ngrams = self._ngrams.logits(rows)
        of_encoder = np.nan_to_num(encoder)
        both = self._both.encoder * of_encoder + self._both.ngrams * ngrams + self._both.bias
        alone = self._alone.ngrams * ngrams + self._alone.bias
        fused = np.where(is_read[:, None], both, alone)
        calibrated = self._of_encoder.encoder * encoder + self._of_encoder.bias
        parts = {"transformer": calibrated, "n-grams": alone, "fused": fused}
        return {name: _sigmoid(_highest(logits, owners, n)) for name, logits in parts.items()}


def _highest(logits: Scores, owners: Sequence[int], n: int) -> Scores:
    """Return per text the highest logits of its readings."""
    found = np.full((n, len(CATEGORIES)), -np.inf, np.float32)
    np.maximum.at(found, owners, logits)
    return found


def _bones(text: str) -> str:
    """Return what both models see of a text anyway: neither case, nor spaces, nor accents."""
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) != "Mn")
    return "".join(text.casefold().split())


def _sigmoid(logits: Scores) -> Scores:
    return (1 / (1 + np.exp(-np.clip(logits, -30, 30)))).astype(np.float32)


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder.

    Raises:
        ModelInvalid: there is none, or it is for other code.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelAbsent(f"{folder} has no {MANIFEST}: it is no text model. See docs/detectors.md.")
    manifest: dict[str, Any] = json.loads(path.read_text())
    if tuple(manifest["categories"]) != CATEGORIES:
        raise ModelInvalid(f"{path} is for other categories: {', '.join(manifest['categories'])}.")
    if unnamed := FILES - set(manifest["files"]):
        raise ModelInvalid(f"{path} gives no SHA-256 of {', '.join(sorted(unnamed))}.")
    return manifest
