"""The report that ships with the model: held-out sources only, three comparisons in the same run, spelling tricks, latency.

Writes report.html and report.json beside the weights; the model card quotes them.
"""

import argparse
import json
import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import django
import numpy as np

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
os.environ.setdefault("ENVIRONMENT", "test")  # nothing secret is needed here
django.setup()

from moderation.detection.model_store import Source
from moderation.detection.text import CATEGORIES
from moderation.detection.text.loading import WEIGHTS
from moderation.detection.text.model import SHIPPED
from moderation.evaluation.labelled import label_arrays
from moderation.evaluation.report import FAIR_CUT, as_html, is_unsafe, measure_system
from moderation.evaluation.scoring import TextEnsemble
from moderation.evaluation.systems import choose_thresholds, latency, parts, texts_of
from training.augment import TRICKS
from training.baselines import alt_profanity_check, tfidf
from training.calibrate import tuning_texts
from training.examples import HELDOUT, Example, written
from training.sources import public

#: Thresholds of the report are chosen on the tuning split for this recall.
_RECALL = 0.8


def held_out(data: Path) -> list[Example]:
    """Return every text of the held-out sources."""
    return list(written(HELDOUT)) + public(data, is_held_out=True)


def tricks(ensemble: TextEnsemble, examples: Sequence[Example]) -> dict[str, Any]:
    """Return the recall on unsafe English texts at the fair cut, as written and under each spelling trick."""
    unsafe, _ = is_unsafe(examples)
    chosen = [
        e
        for e, bad in zip(examples, unsafe, strict=True)
        if bad and e.language == "en" and e.source.startswith("heldout")
    ]
    found = {"as written": _recall(ensemble, chosen)}
    for name, change in TRICKS.items():
        draw = random.Random(name)
        changed = [Example(change(e.text, draw), e.labels, e.language, e.source) for e in chosen]
        found[name] = _recall(ensemble, changed)
    tricked = [v for k, v in found.items() if k != "as written"]
    return {"n": len(chosen), **found, "mean under tricks": round(float(np.mean(tricked)), 4)}


def _recall(ensemble: TextEnsemble, examples: Sequence[Example]) -> float:
    scores = ensemble.score(texts_of(examples)).fused
    keep = [i for i, c in enumerate(CATEGORIES) if c != "profanity"]
    return round(float((scores[:, keep].max(1) >= FAIR_CUT).mean()), 4)


def main() -> None:
    """Measure and write."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=Path(os.environ.get("GATEHOUSE_DATA", "../shared/data")))
    asked.add_argument("--model", type=Path, default=SHIPPED)
    asked.add_argument("--out", type=Path, default=Path("docs/models/text"))
    given = asked.parse_args()
    ensemble = TextEnsemble.load(Source(WEIGHTS, given.model))
    examples = held_out(given.data)
    chosen = choose_thresholds(ensemble, tuning_texts(given.data), _RECALL)
    texts = [e.text for e in examples]
    systems = [*parts(ensemble, examples, {}, chosen), tfidf(given.data, texts), alt_profanity_check(texts)]
    own = [e for e in examples if e.source.startswith("heldout")]
    rows = np.array([e.source.startswith("heldout") for e in examples])
    written_only = [_of_rows(s, rows) for s in systems]
    report = measure_system(
        examples, systems, model=ensemble.classifier.version, thresholds_chosen_for_recall=_RECALL,
        latency_ms_one_thread=latency(ensemble, own), spelling_tricks_recall=tricks(ensemble, examples),
    )  # fmt: skip
    report["written_only"] = measure_system(own, written_only)
    _check(examples)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "report.json").write_text(json.dumps(report, indent=1) + "\n")
    (given.out / "report.html").write_text(as_html(report, "The shipped text ensemble on held-out sources"))
    (given.out / "report_written.html").write_text(
        as_html(report["written_only"], "The same, on the held-out written texts alone")
    )
    _print(report)


def _of_rows(system: Any, rows: Any) -> Any:
    from dataclasses import replace

    scores = None if system.scores is None else system.scores[rows]
    return replace(system, scores=scores, any_score=None if system.any_score is None else system.any_score[rows])


def _check(examples: Sequence[Example]) -> None:
    holds, _ = label_arrays(examples)
    for i, category in enumerate(CATEGORIES):
        if not holds[:, i].any():
            raise RuntimeError(f"The held-out sources have no text of {category}.")


def _print(report: dict[str, Any]) -> None:
    for name, part in (("all held-out sources", report), ("held-out written texts", report["written_only"])):
        print(f"== {name}: {part['n']} texts")
        for system in part["systems"]:
            print(f"{system['name']:<30} any {system['any']['ap']} {system['any']['at']['fair']}")
            for category, found in system.get("categories", {}).items():
                print(f"    {category:<16} AP {found['ap']} ({found['n_positive']}/{found['n']}) {found['at']['fair']}")
    print(json.dumps(report["facts"], indent=1))
    for name, found in report["written_only"]["systems"][0]["slices"].items():
        print(f"  {name:<40} {found}")


if __name__ == "__main__":
    main()
