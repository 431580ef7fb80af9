"""Only speech is sent to the listener: silence, noise and music are told from it, and doubt counts as speech."""

import numpy as np
import pytest

from moderation.detection.speech.features import describe, spectra
from moderation.detection.speech.vad import LONGEST, PLAIN, Activity, Stretch, activity, windows
from tests.support.spoken import RATE, SAID, Samples, chord, hiss, silence, spoken, tune


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


def test_features_do_not_depend_on_loudness() -> None:
    power = spectra(spoken("threat"))
    assert np.allclose(describe(power), describe(power * np.float32(0.25)), atol=0.6, rtol=0.05)


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
