"""A known clip inside another one: how much of it, where, and at which shift."""

from __future__ import annotations

import csv
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from moderation.detection.hashes.detector import BankEntry, BankIndex
from moderation.detection.hashes.frames import match_frames
from moderation.detection.hashes.pdq import PDQ_MIN_QUALITY, hamming
from moderation.detection.hashes.vpdq import ClipMatch, KnownFrames, compare
from moderation.detection.media.sandbox import Examination, examine
from policies.choices import Outcome


def hashes(n: int, seed: int = 1) -> list[str]:
    """Return n hashes that are far from each other."""
    return [np.random.default_rng([seed, i]).bytes(32).hex() for i in range(n)]


def moved(value: str, bits: int) -> str:
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def known(values: list[str], step_ms: int = 1_000) -> KnownFrames:
    return KnownFrames("bank", "key", "known.mp4", [i * step_ms for i in range(len(values))], values)


def at(values: list[str], start_ms: int = 0) -> tuple[list[int], list[str]]:
    return [start_ms + i * 1_000 for i in range(len(values))], values


def test_the_same_clip_is_covered_whole() -> None:
    values = hashes(10)
    match = compare(*at(values), known(values))
    assert match is not None
    assert (match.share_known, match.share_seen, match.offset_ms, match.distance) == (1.0, 1.0, 0, 0)
    assert (match.run_from_ms, match.run_until_ms, match.n_run) == (0, 9_000, 10)


def test_a_part_of_it_inside_another_clip_is_found_where_it_lies() -> None:
    values, around = hashes(20), hashes(10, seed=2)
    match = compare(*at(around[:5] + [moved(v, 9) for v in values[8:14]] + around[5:]), known(values))
    assert match is not None
    assert match.share_known == pytest.approx(6 / 20)
    assert match.share_seen == pytest.approx(6 / 16)
    assert match.offset_ms == -3_000
    assert (match.run_from_ms, match.run_until_ms, match.n_run) == (5_000, 10_000, 6)
    assert (match.distance, match.median_distance) == (9, 9.0)


def test_a_run_passes_over_one_frame_but_not_over_a_cut() -> None:
    values, other = hashes(12), hashes(12, seed=3)
    shown = [other[i] if i in {2, 6, 7} else values[i] for i in range(12)]
    match = compare(*at(shown), known(values))
    assert match is not None
    assert match.share_known == pytest.approx(9 / 12)
    assert (match.run_from_ms, match.run_until_ms, match.n_run) == (0, 5_000, 5)


def test_a_still_clip_is_not_shifted() -> None:
    still = [hashes(1)[0]] * 8
    match = compare(*at(still), known(still))
    assert match is not None
    assert (match.offset_ms, match.n_run) == (0, 8)


def test_strangers_share_nothing() -> None:
    assert compare(*at(hashes(9)), known(hashes(9, seed=5))) is None
    assert compare([], [], known(hashes(3))) is None


@pytest.mark.parametrize(("bits", "is_found"), [(31, True), (32, False)])
def test_frames_match_up_to_the_threshold(bits: int, is_found: bool) -> None:
    values = hashes(3)
    assert (compare(*at([moved(v, bits) for v in values]), known(values)) is not None) == is_found


def test_a_finding_tells_how_much_of_the_known_clip_is_there() -> None:
    values = hashes(10)
    banks = BankIndex.build(
        [BankEntry("bank", "b", f"e{i}", "pdq", v, "violence", Outcome.BLOCK) for i, v in enumerate(values)]
    )
    frames = [{"ms": 7_000 + i * 1_000, "pdq": v, "quality": 90} for i, v in enumerate(values[2:6])]
    asked: list[tuple[frozenset[str], frozenset[str]]] = []

    def look_up(slugs: frozenset[str], matched: frozenset[str]) -> list[KnownFrames]:
        asked.append((slugs, matched))
        return [known(values), KnownFrames("bank", "k2", "less.mp4", [0, 1_000], [values[2], hashes(1, seed=9)[0]])]

    (found,) = match_frames({"frames": frames}, banks, look_up)
    assert asked == [(frozenset({"bank"}), frozenset(values[2:6]))]
    assert found.where["clip"] == "less.mp4" or found.where["share_known"] == 0.5
    assert {"offset_ms", "run_from_ms", "run_until_ms", "n_frames_run", "median_distance"} <= set(found.where)
    assert match_frames({"frames": []}, banks, look_up) == ()


# --- between two frames that meet -----------------------------------------------------------------------------------


def half_met(values: list[str], other: list[str]) -> tuple[list[int], list[str]]:
    """Return a clip at two frames a second in which every second frame fell between two of the known clip."""
    return [i * 500 for i in range(len(values))], [v if i % 2 == 0 else other[i] for i, v in enumerate(values)]


def test_what_lies_between_two_frames_that_meet_is_there_as_well() -> None:
    values, other = hashes(11), hashes(11, seed=2)
    match = compare(*half_met(values, other), known(values, 500))
    assert match is not None
    assert (match.share_known, match.share_seen) == (1.0, 1.0)
    assert match.share_met == pytest.approx(6 / 11)


def test_what_lies_before_the_first_and_after_the_last_is_not() -> None:
    values, other = hashes(10), hashes(10, seed=2)
    shown = [v if i in {3, 5} else other[i] for i, v in enumerate(values)]
    match = compare([i * 500 for i in range(10)], shown, known(values, 500))
    assert match is not None
    assert match.share_known == pytest.approx(3 / 10)


@pytest.mark.parametrize(("step_ms", "is_covered"), [(750, True), (751, False)])
def test_a_longer_stretch_is_not_covered_by_its_ends(step_ms: int, is_covered: bool) -> None:
    values, other = hashes(3), hashes(3, seed=2)
    times = [0, step_ms, 2 * step_ms]
    match = compare(times, [values[0], other[1], values[2]], known(values, step_ms))
    assert match is not None
    assert (match.share_known == 1.0) == is_covered


@pytest.mark.parametrize(("late_ms", "is_covered"), [(0, True), (250, True), (-250, True), (251, False), (-251, False)])
def test_the_other_clip_has_to_go_on_as_quickly(late_ms: int, is_covered: bool) -> None:
    values, other = hashes(3), hashes(1, seed=2)
    match = compare([0, 500, 1_000 + late_ms], [values[0], *other, values[2]], known(values, 500))
    assert match is not None
    assert (match.share_known == 1.0) == is_covered


def test_a_clip_played_backwards_covers_only_the_frames_that_meet() -> None:
    values, other = hashes(11), hashes(11, seed=2)
    times, shown = half_met(values, other)
    match = compare(times, shown[::-1], known(values, 500))
    assert match is not None
    assert match.share_known == match.share_met == pytest.approx(6 / 11)


def test_a_still_picture_that_the_known_clip_shows_twice_covers_nothing_between() -> None:
    card, others = hashes(1)[0], hashes(2, seed=2)
    match = compare([i * 100 for i in range(30)], [card] * 30, known([card, *others, card], 400))
    assert match is not None
    assert match.share_known == match.share_met == pytest.approx(2 / 4)


def test_a_moment_that_cannot_be_compared_covers_nothing() -> None:
    """The other clip is dark between the two frames that meet: its hashes of low quality are not among those given."""
    values = hashes(3)
    match = compare([0, 1_200], [values[0], values[2]], known(values, 600))
    assert match is not None
    assert match.share_known == pytest.approx(2 / 3)


def test_shares_are_of_time_not_of_frames() -> None:
    """Ten frames of a second in which much happens are not ten times as much as one frame of a calm second."""
    values = hashes(20)
    times = [i * 100 for i in range(10)] + [1_000 + i * 1_000 for i in range(10)]
    busy = compare(times[:10], values[:10], KnownFrames("b", "k", "t", times, values))
    assert busy is not None
    assert busy.share_known == pytest.approx(0.1, abs=0.03)


def test_the_shift_of_a_slow_clip_is_told_exactly() -> None:
    """Neighbours are alike, so many shifts fit as many frames; under the true one they are most alike."""
    base = int(hashes(1)[0], 16)
    slow = [f"{base ^ ((1 << 3 * i) - 1):064x}" for i in range(80)]
    match = compare([i * 100 for i in range(40)], slow[20:60], known(slow, 100))
    assert match is not None
    assert match.offset_ms == -2_000


def test_long_still_clips_are_compared_in_no_time() -> None:
    still = [hashes(1)[0]] * 1_440
    times = [i * 417 for i in range(1_440)]
    started = time.process_time()
    match = compare(times, still, KnownFrames("b", "k", "t", times, still))
    assert match is not None
    assert (match.share_known, match.offset_ms) == (1.0, 0)
    assert time.process_time() - started < 10


def test_a_finding_goes_by_the_track_and_leaves_out_low_quality() -> None:
    values = hashes(6)
    banks = BankIndex.build([BankEntry("bank", "b", "e0", "pdq", values[0], "violence", Outcome.BLOCK)])
    track = [[i * 500, v, 90 if i < 3 else 49] for i, v in enumerate(values)]
    payload = {"frames": [{"ms": 0, "pdq": values[0], "quality": 90}], "track": track}
    (found,) = match_frames(payload, banks, lambda *_: [known(values, 500)])
    assert found.where["share_known"] == 0.5
    assert (found.where["n_frames"], found.where["n_frames_seen"]) == (1, 1)


# --- published hashes ----------------------------------------------------------------------------------------------

FAMILIES = {
    "chair-20-sd-bar": "chair", "chair-orig-22-sd-bar": "chair", "doorknob-hd-no-bar": "doorknob",
    "pattern-sd-grey-bar": "pattern", "test-padded-dimensions": "padded",
}  # fmt: skip


@pytest.fixture
def samples(shared_data: Path) -> Path:
    return shared_data / "tmk_sample_videos"


def published(samples: Path, name: str) -> list[tuple[int, str, int]]:
    """Return (ms, hash, quality) of every frame as published."""
    with (samples / "vpdq_hashes" / f"{name}.txt").open() as lines:
        return [(round(float(at) * 1_000), value, int(quality)) for _, quality, value, at in csv.reader(lines)]


def near_in_time(rows: list[tuple[int, str, int]], ms: int) -> str:
    return min(rows, key=lambda row: abs(row[0] - ms))[1]


@pytest.fixture(scope="module")
def taken(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Examination]:
    """The sample clips, each taken apart once."""
    folder, workdir = shared_data / "tmk_sample_videos", tmp_path_factory.mktemp("clips")
    return {name: examine(folder / f"{name}.mp4", workdir, want_audio=False) for name in FAMILIES}


def usable(clip: Examination) -> list[tuple[int, str]]:
    return [(h.ms, h.pdq) for h in clip.track if h.quality >= PDQ_MIN_QUALITY]


def match_of(shown: list[tuple[int, str]], other: list[tuple[int, str]]) -> ClipMatch | None:
    (times, values), (known_times, known_values) = zip(*shown, strict=True), zip(*other, strict=True)
    return compare(times, values, KnownFrames("b", "k", "known.mp4", known_times, known_values))


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_our_frames_agree_with_the_published_hashes(samples: Path, taken: dict[str, Examination], name: str) -> None:
    rows = published(samples, name)
    distances = [hamming(h.pdq, near_in_time(rows, h.ms)) for h in taken[name].track if h.quality >= PDQ_MIN_QUALITY]
    assert np.median(distances) <= 4
    assert max(distances) <= 16


@pytest.mark.slow
def test_families_match_and_strangers_do_not(samples: Path, taken: dict[str, Examination]) -> None:
    """Known are two published frames a second, but for those of low quality, which no bank takes (half of one clip's)."""
    for a, b in product(FAMILIES, FAMILIES):
        rows = published(samples, b)[::15]
        found = match_of(usable(taken[a]), [(ms, v) for ms, v, quality in rows if quality >= PDQ_MIN_QUALITY])
        if a == b:
            assert found is not None
            assert found.share_known >= 0.9, (a, found)
            assert abs(found.offset_ms) <= 40
        elif FAMILIES[a] == FAMILIES[b]:
            assert found is not None
            assert found.share_known >= 0.9, (a, b, found)
            assert abs(abs(found.offset_ms) - 2_000) <= 40
        else:
            assert found is None, (a, b)


@pytest.mark.slow
@pytest.mark.parametrize("first", [4, 7, 11])
def test_a_clip_is_covered_whichever_of_its_frames_are_known(
    samples: Path, taken: dict[str, Examination], first: int
) -> None:
    for name in ("chair-20-sd-bar", "chair-orig-22-sd-bar", "test-padded-dimensions"):
        found = match_of(usable(taken[name]), [(ms, v) for ms, v, _ in published(samples, name)[first::15]])
        assert found is not None
        assert found.share_known >= 0.75, (name, found)


@pytest.mark.slow
@pytest.mark.parametrize("start_ms", [3_230, 6_660, 10_160])
def test_an_excerpt_covers_its_share(taken: dict[str, Examination], start_ms: int) -> None:
    """Five seconds of the clip of 22 that was also cut to 20: a quarter is found, and where it lies."""
    whole, other = usable(taken["chair-orig-22-sd-bar"]), usable(taken["chair-20-sd-bar"])
    shown = [(ms - start_ms, value) for ms, value in whole if start_ms <= ms < start_ms + 5_000]
    for known_frames, ends_ms, shift in ((whole, 22_433, 0), (other, 20_466, 2_000)):
        found = match_of(shown, known_frames)
        assert found is not None
        assert found.share_known == pytest.approx(5_000 / ends_ms, abs=0.06)
        assert found.offset_ms == pytest.approx(shift - start_ms, abs=150)
        assert found.share_seen >= 0.8
