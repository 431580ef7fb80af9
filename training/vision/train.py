"""`make train-vision`: draws the scenes, trains the starter open_clip model on them, and exports it in open_clip's own format.

Every stage keeps what it made under var/training/vision and goes on from there after an interruption.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from moderation.detection.model_store import sha256_of, write_sums
from moderation.detection.vision.model import CHECKPOINT, CONFIG, REFERENCE, STARTER, Vision
from moderation.detection.vision.torchvision_ops import declare_missing_operators
from training.vision.captions import CaptionWriter
from training.vision.scenes import REFERENCE as REFERENCE_STREAM
from training.vision.scenes import TRAINING, Scene, draw_scene

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "var" / "training" / "vision"
#: Pictures are kept a little larger than the model's input, so that each step sees another cut.
KEPT_SIDE = 104
N_SCENES = 40_000


@dataclass(frozen=True, slots=True)
class Stage:
    """A stretch of training: side of the pictures in pixels, steps, batch, highest learning rate."""

    name: str
    side: int
    n_steps: int
    batch: int
    rate: float

    def rate_at(self, step: int) -> float:
        """Return the learning rate of a step: up for a hundred steps, then down along a cosine."""
        fall = 0.01 + 0.495 * (1 + math.cos(math.pi * step / self.n_steps))
        return self.rate * min(1.0, (step + 1) / 100) * fall


#: Small pictures first: most is learned there, at less than half the cost.
STAGES = (Stage("small", 64, 1_200, 128, 2.5e-3), Stage("full", 96, 2_400, 128, 1.2e-3))
#: Labelled embeddings that calibration is fitted on.
N_REFERENCE = 3_000


# --- pictures -----------------------------------------------------------------------------------------------------


def scenes(work: Path, n: int) -> tuple[np.ndarray, list[Scene]]:
    """Return (n, KEPT_SIDE, KEPT_SIDE, 3) uint8 pictures and what is in them, drawn once."""
    file, notes = work / f"scenes-{n}.npy", work / f"scenes-{n}.json"
    if notes.exists():
        return np.load(file, mmap_mode="r"), [Scene(tuple(s[0]), *s[1:]) for s in json.loads(notes.read_text())]
    pictures = np.lib.format.open_memmap(file, mode="w+", dtype=np.uint8, shape=(n, KEPT_SIDE, KEPT_SIDE, 3))
    told: list[Scene] = []
    started = time.monotonic()
    for i in range(n):
        image, scene = draw_scene(i, stream=TRAINING)
        pictures[i] = np.asarray(image.resize((KEPT_SIDE, KEPT_SIDE), 2))
        told.append(scene)
        if i % 2_000 == 1_999:
            print(f"drawn {i + 1} of {n}, {time.monotonic() - started:.0f} s", flush=True)
    pictures.flush()
    notes.write_text(json.dumps([[list(s.things), s.colour, s.background, s.is_held] for s in told]))
    return np.load(file, mmap_mode="r"), told


def _augmented(pictures: np.ndarray, rng: np.random.Generator, side: int, mean: float, std: float) -> torch.Tensor:
    """Return (n, 3, side, side) inputs: cut, mirrored, brightened, some of them softened."""
    whole = int(rng.integers(KEPT_SIDE - 16, KEPT_SIDE + 1))
    x, y = rng.integers(0, KEPT_SIDE - whole + 1, 2)
    cut = (
        torch.from_numpy(np.ascontiguousarray(pictures[:, y : y + whole, x : x + whole])).permute(0, 3, 1, 2).float()
        / 255
    )
    cut = functional.interpolate(cut, size=(side, side), mode="bilinear", antialias=True)
    n = len(cut)
    flip = torch.from_numpy(rng.random(n) < 0.5)
    cut[flip] = cut[flip].flip(-1)
    gain = torch.from_numpy(rng.uniform(0.8, 1.2, (n, 1, 1, 1)).astype(np.float32))
    shift = torch.from_numpy(rng.uniform(-0.08, 0.08, (n, 3, 1, 1)).astype(np.float32))
    cut = (cut * gain + shift).clamp(0, 1)
    soft = torch.from_numpy(rng.random(n) < 0.15)
    cut[soft] = functional.interpolate(functional.avg_pool2d(cut[soft], 2), scale_factor=2, mode="bilinear")
    return ((cut - mean) / std).contiguous(memory_format=torch.channels_last)


# --- training -----------------------------------------------------------------------------------------------------


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    while True:
        order = rng.permutation(n)
        for start in range(0, n - size + 1, size):
            yield np.sort(order[start : start + size])


def _fits(present: np.ndarray, masks: np.ndarray, one_is_enough: np.ndarray) -> torch.Tensor:
    """Return (n_pictures, n_captions): whether a caption is true of a picture; several may be of one."""
    met = present.astype(np.float32) @ masks.T.astype(np.float32)
    wanted = masks.sum(axis=1)
    return torch.from_numpy(np.where(one_is_enough, met > 0, met >= wanted).astype(np.float32))


def contrast(images: torch.Tensor, texts: torch.Tensor, scale: torch.Tensor, fits: torch.Tensor) -> torch.Tensor:
    """Return CLIP's loss, where a picture may have several true captions in the batch, and the other way round."""
    logits = scale * functional.normalize(images, dim=-1) @ functional.normalize(texts, dim=-1).T
    by_row = -(functional.log_softmax(logits, dim=1) * fits).sum(1) / fits.sum(1)
    by_column = -(functional.log_softmax(logits, dim=0) * fits).sum(0) / fits.sum(0)
    return (by_row.mean() + by_column.mean()) / 2


class Anchors(nn.Module):
    """A point for every thing, which pictures and captions of it are both drawn to; thrown away afterwards.

    The contrast within a batch aligns both towers in the end; with anchors each learns by itself from the first step on.
    """

    def __init__(self, n_things: int, width: int) -> None:
        super().__init__()
        self.points = nn.Parameter(torch.randn(n_things, width) * width**-0.5)

    def forward(self, vectors: torch.Tensor, share: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss of vectors (n, width) whose things have these shares (n, n_things)."""
        logits = scale * functional.normalize(vectors, dim=-1) @ functional.normalize(self.points, dim=-1).T
        return -(functional.log_softmax(logits, dim=1) * share).sum(1).mean()


class Pupil(nn.Module):
    """The open_clip model with its anchors, and with a vocabulary of only the tokens that captions have."""

    clip: Any  # open_clip publishes no types
    row_of: torch.Tensor

    def __init__(self, clip: nn.Module, tokens: np.ndarray, n_things: int) -> None:
        super().__init__()
        self.clip = clip
        width = self.clip.token_embedding.weight.shape[1]
        self.anchors = Anchors(n_things, self.clip.text_projection.shape[1])
        rows = np.zeros(self.clip.vocab_size, dtype=np.int64)
        rows[tokens] = np.arange(len(tokens))
        self.register_buffer("row_of", torch.from_numpy(rows), persistent=False)
        self.clip.token_embedding = nn.Embedding(len(tokens), width)
        nn.init.normal_(self.clip.token_embedding.weight, std=0.02)

    def texts(self, ids: torch.Tensor) -> torch.Tensor:
        """Return what `encode_text` would, for sentences cut at the longest of them."""
        clip, n = self.clip, int((ids > 0).sum(1).max())
        x = clip.token_embedding(self.row_of[ids[:, :n]]) + clip.positional_embedding[:n]
        x = clip.ln_final(clip.transformer(x, attn_mask=clip.attn_mask[:n, :n]))
        texts: torch.Tensor = x[torch.arange(len(ids)), ids.argmax(dim=-1)] @ clip.text_projection
        return texts


def _model(side: int) -> nn.Module:
    import open_clip

    config = json.loads((STARTER / CONFIG).read_text())["model_cfg"]
    config["vision_cfg"]["image_size"] = side
    torch.manual_seed(5)
    clip: nn.Module = open_clip.CLIP(**config).to(memory_format=torch.channels_last)
    return clip


def _grown(state: dict[str, torch.Tensor], side: int) -> dict[str, torch.Tensor]:
    """Return the weights for another size of picture: the places of the last pooling are spread anew."""
    key = "clip.visual.attnpool.positional_embedding"
    places = state[key]
    before, after = round(math.sqrt(len(places) - 1)), side // 32
    if before == after:
        return state
    grid = places[1:].reshape(before, before, -1).permute(2, 0, 1)[None]
    grid = functional.interpolate(grid, size=(after, after), mode="bilinear", align_corners=True)
    return {**state, key: torch.cat([places[:1], grid[0].permute(1, 2, 0).reshape(after * after, -1)])}


def _optimizer(model: nn.Module, rate: float) -> torch.optim.Optimizer:
    named = list(model.named_parameters())
    heavy = [p for n, p in named if p.ndim >= 2 and "token_embedding" not in n]
    light = [p for n, p in named if p.ndim < 2 or "token_embedding" in n]
    groups = [{"params": heavy, "weight_decay": 0.05}, {"params": light, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98))


@dataclass(frozen=True, slots=True)
class Lesson:
    """Pictures, token ids, which caption is true of which picture, and the shares of things in pictures and in captions."""

    pictures: torch.Tensor
    ids: torch.Tensor
    fits: torch.Tensor
    shown: torch.Tensor
    named: torch.Tensor


def _shares(masks: np.ndarray) -> torch.Tensor:
    return torch.from_numpy((masks / masks.sum(axis=1, keepdims=True)).astype(np.float32))


@dataclass
class _Lessons:
    """What every step draws from: pictures, what is in them, captions, tokens."""

    pictures: np.ndarray
    told: list[Scene]
    writer: CaptionWriter
    tokenizer: Any
    mean: float
    std: float

    def __post_init__(self) -> None:
        self.present = np.zeros((len(self.told), len(self.writer.names)), dtype=bool)
        for i, scene in enumerate(self.told):
            self.present[i, [self.writer.index[name] for name in scene.things]] = True

    def tokens(self) -> np.ndarray:
        """Return every token that a caption can have, ascending."""
        tokens: np.ndarray = self.tokenizer(self.writer.vocabulary()).flatten().unique().numpy()
        return tokens

    def lesson(self, rows: np.ndarray, side: int, rng: np.random.Generator) -> Lesson:
        """Return one step's pictures and captions."""
        written = [self.writer.write(self.told[i], rng) for i in rows]
        masks = np.stack([mask for _, mask, _ in written])
        fits = _fits(self.present[rows], masks, np.array([one for _, _, one in written]))
        ids = self.tokenizer([caption for caption, _, _ in written])
        pictures = _augmented(self.pictures[rows], rng, side, self.mean, self.std)
        return Lesson(pictures, ids, fits, _shares(self.present[rows]), _shares(masks))


def lessons(work: Path, n_scenes: int) -> _Lessons:
    """Return what training draws from; the first time, the scenes are drawn."""
    declare_missing_operators()
    import open_clip

    config = json.loads((STARTER / CONFIG).read_text())
    context, seen = config["model_cfg"]["text_cfg"]["context_length"], config["preprocess_cfg"]
    pictures, told = scenes(work, n_scenes)
    tokenizer = open_clip.SimpleTokenizer(context_length=context)
    return _Lessons(pictures, told, CaptionWriter(), tokenizer, seen["mean"][0], seen["std"][0])


def train(work: Path, stage: Stage, of: _Lessons, *, init: Path | None, stop_after: float = math.inf) -> Path | None:
    """Train one stage, or go on with it; return its checkpoint, or None where time was up first."""
    tokens = of.tokens()
    model = Pupil(_model(stage.side), tokens, len(of.writer.names))
    file, step = work / f"{stage.name}.pt", 0
    optimizer = _optimizer(model, stage.rate)
    if file.exists():
        kept = torch.load(file, weights_only=True)
        optimizer.load_state_dict(kept["optimizer"])
        model.load_state_dict(kept["model"])
        step = kept["step"]
    elif init:
        model.load_state_dict(_grown(torch.load(init, weights_only=True)["model"], stage.side))
    rng = np.random.default_rng([7, stage.side, step])
    batches, started, smooth = _batches(len(of.told), stage.batch, rng), time.monotonic(), 0.0
    model.train()
    while step < stage.n_steps and time.monotonic() - started < stop_after:
        for group in optimizer.param_groups:
            group["lr"] = stage.rate_at(step)
        loss = _loss(model, of.lesson(next(batches), stage.side, rng))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        smooth = loss.item() if smooth == 0 else 0.97 * smooth + 0.03 * loss.item()
        if step % 50 == 0:
            print(
                f"{stage.name}: step {step} loss {smooth:.3f} {time.monotonic() - started:.0f} s, {time.process_time():.0f} s of work",
                flush=True,
            )
        if step % 200 == 0:
            _kept(file, model, optimizer, tokens, step)
    _kept(file, model, optimizer, tokens, step)
    return file if step >= stage.n_steps else None


def _loss(model: Pupil, lesson: Lesson) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        images, texts = model.clip.encode_image(lesson.pictures), model.texts(lesson.ids)
    images, texts, scale = images.float(), texts.float(), model.clip.logit_scale.exp().clamp(max=50)
    anchored = model.anchors(images, lesson.shown, scale) + model.anchors(texts, lesson.named, scale)
    loss: torch.Tensor = contrast(images, texts, scale, lesson.fits) + anchored
    return loss


def _kept(file: Path, model: nn.Module, optimizer: torch.optim.Optimizer, tokens: np.ndarray, step: int) -> None:
    partial = file.with_suffix(".partial")
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "tokens": torch.from_numpy(tokens),
            "step": step,
        },
        partial,
    )
    partial.replace(file)


# --- export -------------------------------------------------------------------------------------------------------


def export(checkpoint: Path, folder: Path) -> None:
    """Write the weights in half precision, words that training never saw at nought, and the reference embeddings."""
    from safetensors.torch import save_file

    kept = torch.load(checkpoint, weights_only=True)
    state = {k.removeprefix("clip."): v for k, v in kept["model"].items() if k.startswith("clip.")}
    learned = state["token_embedding.weight"]
    config = json.loads((STARTER / CONFIG).read_text())["model_cfg"]["text_cfg"]
    whole = torch.zeros(config["vocab_size"], learned.shape[1])
    whole[kept["tokens"]] = learned
    state["token_embedding.weight"] = whole
    state["logit_scale"] = state["logit_scale"].clamp(max=math.log(50))
    halved = {k: (v.half() if v.ndim >= 2 else v).contiguous() for k, v in state.items()}  # statistics stay exact
    save_file(halved, str(folder / CHECKPOINT))
    print(f"{folder / CHECKPOINT}: {(folder / CHECKPOINT).stat().st_size / 2**20:.1f} MiB after {kept['step']} steps")


def fill_reference(folder: Path, n: int = N_REFERENCE) -> None:
    """Embed labelled drawings that training never saw; calibration of any set of prompts is fitted on them."""
    from training.vision.pen import THINGS

    vision = Vision.load(folder)
    vectors, labels = [], []
    for start in range(0, n, 100):
        drawn = [draw_scene(i, stream=REFERENCE_STREAM) for i in range(start, min(start + 100, n))]
        vectors.append(vision.embed([image for image, _ in drawn]))
        labels += ["|".join(sorted({THINGS[t].category for t in scene.things} - {""})) for _, scene in drawn]
    np.savez_compressed(folder / REFERENCE, vectors=np.concatenate(vectors).astype(np.float16), labels=np.array(labels))


def main() -> None:
    """Train and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=N_SCENES)
    parser.add_argument("--share", type=float, default=1.0, help="of each stage's steps, for a quick try")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--seconds", type=float, default=math.inf, help="stop a stage after this long; a later call goes on"
    )
    parser.add_argument("--work", type=Path, default=WORK)
    parser.add_argument("--out", type=Path, default=STARTER)
    parser.add_argument("--draw-only", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    if options.draw_only:
        scenes(options.work, options.scenes)
        return
    of = lessons(options.work, options.scenes)
    init: Path | None = None
    for stage in STAGES:
        stage = replace(stage, n_steps=round(stage.n_steps * options.share))
        init = train(options.work, stage, of, init=init, stop_after=options.seconds)
        if init is None:
            print("Time is up; the same command goes on from here.")
            return
    export(cast("Path", init), options.out)  # STAGES is not empty
    fill_reference(options.out)
    write_sums(options.out, {name: sha256_of(options.out / name) for name in (CONFIG, CHECKPOINT, REFERENCE)})


if __name__ == "__main__":
    main()
