"""Trains the starter Whisper: `python -m training.speech.train FOLDER`, with the prepared sounds in FOLDER/data.

First only the ear, on single lines; then a few seconds at a time at random places of the window, which is quick and teaches
all times; then whole windows padded to 30 s, as `whisper.transcribe` gives them, many at a time: that phase wants a GPU (9
minutes on a large one, a day on two cores). At last small batches again. A checkpoint every few minutes; a run that was cut off goes on.
"""

import argparse
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial, reduce
from itertools import islice
from operator import add
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import ctc_loss, gelu, log_softmax, nll_loss, pad
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import DataLoader, Dataset
from whisper.model import ModelDimensions, MultiHeadAttention, Whisper, sinusoids

from training.speech.phonemes import n_phonemes
from training.speech.tokens import LANGUAGES, N_TIMES, N_VOCAB, Table, table
from training.speech.windows import IGNORE, NOWHERE, UNSURE, UNSURE_LANGUAGE, WINDOW, Composer, Example, Store

DIMS = ModelDimensions(80, 1_500, 128, 4, 3, N_VOCAB, 448, 128, 4, 2)
_SAVE_SECONDS = 120
_EMA = 0.998
_STEPS_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Phase:
    """So many steps of so many examples; learning rate at its start and end; weights of the helper's loss and of the
    guide's; whether it writes; share of steps on whole windows, padded as `whisper.transcribe` pads them.

    Small batches at first: for the same work they teach the ear several times as much.
    """

    name: str
    n_steps: int
    batch: int
    rate: float
    last_rate: float
    helper: float
    guide: float
    writes: bool = True
    windows: float = 0.0


PHASES = (
    Phase("ear", 14_500, 4, 2e-3, 8e-4, 1.0, 0.0, writes=False),
    Phase("short", 16_000, 4, 1.4e-3, 5e-5, 0.5, 0.5),
    Phase("long", 12_500, 32, 1.5e-3, 1e-5, 0.1, 0.2, windows=1.0),
    Phase("last", 12_000, 4, 6e-4, 1e-5, 0.3, 0.2, windows=0.06),
    Phase("again", 7_500, 4, 5e-4, 1e-5, 0.3, 0.2, windows=0.06),
)
#: A word is looked for within so many positions (of 20 ms) of where it is said, about; by so many heads of each layer.
_NEAR, _N_GUIDED = 15, 2
_WARM_STEPS = 300


class Learner(nn.Module):
    """A Whisper with a small table of words in place of its large one, and a helper that tells the phonemes that the encoder hears."""

    curve: Tensor
    languages: Tensor
    share: Tensor

    def __init__(self, known: Table) -> None:
        super().__init__()
        self.known = known
        width = DIMS.n_text_state
        self.whisper = Whisper(ModelDimensions(**{**asdict(DIMS), "n_vocab": 1}))
        self.words = nn.Parameter(torch.randn(known.first_time, width) * 0.04)
        self.rest = nn.Parameter(torch.randn(1, width) * 0.04)
        # Rows of times lie on a curve, as the encoder's positions do: one learnt map serves all of them.
        self.register_buffer("curve", sinusoids(1_500 + 1, width)[:: 1_500 // (N_TIMES - 1)])
        self.register_buffer("languages", torch.tensor([known.language(name) for name in LANGUAGES]), persistent=False)
        # The last row counts as often as there are tokens behind it: so they are pushed down as one, and stay down.
        share = torch.zeros(known.rest + 1)
        share[-1] = math.log(known.n_rest)
        self.register_buffer("share", share, persistent=False)
        self.times = nn.Linear(width, width)
        self.teller = nn.Linear(width, n_phonemes() + 1)
        nn.init.normal_(self.whisper.decoder.positional_embedding, std=0.02)  # the library leaves it as memory holds it
        nn.init.normal_(self.times.weight, std=0.02)

    def rows(self) -> Tensor:
        """Return the embeddings of all rows, (rows + 1, width)."""
        return torch.cat([self.words, self.times(self.curve), self.rest])

    def heard(self, mel: Tensor, positions: Tensor) -> Tensor:
        """Return the encoder's output for (n, 80, frames) that start at the given positions of the window."""
        encoder = self.whisper.encoder
        x = gelu(encoder.conv2(gelu(encoder.conv1(mel)))).permute(0, 2, 1)
        where = positions[:, None] + torch.arange(x.shape[1], device=x.device)
        x = x + encoder.positional_embedding[where]
        for block in encoder.blocks:
            x = block(x)
        heard: Tensor = encoder.ln_post(x)
        return heard

    def written(self, rows: Tensor, heard: Tensor) -> tuple[Tensor, list[tuple[MultiHeadAttention, Tensor]]]:
        """Return log probabilities (n, length, rows + 1) of what follows, over Whisper's whole vocabulary, and what each
        layer asked of what was heard.
        """
        decoder, embedding, asked = self.whisper.decoder, self.rows(), []
        x = embedding[rows] + decoder.positional_embedding[: rows.shape[1]]
        for block in decoder.blocks:
            x = x + block.attn(block.attn_ln(x), mask=decoder.mask)[0]
            asked.append((block.cross_attn, block.cross_attn_ln(x)))
            x = x + block.cross_attn(asked[-1][1], heard)[0]
            x = x + block.mlp(block.mlp_ln(x))
        logits = decoder.ln(x) @ embedding.T
        return log_softmax(logits + self.share, dim=-1), asked


class Batch(NamedTuple):
    """n examples, filled up to the same lengths: sound (n, frames, 80) float16; position (n,); rows and targets (n, length),
    places (n, length) in steps of 20 ms; phonemes (n, most) with how many there are (n,), and half the frames (n,). Frames to pad
    to, at least the sounds' own.
    """

    sound: Tensor
    position: Tensor
    rows: Tensor
    targets: Tensor
    places: Tensor
    phonemes: Tensor
    n_phonemes: Tensor
    n_places: Tensor
    frames: int

    def to(self, device: torch.device) -> "Batch":
        """Return it on a device."""
        return Batch._make(x.to(device) if isinstance(x, Tensor) else x for x in self)


def batch_of(examples: list[Example], *, is_window: bool) -> Batch:
    """Return examples as tensors, to be padded to a whole window, or to the longest's frames."""
    frames = WINDOW if is_window else max(len(e.mel) for e in examples) // 2 * 2 + 2
    return Batch(
        pad_sequence([torch.from_numpy(e.mel.astype(np.float16)) for e in examples], batch_first=True),
        torch.tensor([min(e.position, 1_500 - frames // 2) for e in examples]),
        _filled([e.rows for e in examples], 0),
        _filled([e.targets for e in examples], IGNORE),
        _filled([[p * 50 for p in e.places] or [NOWHERE] * len(e.rows) for e in examples], NOWHERE),
        _filled([e.phonemes or (0,) for e in examples], 0),
        torch.tensor([len(e.phonemes) for e in examples]),
        torch.tensor([(len(e.mel) + 1) // 2 for e in examples]),
        frames,
    )


def _filled(lists: Iterable[Sequence[float]], value: float) -> Tensor:
    return pad_sequence([torch.tensor(given) for given in lists], batch_first=True, padding_value=value)


def losses(learner: Learner, batch: Batch, phase: Phase) -> tuple[Tensor, Tensor]:
    """Return the loss of what is written (0 where nothing is), and of the helper's phonemes."""
    # What follows a sound is 0, as whisper.transcribe pads it.
    mel = pad(batch.sound.float(), (0, 0, 0, batch.frames - batch.sound.shape[1])).transpose(1, 2)
    heard = learner.heard(mel, batch.position)
    told = _telling(learner, heard, batch)
    if not phase.writes:
        return heard.new_zeros(()), told
    logs, asked = learner.written(batch.rows, heard)
    targets = batch.targets
    sure = nll_loss(logs.flatten(0, 1), targets.flatten().clamp(min=IGNORE), ignore_index=IGNORE, reduction="sum")
    unsure = -(logs[..., : learner.known.n_text].mean(dim=-1) * (targets == UNSURE)).sum()
    torn = -(logs[..., learner.languages].mean(dim=-1) * (targets == UNSURE_LANGUAGE)).sum()
    written = (sure + 0.3 * unsure + torn) / (targets != IGNORE).sum()
    return written + phase.guide * _guidance(asked, heard, batch.places), told


def _guidance(asked: list[tuple[MultiHeadAttention, Tensor]], heard: Tensor, places: Tensor) -> Tensor:
    """Return how little the guided heads look at where each word is said: without it, finding that out takes hours."""
    where = torch.arange(heard.shape[1], device=heard.device)
    places = places[..., None]
    is_said = places >= 0
    is_ignored = is_said & ((where - places).abs() > _NEAR)
    size = DIMS.n_text_state // DIMS.n_text_head
    losses = []
    for attention, x in asked:
        for head in range(_N_GUIDED):
            part = slice(head * size, (head + 1) * size)
            fit = attention.query(x)[..., part] @ attention.key(heard)[..., part].transpose(1, 2) / math.sqrt(size)
            looks = log_softmax(fit, dim=-1).masked_fill(is_ignored, -torch.inf).logsumexp(dim=-1)
            losses.append(-(looks * is_said[..., 0]).sum() / is_said.sum().clamp(min=1))
    return torch.stack(losses).mean()


def _telling(learner: Learner, heard: Tensor, batch: Batch) -> Tensor:
    """Return the helper's loss a phoneme, of the examples of which it is known what is said."""
    logs = log_softmax(learner.teller(heard), dim=-1).transpose(0, 1)
    lost = ctc_loss(logs, batch.phonemes, batch.n_places, batch.n_phonemes, reduction="none", zero_infinity=True)
    is_known = batch.n_phonemes > 0
    return (lost / batch.n_phonemes.clamp(min=1) * is_known).sum() / is_known.sum().clamp(min=1)


class Draws(Dataset[list[list[Batch]]]):
    """A phase's steps, some at once, so that each gets examples of like length: item -> steps -> parts of a step, one a core."""

    def __init__(self, phase: Phase, composer: Composer, n_parts: int) -> None:
        self.phase, self.n_parts = phase, n_parts
        self.composer = composer

    def __len__(self) -> int:
        return -(-self.phase.n_steps // _STEPS_AHEAD)

    def __getitem__(self, number: int) -> list[list[Batch]]:
        size = self.phase.batch
        draw = np.random.default_rng((number, PHASES.index(self.phase)))
        is_window = draw.random() < self.phase.windows
        make = self.composer.long if is_window else self.composer.short if self.phase.writes else self.composer.ear
        found = sorted((make(draw) for _ in range(size * _STEPS_AHEAD)), key=lambda e: len(e.mel))
        steps = [found[i : i + size] for i in range(0, len(found), size)]
        part = -(-size // self.n_parts)
        return [
            [batch_of(steps[i][j : j + part], is_window=is_window) for j in range(0, size, part)]
            for i in draw.permutation(len(steps))
        ]


class Run:
    """A training run with its checkpoint."""

    def __init__(self, folder: Path, device: str, n_threads: int) -> None:
        torch.manual_seed(1)
        self.device, self.n_threads, self.pool = torch.device(device), n_threads, ThreadPoolExecutor(n_threads)
        self.file = folder / "checkpoint.pt"
        self.learner = Learner(table()).to(device)
        self.mean = {name: value.clone() for name, value in self.learner.state_dict().items()}
        self.optimizer = torch.optim.AdamW(self.learner.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.step, self.seconds = 0, 0.0
        if self.file.exists():
            self._restore(torch.load(self.file, weights_only=True, map_location=device))

    def _restore(self, kept: dict[str, Any]) -> None:
        self.learner.load_state_dict(kept["learner"])
        self.optimizer.load_state_dict(kept["optimizer"])
        self.mean, self.step, self.seconds = kept["mean"], kept["step"], kept["seconds"]

    def save(self) -> None:
        """Keep everything; a run killed while it writes still has the file before."""
        kept = {
            "learner": self.learner.state_dict(), "optimizer": self.optimizer.state_dict(), "mean": self.mean,
            "step": self.step, "seconds": self.seconds,
        }  # fmt: skip
        partial = self.file.with_suffix(".part")
        torch.save(kept, partial)
        partial.rename(self.file)

    def train(self, phase: Phase, first_step: int, composer: Composer) -> None:
        """Do what is left of a phase."""
        saved = began = time.monotonic()
        before, told = self.seconds, torch.zeros(2, device=self.device)
        for parts in self._steps(phase, self.step - first_step, composer):
            told += self._one(phase, self.step - first_step, parts)
            self.step += 1
            self.seconds = before + time.monotonic() - began
            if self.step % 50 == 0:
                written, phonemes = (told / 50).tolist()
                print(f"{phase.name} {self.step - first_step} loss {written:.3f} phonemes {phonemes:.3f} {self.seconds:.0f} s",
                      flush=True)  # fmt: skip
                told = torch.zeros_like(told)
            if time.monotonic() - saved > _SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()

    def _steps(self, phase: Phase, done: int, composer: Composer) -> Iterator[list[Batch]]:
        """Yield the parts of each step that is left. Beside a GPU, processes draw the examples."""
        is_gpu = self.device.type == "cuda"
        draws = Draws(phase, composer, 1 if is_gpu else self.n_threads)
        numbers = range(min(done, phase.n_steps) // _STEPS_AHEAD, len(draws))
        loader = DataLoader(draws, batch_size=None, sampler=numbers, num_workers=self.n_threads if is_gpu else 0)
        steps = (parts for group in loader for parts in group)
        return islice(steps, done % _STEPS_AHEAD, max(0, phase.n_steps - done) + done % _STEPS_AHEAD)

    def _one(self, phase: Phase, at: int, parts: list[Batch]) -> Tensor:
        """Learn from one step's examples; return its losses."""
        self.optimizer.zero_grad()
        n = sum(len(part.rows) for part in parts)
        told = reduce(add, self.pool.map(partial(self._share, phase, n), parts))
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(phase, at)
        self.optimizer.step()
        with torch.no_grad():
            decay = min(_EMA, (self.step + 1) / (self.step + 20))
            torch._foreach_lerp_(list(self.mean.values()), list(self.learner.state_dict().values()), 1 - decay)
        return told

    def _share(self, phase: Phase, n: int, part: Batch) -> Tensor:
        """Add the gradients of a part of a step's n examples; return its share of the losses."""
        written, told = losses(self.learner, part.to(self.device), phase)
        share = len(part.rows) / n
        ((written + phase.helper * told) * share).backward()  # type: ignore[no-untyped-call]
        return torch.stack([written.detach(), told.detach()]) * share


def rate(phase: Phase, at: int) -> float:
    """Return the learning rate of a step: a warm start, then half a cosine."""
    warm = min(1.0, (at + 1) / _WARM_STEPS)
    return warm * (
        phase.last_rate + (phase.rate - phase.last_rate) * 0.5 * (1 + math.cos(math.pi * at / phase.n_steps))
    )


def main() -> None:
    """Train through all phases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, help="the prepared sounds, if not FOLDER/data")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="fewer where others need the cores too"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)  # of each part; sharing out every small product costs more than it saves
    torch.set_float32_matmul_precision("high")
    # A file descriptor for every tensor would be too many.
    torch.multiprocessing.set_sharing_strategy("file_system")  # type: ignore[no-untyped-call]
    composer = Composer(Store(given.data or given.folder / "data"))
    run, first = Run(given.folder, given.device, given.threads), 0
    for phase in PHASES:
        run.train(phase, first, composer)
        first += phase.n_steps


if __name__ == "__main__":
    main()
