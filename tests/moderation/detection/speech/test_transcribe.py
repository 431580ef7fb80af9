"""Speech is heard by a real Whisper, the shipped starter among them, and believed only where it is sure."""

from __future__ import annotations

import json
import subprocess
import sys
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.detection.clip import ClipSubject
from moderation.detection.speech.detector import SpeechDetector, samples_of
from moderation.detection.speech.loading import STARTER, trust_of
from moderation.detection.speech.transcribe import BEAMS
from moderation.detection.types import WHY_MISSING, Result
from policies.choices import ItemKind
from tests.support.places import DATA
from tests.support.spoken import SAID, Samples, chord, loaded, silence, spoken, tune, wav

needs_starter = pytest.mark.skipif(not STARTER.is_file(), reason="the starter is not here: make train-speech")
CLIPS = DATA / "speech_clips"


def subject(audio: Path | None, has_audio: bool | None = True) -> ClipSubject:
    return ClipSubject(ItemKind.VIDEO, "0" * 64, (), audio, has_audio)


def heard(folder: Path, *sounds: Samples, setting: str = "") -> list[Result]:
    """Return what a detector makes of some sounds in one batch."""
    clips = [subject(wav(folder / f"{i}.wav", samples)) for i, samples in enumerate(sounds)]
    return SpeechDetector(setting).run_batch(clips)


def words(result: Result) -> list[str]:
    return [s["text"] for s in result.payload["segments"]]


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
    with torch.no_grad():  # else it would write the longest text it can, several times over
        model.decoder.ln.weight.zero_()
        model.decoder.ln.bias.fill_(1.0)
        model.decoder.token_embedding.weight[end_of_text] = 3.0
    torch.save({"dims": dims.__dict__, "model_state_dict": model.state_dict()}, path)
    return path


# --- without listening -----------------------------------------------------------------------------------------------


def test_without_a_model_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from moderation.detection.speech.detector import SpeechDetector; from moderation.detection.vision.detector import "
        "VisionDetector; assert not SpeechDetector('off').is_configured and not VisionDetector(None).is_configured; "
        "print(SpeechDetector('off').version, VisionDetector(None).version); SpeechDetector('').version; "
        "assert not {'torch', 'whisper', 'open_clip'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "none none\n"), done.stderr


def test_a_clip_without_sound_has_nothing_to_hear() -> None:
    result = SpeechDetector("anything.pt").run(subject(None, has_audio=False))
    assert result.not_applicable
    assert result.missing is None
    assert result.payload["why"] == "no sound track"


@pytest.mark.parametrize("has_audio", [True, None])
def test_sound_that_cannot_be_decoded_is_missing_for_good(has_audio: bool | None) -> None:
    result = SpeechDetector("anything.pt").run(subject(None, has_audio))
    assert result.missing is not None
    assert result.missing.why == "failed"
    assert result.payload["is_final"]
    assert not result.not_applicable


@pytest.mark.parametrize(
    ("samples", "why"), [(silence(3), "silence"), (chord(3), "no speech"), (tune(4), "no speech")],
    ids=["silence", "chord", "tune"],
)  # fmt: skip
def test_silence_and_music_are_not_applicable_and_say_why(samples: Samples, why: str, tmp_path: Path) -> None:
    (result,) = heard(tmp_path, samples)
    assert result.not_applicable
    assert result.missing is None
    assert result.payload["why"] == why


@pytest.mark.parametrize("name", ["tiny", "does/not/exist.pt"])
def test_a_model_that_is_not_there_fails_and_is_never_downloaded(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="WHISPER_MODEL_PATH"):
        SpeechDetector(name, tmp_path).run(subject(wav(tmp_path / "a.wav", spoken("harmless"))))


def test_samples_come_back_as_written(tmp_path: Path) -> None:
    samples = samples_of(wav(tmp_path / "a.wav", spoken("harmless")))
    assert samples.dtype == np.float32
    assert np.abs(samples - spoken("harmless")).max() < 1e-3


# --- the starter -----------------------------------------------------------------------------------------------------


#: Words that the starter adds, changes or misses, where it does: it hears one too many ("walked her home").
N_WRONG = {"harmless": 1}


def n_wrong(heard: str, said: str) -> int:
    """Return how many words are wrong, missing or added."""
    steps = SequenceMatcher(None, said.split(), heard.split(), autojunk=False).get_opcodes()
    return sum(max(b - a, d - c) for step, a, b, c, d in steps if step != "equal")


@needs_starter
@pytest.mark.parametrize("name", SAID)
def test_the_starter_hears_unseen_lines_at_the_right_second(name: str, tmp_path: Path) -> None:
    (result,) = heard(tmp_path, spoken(name))
    assert result.missing is None, (result.missing, result.payload)
    said = SAID[name]
    assert n_wrong(" ".join(words(result)), " ".join(line for line, _, _ in said)) <= N_WRONG.get(name, 0)
    first, last = result.payload["segments"][0], result.payload["segments"][-1]
    assert first["start_ms"] / 1_000 == pytest.approx(said[0][1], abs=1.0)
    assert last["end_ms"] / 1_000 == pytest.approx(said[-1][2], abs=1.0)
    assert result.payload["language"] == "en"


@needs_starter
def test_several_items_are_heard_together_as_each_alone(tmp_path: Path) -> None:
    sounds = [spoken("threat"), silence(2), spoken("harmless"), tune(3)]
    together = heard(tmp_path, *sounds)
    alone = [heard(tmp_path, samples)[0] for samples in sounds]
    for a, b in zip(together, alone, strict=True):
        assert a.not_applicable == b.not_applicable
        assert [(s["text"], s["start_ms"]) for s in a.payload["segments"]] == [
            (s["text"], s["start_ms"]) for s in b.payload["segments"]
        ]


@needs_starter
def test_times_are_those_of_the_whole_clip(tmp_path: Path) -> None:
    (result,) = heard(tmp_path, np.concatenate([silence(35), spoken("harmless"), silence(20), spoken("threat")]))
    assert n_wrong(words(result)[0], SAID["harmless"][0][0]) <= N_WRONG["harmless"]
    assert result.payload["segments"][0]["start_ms"] / 1_000 == pytest.approx(35.4, abs=1.0)
    assert result.payload["segments"][-1]["end_ms"] / 1_000 == pytest.approx(35 + 4.2 + 20 + 6.2, abs=1.0)


@needs_starter
def test_another_language_is_unsupported(tmp_path: Path) -> None:
    (result,) = heard(tmp_path, spoken("german"))
    assert result.missing is not None
    assert result.missing.why in {"unsupported", "uncertain"}
    assert not result.not_applicable


@needs_starter
def test_speech_backwards_is_not_believed(tmp_path: Path) -> None:
    (result,) = heard(tmp_path, spoken("harmless")[::-1].copy())
    assert result.missing is not None
    assert result.missing.why in WHY_MISSING


@needs_starter
@pytest.mark.skipif(not CLIPS.is_dir(), reason="the public recordings are not on this machine")
@pytest.mark.slow
def test_real_recordings_are_missing_and_never_harmless() -> None:
    files = sorted(f for f in CLIPS.rglob("*") if f.suffix in {".wav", ".flac", ".raw", ".aiff"})
    assert files
    detector = SpeechDetector("")
    from moderation.detection.speech.transcribe import hear_all

    results = [detector._result(h) for h in hear_all(detector._listener(), [loaded(f) for f in files])]
    taken = {
        f.name: (r.payload["segments"], r.payload.get("why"))
        for f, r in zip(files, results, strict=True)
        if not r.missing
    }
    assert not taken


@needs_starter
def test_the_shipped_checkpoint_is_whispers_own_and_small() -> None:
    import whisper

    assert STARTER.stat().st_size < 12e6
    model = whisper.load_model(str(STARTER), device="cpu")
    assert model.is_multilingual
    assert trust_of(STARTER).languages == frozenset({"en"})
    result: dict[str, Any] = model.transcribe(spoken("harmless"), language="en", fp16=False, beam_size=BEAMS)
    assert n_wrong(result["text"], SAID["harmless"][0][0]) <= N_WRONG["harmless"]
    assert result["segments"][0]["start"] == pytest.approx(0.4, abs=1.0)


# --- any checkpoint --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_another_checkpoint_is_loaded_by_the_same_code_and_not_believed(checkpoint: Path, tmp_path: Path) -> None:
    assert SpeechDetector(str(checkpoint)).version.startswith("whisper-random-")
    (result,) = heard(tmp_path, spoken("harmless"), setting=str(checkpoint))
    # Random weights are sure of nothing, and somebody plainly speaks.
    assert result.missing is not None
    assert result.missing.why == "uncertain"


def test_the_version_changes_with_the_file_and_not_with_its_date(tmp_path: Path) -> None:
    file = tmp_path / "a.pt"
    file.write_bytes(b"one")
    first = SpeechDetector(str(file)).version
    file.touch()
    assert SpeechDetector(str(file)).version == first
    file.write_bytes(b"two")
    assert SpeechDetector(str(file)).version != first


def test_a_note_beside_a_checkpoint_says_how_far_to_trust_it(tmp_path: Path) -> None:
    assert trust_of(tmp_path / "a.pt").min_log_probability == -1.0
    (tmp_path / "a.json").write_text(json.dumps({"languages": ["en", "de"], "min_log_probability": -0.3}))
    assert trust_of(tmp_path / "a.pt").languages == frozenset({"en", "de"})
