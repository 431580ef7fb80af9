"""Makes torchvision importable beside a CPU-only torch; does nothing where its real operators exist.

torchvision from the Python index is built against CUDA. Beside a CPU build of torch its binary operators do not load, and
its import fails on declaring gradients for `torchvision::nms`. open_clip and parts of transformers import torchvision but never
call those operators, so declaring their schemas is enough.
"""

from typing import Any

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
_libraries: list[Any] = []  # a library that is collected takes its schemas with it


def declare_missing_operators() -> bool:
    """Declare what is missing, before torchvision's first import; return whether anything was."""
    import importlib.util
    import sys

    import torch

    if "torchvision" in sys.modules or _libraries or _has_binary(importlib.util.find_spec("torchvision"), torch):
        return False
    library: Any = torch.library.Library("torchvision", "DEF")  # type: ignore[no-untyped-call]
    for schema in _SCHEMAS.values():
        library.define(schema)
    _libraries.append(library)
    return True


def _has_binary(spec: Any, torch: Any) -> bool:
    """Whether torchvision's own operators load beside this torch."""
    return spec is not None and torch.version.cuda is not None
