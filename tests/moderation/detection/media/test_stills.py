"""Stills are judged by their header before a pixel is decoded, and damaged ones are refused with a reason."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from moderation.detection.hashes.pdq import hamming, pdq_of
from moderation.detection.media.budget import Budget
from moderation.detection.media.limits import DEFAULT_LIMITS, MediaRejected
from moderation.detection.media.sniff import HEAD_BYTES, sniff
from moderation.detection.media.stills import BUDGET, _has_several_scans, decode_image, picture_of
from tests.support.clips import jpeg, scene
from tests.support.forms import m4a, mp4, png, wav
from tests.support.media_files import damaged


def encoded(image: Image.Image, name: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, name, **options)
    return out.getvalue()


def code_of(data: bytes) -> str:
    with pytest.raises(MediaRejected) as refused:
        decode_image(io.BytesIO(data))
    assert refused.value.detail.endswith(".")
    return refused.value.code


def answer_to(data: bytes) -> str:
    try:
        decode_image(io.BytesIO(data))
    except MediaRejected as error:
        return error.code
    return "taken"


def png_claiming(width: int, height: int) -> bytes:
    """Return a PNG whose header claims a size and whose data is one row."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "mime", "family"),
    [
        (encoded(scene(1), "JPEG"), "image/jpeg", "image"),
        (encoded(scene(1), "PNG"), "image/png", "image"),
        (encoded(scene(1), "WEBP"), "image/webp", "image"),
        (encoded(scene(1), "GIF"), "image/gif", "image"),
        (mp4(), "video/mp4", "video"),
        (wav(), "audio/wav", "audio"),
        (b"fLaC" + b"\0" * 60, "audio/flac", "audio"),
        (b"FORM\0\0\0\x10AIFF" + b"\0" * 50, "audio/aiff", "audio"),
        (b"ID3\x04" + b"\0" * 60, "audio/mpeg", "audio"),
        (b"\0\0\0\x20ftypM4A " + b"\0" * 50, "audio/mp4", "audio"),
        (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm" + b"\0" * 40, "video/webm", "video"),
    ],
)  # fmt: skip
def test_a_type_is_known_by_its_first_bytes(data: bytes, mime: str, family: str) -> None:
    found = sniff(data[:HEAD_BYTES])
    assert (found.mime, found.family) == (mime, family)


@pytest.mark.parametrize(
    "data",
    [
        b"hello", b"PK\x03\x04" + b"\0" * 60, b"%PDF-1.7", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x7fELF",
        b"GIF8", b"\0\0\0\x20ftypavif" + b"\0" * 50, encoded(scene(1), "BMP"), encoded(scene(1), "TIFF"), b"\0" * 64,
    ],
)  # fmt: skip
def test_other_types_are_refused(data: bytes) -> None:
    with pytest.raises(MediaRejected) as refused:
        sniff(data[:HEAD_BYTES])
    assert refused.value.code == "unsupported_type"


def test_an_empty_file_is_called_empty() -> None:
    with pytest.raises(MediaRejected) as refused:
        sniff(b"")
    assert refused.value.code == "empty"


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "GIF"])
def test_each_format_is_decoded(name: str) -> None:
    decoded = decode_image(io.BytesIO(encoded(scene(1), name)))
    assert (decoded.width, decoded.height, decoded.format) == (320, 240, name)
    assert decoded.pixels.shape == (240, 320, 3)
    value, _ = pdq_of(decoded.pixels)
    assert hamming(value, pdq_of(np.asarray(scene(1)))[0]) <= 16


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "1", "I;16", "CMYK"])
def test_every_mode_becomes_rgb(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(scene(1).convert("L")).astype(np.uint16) * 257)
    else:
        image = scene(1).convert(mode)
    name = "JPEG" if mode == "CMYK" else "PNG"
    assert decode_image(io.BytesIO(encoded(image, name))).pixels.shape == (240, 320, 3)


def test_of_a_moving_picture_the_first_frame_counts() -> None:
    first, second = scene(1).convert("P"), scene(2).convert("P")
    data = encoded(first, "GIF", save_all=True, append_images=[second], duration=100)
    value, _ = pdq_of(decode_image(io.BytesIO(data)).pixels)
    assert hamming(value, pdq_of(np.asarray(first.convert("RGB")))[0]) <= 16


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png(1, 1), "too_small"),
        (png(300, 15), "too_small"),
        (png(30_000, 30_000), "too_many_pixels"),
        (png(30_000, 20), "too_large_side"),
        (png_claiming(2**31 - 1, 2**31 - 1), "too_many_pixels"),
        (png_claiming(16_385, 100), "too_large_side"),
        (png_claiming(16_000, 16_000), "too_many_pixels"),
        (png_claiming(8_000, 8_000), "too_many_pixels"),
        (png_claiming(400, 400), "damaged"),
        (png_claiming(0, 0), "damaged"),
        (jpeg(scene(1))[:3_000], "damaged"),
        (encoded(scene(1), "PNG")[:2_000], "damaged"),
        (encoded(scene(1), "WEBP")[:300], "damaged"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff" + b"\0" * 200, "damaged"),
        (encoded(scene(1), "BMP"), "damaged"),
        (m4a(), "damaged"),
    ],
)  # fmt: skip
def test_what_is_no_proper_still_is_refused_with_a_reason(data: bytes, code: str) -> None:
    assert code_of(data) == code


def test_a_bomb_costs_neither_memory_nor_time() -> None:
    bombs = [png_claiming(16_000, 16_000), png_claiming(2**31 - 1, 2**31 - 1), png(30_000, 30_000)]
    process = psutil.Process()
    before, started = process.memory_info().rss, time.process_time()
    for bomb in bombs:
        code_of(bomb)
    assert time.process_time() - started < 0.5
    assert process.memory_info().rss - before < 20 * 2**20


def test_the_largest_that_is_taken_is_decoded_small() -> None:
    decoded = decode_image(io.BytesIO(jpeg(scene(1).resize((6_000, 4_000)))))
    assert (decoded.width, decoded.height) == (6_000, 4_000)
    assert max(decoded.pixels.shape) <= 1_024
    assert hamming(pdq_of(decoded.pixels)[0], pdq_of(np.asarray(scene(1)))[0]) <= 16


#: Decodes one file in four threads at once; prints what that took at most, in bytes, and what came out.
_FOUR_AT_ONCE = """
import resource, sys
from concurrent.futures import ThreadPoolExecutor
from moderation.detection.media.limits import MediaRejected
from moderation.detection.media.stills import decode_image

def decoded(path):
    try:
        return decode_image(open(path, "rb")).pixels.shape
    except MediaRejected as error:
        return error.code

decoded(sys.argv[1])  # libraries are loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with ThreadPoolExecutor(4) as pool:
    answers = set(pool.map(decoded, [sys.argv[2]] * 4))
print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before), *answers, sep="|")
"""


@pytest.mark.parametrize(
    ("mode", "name", "options"),
    [
        ("RGBA", "PNG", {}),
        ("P", "GIF", {}),
        ("RGB", "WEBP", {"lossless": True}),
        ("RGB", "JPEG", {"progressive": True}),
        ("RGB", "JPEG", {"progressive": True, "subsampling": 0}),
        ("RGB", "JPEG", {}),
    ],
)
def test_four_of_fifty_megapixels_at_once_stay_within_one_budget(
    tmp_path: Path, mode: str, name: str, options: dict[str, object]
) -> None:
    large, small = tmp_path / "large", tmp_path / "small"
    large.write_bytes(encoded(Image.new(mode, (8_000, 6_250)), name, **options))
    small.write_bytes(encoded(scene(1), name))
    command = [sys.executable, "-c", _FOUR_AT_ONCE, str(small), str(large)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    taken, *answers = done.stdout.strip().split("|")
    assert answers in (["(782, 1000, 3)"], ["too_many_pixels"])
    assert int(taken) <= BUDGET.n_bytes + 48 * 2**20  # what the allocator keeps, and the reduced pictures


def test_a_still_that_no_budget_allows_is_told_how_large_one_may_be() -> None:
    with pytest.raises(MediaRejected) as refused:
        decode_image(io.BytesIO(encoded(Image.new("RGB", (5_000, 4_000)), "WEBP")))
    assert refused.value.code == "too_many_pixels"
    assert "A WEBP of this kind may have at most 16 million pixels" in refused.value.detail
    assert decode_image(io.BytesIO(encoded(Image.new("RGB", (5_000, 3_000)), "WEBP"))).width == 5_000


def test_what_needs_more_than_is_left_waits_until_others_are_done() -> None:
    budget, order = Budget(100), []

    def spend(name: str, n_bytes: int) -> None:
        with budget.reserve(n_bytes):
            order.append(name)

    with ThreadPoolExecutor(2) as pool:
        with budget.reserve(60):
            large, small = pool.submit(spend, "large", 50), pool.submit(spend, "small", 40)
            small.result(timeout=20)
            assert order == ["small"]
            assert not large.done()
        large.result(timeout=20)
    with pytest.raises(ValueError, match="101"), budget.reserve(101):
        pass


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA"])
def test_strips_are_reduced_as_the_whole_would_be(mode: str) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 255, (2_111, 3_001, 3), dtype=np.uint8)).convert(mode)
    decoded = decode_image(io.BytesIO(encoded(image, "PNG"))).pixels
    assert np.array_equal(decoded, np.asarray(image.convert("RGB").reduce(3)))


def test_scans_of_a_jpeg_are_counted_whatever_stands_before_them() -> None:
    def has_several(data: bytes) -> bool:
        with Image.open(io.BytesIO(data)) as image:
            return _has_several_scans(image)

    plain = encoded(scene(1), "JPEG", exif=b"Exif\0\0" + b"x" * 5_000, comment=b"y" * 5_000)
    assert not has_several(plain)
    assert not has_several(plain[:2] + b"\xff" * 3 + plain[2:])
    assert has_several(encoded(scene(1), "JPEG", progressive=True))
    one_component = plain.index(b"\xff\xda") + 4
    assert has_several(plain[:one_component] + b"\x01" + plain[one_component + 1 :])


def test_a_picture_comes_hashed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(jpeg(scene(3)))
    picture, decoded = picture_of(path, role="cover", sha256="0" * 64)
    assert picture.pdq == pdq_of(decoded.pixels)
    assert (picture.role, decoded.format) == ("cover", "JPEG")


def test_damaged_stills_are_decoded_or_refused_and_nothing_else() -> None:
    originals = [encoded(scene(5), name) for name in ("JPEG", "PNG", "WEBP", "GIF")]
    for data in originals:
        answers = [answer_to(variant) for variant in damaged(data, 40)]
        assert set(answers) <= {"taken", "damaged", "too_small", "too_large_side", "too_many_pixels"}
        assert len(answers) - answers.count("taken") >= 5


def test_published_hashes_are_met_through_the_reduced_decoding(shared_data: Path) -> None:
    folder = shared_data / "pdq_vectors" / "reg-test-input" / "dih"
    for path in sorted(folder.glob("*.jpg")):
        whole = pdq_of(np.asarray(Image.open(path).convert("RGB")))
        reduced = pdq_of(decode_image(path).pixels)
        assert hamming(whole[0], reduced[0]) <= 10, path.name
        assert whole[1] - reduced[1] <= 5


def test_limits_are_what_the_documents_say() -> None:
    assert (DEFAULT_LIMITS.max_pixels, DEFAULT_LIMITS.max_side, DEFAULT_LIMITS.min_side) == (50_000_000, 16_384, 16)
