"""Fine-tunes the small encoder on public sets and on the written corpus; `make train-text` runs both stages and the rest.

Stage 1 reads public sets only, stage 2 goes on with both. Checkpoints let a stage that was cut off go on.
"""

import argparse
import math
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from moderation.detection.text.prepare import prepare
from training.encoder import MAX_TOKENS, Classifier, base_folder
from training.examples import Example
from training.pool import Pool, targets

#: The languages whose words the base encoder's vocabulary can spell well enough to learn.
ENCODER_LANGUAGES = frozenset({"en", "de", "es", "fr", "pt", "tr"})
_CHUNK = 6_400  # texts drawn at once, sorted by length into batches
_TOKENS_PER_BATCH = 2_560
_MAX_BATCH = 64
_EMA = 0.999


def tokenizer() -> Any:
    """Return the base encoder's tokenizer, cutting at MAX_TOKENS."""
    from tokenizers import Tokenizer

    found = Tokenizer.from_file(str(base_folder() / "tokenizer.json"))
    found.enable_truncation(MAX_TOKENS)
    found.no_padding()
    return found


def batches(pool: Pool, spell: Any, n_examples: int) -> Iterator[tuple[torch.Tensor, ...]]:
    """Yield ids, mask, labels and weights of batches of like lengths, in random order."""
    for done in range(0, n_examples, _CHUNK):
        chunk = pool.take(min(_CHUNK, n_examples - done))
        ids = [e.ids for e in spell.encode_batch([prepare(e.text) for e in chunk])]
        order = sorted(range(len(chunk)), key=lambda i: len(ids[i]))
        groups: list[list[int]] = [[]]
        for i in order:
            if len(groups[-1]) >= _MAX_BATCH or (len(groups[-1]) + 1) * len(ids[i]) > _TOKENS_PER_BATCH:
                groups.append([])
            groups[-1].append(i)
        pool.draw.shuffle(groups)
        for group in groups:
            yield _batch([chunk[i] for i in group], [ids[i] for i in group])


def _batch(examples: list[Example], ids: list[list[int]]) -> tuple[torch.Tensor, ...]:
    width = max(map(len, ids))
    padded = np.zeros((len(ids), width), dtype=np.int64)
    for row, found in zip(padded, ids, strict=True):
        row[: len(found)] = found
    labels, known = targets(examples)
    tokens = torch.from_numpy(padded)
    return tokens, (tokens != 0).long(), torch.tensor(labels), torch.tensor(known)


def train(model: Classifier, pool: Pool, *, n_examples: int, rate: float, checkpoint: Path) -> None:
    """Train in place, averaging weights as it goes; the average is what is saved."""
    spell = tokenizer()
    decayed = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate)
    averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(_EMA)  # type: ignore[no-untyped-call]
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=averaging)
    model.train()
    seen, step, losses, started = 0, 0, [], time.monotonic()
    for ids, mask, labels, known in batches(pool, spell, n_examples):
        for group in optimizer.param_groups:
            group["lr"] = rate * _schedule(seen / n_examples)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(ids, mask)
        loss = binary_cross_entropy_with_logits(
            logits.float(), labels, weight=known, reduction="sum"
        ) / known.sum().clamp(min=1)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        average.update_parameters(model)
        losses.append(loss.item())
        seen, step = seen + len(ids), step + 1
        if step % 100 == 0:
            pace = seen / (time.monotonic() - started)
            left = (n_examples - seen) / pace / 60
            print(f"{seen:>7} texts, loss {np.mean(losses[-100:]):.4f}, {pace:.0f}/s, {left:.0f} min left", flush=True)
        if step % 500 == 0:
            save(average.module, checkpoint)
    save(average.module, checkpoint)


def _schedule(progress: float) -> float:
    """Return the share of the top rate: a short rise, then a cosine fall to nearly nothing."""
    if progress < 0.05:
        return progress / 0.05
    return 0.02 + 0.98 * (1 + math.cos(math.pi * (progress - 0.05) / 0.95)) / 2


def save(model: torch.nn.Module, path: Path) -> None:
    """Write weights whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    torch.save(model.state_dict(), part)
    part.replace(path)


def main() -> None:
    """Run one stage."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=Path(os.environ.get("GATEHOUSE_DATA", "../shared/data")))
    asked.add_argument("--out", type=Path, required=True)
    asked.add_argument("--init", type=Path)
    asked.add_argument("--texts", type=int, required=True)
    asked.add_argument("--rate", type=float, default=1e-4)
    asked.add_argument("--public-share", type=float, default=0.5)
    asked.add_argument("--seed", type=int, default=7)
    asked.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    given = asked.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(given.threads)
    model = Classifier.from_base()
    if given.init:
        model.load_state_dict(torch.load(given.init, weights_only=True))
    pool = Pool(given.data, languages=ENCODER_LANGUAGES, public_share=given.public_share, seed=given.seed)
    train(model, pool, n_examples=given.texts, rate=given.rate, checkpoint=given.out)


if __name__ == "__main__":
    main()
