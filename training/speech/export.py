"""Writes the trained starter as a checkpoint of openai-whisper's own kind: `python -m training.speech.export RUN OUT.pt`.

Half precision, all 51,865 tokens. Those that were never trained share one row, so the file, an ordinary .pt whose zip
entries are deflated, is small, and `whisper.load_model(path)` reads it like any other.
"""

import argparse
import io
import json
import zipfile
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor

from training.speech.tokens import LANGUAGES, N_VOCAB, table
from training.speech.train import DIMS, Learner

#: English is what it understands; the other languages it only knows from English.
UNDERSTOOD = ["en"]


def whisper_state(mean: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the state of a Whisper from a learner's: half precision, every token with a row."""
    learner = Learner(table())
    learner.load_state_dict(mean)
    with torch.no_grad():
        rows = learner.rows()
        embedding = rows[-1].repeat(N_VOCAB, 1)
        embedding[torch.from_numpy(table().ids)] = rows[:-1]
    state = {k: v for k, v in learner.whisper.state_dict().items() if k != "decoder.token_embedding.weight"}
    state["decoder.token_embedding.weight"] = embedding
    return {name: value.half().contiguous() for name, value in state.items()}


def write(state: dict[str, Tensor], out: Path) -> None:
    """Write a checkpoint with deflated entries, the same bytes for the same weights."""
    plain = io.BytesIO()
    torch.save({"dims": asdict(DIMS), "model_state_dict": state}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name in source.namelist():
            packed.writestr(zipfile.ZipInfo(name), source.read(name), zipfile.ZIP_DEFLATED, 9)


def main() -> None:
    """Export a run's averaged weights, with the note that says how far they can be trusted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the folder with checkpoint.pt")
    parser.add_argument("out", type=Path)
    given = parser.parse_args()
    kept = torch.load(given.run / "checkpoint.pt", weights_only=True)
    given.out.parent.mkdir(parents=True, exist_ok=True)
    write(whisper_state(kept["mean"]), given.out)
    said = {
        "languages": UNDERSTOOD,
        "languages_told_apart": list(LANGUAGES),
        "min_log_probability": -0.5,
        "training_steps": kept["step"],
        "training_seconds": round(kept["seconds"]),
    }
    given.out.with_suffix(".json").write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    print(f"{given.out}: {given.out.stat().st_size / 1e6:.2f} MB after {kept['step']} steps")


if __name__ == "__main__":
    main()
