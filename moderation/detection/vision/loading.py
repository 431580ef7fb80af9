"""What looking needs, and how its weights become this process's model. Nothing is ever downloaded from here."""

from functools import lru_cache

from moderation.detection.model_store import Source, Weights, locate
from moderation.detection.vision.model import CHECKPOINT, CONFIG, STARTER, Vision, version_of

#: What open_clip reads: configuration, weights, and the tokenizer where it is not open_clip's own.
WEIGHTS = Weights(
    name="vision",
    setting="VISION_MODEL_PATH",
    shipped=str(STARTER),
    licence="Apache-2.0",
    version=version_of,
    pinned=CHECKPOINT,
    files=(CONFIG, CHECKPOINT, "tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json"),
)


@lru_cache(maxsize=1)
def load_model(source: Source) -> Vision:
    """Return this process's model, checked and loaded at first use.

    Raises:
        ModelInvalid: it is absent, damaged, or nothing that open_clip can load.
    """
    return Vision.load(locate(source))
