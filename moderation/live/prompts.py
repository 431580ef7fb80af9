"""The prompts in force and the vision model that they are for. Reads only."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from moderation.detection.model_store import ModelInvalid, Source, is_off, read_source
from moderation.detection.vision.loading import WEIGHTS
from moderation.detection.vision.model import STARTER, version_of
from moderation.detection.vision.prompts import CategoryPrompts, Prompts, PromptsInvalid, read_prompts
from moderation.models import Prompt, PromptSet


def source_in_use() -> Source | None:
    """Return the model that this installation looks with; None where it has none.

    Raises:
        ModelInvalid: the setting names no model that could ever be there.
    """
    setting = settings.VISION_MODEL_PATH
    return None if is_off(WEIGHTS, setting) else read_source(WEIGHTS, setting, Path(settings.MODELS_FOLDER))


def model_in_use() -> str | None:
    """Return the version of the model; None where there is none or its folder is broken."""
    try:
        source = source_in_use()
        return version_of(source.path) if source else None
    except ModelInvalid:
        return None


def prompts_of_set(prompt_set: PromptSet) -> Prompts:
    """Return a set's prompts."""
    return _assemble(list(prompt_set.prompts.order_by("position")), f"set {prompt_set.number}")


def _assemble(rows: Sequence[Prompt], name: str) -> Prompts:
    lines: dict[tuple[str | None, bool], list[str]] = {}
    for row in rows:
        lines.setdefault((row.category_id, row.is_harmful), []).append(row.text)
    categories = dict.fromkeys(category for category, _ in lines if category)
    sides = {c: CategoryPrompts(tuple(lines.get((c, True), ())), tuple(lines.get((c, False), ()))) for c in categories}
    return Prompts(sides, tuple(lines.get((None, False), ())), name)


def prompts_in_force() -> Prompts | None:
    """Return the active set's prompts, or those that came with the model; None where there are neither."""
    active = PromptSet.objects.filter(state=PromptSet.State.ACTIVE).first()
    return prompts_of_set(active) if active else prompts_of_model()


def prompts_of_model() -> Prompts | None:
    """Return the prompts that came with the model in use, or the starter's where it came without; None without a model."""
    source = source_in_use()
    if source is None:
        return None
    try:
        return _read_shipped(source.path)
    except PromptsInvalid:
        return _read_shipped(STARTER)


@lru_cache(maxsize=4)
def _read_shipped(folder: Path) -> Prompts:
    return read_prompts(folder)
