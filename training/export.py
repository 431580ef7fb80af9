"""Writes a trained encoder as ONNX with eight-bit weights: matrix products by ONNX Runtime's dynamic quantisation, word vectors by rows."""

import argparse
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch import nn

from training.encoder import Classifier, base_folder


class _RowQuantised(nn.Module):
    """Word vectors as int8 with one scale per word: a quarter of the size, and far finer than one scale for all."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        weight = table.weight.detach()
        scale = weight.abs().amax(1, keepdim=True).clamp(min=1e-8) / 127
        self.register_buffer("rows", torch.round(weight / scale).to(torch.int8))
        self.register_buffer("scale", scale)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Return the vectors of tokens."""
        rows: Any = self.rows
        scale: Any = self.scale
        vectors: torch.Tensor = rows[ids].to(torch.float32) * scale[ids]
        return vectors


def export(checkpoint: Path, folder: Path) -> Path:
    """Write encoder.onnx and tokenizer.json into the folder and return the model's path."""
    folder.mkdir(parents=True, exist_ok=True)
    model = Classifier.from_base()
    model.load_state_dict(torch.load(checkpoint, weights_only=True))
    model.eval()
    embeddings = model.encoder.embeddings
    embeddings.word_embeddings = _RowQuantised(embeddings.word_embeddings)
    ids = torch.randint(1_000, 20_000, (2, 16))
    with tempfile.TemporaryDirectory() as scratch:
        plain = Path(scratch) / "plain.onnx"
        torch.onnx.export(
            model, (ids, torch.ones_like(ids)), str(plain), input_names=["ids", "mask"], output_names=["logits"], opset_version=17,
            dynamic_axes={"ids": {0: "n", 1: "tokens"}, "mask": {0: "n", 1: "tokens"}, "logits": {0: "n"}}, dynamo=False,
        )  # fmt: skip
        quantize_dynamic(
            plain,
            folder / "encoder.onnx",
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
        )
    shutil.copyfile(base_folder() / "tokenizer.json", folder / "tokenizer.json")
    return folder / "encoder.onnx"


def main() -> None:
    """Export one checkpoint."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("checkpoint", type=Path)
    asked.add_argument("folder", type=Path)
    given = asked.parse_args()
    path = export(given.checkpoint, given.folder)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
