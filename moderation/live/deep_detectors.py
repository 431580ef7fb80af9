"""The slow detectors as this installation configures them."""

from pathlib import Path

from django.conf import settings

from moderation.detection.clip import DeepDetector
from moderation.detection.hashes.frames import FramesDetector
from moderation.detection.ocr.detector import OcrDetector
from moderation.detection.speech.detector import SpeechDetector
from moderation.detection.vision.detector import VisionDetector
from moderation.live.frame_vectors import FrameVectors
from moderation.live.prompts import prompts_in_force, source_in_use


def deep_detectors() -> tuple[DeepDetector, ...]:
    """Return the slow detectors as configured."""
    return (
        FramesDetector(),
        OcrDetector(),
        SpeechDetector(settings.WHISPER_MODEL_PATH, Path(settings.MODELS_FOLDER), settings.WHISPER_DEVICE),
        VisionDetector(source_in_use(), prompts_in_force(), FrameVectors()),
    )


def detector_named(name: str) -> DeepDetector:
    """Return a deep detector.

    Raises:
        LookupError: there is none of this name.
    """
    found = next((d for d in deep_detectors() if d.name == name), None)
    if found is None:
        raise LookupError(f"There is no deep detector {name!r}.")
    return found
