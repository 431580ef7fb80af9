"""Known pictures inside clips are found by the hashes of frames, with their times and distances."""

from __future__ import annotations

from pathlib import Path

import pytest

from moderation.detection.clip import ClipSubject
from moderation.detection.hashes.detector import BankEntry, BankIndex
from moderation.detection.hashes.frames import FramesDetector, match_frames
from moderation.detection.media.sandbox import FrameHash, SampledFrame, examine
from policies.choices import ItemKind, Outcome

BASE = int("a5" * 32, 16)


def at(distance: int) -> str:
    """Return a hash that differs from BASE in so many bits."""
    return f"{BASE ^ ((1 << distance) - 1):064x}"


def entry(value: str, key: str = "e1", bank: str = "known", outcome: Outcome = Outcome.BLOCK) -> BankEntry:
    return BankEntry(bank, bank, key, "pdq", value, "violence", outcome)


def payload(*frames: tuple[int, str, int]) -> dict[str, object]:
    return {"frames": [{"ms": ms, "pdq": pdq, "quality": quality} for ms, pdq, quality in frames]}


def test_it_keeps_time_hash_and_quality_of_every_frame() -> None:
    frames = (SampledFrame(0, "scene", Path("a"), at(0), 90), SampledFrame(1_000, "interval", Path("b"), at(9), 30))
    track = (FrameHash(0, at(0), 90), FrameHash(100, at(2), 90), FrameHash(1_000, at(9), 30))
    result = FramesDetector().run(ClipSubject(ItemKind.VIDEO, "0" * 64, frames, None, has_audio=False, track=track))
    assert result.payload == payload((0, at(0), 90), (1_000, at(9), 30)) | {
        "track": [[0, at(0), 90], [100, at(2), 90], [1_000, at(9), 30]]
    }
    assert not result.findings


@pytest.mark.parametrize(("distance", "is_found"), [(0, True), (30, True), (31, True), (32, False), (128, False)])
def test_a_frame_matches_up_to_the_threshold(distance: int, is_found: bool) -> None:
    found = match_frames(payload((0, at(distance), 80)), BankIndex.build([entry(at(0))]))
    assert bool(found) == is_found


@pytest.mark.parametrize(("quality", "is_found"), [(0, False), (49, False), (50, True), (100, True)])
def test_a_frame_of_low_quality_says_nothing(quality: int, is_found: bool) -> None:
    assert bool(match_frames(payload((0, at(0), quality)), BankIndex.build([entry(at(0))]))) == is_found


def test_the_nearest_frame_is_reported_and_in_how_many_it_was_seen() -> None:
    frames = payload((0, at(200), 90), (1_000, at(12), 90), (2_000, at(3), 90), (3_000, at(8), 90))
    (found,) = match_frames(frames, BankIndex.build([entry(at(0))]))
    assert found.where == {
        "bank": "known", "entry": "e1", "algorithm": "pdq", "distance": 3, "frame_ms": 2_000, "n_frames_seen": 3,
        "n_frames": 4, "n_entries_matched": 1,
    }  # fmt: skip
    assert (found.score, found.hard, found.category) == (1.0, Outcome.BLOCK, "violence")


def test_each_bank_speaks_once_and_none_hides_another() -> None:
    banks = BankIndex.build(
        [entry(at(0), f"mild{i}", "mild", Outcome.RESTRICT) for i in range(20)] + [entry(at(20), "strict1", "strict")]
    )
    found = match_frames(payload((0, at(0), 90)), banks)
    assert {f.where["bank"]: f.hard for f in found} == {"mild": Outcome.RESTRICT, "strict": Outcome.BLOCK}


def test_without_banks_or_frames_nothing_is_found() -> None:
    assert match_frames(payload((0, at(0), 90)), BankIndex.build([])) == ()
    assert match_frames(payload(), BankIndex.build([entry(at(0))])) == ()


@pytest.mark.slow
def test_a_clip_is_found_by_a_variant_and_a_stranger_is_not(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "tmk_sample_videos"

    def frames_of(name: str) -> tuple[SampledFrame, ...]:
        return examine(folder / f"{name}.mp4", tmp_path, want_audio=False).frames

    original = frames_of("chair-orig-22-sd-bar")
    banks = BankIndex.build([entry(f.pdq, f"e{i}") for i, f in enumerate(original) if f.quality >= 50])
    variant = payload(*((f.ms, f.pdq, f.quality) for f in frames_of("chair-20-sd-bar")))
    stranger = payload(*((f.ms, f.pdq, f.quality) for f in frames_of("doorknob-hd-no-bar")))
    (found,) = match_frames(variant, banks)
    assert found.where["distance"] <= 31
    assert match_frames(stranger, banks) == ()
