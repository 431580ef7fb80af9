"""Clips are taken apart in a confined child: whatever they hold, an answer comes, and nothing stays behind."""

from __future__ import annotations

import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import av
import psutil
import pytest

from moderation.detection.hashes.pdq import hamming, pdq_of
from moderation.detection.media import decode, sandbox
from moderation.detection.media.limits import DEFAULT_LIMITS, MediaExaminationFailed, MediaRejected
from moderation.detection.media.sandbox import examine, probe
from moderation.detection.media.stills import decode_image
from tests.support.clips import clip, scene
from tests.support.forms import m4a, mp4
from tests.support.media_files import damaged, flickering, index_first, matroska, turned


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three scenes of one second each, with sound."""
    path = tmp_path_factory.mktemp("clips") / "good.mp4"
    return clip(path, [scene(1), scene(2), scene(3)], sound=True)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "clip"
    path.write_bytes(data)
    return path


def workers() -> list[psutil.Process]:
    """Return what the child has running for requests."""
    if sandbox._server is None:
        return []
    children: list[psutil.Process] = psutil.Process(sandbox._server.process.pid).children(recursive=True)
    return children


def no_worker_within(seconds: float) -> bool:
    until = time.monotonic() + seconds
    while workers() and time.monotonic() < until:
        time.sleep(0.02)
    return not workers()


def test_it_says_what_a_clip_is(good: Path) -> None:
    found = probe(good)
    assert (found.width, found.height, found.codec, found.n_streams) == (320, 240, "h264", 2)
    assert (found.fps, found.has_audio) == (10.0, True)
    assert 2_900 <= found.duration_ms <= 3_100


def test_it_samples_every_scene_and_every_second(good: Path, tmp_path: Path) -> None:
    taken = examine(good, tmp_path, want_audio=True)
    assert [(f.ms, f.why) for f in taken.frames] == [(0, "scene"), (1_000, "scene"), (2_000, "scene")]
    assert all(f.path.parent == tmp_path and f.path.exists() for f in taken.frames)
    still = clip(tmp_path / "still.mp4", [scene(1)], seconds_each=4)
    frames = examine(still, tmp_path, want_audio=False).frames
    assert [(f.ms, f.why) for f in frames] == [
        (0, "scene"), (1_000, "interval"), (2_000, "interval"), (3_000, "interval")
    ]  # fmt: skip


def test_it_hashes_ten_frames_a_second_and_those_it_keeps(good: Path, tmp_path: Path) -> None:
    taken = examine(good, tmp_path, want_audio=False)
    assert [h.ms for h in taken.track] == list(range(0, 3_000, 100))
    assert {(f.ms, f.pdq, f.quality) for f in taken.frames} <= {(h.ms, h.pdq, h.quality) for h in taken.track}
    assert len(list(tmp_path.glob("frame-*.jpg"))) == len(taken.frames)


def test_a_long_clip_is_hashed_evenly_and_not_without_end(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In this process, with a smaller limit: six for three seconds."""
    monkeypatch.setattr(decode, "_MAX_TRACK", 6)
    monkeypatch.chdir(tmp_path)
    with good.open("rb") as file:
        request = {"file": file.fileno(), "want_audio": False, "limits": sandbox._wire(DEFAULT_LIMITS)}
        track = decode.take_apart(request)["track"]
    assert [ms for ms, _, _ in track] == [0, 500, 1_000, 1_500, 2_000, 2_500]


def test_a_frame_hashes_alike_with_and_without_its_colours(good: Path) -> None:
    with av.open(str(good)) as container:
        frame = next(container.decode(video=0))
    for shown in (frame, frame.reformat(format="yuvj420p"), frame.reformat(format="rgb24")):
        alone, whole = decode._hash_alone(shown, 0), pdq_of(decode._scale(shown, 1_280))
        assert hamming(alone["pdq"], whole[0]) <= 10
        assert abs(alone["quality"] - whole[1]) <= 5


def test_a_frame_hashes_like_the_picture_it_shows(good: Path, tmp_path: Path) -> None:
    first = examine(good, tmp_path, want_audio=False).frames[0]
    value, quality = pdq_of(decode_image(first.path).pixels)
    assert hamming(first.pdq, value) <= 10
    assert abs(first.quality - quality) <= 5


def test_sound_comes_as_16_khz_mono_only_where_it_is_wanted(good: Path, tmp_path: Path) -> None:
    import wave

    assert examine(good, tmp_path, want_audio=False).audio is None
    audio = examine(good, tmp_path, want_audio=True).audio
    assert audio is not None
    with wave.open(str(audio)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16_000, 1, 2)
        assert 15_000 <= sound.getnframes() <= 18_000
    silent = clip(tmp_path / "silent.mp4", [scene(1)])
    assert examine(silent, tmp_path, want_audio=True).audio is None


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_clip_that_was_filmed_sideways_is_seen_upright(tmp_path: Path, degrees: int) -> None:
    upright = scene(4)
    path = turned(tmp_path / "turned.mp4", upright.rotate(degrees, expand=True), degrees)
    taken = examine(path, tmp_path, want_audio=False)
    assert (taken.probe.width, taken.probe.height) == (320, 240)
    plain = examine(clip(tmp_path / "plain.mp4", [upright]), tmp_path, want_audio=False)
    assert hamming(taken.frames[0].pdq, plain.frames[0].pdq) <= 16


def test_flicker_at_the_start_does_not_use_up_the_frames_of_the_rest(tmp_path: Path) -> None:
    path = flickering(tmp_path / "flicker.mp4", flicker_seconds=20, calm_seconds=20)
    frames = examine(path, tmp_path, want_audio=False).frames
    assert len(frames) <= 240
    gaps = [b.ms - a.ms for a, b in pairwise(frames)]
    assert max(gaps) <= 1_100
    assert frames[-1].ms >= 38_900


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hello " * 500, "damaged"),
        (b"", "damaged"),
        (b"\0" * 5_000, "damaged"),
        (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n", "damaged"),
        (b"ffconcat version 1.0\nfile /etc/hostname\n", "damaged"),
        (m4a(), "no_video_stream"),
        (mp4()[:2_000], "damaged"),
        (mp4(width=12, height=12), "too_small"),
    ],
    ids=["text", "empty", "zeros", "playlist", "list of files", "sound alone", "cut before its index", "tiny"],
)
def test_what_is_no_clip_is_refused_with_a_reason(tmp_path: Path, data: bytes, code: str) -> None:
    for ask in (probe, lambda path: examine(path, tmp_path, want_audio=True)):
        with pytest.raises(MediaRejected) as refused:
            ask(written(tmp_path, data))
        assert refused.value.code == code
        assert refused.value.detail.endswith(".")


def test_limits_hold(good: Path) -> None:
    for limits, code in (
        (replace(DEFAULT_LIMITS, max_duration_seconds=2), "too_long"),
        (replace(DEFAULT_LIMITS, max_side=300), "too_many_pixels"),
        (replace(DEFAULT_LIMITS, max_pixels=70_000), "too_many_pixels"),
        (replace(DEFAULT_LIMITS, max_fps=9.0), "too_many_frames"),
        (replace(DEFAULT_LIMITS, max_streams=1), "too_many_streams"),
    ):
        with pytest.raises(MediaRejected) as refused:
            probe(good, limits)
        assert refused.value.code == code


@pytest.mark.parametrize("share", [0.3, 0.6])
def test_a_clip_that_ends_before_its_stated_length_was_cut_off(tmp_path: Path, share: float) -> None:
    data = index_first(tmp_path / "whole.mp4", [scene(1), scene(2), scene(3)])
    assert probe(tmp_path / "whole.mp4").width == 320
    with pytest.raises(MediaRejected) as refused:
        probe(written(tmp_path, data[: int(len(data) * share)]))
    assert refused.value.code == "truncated"


def test_a_clip_cannot_hide_its_length(tmp_path: Path) -> None:
    path = matroska(tmp_path / "long.mkv", seconds=12, stated_seconds=0.5)
    assert 11_500 <= probe(path).duration_ms <= 12_500
    assert len(examine(path, tmp_path, want_audio=False).frames) >= 12
    with pytest.raises(MediaRejected) as refused:
        probe(path, replace(DEFAULT_LIMITS, max_duration_seconds=5))
    assert refused.value.code == "too_long"


def test_too_little_memory_is_a_failure_and_the_next_request_works(good: Path, tmp_path: Path) -> None:
    tight = replace(DEFAULT_LIMITS, child_memory_bytes=2**20)
    with pytest.raises(MediaExaminationFailed) as failed:
        examine(good, tmp_path, want_audio=True, limits=tight)
    assert failed.value.reason in {"memory", "crashed"}
    assert probe(good).width == 320


def test_output_is_bounded(good: Path, tmp_path: Path) -> None:
    one = examine(good, tmp_path, want_audio=False).frames[0].path.stat().st_size
    for limit in (100, one + one // 2):
        folder = tmp_path / str(limit)
        folder.mkdir()
        with pytest.raises(MediaExaminationFailed) as failed:
            examine(good, folder, want_audio=False, limits=replace(DEFAULT_LIMITS, child_output_bytes=limit))
        assert failed.value.reason == "output"
        assert sum(f.stat().st_size for f in folder.iterdir()) <= limit


def endless(folder: Path) -> Path:
    """Return a pipe into which nothing is ever written: reading waits and uses no CPU, so the limit on that does not help."""
    pipe = folder / "endless"
    os.mkfifo(pipe)
    os.open(pipe, os.O_RDWR)  # the end for writing stays open with the test's process
    return pipe


def test_a_decoder_that_hangs_is_ended_in_time(tmp_path: Path) -> None:
    pipe = endless(tmp_path)
    started = time.monotonic()
    with pytest.raises(MediaExaminationFailed) as failed:
        probe(pipe, replace(DEFAULT_LIMITS, probe_seconds=1))
    assert failed.value.reason == "unavailable"  # it got no processor time, which may be the machine's fault
    assert time.monotonic() - started < 3
    assert no_worker_within(1.0)


def test_a_decoder_that_computes_for_too_long_is_a_timeout(tmp_path: Path) -> None:
    path = flickering(tmp_path / "long.mp4", flicker_seconds=40, calm_seconds=1, unit=160)
    with pytest.raises(MediaExaminationFailed) as failed:
        examine(path, tmp_path, want_audio=False, limits=replace(DEFAULT_LIMITS, examine_seconds=1))
    assert failed.value.reason in {"timeout", "unavailable"}  # the latter where the machine is very busy
    assert no_worker_within(1.0)


def test_a_child_that_died_is_replaced(good: Path) -> None:
    assert probe(good).width == 320
    assert sandbox._server is not None
    first = sandbox._server.process
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert probe(good).width == 320
    assert sandbox._server.process.pid != first.pid


def _running(parent: int) -> list[psutil.Process]:
    """Return the processes under one that have not ended; the file before may still wait to be collected."""
    found = psutil.Process(parent).children(recursive=True)
    return [p for p in found if not _has_ended(p)]


def _has_ended(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:  # collected since it was listed
        return True


def test_workers_end_with_the_child(tmp_path: Path, good: Path) -> None:
    probe(good)
    assert sandbox._server is not None
    child = sandbox._server.process
    pipe = endless(tmp_path)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(probe, pipe)
        until = time.monotonic() + 10
        while len(running := _running(child.pid)) != 2 and time.monotonic() < until:
            time.sleep(0.01)
        assert len(running) == 2
        child.kill()
        child.wait()
        with pytest.raises(MediaExaminationFailed):
            waiting.result(timeout=5)
    _, alive = psutil.wait_procs(running, timeout=3)
    assert all(map(_has_ended, alive))


def test_nonsense_from_the_child_is_a_failure(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = {"ms": 0, "why": "scene", "file": "../../etc/passwd", "pdq": "00" * 32, "quality": 1}
    described = {
        "container": "mp4", "codec": "h264", "width": 1, "height": 1, "fps": 1.0, "duration_ms": 1, "has_audio": False,
        "n_streams": 1,
    }  # fmt: skip
    answers: list[dict[str, object]] = [
        {},
        {"probe": {}, "frames": [], "audio": None},
        {"probe": described, "frames": [{**frame, "pdq": "zz"}], "audio": None},
        {"probe": described, "frames": [{**frame, "quality": "1"}], "audio": None},
        {"probe": described, "frames": 5, "audio": None},
        {"probe": described, "frames": [frame], "audio": None, "track": [[0, "zz", 90]]},
        {"probe": described, "frames": [frame], "audio": None, "track": [[0, "0" * 64]]},
        {"probe": described, "frames": [frame], "audio": None, "track": [5]},
    ]
    for answer in answers:
        monkeypatch.setattr(sandbox, "_exchange", lambda *_, answer=answer: answer)
        with pytest.raises(MediaExaminationFailed, match="nonsense"):
            examine(good, tmp_path, want_audio=False)
    escaping = {"probe": described, "frames": [frame], "audio": "/etc/passwd"}
    monkeypatch.setattr(sandbox, "_exchange", lambda *_: escaping)
    taken = examine(good, tmp_path, want_audio=False)
    assert taken.frames[0].path.parent == tmp_path
    assert taken.audio == tmp_path / "passwd"


@pytest.mark.slow
def test_frames_hash_as_published_for_the_sample_clips(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "tmk_sample_videos"
    published = sorted((folder / "vpdq_hashes").glob("*.txt"))
    assert published
    for lines in published:
        rows = [line.split(",") for line in lines.read_text().split()]
        by_ms = {round(float(ms) * 1_000): value for _, quality, value, ms in rows if int(quality) >= 50}
        frames = examine(folder / f"{lines.stem}.mp4", tmp_path, want_audio=False).frames
        distances = [
            hamming(frame.pdq, by_ms[nearest])
            for frame in frames
            if abs((nearest := min(by_ms, key=lambda ms: abs(ms - frame.ms))) - frame.ms) <= 2
        ]
        assert len(distances) >= len(frames) // 2
        assert max(distances) <= 16, lines.stem
        assert sorted(distances)[len(distances) // 2] <= 4, lines.stem


@pytest.mark.slow
def test_sixty_damaged_files_all_get_an_answer(good: Path, tmp_path: Path) -> None:
    outcomes: dict[str, int] = {}
    for i, data in enumerate(damaged(good.read_bytes(), 60)):
        folder = tmp_path / str(i)
        folder.mkdir()
        started = time.monotonic()
        try:
            examine(written(folder, data), folder, want_audio=True)
            outcome = "taken"
        except MediaRejected as error:
            outcome = error.code
        except MediaExaminationFailed as error:
            outcome = error.reason
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        assert time.monotonic() - started < 20, (i, outcome)
    assert sum(outcomes.values()) == 60
    assert outcomes.get("damaged", 0) + outcomes.get("truncated", 0) >= 15, outcomes
    assert set(outcomes) <= {"taken", "damaged", "truncated", "no_video_stream", "too_long"}, outcomes
    assert no_worker_within(2.0)
