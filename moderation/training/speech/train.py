"""Trains the starter Whisper: `python -m moderation.training.speech.train FOLDER`, with the prepared sounds in FOLDER/data.

First only the ear, on single lines; then on a few seconds at a time at random places of the window, which is quick and teaches
all times; at last on whole windows padded to 30 s, as `whisper.transcribe` gives them. A checkpoint every few minutes; a run that was cut off goes on.
"""

import argparse
import math
import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import ctc_loss, gelu, log_softmax, nll_loss
from whisper.model import ModelDimensions, Whisper, sinusoids

from moderation.training.speech.phonemes import n_phonemes
from moderation.training.speech.tokens import LANGUAGES, N_TIMES, N_VOCAB, Table, table
from moderation.training.speech.windows import UNSURE, UNSURE_LANGUAGE, WINDOW, Composer, Example, Store

DIMS = ModelDimensions(80, 1_500, 128, 4, 3, N_VOCAB, 448, 128, 4, 2)
_SAVE_SECONDS = 120
_EMA = 0.998
_STEPS_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Phase:
    """So many steps of so many examples; learning rate at its start and end; weights of the helper's loss and of the
    guide's; whether it writes.

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


PHASES = (
    Phase("ear", 14_500, 4, 2e-3, 8e-4, 1.0, 0.0, writes=False),
    Phase("short", 16_000, 4, 1.4e-3, 5e-5, 0.5, 0.5),
    Phase("long", 2_000, 4, 6e-4, 1e-5, 0.1, 0.2),
)
#: A word is looked for within so many positions (of 20 ms) of where it is said, about; by so many heads of each layer.
_NEAR, _N_GUIDED = 15, 2
_WARM_STEPS = 300
#: Part of a window, in frames.
_PART = 1_200


class Learner(nn.Module):
    """A Whisper with a small table of words in place of its large one, and a helper that tells the phonemes that the encoder hears."""

    def __init__(self, known: Table) -> None:
        super().__init__()
        self.known = known
        width = DIMS.n_text_state
        self.whisper = Whisper(ModelDimensions(**{**asdict(DIMS), "n_vocab": 1}))
        self.words = nn.Parameter(torch.randn(known.first_time, width) * 0.04)
        self.rest = nn.Parameter(torch.randn(1, width) * 0.04)
        # Rows of times lie on a curve, as the encoder's positions do: one learnt map serves all of them.
        self.register_buffer("curve", sinusoids(1_500 + 1, width)[:: 1_500 // (N_TIMES - 1)])
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
        where = positions[:, None] + torch.arange(x.shape[1])
        x = x + encoder.positional_embedding[where]
        for block in encoder.blocks:
            x = block(x)
        return encoder.ln_post(x)

    def written(self, rows: Tensor, heard: Tensor) -> tuple[Tensor, list[tuple[nn.Module, Tensor]]]:
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
        # The last row counts as often as there are tokens behind it: so they are pushed down as one, and stay down.
        share = torch.zeros(logits.shape[-1])
        share[-1] = math.log(self.known.n_rest)
        return log_softmax(logits + share, dim=-1), asked


def batch_of(examples: list[Example], length: int | None = None) -> tuple[Tensor, ...]:
    """Return mel (n, 80, frames), positions, rows, targets, places (of 20 ms). What follows a sound is 0, as whisper.transcribe pads it."""
    frames = length or max(len(e.mel) for e in examples) // 2 * 2 + 2
    width = max(len(e.rows) for e in examples)
    mel = torch.zeros(len(examples), 80, frames)
    rows = torch.zeros(len(examples), width, dtype=torch.long)
    targets = torch.full((len(examples), width), -1)
    places = torch.full((len(examples), width), -1.0)
    for i, example in enumerate(examples):
        mel[i, :, : len(example.mel)] = torch.from_numpy(example.mel.T.copy())
        rows[i, : len(example.rows)] = torch.tensor(example.rows)
        targets[i, : len(example.targets)] = torch.tensor(example.targets)
        places[i, : len(example.places)] = torch.tensor(example.places) * 50
    positions = torch.tensor([min(e.position, 1_500 - frames // 2) for e in examples])
    return mel, positions, rows, targets, places


def _padded(examples: list[Example]) -> int:
    """Return the frames to pad to: a whole window, or, three times in four where that will do, part of one, for a third of the work.

    That nothing is said any more is learnt from either.
    """
    lengths = [len(e.mel) for e in examples]
    return _PART if max(lengths) <= _PART - 100 and sum(lengths) % 4 else WINDOW


def losses(learner: Learner, examples: list[Example], phase: Phase) -> tuple[Tensor, Tensor]:
    """Return the loss of what is written (0 where nothing is), and of the helper's phonemes."""
    mel, positions, rows, targets, places = batch_of(examples, _padded(examples) if phase.name == "long" else None)
    heard = learner.heard(mel, positions)
    if not phase.writes:
        return heard.new_zeros(()), _telling(learner, heard, examples)
    logs, asked = learner.written(rows, heard)
    sure = nll_loss(logs.flatten(0, 1), targets.flatten().clamp(min=-1), ignore_index=-1, reduction="sum")
    languages = torch.tensor([learner.known.language(name) for name in LANGUAGES])
    unsure = -logs[targets == UNSURE][:, : learner.known.n_text].mean(dim=-1).sum()
    torn = -logs[targets == UNSURE_LANGUAGE][:, languages].mean(dim=-1).sum()
    written = (sure + 0.3 * unsure + torn) / (targets != -1).sum()
    return written + phase.guide * _guidance(asked, heard, places), _telling(learner, heard, examples)


def _guidance(asked: list[tuple[nn.Module, Tensor]], heard: Tensor, places: Tensor) -> Tensor:
    """Return how little the guided heads look at where each word is said: without it, finding that out takes hours."""
    where = torch.arange(heard.shape[1])
    is_said = places >= 0
    is_far = (where - places[is_said][:, None]).abs() > _NEAR
    if not len(is_far):
        return heard.new_zeros(())
    size = DIMS.n_text_state // DIMS.n_text_head
    losses = []
    for attention, x in asked:
        for head in range(_N_GUIDED):
            part = slice(head * size, (head + 1) * size)
            fit = attention.query(x)[..., part] @ attention.key(heard)[..., part].transpose(1, 2) / math.sqrt(size)
            looks = log_softmax(fit, dim=-1)[is_said]
            losses.append(-looks.masked_fill(is_far, -torch.inf).logsumexp(dim=-1).mean())
    return torch.stack(losses).mean()


def _telling(learner: Learner, heard: Tensor, examples: list[Example]) -> Tensor:
    chosen = [i for i, e in enumerate(examples) if e.phonemes]
    if not chosen:
        return heard.new_zeros(())
    logs = log_softmax(learner.teller(heard[chosen]), dim=-1).transpose(0, 1)
    told = [examples[i].phonemes for i in chosen]
    lengths = torch.tensor([(len(examples[i].mel) + 1) // 2 for i in chosen])
    flat = torch.tensor([c for line in told for c in line])
    return ctc_loss(logs, flat, lengths, torch.tensor([len(line) for line in told]), zero_infinity=True)


class Run:
    """A training run with its checkpoint."""

    def __init__(self, folder: Path, n_threads: int) -> None:
        torch.manual_seed(1)
        self.n_threads, self.pool = n_threads, ThreadPoolExecutor(n_threads)
        self.file = folder / "checkpoint.pt"
        self.learner = Learner(table())
        self.mean = {name: value.clone() for name, value in self.learner.state_dict().items()}
        self.optimizer = torch.optim.AdamW(self.learner.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.step, self.seconds = 0, 0.0
        self.drawn: tuple[int, list[list[Example]]] = (-1, [])
        if self.file.exists():
            self._restore(torch.load(self.file, weights_only=True))

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
        before, told = self.seconds, np.zeros(2)
        self.drawn = (-1, [])
        while self.step < first_step + phase.n_steps:
            at = self.step - first_step
            told += self._one(phase, at, composer)
            self.step += 1
            self.seconds = before + time.monotonic() - began
            if self.step % 50 == 0:
                print(f"{phase.name} {at + 1} loss {told[0] / 50:.3f} phonemes {told[1] / 50:.3f} "
                      f"{self.seconds:.0f} s", flush=True)  # fmt: skip
                told = np.zeros(2)
            if time.monotonic() - saved > _SAVE_SECONDS:
                self.save()
                saved = time.monotonic()
        self.save()

    def _one(self, phase: Phase, at: int, composer: Composer) -> np.ndarray:
        examples = self._examples(phase, at, composer)
        self.optimizer.zero_grad()
        found = self.pool.map(partial(self._share, phase, len(examples)), _parts(examples, self.n_threads))
        told = np.sum(list(found), axis=0)
        nn.utils.clip_grad_norm_(self.learner.parameters(), 1.0)
        for group in self.optimizer.param_groups:
            group["lr"] = rate(phase, at)
        self.optimizer.step()
        with torch.no_grad():
            decay = min(_EMA, (self.step + 1) / (self.step + 20))
            torch._foreach_lerp_(list(self.mean.values()), list(self.learner.state_dict().values()), 1 - decay)
        return np.asarray(told)

    def _share(self, phase: Phase, n: int, examples: list[Example]) -> np.ndarray:
        """Add the gradients of a part of a step's n examples; return its share of the losses."""
        written, told = losses(self.learner, examples, phase)
        share = len(examples) / n
        ((written + phase.helper * told) * share).backward()
        return np.array([written.item(), told.item()]) * share

    def _examples(self, phase: Phase, at: int, composer: Composer) -> list[Example]:
        """Return a step's examples: drawn for some steps at once, so that each step gets those of like length."""
        number, place = divmod(at, _STEPS_AHEAD)
        if number != self.drawn[0]:
            draw = np.random.default_rng((number, phase.batch))
            make = getattr(composer, phase.name)
            found = sorted((make(draw) for _ in range(phase.batch * _STEPS_AHEAD)), key=lambda e: len(e.mel))
            groups = [found[i : i + phase.batch] for i in range(0, len(found), phase.batch)]
            self.drawn = number, [groups[i] for i in draw.permutation(len(groups))]
        return self.drawn[1][place]


def _parts(examples: list[Example], n: int) -> list[list[Example]]:
    """Return the examples in n parts of like length: each core works on one, without waiting for others at every step."""
    size = -(-len(examples) // n)
    return [examples[i : i + size] for i in range(0, len(examples), size)]


def rate(phase: Phase, at: int) -> float:
    """Return the learning rate of a step: a warm start, then half a cosine."""
    warm = 1.0 if phase.name == "long" else min(1.0, (at + 1) / _WARM_STEPS)
    return warm * (
        phase.last_rate + (phase.rate - phase.last_rate) * 0.5 * (1 + math.cos(math.pi * at / phase.n_steps))
    )


def main() -> None:
    """Train through both phases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--threads", type=int, default=os.cpu_count() or 1, help="fewer where others need the cores too"
    )
    given = parser.parse_args()
    torch.set_num_threads(1)  # of each part; sharing out every small product costs more than it saves
    run, composer = Run(given.folder, given.threads), Composer(Store(given.folder / "data"))
    first = 0
    for phase in PHASES:
        run.train(phase, first, composer)
        first += phase.n_steps


if __name__ == "__main__":
    main()
