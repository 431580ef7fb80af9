"""What reading pictures needs: the models that RapidOCR's package brings, checked against its RECORD before they are loaded."""

from functools import lru_cache
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from moderation.detection.model_store import Weights, locate, read_source

_DISTRIBUTION = "rapidocr-onnxruntime"


def version_of(_: Path | None = None) -> str:
    """Name the package, which names its models."""
    return f"rapidocr-{package_version(_DISTRIBUTION)}"


#: No setting: there is one reader.
WEIGHTS = Weights(
    name="ocr",
    setting="",
    shipped=f"package:{_DISTRIBUTION}/rapidocr_onnxruntime/models",
    licence="Apache-2.0",
    version=version_of,
    pinned="ch_PP-OCRv4_rec_infer.onnx",
    can_be_off=False,
)


@lru_cache(maxsize=2)
def load_reader(side: int) -> Any:
    """Return a reader that enlarges frames until their shorter side has so many pixels.

    Raises:
        ModelInvalid: the package or a file of its models is absent or damaged.
    """
    locate(read_source(WEIGHTS, "", Path()))
    from rapidocr_onnxruntime import RapidOCR

    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, det_limit_side_len=side)
