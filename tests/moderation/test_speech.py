"""Speech is transcribed by a real Whisper where one is configured, and believed only where it is sure."""

from __future__ import annotations

import subprocess
import sys
import wave
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.detectors import speech
from moderation.detectors.base import Finding
from moderation.detectors.deep import ClipSubject
from moderation.detectors.speech import SpeechDetector, heard_findings
from moderation.detectors.terms import TermEntry, TermIndex, TermsDetector
from policies.choices import ItemKind


def subject(audio: Path | None, has_audio: bool | None = True) -> ClipSubject:
    return ClipSubject(ItemKind.VIDEO, "0" * 64, (), audio, has_audio)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    """Return three seconds of a rising tone."""
    path = tmp_path / "audio.wav"
    t = np.arange(48_000) / 16_000
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16_000)
        out.writeframes((np.sin(2 * np.pi * (200 + 100 * t) * t) * 9_000).astype(np.int16).tobytes())
    return path


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a Whisper checkpoint in the library's own format: tiny, random, and soon done with every sentence."""
    import torch
    from whisper.model import ModelDimensions, Whisper

    torch.manual_seed(1)
    dims = ModelDimensions(80, 1_500, 32, 2, 1, 51_865, 448, 32, 2, 1)
    path = tmp_path_factory.mktemp("whisper") / "random.pt"
    model = Whisper(dims)
    for weight in model.parameters():  # some are left as memory happens to hold them
        torch.nn.init.normal_(weight, std=0.02)
    end_of_text = 50_257
    with torch.no_grad():  # else it would write the longest text it can, six times over
        model.decoder.ln.weight.zero_()
        model.decoder.ln.bias.fill_(1.0)
        model.decoder.token_embedding.weight[end_of_text] = 3.0
    torch.save({"dims": dims.__dict__, "model_state_dict": model.state_dict()}, path)
    return path


def segment(start: float, end: float, text: str, sure: float = -0.2, silence: float = 0.1) -> dict[str, Any]:
    return {"start": start, "end": end, "text": text, "avg_logprob": sure, "no_speech_prob": silence}


def heard(monkeypatch: pytest.MonkeyPatch, *segments: dict[str, Any]) -> None:
    """Let the model hear these segments."""

    class Model:
        def transcribe(self, samples: np.ndarray, **_: Any) -> dict[str, Any]:
            assert samples.dtype == np.float32
            assert np.abs(samples).max() <= 1.0
            return {"language": "en", "segments": list(segments)}

    monkeypatch.setattr(speech, "_model", lambda _: Model())


def test_without_a_model_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from moderation.detectors.speech import SpeechDetector; from moderation.detectors.vision import "
        "VisionDetector; assert not SpeechDetector('').is_configured and not VisionDetector('').is_configured; "
        "print(SpeechDetector('').version, VisionDetector('').version); "
        "assert not {'torch', 'whisper', 'open_clip'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "none none\n"), done.stderr


def test_a_clip_without_sound_has_nothing_to_hear() -> None:
    result = SpeechDetector("anything.pt").run(subject(None, has_audio=False))
    assert result.not_applicable
    assert result.missing is None


@pytest.mark.parametrize("has_audio", [True, None])
def test_sound_that_cannot_be_decoded_is_missing(has_audio: bool | None) -> None:
    result = SpeechDetector("anything.pt").run(subject(None, has_audio))
    assert result.missing is not None
    assert result.missing.why == "failed"
    assert not result.not_applicable


def test_segments_come_with_their_times(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard(monkeypatch, segment(0.0, 1.5, " Good morning. "), segment(1.5, 3.0, "Welcome back."))
    result = SpeechDetector("m.pt").run(subject(sound))
    assert result.payload["language"] == "en"
    assert result.payload["segments"] == [
        {"start_ms": 0, "end_ms": 1_500, "text": "Good morning.", "log_probability": -0.2},
        {"start_ms": 1_500, "end_ms": 3_000, "text": "Welcome back.", "log_probability": -0.2},
    ]


def test_what_is_mostly_not_understood_is_missing(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard(monkeypatch, segment(0, 1, "clear"), segment(1, 3, "mumble", sure=-1.4))
    result = SpeechDetector("m.pt").run(subject(sound))
    assert result.missing is not None
    assert result.missing.why == "failed"
    assert not result.payload


def test_a_doubtful_part_is_left_out(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard(monkeypatch, segment(0, 2, "clear"), segment(2, 3, "mumble", sure=-1.4), segment(3, 9, "hum", silence=0.9))
    payload = SpeechDetector("m.pt").run(subject(sound)).payload
    assert [s["text"] for s in payload["segments"]] == ["clear"]


def test_sound_without_speech_is_an_answer(sound: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard(monkeypatch, segment(0, 3, "la la", sure=-3, silence=0.95))
    result = SpeechDetector("m.pt").run(subject(sound))
    assert result.missing is None
    assert result.payload["segments"] == []


def test_a_term_is_found_with_the_time_it_was_said() -> None:
    detector = TermsDetector(TermIndex.build([TermEntry("cheap followers", "spam_scam", score=0.8)]), "t")

    def scan(text: str, where: Mapping[str, Any]) -> tuple[Finding, ...]:
        return detector.findings_for(text, where)

    segments = [
        {"start_ms": 0, "end_ms": 900, "text": "Hello", "log_probability": -0.1},
        {"start_ms": 900, "end_ms": 2_100, "text": "Get cheap followers", "log_probability": -0.1},
    ]
    (found,) = heard_findings({"segments": segments}, scan)
    assert (found.where["source"], found.where["start_ms"], found.where["end_ms"]) == ("speech", 900, 2_100)
    assert found.where["text"] == "cheap followers"


@pytest.mark.parametrize("name", ["tiny", "does/not/exist.pt"])
def test_a_model_that_is_not_there_fails_and_is_never_downloaded(sound: Path, name: str) -> None:
    with pytest.raises(FileNotFoundError, match="WHISPER_MODEL_PATH"):
        SpeechDetector(name).run(subject(sound))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_real_checkpoint_is_loaded_and_run(sound: Path, checkpoint: Path) -> None:
    detector = SpeechDetector(str(checkpoint))
    assert detector.version == f"whisper-random-{checkpoint.stat().st_size}"
    result = detector.run(subject(sound))
    # Random weights are sure of nothing: either nobody spoke, or nothing of it is believed.
    assert (result.missing is not None and result.missing.why == "failed") or result.payload["segments"] == []
