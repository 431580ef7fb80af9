"""Trying prompts before they count: what a sentence finds among stored frames, and how sure a set's categories are."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AbstractUser

from moderation.detection.model_store import ModelInvalid
from moderation.detection.vision.compiled import compile_prompts, prompt_vectors
from moderation.detection.vision.loading import load_model
from moderation.detection.vision.prompts import Prompts, PromptsInvalid
from moderation.detection.vision.scoring import Calibration
from moderation.live.prompts import prompts_of_set, source_in_use
from moderation.models import PromptSet
from moderation.prompts.queries import FoundFrame, frames_found


@dataclass(frozen=True, slots=True)
class Found:
    """A frame that a sentence found, and the likeliest category that a set of prompts sees in it (probability in [0, 1])."""

    frame: FoundFrame
    category: str
    score: float


def prompt_found(user: AbstractUser, text: str, prompt_set: PromptSet, *, n: int = 24) -> list[Found]:
    """Return the stored frames nearest to a sentence, nearest first, each as the set would judge it.

    Raises:
        ModelInvalid: no model is in use, or it cannot be loaded.
        PromptsInvalid: the set has no prompts that can be used.
    """
    source = source_in_use()
    if source is None:
        raise ModelInvalid("No vision model is in use: set VISION_MODEL_PATH, or leave it empty for the shipped one.")
    vision, prompts = load_model(source), prompts_of_set(prompt_set)
    prompts.check()
    [vector] = prompt_vectors(vision, [text])
    frames = frames_found(user, vector, model=vision.version, n=n)
    ready = compile_prompts(source, prompts)
    return [
        _judge(frame, {c: of.probabilities(frame.vector[None], vision.scale)[0] for c, of in ready.categories.items()})
        for frame in frames
    ]


def _judge(frame: FoundFrame, scores: Mapping[str, float]) -> Found:
    category = max(scores, key=lambda c: scores[c])
    return Found(frame, category, float(scores[category]))


def calibrations(prompts: Prompts) -> dict[str, Calibration]:
    """Return how each category of a set is calibrated on the model's reference pictures; empty where it cannot be said."""
    try:
        prompts.check()
        source = source_in_use()
        return {c: of.calibration for c, of in compile_prompts(source, prompts).categories.items()} if source else {}
    except (PromptsInvalid, ModelInvalid):
        return {}
