"""Pictures are compared with prompts by a real open_clip where one is configured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from moderation.detectors import vision
from moderation.detectors.deep import ClipSubject
from moderation.detectors.vision import VisionDetector, shown_findings
from moderation.media.confined import SampledFrame
from policies.choices import ItemKind
from tests.moderation.clips import jpeg, scene

MODEL = "gatehouse-tiny-test"
CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 2, "layers": 1},
}
PROMPTS = {"harmful": ["a photo of a fight"], "harmless": ["a photo of a garden", "a photo of a cake"]}


def frames(folder: Path, n: int) -> tuple[SampledFrame, ...]:
    out = []
    for i in range(n):
        path = folder / f"{i}.jpg"
        path.write_bytes(jpeg(scene(i)))
        out.append(SampledFrame(i * 1_000, "scene", path, "0" * 64, 90))
    return tuple(out)


def subject(shown: tuple[SampledFrame, ...]) -> ClipSubject:
    return ClipSubject(ItemKind.VIDEO, "0" * 64, shown, None, has_audio=False)


class Model:
    """Says of each frame what its number says."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def probabilities(self, path: Path) -> dict[str, float]:
        self.asked.append(int(path.stem))
        return {"violence": 0.9 if path.stem == "3" else 0.1, "drugs": 0.2}


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Model:
    fake = Model()
    monkeypatch.setattr(vision, "_loaded", lambda _: fake)
    return fake


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model folder with random weights."""
    from moderation.torchvision_ops import declare_missing_operators

    declare_missing_operators()
    import open_clip
    import torch

    root = tmp_path_factory.mktemp("vision")
    (root / f"{MODEL}.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(root / f"{MODEL}.json")
    torch.manual_seed(2)
    torch.save(open_clip.create_model(MODEL, load_weights=False).state_dict(), root / "weights.pt")
    prompts = {"model": MODEL, "checkpoint": "weights.pt", "categories": {"violence": PROMPTS}}
    (root / "prompts.json").write_text(json.dumps(prompts))
    return root


def test_the_worst_frame_speaks_for_the_clip(model: Model, tmp_path: Path) -> None:
    payload = VisionDetector("m").run(subject(frames(tmp_path, 5))).payload
    assert payload["scores"] == {"violence": {"score": 0.9, "ms": 3_000}, "drugs": {"score": 0.2, "ms": 4_000}}
    found = {f.category: f for f in shown_findings(payload)}
    assert (found["violence"].score, found["violence"].where) == (0.9, {"frame_ms": 3_000})


@pytest.mark.parametrize("n", [1, 16, 17, 31, 32, 100])
def test_at_most_sixteen_frames_are_looked_at_over_the_whole_clip(model: Model, n: int) -> None:
    shown = tuple(SampledFrame(i, "scene", Path(f"{i}.jpg"), "0" * 64, 90) for i in range(n))
    VisionDetector("m").run(subject(shown))
    assert len(model.asked) <= 16
    assert model.asked[0] == 0
    assert n - model.asked[-1] <= max(1, -(-n // 16))


def test_prompts_without_a_checkpoint_fail_and_nothing_is_downloaded(tmp_path: Path) -> None:
    (tmp_path / "prompts.json").write_text(json.dumps({"model": "ViT-B-32", "checkpoint": "openai", "categories": {}}))
    with pytest.raises(FileNotFoundError, match="VISION_MODEL_PATH"):
        VisionDetector(str(tmp_path)).run(subject(frames(tmp_path, 1)))


@pytest.mark.slow
def test_torchvision_can_be_imported_and_declaring_twice_does_nothing() -> None:
    code = (
        "from moderation.torchvision_ops import declare_missing_operators as d; first = d(); second = d(); "
        "import torchvision; third = d(); print(second, third)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "False False\n"), done.stderr


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_real_checkpoint_is_loaded_and_run(folder: Path, tmp_path: Path) -> None:
    detector = VisionDetector(str(folder))
    shown = frames(tmp_path, 3)
    first, second = detector.run(subject(shown)), detector.run(subject(shown))
    assert first.payload == second.payload
    assert set(first.payload["scores"]) == {"violence"}
    assert 0.0 < first.payload["scores"]["violence"]["score"] < 1.0
    assert first.payload["scores"]["violence"]["ms"] in {0, 1_000, 2_000}
    assert shown_findings(first.payload)[0].version == detector.version
