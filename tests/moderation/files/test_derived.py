"""What is made from clips: a contact sheet and a waveform for reviewers, a preview where browsers need one, samples for workers."""

from __future__ import annotations

import wave
from datetime import timedelta
from pathlib import Path

import av
import numpy as np
import pytest
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from PIL import Image

from moderation.detection.media import samples
from moderation.detection.media.limits import web_safe
from moderation.detection.media.previews import waveform_of
from moderation.detection.media.sandbox import examine, preview
from moderation.files import derived
from moderation.live import onpath
from moderation.models import DerivedFile, MediaFile
from policies import live as policy_selectors
from tests.support.clips import clip, scene
from tests.support.deep_work import upload, work_off
from tests.support.media_files import turned


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return three scenes of one second each, with a second of sound."""
    return clip(tmp_path_factory.mktemp("clips") / "good.mp4", [scene(1), scene(2), scene(3)], sound=True)


@pytest.fixture
def policy(db: None) -> None:
    call_command("policy_seed", verbosity=0)
    policy_selectors.invalidate()
    onpath.forget()


def old_codec(path: Path) -> Path:
    """Write a clip in a codec that no browser plays."""
    with av.open(str(path), "w", format="mp4") as out:
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 320, 240, "yuv420p"
        for n in range(20):
            out.mux(video.encode(av.VideoFrame.from_image(scene(n // 10))))  # type: ignore[no-untyped-call]
        out.mux(video.encode(None))
    return path


# --- in the child --------------------------------------------------------------------------------------------------


def test_a_contact_sheet_has_a_cell_and_a_time_for_each_sampled_frame(good: Path, tmp_path: Path) -> None:
    sheet = examine(good, tmp_path, want_audio=False).sheet
    assert sheet is not None
    assert sheet.times == (0, 1_000, 2_000)
    with Image.open(sheet.path) as image:
        assert image.format == "WEBP"
        assert image.size == (sheet.width * 3, sheet.height)


def test_a_long_clip_has_a_sheet_of_24_cells_from_first_to_last(tmp_path: Path) -> None:
    path = clip(tmp_path / "long.mp4", [scene(n, size=(160, 240)) for n in range(60)], seconds_each=0.6)
    taken = examine(path, tmp_path, want_audio=False)
    assert taken.sheet is not None
    assert len(taken.sheet.times) == 24
    assert taken.sheet.times[0] == 0
    assert taken.sheet.times[-1] == taken.frames[-1].ms
    assert taken.sheet.columns == 6


def test_a_waveform_says_where_it_is_loud_and_what_is_silence(tmp_path: Path) -> None:
    def written(samples: np.ndarray) -> Path:
        path = tmp_path / "sound.wav"
        with wave.open(str(path), "wb") as out:
            out.setparams((1, 2, 16_000, 0, "NONE", ""))
            out.writeframes(samples.astype(np.int16).tobytes())
        return path

    loud_in_the_middle = np.concatenate([np.zeros(16_000), np.full(16_000, 16_384), np.zeros(16_000)])
    found = waveform_of(written(loud_in_the_middle))
    peaks = bytes.fromhex(found["peaks"])
    assert len(peaks) == 300
    assert (peaks[50], peaks[150], peaks[250]) == (0, 127, 0)
    assert (found["duration_ms"], found["is_silent"]) == (3_000, False)
    assert waveform_of(written(np.full(16_000, 20)))["is_silent"]
    assert waveform_of(written(np.zeros(0))) == {"peaks": "00", "duration_ms": 0, "is_silent": True}


def test_a_clip_without_sound_has_no_waveform(tmp_path: Path) -> None:
    silent = clip(tmp_path / "silent.mp4", [scene(1)])
    assert examine(silent, tmp_path, want_audio=True).waveform is None


def test_a_preview_is_small_h264_with_its_index_first(tmp_path: Path) -> None:
    made = preview(old_codec(tmp_path / "old.mp4"), tmp_path)
    data = made.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(made.path)) as container:
        video = container.streams.video[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == (made.width, made.height) == (320, 240)
        assert sum(1 for _ in container.decode(video)) == 20
        assert container.duration is not None
        assert 1_800 <= container.duration / 1_000 <= 2_100


def test_a_preview_of_a_clip_filmed_sideways_stands_upright(tmp_path: Path) -> None:
    path = turned(tmp_path / "turned.mp4", scene(1), 90)
    taken = examine(path, tmp_path, want_audio=False)
    made = preview(path, tmp_path)
    assert (made.width, made.height) == (taken.probe.width, taken.probe.height) == (240, 320)


@pytest.mark.parametrize(
    ("mime", "codec", "pixels", "sound", "expected"),
    [
        ("video/mp4", "h264", "yuv420p", "aac", True), ("video/mp4", "h264", "yuv420p", "", True),
        ("video/mp4", "h264", "yuv420p10le", "aac", False), ("video/mp4", "hevc", "yuv420p", "aac", False),
        ("video/mp4", "h264", "yuv420p", "ac3", False), ("video/webm", "vp9", "yuv420p", "opus", True),
        ("video/webm", "h264", "yuv420p", "opus", False), ("video/quicktime", "h264", "yuv420p", "aac", False),
        ("video/x-matroska", "h264", "yuv420p", "aac", False),
    ],
)  # fmt: skip
def test_what_every_browser_plays(mime: str, codec: str, pixels: str, sound: str, expected: bool) -> None:
    assert web_safe(mime, codec, pixels, sound) is expected


def test_samples_come_back_as_they_were(good: Path, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    taken = examine(good, tmp_path / "a", want_audio=True)
    samples.pack(taken, tmp_path / "samples.zip")
    back = samples.unpack(tmp_path / "samples.zip", tmp_path / "b")
    assert back.probe == taken.probe
    assert [(f.ms, f.pdq, f.path.read_bytes()) for f in back.frames] == [
        (f.ms, f.pdq, f.path.read_bytes()) for f in taken.frames
    ]
    assert taken.audio
    assert back.audio
    assert back.audio.read_bytes() == taken.audio.read_bytes()


# --- kept ----------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("policy")
def test_the_deep_pass_keeps_sheet_and_waveform_under_their_own_hash(good: Path) -> None:
    item = upload(good)
    work_off(item)
    made = {d.kind: d for d in DerivedFile.objects.filter(file=item.media)}
    assert set(made) == {"sheet", "waveform", "thumb"}
    assert made["sheet"].storage_key.startswith("derived/")
    assert made["sheet"].sha256 in made["sheet"].storage_key
    assert default_storage.size(made["sheet"].storage_key) == made["sheet"].n_bytes
    assert made["waveform"].storage_key == ""


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("policy")
def test_a_clip_that_browsers_do_not_play_gets_a_preview(tmp_path: Path) -> None:
    item = upload(old_codec(tmp_path / "old.mp4"))
    work_off(item)
    assert DerivedFile.objects.get(file=item.media, kind="preview").mime == "video/mp4"


@pytest.mark.django_db
def test_old_samples_are_removed_and_uploads_never(good: Path, tmp_path: Path) -> None:
    file = MediaFile.objects.create(sha256="a" * 64, storage_key="media/a", mime="video/mp4", n_bytes=1)
    taken = examine(good, tmp_path, want_audio=True)
    derived.samples_keep(file=file, taken=taken, workdir=tmp_path, has_sound=True)
    key = DerivedFile.objects.get(kind="samples").storage_key
    assert derived.samples_fetch(file=file, workdir=tmp_path, want_audio=False) is not None
    assert derived.samples_sweep(now=timezone.now()) == 0
    assert derived.samples_sweep(now=timezone.now() + timedelta(days=2)) == 1
    assert not default_storage.exists(key)
    assert derived.samples_fetch(file=file, workdir=tmp_path, want_audio=False) is None


@pytest.mark.django_db
def test_samples_without_sound_do_not_serve_who_listens(good: Path, tmp_path: Path) -> None:
    file = MediaFile.objects.create(sha256="a" * 64, storage_key="media/a", mime="video/mp4", n_bytes=1)
    derived.samples_keep(file=file, taken=examine(good, tmp_path, want_audio=False), workdir=tmp_path, has_sound=False)
    assert derived.samples_fetch(file=file, workdir=tmp_path, want_audio=True) is None


@pytest.mark.django_db
def test_a_derived_file_is_stored_whole_or_not_at_all() -> None:
    file = MediaFile.objects.create(sha256="a" * 64, storage_key="media/a", mime="video/mp4", n_bytes=1)
    with pytest.raises(IntegrityError), transaction.atomic():
        DerivedFile.objects.create(file=file, kind="sheet", version="1", storage_key="derived/x")
