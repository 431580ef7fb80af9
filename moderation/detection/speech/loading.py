"""Which Whisper listens: the shipped starter, a checkpoint file, one of openai-whisper's by name, or a pinned address."""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

STARTER = Path(__file__).parent / "weights" / "starter.pt"
#: Above this number of bytes only both ends of a checkpoint go into its version: reading 3 GB takes a quarter of a minute.
_WHOLE_BYTES = 32 * 2**20
_ADDRESS = re.compile(r"https?://\S+/(?P<file>[\w.-]+\.pt)#(?P<sha256>[0-9a-f]{64})")
#: The setting that switches listening off.
OFF = "off"


class SpeechModelInvalid(Exception):
    """The model that is set is absent, damaged or not named exactly; the message says what to do."""


@dataclass(frozen=True, slots=True)
class SpeechSource:
    """Where a checkpoint lies, or will lie once pulled. `url` and `sha256` are "" for a file of the owner's."""

    file: Path
    url: str = ""
    sha256: str = ""

    @property
    def is_present(self) -> bool:
        """Whether the file is on this machine (whole or not: `verify` checks)."""
        return self.file.is_file()


@dataclass(frozen=True, slots=True)
class Trust:
    """What a checkpoint says of itself in the JSON file beside it; without one, what openai-whisper's own are good for.

    languages: those it understands, None for all that Whisper knows;
    min_log_probability: a segment whose words are less probable on average is not believed.
    """

    languages: frozenset[str] | None = None
    min_log_probability: float = -1.0


def speech_source(setting: str, models_folder: Path) -> SpeechSource:
    """Read WHISPER_MODEL_PATH: "" for the starter, a path, a model's name ("tiny" ... "large-v3"), or URL#SHA256.

    Raises:
        SpeechModelInvalid: an address without a checksum, or a name that openai-whisper does not know.
    """
    if not setting:
        return SpeechSource(STARTER)
    folder = models_folder / "whisper"
    if "://" in setting:
        match = _ADDRESS.fullmatch(setting)
        if match is None:
            raise SpeechModelInvalid(
                f"{setting!r}: an address is given as https://.../NAME.pt#SHA256 with the file's 64-digit SHA-256; without it "
                "nobody could tell what was fetched."
            )
        return SpeechSource(folder / match["file"], setting.partition("#")[0], match["sha256"])
    if re.fullmatch(r"[a-z][a-z0-9.-]*", setting) and not setting.endswith(".pt"):
        return _name(setting, folder)
    return SpeechSource(Path(setting))


def _name(name: str, folder: Path) -> SpeechSource:
    import whisper

    url = whisper._MODELS.get(name)
    if url is None:
        known = ", ".join(whisper.available_models())
        raise SpeechModelInvalid(f"{name!r} is neither a file nor one of openai-whisper's models: {known}.")
    *_, sha256, file = url.split("/")  # the library pins each model by the checksum in its address
    return SpeechSource(folder / file, url, sha256)


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


@lru_cache(maxsize=1)
def load(file: Path, device: str) -> Any:
    """Return a Whisper, kept for the life of the process.

    Raises:
        FileNotFoundError: no such file. Nothing is ever downloaded here: a name alone would make whisper do that.
    """
    if not file.is_file():
        raise FileNotFoundError(
            f"WHISPER_MODEL_PATH: there is no file {file}. Run `manage.py models pull`, or put it there by hand."
        )
    import whisper

    return whisper.load_model(str(file), device=device).eval()


def verify(source: SpeechSource) -> str:
    """Check the file against its pin, where it has one; return its version.

    Raises:
        SpeechModelInvalid: absent, or not what was pinned.
    """
    if not source.is_present:
        raise SpeechModelInvalid(f"{source.file} is absent: run `manage.py models pull`.")
    if source.sha256 and _sha256(source.file) != source.sha256:
        raise SpeechModelInvalid(
            f"{source.file} is not the pinned one (its SHA-256 differs): remove it and pull again."
        )
    return version_of(source.file)


def _sha256(file: Path) -> str:
    with file.open("rb") as checkpoint:
        return hashlib.file_digest(checkpoint, "sha256").hexdigest()
