"""What is said: openai-whisper over the parts of the sound where somebody speaks, as segments with times.

What was not understood is missing, never harmless; what the words mean is for `terms` and `text` (moderation/detection/speech/findings.py).
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection.clip import ClipSubject, DeepDefaults
from moderation.detection.model_store import Source, is_off, read_source
from moderation.detection.readers import Readers
from moderation.detection.speech import vad
from moderation.detection.speech.findings import speech_findings, speech_result
from moderation.detection.speech.hallucinations import Doubt, Segment, doubtful_seconds, too_doubtful
from moderation.detection.speech.loading import WEIGHTS, device_of, load, trust_of, version_of
from moderation.detection.speech.transcribe import Heard, Listener, hear_all
from moderation.detection.types import Finding, Lookup, Missing, Result
from policies.choices import ItemKind

NAME = "speech"
#: Of the rules in moderation/detection/speech: other rules give other results.
_RULES = "r2"


class SpeechDetector(DeepDefaults):
    """Transcribes; what the words mean is for `terms` and `text`.

    Args:
        setting: as WHISPER_MODEL_PATH: "" for the shipped starter, a path, a model's name, URL#SHA256, or "off".
        models_folder: where pulled models lie.
        device: "cpu", "cuda" or "auto".
    """

    name = NAME
    kinds = frozenset({ItemKind.VIDEO})
    reads_sound = True
    looks_up = frozenset({Lookup.TERMS})
    cost_ms = 1_100.0

    def __init__(self, setting: str, models_folder: Path = Path("models"), device: str = "cpu") -> None:
        self.setting, self.models_folder, self.device = setting, models_folder, device

    @property
    def is_configured(self) -> bool:
        """Whether it is not switched off; a model that is set but absent or broken fails loudly instead."""
        return not is_off(WEIGHTS, self.setting)

    @property
    def version(self) -> str:
        """The checkpoint by name and checksum, and the rules by number: another of either is another version."""
        if not self.is_configured:
            return "none"
        checkpoint = version_of(self._source().path)
        return f"{checkpoint}-{vad.VERSION}-{_RULES}"

    def run(self, clip: ClipSubject) -> Result:
        """Return what is said in one clip, see `run_batch`."""
        return self.run_batch([clip])[0]

    def run_batch(self, clips: Sequence[ClipSubject]) -> list[Result]:
        """Return one result per clip, in order; their windows go through the model together.

        The payload: `{"language", "language_probability", "segments": [{"start_ms", "end_ms", "text", "log_probability"}],
        "doubtful": [{"start_ms", "end_ms", "why", "text"}], "spoken_ms", "doubtful_ms", "other_ms", "silent_ms"}`.
        Not applicable, with `why` in the payload, to clips without sound, with silence only, or where nobody speaks. Missing
        where too much of what is said was not understood ("uncertain") or is in a language that the model does not know
        ("unsupported"); the payload keeps what was understood all the same.

        Raises:
            ModelInvalid: the model that is set is absent or damaged.
        """
        results = {i: r for i, clip in enumerate(clips) if (r := self._without_listening(clip)) is not None}
        sounds = {i: samples_of(audio) for i, clip in enumerate(clips) if i not in results and (audio := clip.audio)}
        heard = {i: Heard(vad.activity(samples)) for i, samples in sounds.items()}
        left = [i for i, one in heard.items() if one.activity.stretches]
        if left:  # else nothing is worth loading a model for
            hear_all(self._listener(), [sounds[i] for i in left], [heard[i] for i in left])
        results |= {i: self._result(one) for i, one in heard.items()}
        return [results[i] for i in range(len(clips))]

    def interpret(self, result: Result, readers: Readers) -> Result:
        """Read what the words mean: what was understood counts, also where the rest is missing."""
        return speech_result(result, readers.scan_terms, readers.text)

    def scan(self, payload: Mapping[str, Any], readers: Readers) -> tuple[Finding, ...]:
        """Look for terms in the segments."""
        language = payload.get("language", "und")
        if not payload.get("segments"):
            return ()
        return speech_findings(payload, lambda words, where: readers.scan_terms(words, where, language))

    def _without_listening(self, clip: ClipSubject) -> Result | None:
        if clip.has_audio is False:
            return Result(NAME, self.version, not_applicable=True, payload={"why": "no sound track"})
        if clip.audio is None:
            missing = Missing(NAME, "failed", "the sound could not be decoded")
            return Result(NAME, self.version, missing=missing, payload={"is_final": True})
        return None

    def _listener(self) -> Listener:
        source, device = self._source(), device_of(self.device)
        return Listener(load(source, device), trust_of(source.path), device)

    def _source(self) -> Source:
        return read_source(WEIGHTS, self.setting, self.models_folder)

    def _result(self, heard: Heard) -> Result:
        payload = _payload(heard)
        why = heard.activity.why_nothing
        if not why and not heard.segments and not heard.doubts:
            why = "no speech"
        if why:
            return Result(NAME, self.version, not_applicable=True, payload={**payload, "why": why})
        return Result(NAME, self.version, missing=_missing(heard), payload=payload)


def _missing(heard: Heard) -> Missing | None:
    """Return why the speech of a clip counts as not heard, or None where it was understood."""
    foreign = [d for d in heard.doubts if d.why == "language"]
    if too_doubtful(foreign, heard.spoken_seconds):
        languages = ", ".join(sorted({d.text for d in foreign}))
        return Missing(NAME, "unsupported", f"the model does not understand {languages}")
    if too_doubtful(heard.doubts, heard.spoken_seconds):
        of = f"{doubtful_seconds(heard.doubts):.0f} s of {heard.spoken_seconds:.0f} s"
        return Missing(
            NAME, "uncertain", f"{of} of speech not understood: {', '.join(sorted({d.why for d in heard.doubts}))}"
        )
    return None


def samples_of(path: Path) -> npt.NDArray[np.float32]:
    """Return 16 kHz mono samples in [-1, 1]; the file is ours, written by the sandbox."""
    import wave

    with wave.open(str(path), "rb") as sound:
        raw = sound.readframes(sound.getnframes())
    return np.frombuffer(raw, dtype=np.int16).astype(np.float32) / 32_768.0


def _payload(heard: Heard) -> dict[str, Any]:
    found = heard.activity
    return {
        "language": heard.language,
        "language_probability": round(heard.probability, 3),
        "segments": [_segment(s) for s in heard.segments],
        "doubtful": [_doubt(d) for d in heard.doubts],
        "spoken_ms": _ms(heard.spoken_seconds),
        "doubtful_ms": _ms(doubtful_seconds(heard.doubts)),
        "other_ms": _ms(found.other_seconds),
        "silent_ms": _ms(found.silent_seconds),
    }


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)


def _segment(segment: Segment) -> dict[str, Any]:
    return {
        "start_ms": _ms(segment.start),
        "end_ms": _ms(segment.end),
        "text": segment.text,
        "log_probability": round(segment.log_probability, 3),
    }


def _doubt(doubt: Doubt) -> dict[str, Any]:
    return {"start_ms": _ms(doubt.start), "end_ms": _ms(doubt.end), "why": doubt.why, "text": doubt.text}
