"""What listening needs, how far a checkpoint can be trusted, and how it becomes a Whisper."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from moderation.detection.model_store import ModelInvalid, Source, Weights, locate

STARTER = Path(__file__).parent / "weights" / "starter.pt"
#: Above this number of bytes only both ends of a checkpoint go into its version: reading 3 GB takes a quarter of a minute.
_WHOLE_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Trust:
    """What a checkpoint says of itself in the JSON file beside it; without one, what openai-whisper's own are good for.

    languages: those it understands, None for all that Whisper knows;
    min_log_probability: a segment whose words are less probable on average is not believed.
    """

    languages: frozenset[str] | None = None
    min_log_probability: float = -1.0


def trust_of(file: Path) -> Trust:
    """Return what the JSON file beside a checkpoint says of it."""
    beside = file.with_suffix(".json")
    if not beside.is_file():
        return Trust()
    said = json.loads(beside.read_text(encoding="utf-8"))
    return Trust(frozenset(said["languages"]), float(said["min_log_probability"]))


def version_of(file: Path) -> str:
    """Return a name that changes with the checkpoint: its own, and a part of its checksum. "none" where it is absent."""
    if not file.is_file():
        return "none"
    stat = file.stat()
    return _version(file, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=8)
def _version(file: Path, n_bytes: int, _changed: int) -> str:
    digest = hashlib.sha256(str(n_bytes).encode())
    with file.open("rb") as checkpoint:
        if n_bytes <= _WHOLE_BYTES:
            digest.update(checkpoint.read())
        else:
            digest.update(checkpoint.read(2**20))
            checkpoint.seek(-(2**20), 2)
            digest.update(checkpoint.read())
    return f"whisper-{file.stem[:60]}-{digest.hexdigest()[:12]}"


def device_of(setting: str) -> str:
    """Read WHISPER_DEVICE: "cpu", "cuda", or "auto" for CUDA where there is one."""
    if setting != "auto":
        return setting
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _address_of(setting: str) -> str:
    """Turn a name of openai-whisper's ("tiny" ... "large-v3") into its address, pinned; leave anything else as it is.

    Raises:
        ModelInvalid: a name that the library does not know.
    """
    if not re.fullmatch(r"[a-z][a-z0-9.-]*", setting) or setting.endswith(".pt"):
        return setting
    import whisper

    url = whisper._MODELS.get(setting)
    if url is None:
        known = ", ".join(whisper.available_models())
        raise ModelInvalid(f"{setting!r} is neither a file nor one of openai-whisper's models: {known}.")
    return f"{url}#{url.split('/')[-2]}"  # the library pins each model by the checksum in its address


WEIGHTS = Weights(
    name="speech",
    setting="WHISPER_MODEL_PATH",
    shipped=str(STARTER),
    licence="Apache-2.0",
    version=version_of,
    files=("*.pt",),
    folder="whisper",
    resolve=_address_of,
)


@lru_cache(maxsize=1)
def load(source: Source, device: str) -> Any:
    """Return a Whisper, checked, kept for the life of the process.

    Raises:
        ModelInvalid: it is absent or damaged. Nothing is ever downloaded here: a name alone would make whisper do that.
    """
    file = locate(source)
    import whisper

    return whisper.load_model(str(file), device=device).eval()
