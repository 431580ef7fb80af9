"""What is said: openai-whisper over the sound, as segments with times. Needs a checkpoint in WHISPER_MODEL_PATH."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from moderation.detectors.base import Finding, Missing, Result
from moderation.detectors.deep import LOOKS_AT, ClipSubject
from policies.choices import Stage

NAME = "speech"
#: A segment is not believed when Whisper gives its words less than this mean log probability (the library's own limit),
#: or thinks more likely than this that nobody spoke.
_MIN_LOG_PROBABILITY, _MAX_NO_SPEECH = -1.0, 0.6
#: When less than this share of the spoken time is believed, the whole counts as not understood.
_MIN_BELIEVED = 0.5


@lru_cache(maxsize=1)
def _model(path: str) -> Any:
    if not Path(path).is_file():
        raise FileNotFoundError(f"WHISPER_MODEL_PATH names no file: {path}")  # a model's name would start a download
    import whisper

    return whisper.load_model(path, device="cpu")


class SpeechDetector:
    """Transcribes; what the words mean is for `terms` and `text`.

    Args:
        model_path: a checkpoint in Whisper's own format; "" when none is configured.
    """

    name = NAME
    stage = Stage.DEEP
    kinds = LOOKS_AT[NAME]

    def __init__(self, model_path: str) -> None:
        self.model_path = model_path

    @property
    def is_configured(self) -> bool:
        """Whether a path is set; one that is set but broken fails loudly instead."""
        return bool(self.model_path)

    @property
    def version(self) -> str:
        """The checkpoint's name and size: another file is another version."""
        if not self.model_path:
            return "none"
        path = Path(self.model_path)
        return f"whisper-{path.stem}-{path.stat().st_size if path.exists() else 0}"

    def run(self, clip: ClipSubject) -> Result:
        """Return `{"language", "segments": [{"start_ms", "end_ms", "text", "log_probability"}]}` as payload.

        Missing when most of what was said was not understood; not applicable to silent clips.
        """
        if clip.has_audio is False:
            return Result(NAME, self.version, not_applicable=True)
        if clip.audio is None:
            return Result(NAME, self.version, missing=Missing(NAME, "failed", "the sound could not be decoded"))
        heard = _model(self.model_path).transcribe(_samples(clip.audio), fp16=False, condition_on_previous_text=False)
        return self._result(heard)

    def _result(self, heard: Mapping[str, Any]) -> Result:
        spoken = [s for s in heard["segments"] if s["no_speech_prob"] <= _MAX_NO_SPEECH]
        believed = [s for s in spoken if s["avg_logprob"] >= _MIN_LOG_PROBABILITY]
        if _seconds(believed) < _MIN_BELIEVED * _seconds(spoken):
            return Result(NAME, self.version, missing=Missing(NAME, "failed", "most of the speech was not understood"))
        return Result(
            NAME, self.version, payload={"language": heard["language"], "segments": [_segment(s) for s in believed]}
        )


def _samples(path: Path) -> Any:
    """Return 16 kHz mono samples in [-1, 1]; the file is ours, written by the confined child."""
    import wave

    import numpy as np

    with wave.open(str(path), "rb") as sound:
        raw = sound.readframes(sound.getnframes())
    return np.frombuffer(raw, dtype=np.int16).astype(np.float32) / 32_768.0


def _seconds(segments: list[Any]) -> float:
    return float(sum(s["end"] - s["start"] for s in segments))


def _segment(segment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "start_ms": int(segment["start"] * 1_000),
        "end_ms": int(segment["end"] * 1_000),
        "text": segment["text"].strip(),
        "log_probability": round(float(segment["avg_logprob"]), 3),
    }


def heard_findings(
    payload: Mapping[str, Any], scan: Callable[[str, Mapping[str, Any]], Sequence[Finding]]
) -> tuple[Finding, ...]:
    """Return what a text detector finds in the segments, each with the time it was said."""
    return tuple(
        finding
        for segment in payload["segments"]
        for finding in scan(
            segment["text"], {"source": "speech", "start_ms": segment["start_ms"], "end_ms": segment["end_ms"]}
        )
    )
