"""A known clip inside another one: how much of it, where, and at which shift."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from moderation.detectors.frames import match_frames
from moderation.detectors.hashes import BankEntry, BankIndex
from moderation.detectors.pdq import hamming
from moderation.detectors.vpdq import ClipMatch, KnownFrames, compared
from moderation.media.confined import SampledFrame, examine
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
    match = compared(*at(values), known(values))
    assert match is not None
    assert (match.share_known, match.share_seen, match.offset_ms, match.distance) == (1.0, 1.0, 0, 0)
    assert (match.run_from_ms, match.run_until_ms, match.n_run) == (0, 9_000, 10)


def test_a_part_of_it_inside_another_clip_is_found_where_it_lies() -> None:
    values, around = hashes(20), hashes(10, seed=2)
    match = compared(*at(around[:5] + [moved(v, 9) for v in values[8:14]] + around[5:]), known(values))
    assert match is not None
    assert match.share_known == pytest.approx(6 / 20)
    assert match.share_seen == pytest.approx(6 / 16)
    assert match.offset_ms == -3_000
    assert (match.run_from_ms, match.run_until_ms, match.n_run) == (5_000, 10_000, 6)
    assert (match.distance, match.median_distance) == (9, 9.0)


def test_a_run_passes_over_one_frame_but_not_over_a_cut() -> None:
    values, other = hashes(12), hashes(12, seed=3)
    shown = [other[i] if i in {2, 6, 7} else values[i] for i in range(12)]
    match = compared(*at(shown), known(values))
    assert match is not None
    assert match.share_known == pytest.approx(9 / 12)
    assert (match.run_from_ms, match.run_until_ms, match.n_run) == (0, 5_000, 5)


def test_a_still_clip_is_not_shifted() -> None:
    still = [hashes(1)[0]] * 8
    match = compared(*at(still), known(still))
    assert match is not None
    assert (match.offset_ms, match.n_run) == (0, 8)


def test_strangers_share_nothing() -> None:
    assert compared(*at(hashes(9)), known(hashes(9, seed=5))) is None
    assert compared([], [], known(hashes(3))) is None


@pytest.mark.parametrize(("bits", "is_found"), [(31, True), (32, False)])
def test_frames_match_up_to_the_threshold(bits: int, is_found: bool) -> None:
    values = hashes(3)
    assert (compared(*at([moved(v, bits) for v in values]), known(values)) is not None) == is_found


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


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_our_frames_agree_with_the_published_hashes(samples: Path, tmp_path: Path, name: str) -> None:
    rows = published(samples, name)
    frames = examine(samples / f"{name}.mp4", tmp_path, want_audio=False).frames
    distances = [hamming(f.pdq, near_in_time(rows, f.ms)) for f in frames if f.quality >= 50]
    assert np.median(distances) <= 4
    assert max(distances) <= 16


@pytest.mark.slow
@pytest.mark.xfail(
    reason="a clip covers 0.46 of its own published frames: sampling is coarser than every half second; see issue 5",
    strict=False,
)
def test_families_match_and_strangers_do_not(samples: Path, tmp_path: Path) -> None:
    def frames_of(name: str) -> tuple[SampledFrame, ...]:
        return tuple(f for f in examine(samples / f"{name}.mp4", tmp_path, want_audio=False).frames if f.quality >= 50)

    def match(name: str, other: str) -> ClipMatch | None:
        rows = published(samples, other)[::15]
        return compared(*zip(*((f.ms, f.pdq) for f in frames_of(name)), strict=True), known_of(other, rows))

    def known_of(name: str, rows: list[tuple[int, str, int]]) -> KnownFrames:
        return KnownFrames("b", "k", name, [ms for ms, _, _ in rows], [value for _, value, _ in rows])

    shares = {(a, b): match(a, b) for a in FAMILIES for b in FAMILIES}
    for (a, b), found in shares.items():
        if a == b:
            assert found is not None
            assert found.share_known >= 0.9, (a, found)
        elif FAMILIES[a] == FAMILIES[b]:
            assert found is not None
            assert found.share_known >= 0.4, (a, b, found)
        else:
            assert found is None, (a, b)
