"""The demo's made content: complete, the same every time, and quick to make again."""

from __future__ import annotations

import csv
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from console.demo import content, sound
from console.demo.captions import BURNERS, CREATORS, captions
from console.demo.catalogue import LATE, PILE, PREFIX, REPORTS, uploads, wave_uploads
from console.demo.clips import BANKED_CLIP, CLIPS, Clip, clip_write, cover_frame
from console.demo.content import bank_file, content_make, first_copy, frame_hashes, pdq_hex
from console.demo.day.morning import MORNING
from console.demo.day.rulings import RULINGS
from console.demo.picture_list import BANKED_PICTURE, pictures, wave_pictures
from console.demo.pictures import picture_write

SHORT = replace(CLIPS[0], seconds=1.0)


def distance(a: str, b: str) -> int:
    return (int(a, 16) ^ int(b, 16)).bit_count()


def frames_of(path: Path) -> list[np.ndarray]:
    with av.open(str(path)) as source:
        return [frame.to_ndarray(format="rgb24") for frame in source.decode(video=0)]


def still(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.convert("RGB")


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the bank's file and the two uploads that it should find."""
    folder = tmp_path_factory.mktemp("bank")
    wanted = [
        bank_file(folder),
        first_copy(folder),
        folder / f"clip-{BANKED_CLIP}.mp4",
        folder / f"pic-{BANKED_PICTURE}.jpg",
    ]
    content_make(folder, wanted)
    assert all(path.exists() for path in wanted)
    assert not (folder / "clip-waves.mp4").exists()
    return folder


def known(folder: Path) -> list[str]:
    with (folder / "bank.csv").open(encoding="utf-8", newline="") as lines:
        return [row["value"] for row in csv.DictReader(lines)]


def test_there_are_two_hundred_and_three_uploads_of_three_kinds_in_many_languages(tmp_path: Path) -> None:
    everything = uploads(tmp_path)
    kinds = Counter(u.kind for u in everything)
    assert len(everything) == len({u.external_id for u in everything}) == 203
    assert kinds["image"] == 62
    assert kinds["video"] >= 25
    assert len({u.caption.language for u in everything}) >= 8
    assert len({u.caption.creator for u in everything}) >= 25


def test_every_clip_and_picture_has_a_caption_and_every_caption_an_upload(tmp_path: Path) -> None:
    made = {f"clip-{c.slug}" for c in CLIPS} | {f"pic-{p.slug}" for p in pictures()}
    assert made == {slug for slug in captions() if not slug.startswith("text-")}
    assert {u.external_id for u in uploads(tmp_path)} == {PREFIX + slug for slug in captions()}


def test_every_caption_has_a_known_creator_and_a_region() -> None:
    names = {name for group in CREATORS.values() for name in group} | set(BURNERS)
    for caption in captions().values():
        assert caption.creator in names
        assert len(caption.region) == 2
        assert caption.region.isupper()
        assert 0 < len(caption.words) <= 200


def test_reports_and_rulings_name_uploads_that_exist() -> None:
    assert {external_id.removeprefix(PREFIX) for external_id, *_ in (*REPORTS, *PILE)} <= set(captions())
    assert set(MORNING) <= set(captions())
    assert {external_id.removeprefix(PREFIX) for external_id in LATE} <= set(captions()) - set(MORNING)
    assert set(RULINGS) <= set(captions())


def test_every_ruling_but_clear_rests_on_a_category_and_a_note() -> None:
    for ruling in RULINGS.values():
        assert ruling.note
        assert ruling.category or ruling.outcome.name == "CLEAR"


def test_a_clip_is_a_portrait_h264_video_with_sound(tmp_path: Path) -> None:
    clip_write(SHORT, tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as source:
        video, audio = source.streams.video[0], source.streams.audio[0]
        assert (video.width, video.height) == (360, 640)
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert sum(1 for _ in source.decode(video=0)) == 15


def test_the_same_clip_shows_the_same_pictures_every_time(tmp_path: Path) -> None:
    clip_write(SHORT, tmp_path / "a.mp4")
    clip_write(SHORT, tmp_path / "b.mp4")
    first, second = (np.stack(frames_of(tmp_path / name)).astype(float) for name in ("a.mp4", "b.mp4"))
    assert np.abs(first - second).mean() < 0.5


@pytest.mark.parametrize("clip", CLIPS, ids=lambda c: c.slug)
def test_every_scene_can_be_drawn_and_is_not_plain(clip) -> None:  # type: ignore[no-untyped-def]
    cover = cover_frame(clip)
    assert cover.size == (360, 640)
    assert pdq_hex(cover)[1] >= 20
    assert np.asarray(cover).std() > 20


def test_the_same_picture_is_the_same_file_every_time(tmp_path: Path) -> None:
    for picture in pictures()[::9]:
        picture_write(picture, tmp_path / "a.jpg")
        picture_write(picture, tmp_path / "b.jpg")
        assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.jpg").read_bytes()
        assert still(tmp_path / "a.jpg").size == (720, 1280)


@pytest.mark.parametrize("clip", [c for c in CLIPS if c.speaks], ids=lambda c: c.slug)
def test_what_is_said_in_a_clip_is_committed_small_and_ends_before_the_clip(clip: Clip) -> None:
    spoken = sound.speech(clip.slug)
    assert sound.RATE < len(spoken) <= clip.seconds * sound.RATE
    assert 0.05 < float(np.abs(spoken).max()) <= 1.0
    assert (sound.VOICES / f"{clip.slug}.opus").stat().st_size <= 20 * 1024


def test_nobody_speaks_of_whom_no_clip_knows() -> None:
    assert {file.stem for file in sound.VOICES.iterdir()} == {clip.slug for clip in CLIPS if clip.speaks}


def test_sound_is_as_long_as_asked_and_stays_in_range() -> None:
    track = sound.soundtrack(2.0, np.random.default_rng(1), voice="waves")
    assert len(track) == 2 * sound.RATE
    assert float(np.abs(track).max()) <= 1.0


def test_the_bank_finds_the_clip_that_was_cut_and_encoded_again(bank: Path) -> None:
    found = [
        min(distance(value, entry) for entry in known(bank))
        for _, value in frame_hashes(bank / f"clip-{BANKED_CLIP}.mp4")
    ]
    assert min(found) > 0
    assert sum(d <= 31 for d in found) >= 5


def test_the_later_copy_of_a_picture_is_near_the_first_one_although_its_bytes_differ(bank: Path) -> None:
    upload = bank / f"pic-{BANKED_PICTURE}.jpg"
    assert upload.read_bytes() != first_copy(bank).read_bytes()
    assert distance(pdq_hex(still(upload))[0], pdq_hex(still(first_copy(bank)))[0]) <= 31


def test_a_wave_is_one_text_with_few_changes_from_many_creators_under_pictures_that_are_made(tmp_path: Path) -> None:
    wave = wave_uploads(tmp_path)
    assert len({u.external_id for u in wave}) == len(wave) >= 30
    assert len({u.caption.creator for u in wave}) >= 15
    assert len({u.caption.words for u in wave}) > 1
    assert {u.media for u in wave} == {tmp_path / f"{p.slug}.jpg" for p in wave_pictures()}


def test_several_who_make_the_content_share_the_work_and_all_wait_for_its_end(tmp_path: Path) -> None:
    made: list[str] = []

    def make(path: Path) -> None:
        time.sleep(0.02)
        made.append(path.name)
        path.write_text("made")

    with (
        pytest.MonkeyPatch.context() as patched,
        ThreadPoolExecutor(3) as pool,
    ):
        patched.setattr(content, "_work", lambda folder: {folder / name: make for name in "abcdefgh"})
        patched.setattr(content, "_LOOK_SECONDS", 0.01)
        seen: list[tuple[int, int]] = []
        tell = partial(lambda n, of: seen.append((n, of)))
        for done in [pool.submit(content_make, tmp_path, seen=tell) for _ in range(3)]:
            done.result()
    assert sorted(made) == list("abcdefgh")
    assert seen[-1] == (8, 8)
    assert sorted(path.name for path in tmp_path.iterdir()) == list("abcdefgh")


def test_the_bank_finds_no_other_cover(bank: Path) -> None:
    for clip in CLIPS:
        if clip.slug != BANKED_CLIP:
            value, quality = pdq_hex(cover_frame(clip))
            assert quality < 50 or min(distance(value, entry) for entry in known(bank)) > 31, clip.slug


def test_content_is_made_once_and_an_interruption_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def work(folder: Path):  # type: ignore[no-untyped-def]
        def make(path: Path) -> None:
            calls.append(path.name)
            if path.name == "b" and calls.count("b") == 1:
                raise KeyboardInterrupt
            path.write_text("made")

        return {folder / name: make for name in "abc"}

    monkeypatch.setattr(content, "_work", work)
    with pytest.raises(KeyboardInterrupt):
        content_make(tmp_path)
    content_make(tmp_path)
    content_make(tmp_path)
    assert calls == ["a", "b", "b", "c"]


def test_a_clip_that_fails_half_way_is_not_taken_for_a_whole_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("console.demo.clips._mux_sound", broken)
    with pytest.raises(OSError, match="No space"):
        clip_write(SHORT, tmp_path / "clip.mp4")
    assert not (tmp_path / "clip.mp4").exists()
