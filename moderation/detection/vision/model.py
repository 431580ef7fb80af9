"""An open_clip model in a folder of its own: pictures and sentences to unit vectors. The starter model lies beside this file.

The folder is what open_clip calls a local directory and what it keeps on a model hub: `open_clip_config.json` and the weights
in open_clip's own format. Nothing is ever downloaded from here.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from moderation.detection.model_store import ModelAbsent, ModelInvalid, sha256_of
from moderation.detection.vision.torchvision_ops import declare_missing_operators

STARTER = Path(__file__).resolve().parent / "weights"
CONFIG, CHECKPOINT = "open_clip_config.json", "open_clip_model.safetensors"
#: Labelled pictures as the model sees them, which calibration is fitted on. A model without has raw scores.
REFERENCE = "reference.npz"
#: What open_clip itself would look for, in its order.
_CHECKPOINTS = (CHECKPOINT, "open_clip_pytorch_model.bin", "model.safetensors", "pytorch_model.bin")
#: Pictures that are embedded together.
_BATCH = 16
#: Pictures are opened at the smallest scale that keeps this many times the model's input.
_OPEN_AT_LEAST = 2

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Vision:
    """A loaded model. `version` names its folder and its weights; `scale` is what it multiplies similarities by."""

    version: str
    n_dimensions: int
    scale: float
    _model: Any
    _preprocess: Any
    _tokenizer: Any

    @classmethod
    def load(cls, folder: Path) -> "Vision":
        """Load a folder; some seconds, and the memory of torch.

        Raises:
            ModelInvalid: a file is missing, or open_clip cannot make a model of them.
        """
        checkpoint = checkpoint_of(folder)
        declare_missing_operators()
        import open_clip
        import torch

        name = f"local-dir:{folder}"
        try:
            model, _, preprocess = open_clip.create_model_and_transforms(name)
            tokenizer = open_clip.get_tokenizer(name)
        except (RuntimeError, ValueError, KeyError, TypeError) as error:
            raise ModelInvalid(f"open_clip cannot load {checkpoint}: {error}") from error
        model.eval()
        with torch.no_grad():
            width = int(model.encode_text(tokenizer(["one"])).shape[-1])
            scale = float(model.logit_scale.exp())
        return cls(version_of(folder), width, scale, model, preprocess, tokenizer)

    @property
    def side(self) -> int:
        """The side of its input in pixels."""
        size = self._model.visual.image_size
        return int(max(size) if isinstance(size, Sequence) else size)

    def embed(self, pictures: Sequence[Image.Image | Path]) -> Vectors:
        """Return (n, n_dimensions) unit vectors of pictures or of their files."""
        import torch

        parts = []
        with torch.no_grad():
            for batch in _batches(pictures, _BATCH):
                inputs = torch.stack([self._preprocess(self._open(picture)) for picture in batch])
                parts.append(_unit(self._model.encode_image(inputs).float().numpy()))
        return np.concatenate(parts) if parts else np.empty((0, self.n_dimensions), np.float32)

    def embed_texts(self, texts: Sequence[str]) -> Vectors:
        """Return (n, n_dimensions) unit vectors of sentences."""
        import torch

        if not texts:
            return np.empty((0, self.n_dimensions), np.float32)
        with torch.no_grad():
            return _unit(self._model.encode_text(self._tokenizer(list(texts))).float().numpy())

    def _open(self, picture: Image.Image | Path) -> Image.Image:
        if isinstance(picture, Image.Image):
            return picture.convert("RGB")
        with Image.open(picture) as image:
            least = _OPEN_AT_LEAST * self.side
            image.draft("RGB", (least, least))
            return image.convert("RGB")


def _batches(items: Sequence[Image.Image | Path], size: int) -> Iterator[Sequence[Image.Image | Path]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _unit(vectors: npt.NDArray[Any]) -> Vectors:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), dtype=np.float32)


def checkpoint_of(folder: Path) -> Path:
    """Return the weights of a folder.

    Raises:
        ModelInvalid: the folder, its configuration or its weights are missing.
    """
    if not (folder / CONFIG).is_file():
        raise ModelAbsent(
            f"{folder} holds no {CONFIG}. Set VISION_MODEL_PATH to a folder with an open_clip model, leave it empty for the "
            "shipped starter model, or say `off`."
        )
    for name in _CHECKPOINTS:
        if (folder / name).is_file():
            return folder / name
    raise ModelAbsent(f"{folder} holds no weights; one of {', '.join(_CHECKPOINTS)} is needed.")


def version_of(folder: Path) -> str:
    """Return the folder's name and the first digits of the SHA-256 of its configuration, weights and reference.

    Raises:
        ModelInvalid: as `checkpoint_of`.
    """
    checkpoint = checkpoint_of(folder)
    config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for path in (checkpoint, folder / REFERENCE):
        if path.is_file():
            digest.update(bytes.fromhex(sha256_of(path)))
    name = "starter" if folder == STARTER else folder.name
    return f"{name[:40]}-{digest.hexdigest()[:12]}"
