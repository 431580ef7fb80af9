"""A set of prompts made ready for one model: embedded, averaged over wordings, calibrated on the model's reference pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from moderation.detection.model_store import Source
from moderation.detection.vision.loading import load_model
from moderation.detection.vision.model import REFERENCE, Vectors, Vision
from moderation.detection.vision.prompts import TEMPLATES, Prompts
from moderation.detection.vision.scoring import Calibration, CategoryPrompts, fit


@dataclass(frozen=True, slots=True)
class Reference:
    """Labelled pictures as the model sees them: (n, d) unit vectors, and per picture the categories that it belongs to."""

    vectors: Vectors
    labels: tuple[frozenset[str], ...]

    def holds(self, category: str) -> npt.NDArray[np.bool_]:
        """Return (n,) whether a picture belongs to a category."""
        return np.array([category in label for label in self.labels], dtype=bool)


@dataclass(frozen=True, slots=True)
class CompiledPrompts:
    """Prompts ready to score frames of one model."""

    version: str
    categories: Mapping[str, CategoryPrompts]


def read_reference(folder: Path) -> Reference | None:
    """Return the reference pictures that came with a model; None without any, and then nothing is calibrated."""
    file = folder / REFERENCE
    if not file.is_file():
        return None
    with np.load(file, allow_pickle=False) as held:
        vectors, labels = held["vectors"].astype(np.float32), held["labels"].tolist()
    return Reference(vectors, tuple(frozenset(filter(None, label.split("|"))) for label in labels))


def prompt_vectors(vision: Vision, texts: Sequence[str]) -> Vectors:
    """Return (n_texts, d): each text's mean over the sentences it is put into, as a unit vector."""
    sentences = [template.format(text) for text in texts for template in TEMPLATES]
    vectors = vision.embed_texts(sentences).reshape(len(texts), len(TEMPLATES), vision.n_dimensions).mean(axis=1)
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), dtype=np.float32)


#: (model, digest) -> ready prompts; a handful of sets are in use at a time.
_ready: dict[tuple[Source, str], CompiledPrompts] = {}
_KEPT = 8


def compile_prompts(source: Source, prompts: Prompts) -> CompiledPrompts:
    """Return prompts ready for a model; kept, since embedding them takes the time of many frames."""
    key = (source, prompts.digest)
    if key not in _ready:
        if len(_ready) >= _KEPT:
            _ready.pop(next(iter(_ready)))
        _ready[key] = _compile(source, prompts)
    return _ready[key]


def _compile(source: Source, prompts: Prompts) -> CompiledPrompts:
    vision, reference = load_model(source), read_reference(source.path)
    categories = {}
    for category, sides in prompts.categories.items():
        harmful = prompt_vectors(vision, sides.harmful)
        harmless = prompt_vectors(vision, (*sides.harmless, *prompts.harmless))
        calibration = _calibration(CategoryPrompts(harmful, harmless), category, reference, vision.scale)
        categories[category] = CategoryPrompts(harmful, harmless, calibration, sides.harmful)
    return CompiledPrompts(f"{vision.version}-p{prompts.digest}", categories)


def _calibration(of: CategoryPrompts, category: str, reference: Reference | None, scale: float) -> Calibration:
    if reference is None:
        return Calibration()
    return fit(of.margins(reference.vectors, scale), reference.holds(category))
