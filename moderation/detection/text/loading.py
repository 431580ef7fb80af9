"""Which classifier this process serves: the shipped one, a local folder, or a pinned revision of a hub repository."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from moderation.detection.text.model import SHIPPED, ModelInvalid, TextClassifier, verify_manifest
from moderation.detection.text.serving import ServedModel

#: `hub:owner/name@<40-digit commit>#<sha256 of manifest.json>`; the manifest in turn names the other files' checksums.
_HUB = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})#(?P<sha256>[0-9a-f]{64})")
_FILES = ["manifest.json", "encoder.onnx", "tokenizer.json", "ngrams.npz"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where a model comes from. `folder` is where its files lie, or will lie once pulled."""

    folder: Path
    repo: str = ""
    revision: str = ""
    manifest_sha256: str = ""

    @property
    def is_present(self) -> bool:
        """Whether its files are on this machine (whole or not: loading checks)."""
        return (self.folder / "manifest.json").is_file()


def model_source(setting: str, models_folder: Path) -> ModelSource:
    """Read TEXT_MODEL_PATH: "" for the shipped model, a folder, or a pinned hub revision.

    Raises:
        ModelInvalid: a hub address without a full revision and checksum.
    """
    if not setting:
        return ModelSource(SHIPPED)
    if not setting.startswith("hub:"):
        return ModelSource(Path(setting))
    match = _HUB.fullmatch(setting)
    if match is None:
        raise ModelInvalid(
            f"{setting!r}: a hub model is named hub:owner/name@REVISION#SHA256 with the full 40-digit revision and the SHA-256 "
            "of its manifest.json; branches and tags can change under us."
        )
    folder = models_folder / f"{match['repo'].replace('/', '--')}-{match['revision'][:12]}"
    return ModelSource(folder, match["repo"], match["revision"], match["sha256"])


def verify(source: ModelSource) -> str:
    """Check every file against the manifest, and the manifest against the pin; return the model's version.

    Raises:
        ModelInvalid: says which file is absent or differs.
    """
    manifest = verify_manifest(source.folder)
    if source.manifest_sha256:
        found = hashlib.sha256((source.folder / "manifest.json").read_bytes()).hexdigest()
        if found != source.manifest_sha256:
            raise ModelInvalid(f"{source.folder / 'manifest.json'} is not the pinned one (its SHA-256 differs).")
    return str(manifest["version"])


def pull(source: ModelSource) -> str:
    """Download a pinned hub revision (a broken download goes on where it stopped), verify it, return its version.

    Raises:
        ModelInvalid: nothing to download, no network, or not what was pinned.
    """
    if not source.repo:
        raise ModelInvalid(f"{source.folder} is a local folder: there is nothing to pull.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot_download(source.repo, revision=source.revision, allow_patterns=_FILES, local_dir=source.folder)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelInvalid(
            f"{source.repo} could not be fetched ({type(error).__name__}). Without a network, copy its files to "
            f"{source.folder} by hand and run `manage.py models verify`."
        ) from error
    return verify(source)


def load(source: ModelSource) -> ServedModel:
    """Return the verified model, ready to serve.

    Raises:
        ModelInvalid: it is absent, damaged or made for other code.
    """
    verify(source)
    return ServedModel(TextClassifier(source.folder))
