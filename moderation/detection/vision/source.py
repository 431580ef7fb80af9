"""Which vision model this installation looks with: the shipped starter, a folder, or a pinned revision of a hub repository."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from moderation.detection.vision.model import (
    CHECKPOINT,
    CONFIG,
    STARTER,
    VisionModelInvalid,
    checkpoint_of,
    version_of,
)

OFF = "off"
#: `hub:owner/name@<40-digit commit>#<sha256 of open_clip_model.safetensors>`
_HUB = re.compile(r"hub:(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[0-9a-f]{40})#(?P<sha256>[0-9a-f]{64})")
#: What open_clip reads: configuration, weights, and the tokenizer where it is not open_clip's own.
_FILES = [CONFIG, CHECKPOINT, "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json"]


@dataclass(frozen=True, slots=True)
class VisionSource:
    """Where a model comes from. `folder` is where its files lie, or will lie once pulled; None where looking is off."""

    folder: Path | None
    repo: str = ""
    revision: str = ""
    sha256: str = ""

    @property
    def is_present(self) -> bool:
        """Whether its files are on this machine (whole or not: `verify` checks)."""
        return self.folder is not None and (self.folder / CONFIG).is_file()


def vision_source(setting: str, models_folder: Path) -> VisionSource:
    """Read VISION_MODEL_PATH: empty for the starter model, `off`, a folder, or a pinned hub revision.

    Raises:
        VisionModelInvalid: a hub address without a full revision and checksum.
    """
    if setting.strip().lower() == OFF:
        return VisionSource(None)
    if not setting:
        return VisionSource(STARTER if (STARTER / CHECKPOINT).is_file() else None)
    if not setting.startswith("hub:"):
        return VisionSource(Path(setting))
    match = _HUB.fullmatch(setting)
    if match is None:
        raise VisionModelInvalid(
            f"{setting!r}: a hub model is named hub:owner/name@REVISION#SHA256 with the full 40-digit revision and the SHA-256 "
            f"of its {CHECKPOINT}; branches and tags can change under us."
        )
    folder = models_folder / f"{match['repo'].replace('/', '--')}-{match['revision'][:12]}"
    return VisionSource(folder, match["repo"], match["revision"], match["sha256"])


def verify(source: VisionSource) -> str:
    """Check that the model is there and is what was pinned; return its version.

    Raises:
        VisionModelInvalid: says what is absent or differs.
    """
    if source.folder is None:
        raise VisionModelInvalid("VISION_MODEL_PATH is off: there is no vision model.")
    checkpoint = checkpoint_of(source.folder)
    if source.sha256:
        with checkpoint.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != source.sha256:
            raise VisionModelInvalid(
                f"{checkpoint} is not the pinned one (its SHA-256 differs). Remove it and pull again."
            )
    return version_of(source.folder)


def pull(source: VisionSource) -> str:
    """Download a pinned hub revision (a broken download goes on where it stopped), verify it, return its version.

    Raises:
        VisionModelInvalid: nothing to download, no network, or not what was pinned.
    """
    if not source.repo:
        raise VisionModelInvalid(f"{source.folder} is a local folder: there is nothing to pull.")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        snapshot_download(source.repo, revision=source.revision, allow_patterns=_FILES, local_dir=source.folder)
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise VisionModelInvalid(
            f"{source.repo} could not be fetched ({type(error).__name__}); what arrived is kept. Without a network, copy its "
            f"files to {source.folder} by hand and run `manage.py models verify`."
        ) from error
    return verify(source)
