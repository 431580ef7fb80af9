"""What is shown: open_clip, zero-shot, over prompts that policy writes and edits. The starter model ships with the project."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from moderation.detection.clip import ClipSubject, DeepDefaults
from moderation.detection.media.sandbox import SampledFrame
from moderation.detection.model_store import ModelInvalid, Source
from moderation.detection.readers import Readers
from moderation.detection.types import Finding, Result
from moderation.detection.vision.compiled import CompiledPrompts, compile_prompts
from moderation.detection.vision.loading import load_model
from moderation.detection.vision.model import Vectors, version_of
from moderation.detection.vision.prompts import Prompts
from moderation.detection.vision.scoring import Fused, Scores, fuse, score_vectors

NAME = "vision"
#: Frames looked at: evenly spread over the clip where there are more.
MAX_FRAMES = 120
#: Scores below say nothing and are not reported: no policy has a threshold there.
_MIN_REPORTED = 0.02


class FrameStore(Protocol):
    """Where vectors of frames are kept between looks."""

    def load(self, sha256: str, model: str) -> tuple[Sequence[int], Vectors] | None:
        """Return the times (ms) and unit vectors (n, d) of a file's frames; None where it was not looked at by this model."""
        ...

    def save(self, sha256: str, model: str, times_ms: Sequence[int], vectors: Vectors) -> None:
        """Keep them. Saving the same twice changes nothing."""
        ...


class VisionDetector(DeepDefaults):
    """Holds frames against prompts.

    Args:
        source: of the model; None when there is none, and then the detector is missing.
        prompts: what is asked; None where none could be read, which fails loudly.
        store: where vectors are kept; without one, every set of prompts looks at the frames anew.
    """

    name = NAME
    cost_ms = 120.0

    def __init__(self, source: Source | None, prompts: Prompts | None = None, store: FrameStore | None = None) -> None:
        self.source = source
        self.prompts = prompts
        self.store = store

    @property
    def is_configured(self) -> bool:
        """Whether a model is set; one that is set but absent or broken fails loudly instead."""
        return self.source is not None

    @property
    def version(self) -> str:
        """The model and the prompts: other prompts are another version, whose results are made anew."""
        if self.source is None:
            return "none"
        try:
            return f"{version_of(self.source.path)}-p{self.prompts.digest if self.prompts else 'none'}"
        except ModelInvalid:
            return "broken"

    def run(self, clip: ClipSubject) -> Result:
        """Look at a clip's frames, keep their vectors, and score them.

        Raises:
            ModelInvalid: the model is absent, damaged, or cannot be loaded.
        """
        shown = frames_to_look_at(clip.frames)
        model = load_model(self._source())
        vectors = model.embed([frame.path for frame in shown])
        times = [frame.ms for frame in shown]
        if self.store:
            self.store.save(clip.sha256, model.version, times, vectors)
        return self._result(times, vectors)

    def result_from_kept(self, sha256: str) -> Result | None:
        """Score the kept vectors of a file without opening it; None where this model never looked at it."""
        kept = self.store.load(sha256, version_of(self.source.path)) if self.store and self.source else None
        return self._result(*kept) if kept else None

    def interpret(self, result: Result, readers: Readers) -> Result:
        """Say what the scores of frames amount to."""
        return result if result.missing else replace(result, findings=vision_findings(result.payload))

    def _source(self) -> Source:
        if self.source is None:
            raise ModelInvalid("No vision model is in use: VISION_MODEL_PATH is off.")
        return self.source

    def _result(self, times_ms: Sequence[int], vectors: Vectors) -> Result:
        source = self._source()
        if self.prompts is None:
            raise ModelInvalid(f"{source.path} came without prompts, and none are in force.")
        prompts = compile_prompts(source, self.prompts)
        scores = score_vectors(vectors, prompts.categories, load_model(source).scale)
        payload = {
            "version": self.version,
            "n_frames": len(times_ms),
            "scores": {c: _tell(fuse(times_ms, s), prompts, c, vectors, s) for c, s in scores.items()},
        }
        return Result(NAME, self.version, payload=payload)


def frames_to_look_at(frames: Sequence[SampledFrame]) -> list[SampledFrame]:
    """Return at most MAX_FRAMES frames, the first and the last among them, evenly spread."""
    if len(frames) <= MAX_FRAMES:
        return list(frames)
    step = (len(frames) - 1) / (MAX_FRAMES - 1)
    return [frames[round(i * step)] for i in range(MAX_FRAMES)]


def _tell(of: Fused, prompts: CompiledPrompts, category: str, vectors: Vectors, scores: Scores) -> dict[str, Any]:
    """Return what is kept of one category: plain numbers, and the prompt that the highest frame is nearest to."""
    return {
        "score": round(of.score, 6),
        "peak": round(of.peak, 6),
        "held": round(of.held, 6),
        "peak_ms": of.peak_ms,
        "start_ms": of.start_ms,
        "until_ms": of.until_ms,
        "n_seen": of.n_seen,
        "prompt": prompts.categories[category].nearest(vectors[int(np.argmax(scores))]),
    }


def vision_findings(payload: Mapping[str, Any]) -> tuple[Finding, ...]:
    """Return one finding per category that is likely at all: its score over the clip, and the stretch where it is seen."""
    return tuple(
        Finding(NAME, payload["version"], category, of["score"], _where(of, payload["n_frames"]))
        for category, of in payload["scores"].items()
        if not of["score"] < _MIN_REPORTED  # a NaN is reported, and refused as no probability
    )


def _where(of: Mapping[str, Any], n_frames: int) -> dict[str, Any]:
    return {
        "source": "vision",
        "frame_ms": of["start_ms"],
        "until_ms": of["until_ms"],
        "peak_ms": of["peak_ms"],
        "n_frames_seen": of["n_seen"],
        "n_frames": n_frames,
        "prompt": of["prompt"],
        "parts": {"highest frame": of["peak"], "held for 2 s": of["held"]},
    }
