"""Only speech is sent to the listener: silence, noise and music are told from it, and doubt counts as speech."""

from dataclasses import replace

import numpy as np
import pytest

from moderation.detection.model_store import ModelAbsent, ModelInvalid
from moderation.detection.speech import vad
from moderation.detection.speech.vad import (
    LONGEST,
    PLAIN,
    Activity,
    Stretch,
    activity,
    speech_probabilities,
    windows,
)
from tests.support.places import DATA
from tests.support.spoken import RATE, SAID, Samples, chord, hiss, loaded, silence, spoken, tune


@pytest.mark.parametrize(
    "samples", [silence(5), hiss(5, 2e-5), silence(0.005)], ids=["nothing", "faint hiss", "a moment"]
)
def test_silence_is_not_sent(samples: Samples) -> None:
    found = activity(samples)
    assert not found.stretches
    assert found.why_nothing == "silence"
    assert found.silent_seconds == pytest.approx(len(samples) / RATE, abs=0.02)


@pytest.mark.parametrize(
    "samples", [hiss(5, 0.1), chord(5), tune(6), chord(0.4), tune(4, level=0.02)],
    ids=["noise", "chord", "tune", "short chord", "soft tune"],
)  # fmt: skip
def test_music_and_noise_are_not_sent(samples: Samples) -> None:
    found = activity(samples)
    assert not found.stretches
    assert found.why_nothing == "no speech"
    assert found.other_seconds > 0


def test_no_samples_at_all_are_silence() -> None:
    assert activity(np.empty(0, np.float32)).why_nothing == "silence"


@pytest.mark.parametrize("name", SAID)
def test_speech_is_sent_whole(name: str) -> None:
    found = activity(spoken(name))
    assert found.why_nothing == ""
    for _, start, end in SAID[name]:
        assert any(s.start <= start + 0.1 and s.end >= end - 0.1 for s in found.stretches), (name, found.stretches)
    assert all(s.score >= PLAIN for s in found.stretches)


@pytest.mark.parametrize("gain", [0.003, 0.03, 1.0])
def test_loudness_does_not_matter(gain: float) -> None:
    assert activity(spoken("threat") * np.float32(gain)).stretches


@pytest.mark.parametrize("bed", [tune(12, 0.1), hiss(12, 0.02), chord(12, 0.1)], ids=["tune", "hiss", "chord"])
def test_speech_over_a_bed_is_found_where_it_is(bed: Samples) -> None:
    said = spoken("harmless")
    samples = bed.copy()
    samples[5 * RATE : 5 * RATE + len(said)] += said
    (stretch,) = activity(samples).stretches
    assert 3.5 <= stretch.start <= 5.6
    assert 8.5 <= stretch.end <= 10.5


def test_a_pause_between_sentences_parts_them_and_one_between_words_does_not() -> None:
    said = spoken("harmless")
    apart = np.concatenate([said, silence(3), said])
    assert len(activity(apart).stretches) == 2
    assert len(activity(said).stretches) == 1


def test_probabilities_do_not_depend_on_loudness() -> None:
    said = spoken("threat")
    assert np.allclose(speech_probabilities(said), speech_probabilities(said * np.float32(0.25)), atol=0.01)


@pytest.mark.parametrize("decibels", [-20, -40, -55])
def test_soft_speech_after_loud_music_is_found(decibels: int) -> None:
    said = spoken("threat") * np.float32(10 ** (decibels / 20))
    found = activity(np.concatenate([tune(4, 0.8), said]))
    for _, start, end in SAID["threat"]:
        assert any(s.start <= 4 + start + 0.2 and s.end >= 4 + end - 0.1 for s in found.stretches), found.stretches


def test_a_long_sound_is_judged_as_its_parts_are() -> None:
    said = spoken("harmless")
    together = np.concatenate([said, silence(30), said])  # more than one call of the model
    assert [round(s.seconds, 1) for s in activity(together).stretches] == [
        pytest.approx(s.seconds, abs=0.3) for s in activity(said).stretches * 2
    ]


def test_seconds_add_up_to_the_whole_sound() -> None:
    samples = np.concatenate([silence(2.01), chord(3), spoken("harmless"), silence(1)])
    found = activity(samples)
    spoken_seconds = sum(s.seconds for s in found.stretches)
    assert spoken_seconds + found.other_seconds + found.silent_seconds == pytest.approx(len(samples) / RATE, abs=1e-6)


@pytest.mark.skipif(not (DATA / "speech_clips").is_dir(), reason="the public recordings are not on this machine")
@pytest.mark.parametrize("name", ["uberi_english.wav", "goforward.raw", "cards/001.wav", "jfk.flac"])
def test_no_loud_moment_of_a_real_recording_is_left_out(name: str) -> None:
    samples = loaded(DATA / "speech_clips" / name)
    tenths = np.abs(samples[: len(samples) // 1_600 * 1_600]).reshape(-1, 1_600).max(axis=1)
    found = activity(samples).stretches
    for i in np.flatnonzero(tenths > tenths.max() / 4):
        assert any(s.start <= i / 10 and s.end >= (i + 1) / 10 for s in found), (i / 10, found)


# --- the model fails ------------------------------------------------------------------------------------------------


class _Broken:
    """A model that answers what is not a probability."""

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def run(self, names: object, given: dict[str, Samples]) -> tuple[Samples, Samples, Samples]:
        return np.full(len(given["input"]), self.answer, np.float32), given["h"], given["c"]


@pytest.mark.parametrize("answer", [float("nan"), float("inf"), -0.5, 1.5])
def test_what_is_no_probability_is_an_error_and_not_silence(answer: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "_session", lambda: _Broken(answer))
    with pytest.raises(ModelInvalid):
        activity(spoken("harmless"))


def test_another_model_than_the_pinned_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "_SHA256", "0" * 64)
    vad._session.cache_clear()
    with pytest.raises(ModelInvalid, match="pinned"):
        activity(spoken("harmless"))


def test_without_the_package_nothing_passes_for_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vad, "WEIGHTS", replace(vad.WEIGHTS, shipped="package:not-installed/model.onnx"))
    vad._session.cache_clear()
    with pytest.raises(ModelAbsent, match="not-installed"):
        activity(spoken("harmless"))


# --- windows --------------------------------------------------------------------------------------------------------


def test_neighbours_share_a_window_and_distant_ones_do_not() -> None:
    found = Activity((Stretch(0, 4, 5), Stretch(5, 9, 5), Stretch(20, 22, 5)), 0, 0)
    assert [(w.start, w.end) for w in windows(found, silence(22))] == [(0, 9), (20, 22)]


def test_no_window_is_longer_than_whisper_takes() -> None:
    samples = hiss(100, 0.1)
    samples[24 * RATE : 25 * RATE] = 0.0
    found = windows(Activity((Stretch(0, 100, 5),), 0, 0), samples)
    assert all(0 < w.end - w.start <= LONGEST for w in found)
    assert 24 <= found[0].end <= 25, "cut where it is quiet"
    assert [w.start for w in found[1:]] == [w.end for w in found[:-1]], "nothing is lost between windows"
    assert found[-1].end == 100


def test_stretches_together_too_long_for_a_window_get_two() -> None:
    found = Activity((Stretch(0, 20, 5), Stretch(21, 35, 5)), 0, 0)
    assert [(w.start, w.end) for w in windows(found, silence(35))] == [(0, 20), (21, 35)]
