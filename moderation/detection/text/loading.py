"""What the text classifier needs, and how its weights become a model that is served."""

from collections.abc import Mapping
from pathlib import Path

from moderation.detection.model_store import Source, Weights, locate
from moderation.detection.text.model import FILES, MANIFEST, SHIPPED, TextClassifier, read_manifest
from moderation.detection.text.serving import ServedModel


def _version(folder: Path) -> str:
    return str(read_manifest(folder)["version"])


def _digests(folder: Path) -> Mapping[str, str]:
    return dict(read_manifest(folder)["files"])


#: The manifest is pinned, and names the SHA-256 of the rest. It is never off: policies ask for it.
WEIGHTS = Weights(
    name="text",
    setting="TEXT_MODEL_PATH",
    shipped=str(SHIPPED),
    licence="of the sets it learned from, see docs/models/text/MODEL_CARD.md",
    version=_version,
    pinned=MANIFEST,
    files=(MANIFEST, *sorted(FILES)),
    digests=_digests,
    can_be_off=False,
)


def load(source: Source) -> ServedModel:
    """Return the checked model, ready to serve.

    Raises:
        ModelInvalid: it is absent, damaged or made for other code.
    """
    return ServedModel(TextClassifier(locate(source)))
