"""Pictures are held against prompts by a real open_clip; the starter model's own worth is measured elsewhere."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.detection.clip import ClipSubject
from moderation.detection.media.sandbox import SampledFrame
from moderation.detection.model_store import Hub, ModelInvalid, Source, is_off, pull, read_source, verify
from moderation.detection.vision.detector import MAX_FRAMES, VisionDetector, frames_to_look_at, vision_findings
from moderation.detection.vision.loading import WEIGHTS
from moderation.detection.vision.model import CHECKPOINT, CONFIG, STARTER, Vectors, version_of
from moderation.detection.vision.prompts import CategoryPrompts, Prompts, PromptsInvalid, prompts_of, read_prompts
from policies.choices import ItemKind
from tests.support.clips import jpeg, scene

SHA = "ab" * 32
PROMPTS = Prompts({"violence": CategoryPrompts(("a fight",), ("a dance",))}, ("a garden", "a cake"))
TINY: dict[str, Any] = {
    "model_cfg": {
        "embed_dim": 16,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    },
    "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.25] * 3},
}


def frames(folder: Path, n: int) -> tuple[SampledFrame, ...]:
    out = []
    for i in range(n):
        path = folder / f"{i}.jpg"
        path.write_bytes(jpeg(scene(i)))
        out.append(SampledFrame(i * 1_000, "scene", path, "0" * 64, 90))
    return tuple(out)


def subject(shown: tuple[SampledFrame, ...]) -> ClipSubject:
    return ClipSubject(ItemKind.VIDEO, SHA, shown, None, has_audio=False)


class Store:
    """Keeps vectors in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], tuple[Sequence[int], Vectors]] = {}

    def load(self, sha256: str, model: str) -> tuple[Sequence[int], Vectors] | None:
        return self.kept.get((sha256, model))

    def save(self, sha256: str, model: str, times_ms: Sequence[int], vectors: Vectors) -> None:
        self.kept[sha256, model] = (times_ms, vectors)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder with random weights, in open_clip's own form."""
    from moderation.detection.vision.torchvision_ops import declare_missing_operators

    declare_missing_operators()
    import open_clip
    import torch
    from safetensors.torch import save_file

    root = tmp_path_factory.mktemp("vision")
    (root / CONFIG).write_text(json.dumps(TINY))
    torch.manual_seed(2)
    save_file(open_clip.CLIP(**TINY["model_cfg"]).state_dict(), str(root / CHECKPOINT))
    return root


def test_a_short_clip_is_looked_at_whole_and_a_long_one_evenly() -> None:
    def at(n: int) -> list[int]:
        return [f.ms for f in frames_to_look_at([SampledFrame(i, "scene", Path("x"), "0" * 64, 90) for i in range(n)])]

    assert at(7) == list(range(7))
    assert at(MAX_FRAMES) == list(range(MAX_FRAMES))
    long = at(500)
    assert (len(long), long[0], long[-1]) == (MAX_FRAMES, 0, 499)
    assert max(np.diff(long)) <= 5


def test_a_setting_means_a_folder_the_starter_model_a_hub_or_none(tmp_path: Path) -> None:
    assert is_off(WEIGHTS, " OFF ")
    assert read_source(WEIGHTS, "/somewhere", tmp_path).path == Path("/somewhere")
    assert is_off(WEIGHTS, "") or read_source(WEIGHTS, "", tmp_path).path == STARTER
    pinned = read_source(WEIGHTS, f"hub:owner/name@{'a' * 40}#{'b' * 64}", tmp_path)
    assert pinned == Source(WEIGHTS, tmp_path / f"owner--name-{'a' * 12}", Hub("owner/name", "a" * 40), "b" * 64)
    assert not pinned.is_present
    with pytest.raises(ModelInvalid, match="full 40-digit revision"):
        read_source(WEIGHTS, "hub:owner/name@main", tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_pinned_model_is_checked_and_a_folder_is_not_pulled(folder: Path) -> None:
    assert verify(Source(WEIGHTS, folder)) == version_of(folder)
    with pytest.raises(ModelInvalid, match="SHA-256 differs"):
        verify(Source(WEIGHTS, folder, Hub("owner/name", "a" * 40), "b" * 64))
    with pytest.raises(ModelInvalid, match="nothing to pull"):
        pull(Source(WEIGHTS, folder))
    with pytest.raises(ModelInvalid, match="is off"):
        VisionDetector(None, PROMPTS).run(subject(()))


def test_a_folder_without_a_model_fails_says_what_to_do_and_downloads_nothing(tmp_path: Path) -> None:
    detector = VisionDetector(Source(WEIGHTS, tmp_path), PROMPTS)
    assert detector.is_configured
    assert detector.version == "broken"
    with pytest.raises(ModelInvalid, match="VISION_MODEL_PATH"):
        detector.run(subject(frames(tmp_path, 1)))
    (tmp_path / CONFIG).write_text("{}")
    with pytest.raises(ModelInvalid, match="no weights"):
        detector.run(subject(frames(tmp_path, 1)))


def test_without_a_folder_it_is_not_configured() -> None:
    assert not VisionDetector(None, PROMPTS).is_configured
    assert VisionDetector(None, PROMPTS).version == "none"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_frames_are_scored_and_their_vectors_kept(folder: Path, tmp_path: Path) -> None:
    store = Store()
    detector = VisionDetector(Source(WEIGHTS, folder), PROMPTS, store)
    result = detector.run(subject(frames(tmp_path, 3)))
    of = result.payload["scores"]["violence"]
    assert 0 < of["score"] < 1
    assert of["peak_ms"] in {0, 1_000, 2_000}
    assert of["prompt"] == "a fight"
    times, vectors = store.kept[SHA, version_of(folder)]
    assert list(times) == [0, 1_000, 2_000]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert json.loads(json.dumps(result.payload)) == result.payload


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_other_prompts_are_another_version_and_need_no_second_look(folder: Path, tmp_path: Path) -> None:
    store = Store()
    first = VisionDetector(Source(WEIGHTS, folder), PROMPTS, store)
    assert first.result_from_kept(SHA) is None
    looked = first.run(subject(frames(tmp_path, 3)))
    assert first.result_from_kept(SHA) == looked
    other = VisionDetector(
        Source(WEIGHTS, folder), Prompts({"drugs": CategoryPrompts(("pills",))}, ("a garden",)), store
    )
    assert other.version != first.version
    rescored = other.result_from_kept(SHA)
    assert rescored is not None
    assert set(rescored.payload["scores"]) == {"drugs"}
    assert rescored.version == other.version


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_folder_without_prompts_fails_unless_some_are_in_force(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(PromptsInvalid, match="holds no prompts"):
        read_prompts(folder)
    with pytest.raises(ModelInvalid, match="without prompts"):
        VisionDetector(Source(WEIGHTS, folder), None).run(subject(frames(tmp_path, 1)))


def test_a_finding_tells_when_how_long_and_what_it_looks_like() -> None:
    of = {"score": 0.9, "peak": 0.95, "held": 0.9, "peak_ms": 2_000, "start_ms": 1_000, "until_ms": 4_000, "n_seen": 4,
          "prompt": "a knife"}  # fmt: skip
    faint = {**of, "score": 0.01}
    payload = {"version": "m-p1", "n_frames": 9, "scores": {"violence": of, "drugs": faint}}
    (found,) = vision_findings(payload)
    assert (found.category, found.score, found.version) == ("violence", 0.9, "m-p1")
    assert found.where == {
        "source": "vision", "frame_ms": 1_000, "until_ms": 4_000, "peak_ms": 2_000, "n_frames_seen": 4, "n_frames": 9,
        "prompt": "a knife", "parts": {"highest frame": 0.95, "held for 2 s": 0.9},
    }  # fmt: skip


def test_a_score_that_is_no_number_is_refused_and_not_left_out() -> None:
    of = {"score": float("nan"), "peak": 0.0, "held": 0.0, "peak_ms": 0, "start_ms": 0, "until_ms": 0, "n_seen": 0,
          "prompt": ""}  # fmt: skip
    with pytest.raises(ValueError, match="must be in"):
        vision_findings({"version": "m", "n_frames": 1, "scores": {"violence": of}})


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"categories": {}}, "harmful"),
        ({"categories": {"violence": {"harmful": []}}, "harmless": ["a cat"]}, "violence"),
        ({"categories": {"violence": {"harmful": ["a knife"]}}}, "harmless"),
        ({"categories": {"violence": {"harmful": ["A  knife"], "harmless": ["a knife"]}}}, "violence"),
        ({"categories": {"violence": {"harmful": ["a knife"]}}, "harmless": ["a KNIFE"]}, "violence"),
    ],
)
def test_prompts_that_cannot_be_used_say_where_and_why(document: dict[str, object], field: str) -> None:
    with pytest.raises(PromptsInvalid) as caught:
        prompts_of(document)
    assert caught.value.field == field


def test_the_digest_follows_the_prompts_and_not_their_name() -> None:
    assert PROMPTS.digest == Prompts(dict(PROMPTS.categories), PROMPTS.harmless, "other").digest
    assert PROMPTS.digest != Prompts(PROMPTS.categories, ("a garden",)).digest


def test_the_shipped_prompts_can_be_used() -> None:
    assert set(read_prompts(STARTER).categories) == {"violence", "drugs", "dangerous_acts", "spam_scam"}


@pytest.mark.slow
def test_torchvision_can_be_imported_and_declaring_twice_does_nothing() -> None:
    code = (
        "from moderation.detection.vision.torchvision_ops import declare_missing_operators as d; first = d(); second = d(); "
        "import torchvision; third = d(); print(second, third)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False False\n"), done.stderr
