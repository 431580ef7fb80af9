"""Our picture hashes against the published ones."""

import json
from pathlib import Path

import cv2
import numpy as np
import pdqhash
import pytest
from PIL import Image

from moderation.detection.hashes.pdq import PDQ_MAX_DISTANCE, hamming, pack, pdq_of
from tests.support.places import DATA

VECTORS = DATA / "pdq_vectors"
KNOWN = json.loads((VECTORS / "known_hashes.json").read_text()) if VECTORS.is_dir() else []
BRIDGE = VECTORS / "reg-test-input" / "dih" / "bridge-1-original.jpg"


def pixels_of(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


@pytest.mark.skipif(not KNOWN, reason="the public vectors are not here")
@pytest.mark.parametrize("case", KNOWN, ids=lambda case: f"{Path(case['file']).name}-{case['pdq'][:4]}")
def test_it_agrees_with_the_published_hash(case: dict[str, object]) -> None:
    value, quality = pdq_of(pixels_of(VECTORS / str(case["file"])))
    distance = hamming(value, str(case["pdq"]))
    assert distance <= (0 if case["hamming"] == 0 else 16)
    assert quality == case["pypi_quality"]


@pytest.mark.parametrize("shape", [(64, 64), (65, 200), (360, 640), (480, 270), (513, 1025), (40, 90), (1080, 720)])
def test_every_bit_is_that_of_the_reference_package(shape: tuple[int, int]) -> None:
    draw = np.random.default_rng(shape[1])
    coarse = draw.integers(0, 255, (9, 16, 3), dtype=np.uint8)
    smooth = np.asarray(cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
    for pixels in (smooth, draw.integers(0, 255, (*shape, 3), dtype=np.uint8)):
        bits, quality = pdqhash.compute(np.ascontiguousarray(pixels))
        expected = np.packbits(bits.astype(np.uint8)).tobytes().hex()
        assert (
            hamming(pdq_of(pixels)[0], expected) <= 2
        )  # sums in another order: a value beside the median may tip over
        assert pdq_of(pixels)[1] == quality


@pytest.mark.skipif(not KNOWN, reason="the public vectors are not here")
@pytest.mark.parametrize("case", KNOWN, ids=lambda case: f"{Path(case['file']).name}-{case['pdq'][:4]}")
def test_a_picture_reduced_by_area_keeps_its_hash(case: dict[str, object]) -> None:
    pixels = pixels_of(VECTORS / str(case["file"]))
    scale = 512 / max(pixels.shape)
    reduced = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    assert hamming(pdq_of(np.asarray(reduced, np.uint8))[0], str(case["pdq"])) <= 16


@pytest.mark.skipif(not KNOWN, reason="the public vectors are not here")
def test_a_near_copy_is_within_reach_and_a_mirrored_one_is_not() -> None:
    original = pixels_of(BRIDGE)
    value = pdq_of(original)[0]
    blurred = np.asarray(cv2.GaussianBlur(original, (9, 9), 0), np.uint8)
    assert hamming(pdq_of(blurred)[0], value) <= PDQ_MAX_DISTANCE
    assert hamming(pdq_of(original[:, ::-1])[0], value) > PDQ_MAX_DISTANCE


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (2, 3), (64, 64)])
def test_a_flat_picture_has_no_quality(shape: tuple[int, int]) -> None:
    value, quality = pdq_of(np.full((*shape, 3), 128, np.uint8))
    assert (len(value), quality) == (64, 0)


@pytest.mark.parametrize("value", ["", "ab", "g" * 64, "0" * 63, "0" * 66])
def test_what_is_no_hash_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"64 hexadecimal|non-hexadecimal"):
        pack(value)
