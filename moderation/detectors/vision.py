"""What is shown: open_clip, zero-shot over prompts that policy writes. Needs a folder in VISION_MODEL_PATH.

The folder holds `prompts.json`: `{"model": open_clip model name, "checkpoint": file, "categories": {slug: {"harmful": [...],
"harmless": [...]}}}`, and the checkpoint in open_clip's own format.
"""

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from moderation.detectors.base import Finding, Result
from moderation.detectors.deep import LOOKS_AT, ClipSubject
from moderation.torchvision_ops import declare_missing_operators
from policies.choices import Stage

NAME = "vision"
#: Frames looked at: evenly spread over the clip.
_MAX_FRAMES = 16


class _Loaded:
    """A model with its prompts as unit vectors."""

    def __init__(self, folder: str) -> None:
        config = json.loads((Path(folder) / "prompts.json").read_text(encoding="utf-8"))
        checkpoint = Path(folder) / config["checkpoint"]
        if not checkpoint.is_file():
            raise FileNotFoundError(
                f"VISION_MODEL_PATH has no checkpoint {checkpoint}"
            )  # a name would start a download
        declare_missing_operators()
        import open_clip
        import torch

        self.model, _, self.preprocess = open_clip.create_model_and_transforms(
            config["model"], pretrained=str(checkpoint)
        )
        self.model.eval()
        tokenizer = open_clip.get_tokenizer(config["model"])
        with torch.no_grad():
            self.prompts = {
                category: (self._embed(tokenizer, sides["harmful"]), self._embed(tokenizer, sides["harmless"]))
                for category, sides in config["categories"].items()
            }

    def _embed(self, tokenizer: Any, texts: list[str]) -> Any:
        vectors = self.model.encode_text(tokenizer(texts))
        mean = (vectors / vectors.norm(dim=-1, keepdim=True)).mean(dim=0)
        return mean / mean.norm()

    def probabilities(self, path: Path) -> dict[str, float]:
        """Return, per category, how much likelier the harmful prompts are than the harmless ones."""
        import torch
        from PIL import Image

        with torch.no_grad(), Image.open(path) as image:
            vector = self.model.encode_image(self.preprocess(image.convert("RGB"))[None])[0]
            vector = vector / vector.norm()
            scale = self.model.logit_scale.exp()
            return {
                category: float(torch.sigmoid(scale * (vector @ harmful - vector @ harmless)))
                for category, (harmful, harmless) in self.prompts.items()
            }


@lru_cache(maxsize=1)
def _loaded(folder: str) -> _Loaded:
    return _Loaded(folder)


class VisionDetector:
    """Compares frames with policy's prompts; the clip's score is its worst frame's.

    Args:
        model_path: the folder described above; "" when none is configured.
    """

    name = NAME
    stage = Stage.DEEP
    kinds = LOOKS_AT[NAME]

    def __init__(self, model_path: str) -> None:
        self.model_path = model_path

    @property
    def is_configured(self) -> bool:
        """Whether a path is set; one that is set but broken fails loudly instead."""
        return bool(self.model_path)

    @property
    def version(self) -> str:
        """The folder's name and when its prompts were last changed."""
        prompts = Path(self.model_path) / "prompts.json"
        if not self.model_path or not prompts.exists():
            return "none"
        return f"open_clip-{Path(self.model_path).name}-{prompts.stat().st_mtime_ns}"

    def run(self, clip: ClipSubject) -> Result:
        """Return `{"scores": {category: {"score", "ms"}}}` as payload: each category's worst frame."""
        step = max(1, -(-len(clip.frames) // _MAX_FRAMES))
        worst: dict[str, tuple[float, int]] = {}
        for frame in clip.frames[::step]:
            for category, probability in _loaded(self.model_path).probabilities(frame.path).items():
                worst[category] = max(worst.get(category, (0.0, 0)), (probability, frame.ms))
        scores = {category: {"score": round(score, 6), "ms": ms} for category, (score, ms) in worst.items()}
        return Result(NAME, self.version, payload={"scores": scores, "version": self.version})


def shown_findings(payload: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return one finding per category: its probability in the worst frame, and that frame's time."""
    return tuple(
        Finding(NAME, payload["version"], category, worst["score"], {"frame_ms": worst["ms"]})
        for category, worst in payload["scores"].items()
    )
