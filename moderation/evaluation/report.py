"""The report on one or several systems over labelled texts: numbers as JSON, numbers and plots as one HTML file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt

from moderation.detection.text import CATEGORIES
from moderation.evaluation import measures, plots
from moderation.evaluation.labelled import Example, label_arrays

Scores = npt.NDArray[np.float32]
#: The cut that calibration aims at.
FAIR_CUT = 0.5
#: Any category but mild profanity.
_UNSAFE = [i for i, c in enumerate(CATEGORIES) if c != "profanity"]
#: Slices whose texts speak of groups without attacking them.
IDENTITY_SLICES = frozenset({"identity_neutral", "identity_proud", "reclaimed", "counter_speech", "quoting"})
#: Fewer texts than this make no slice of their own.
_MIN_SLICE = 8


@dataclass(frozen=True, slots=True)
class System:
    """What is compared: scores (n, 9), or one score (n,) of a system that only says "unsafe"."""

    name: str
    scores: Scores | None = None
    any_score: Scores | None = None
    note: str = ""
    thresholds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # category -> level -> threshold
    chosen: Mapping[str, float] = field(
        default_factory=dict
    )  # category -> threshold chosen for a stated recall, elsewhere

    def unsafe(self) -> Scores:
        """Return (n,) the largest score of any category but profanity."""
        if self.any_score is not None:
            return self.any_score
        if self.scores is None:
            raise ValueError(f"{self.name} has no scores")
        unsafe: Scores = self.scores[:, _UNSAFE].max(1)
        return unsafe


def is_unsafe(examples: Sequence[Example]) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return whether each text is unsafe at all, and whether that is known."""
    found = [e.is_unsafe for e in examples]
    return np.array([f is True for f in found], bool), np.array([f is not None for f in found], bool)


def measure_system(examples: Sequence[Example], systems: Sequence[System], **facts: Any) -> dict[str, Any]:
    """Return the report as JSON-ready values; `facts` (versions, data, latency) go in as they are."""
    return {
        "n": len(examples),
        "facts": facts,
        "sources": {s: sum(e.source == s for e in examples) for s in sorted({e.source for e in examples})},
        "systems": [{"name": s.name, "note": s.note, **_of_system(examples, s)} for s in systems],
    }


def _of_system(examples: Sequence[Example], system: System) -> dict[str, Any]:
    unsafe, known = is_unsafe(examples)
    found: dict[str, Any] = {"any": _of(unsafe[known], system.unsafe()[known], {}, None)}
    if system.scores is None:
        return found | {"slices": _slices(examples, system)}
    holds, knows = label_arrays(examples)
    found["categories"] = {
        c: _of(holds[knows[:, i], i], system.scores[knows[:, i], i], system.thresholds.get(c, {}), system.chosen.get(c))
        for i, c in enumerate(CATEGORIES)
    }
    return found | {"slices": _slices(examples, system), "languages": _languages(examples, system)}


def _of(y: npt.NDArray[np.bool_], p: Scores, thresholds: Mapping[str, float], chosen: float | None) -> dict[str, Any]:
    cuts = {"fair": FAIR_CUT, **thresholds, **({} if chosen is None else {"chosen": chosen})}
    precision, recall, _ = measures.precision_recall(y, p) if y.any() else (np.zeros(0), np.zeros(0), np.zeros(0))
    return {
        "n": len(y),
        "n_positive": int(y.sum()),
        "ap": _r(measures.average_precision(y, p)),
        "calibration_error": _r(measures.calibration_error(y, p)),
        "at": {
            name: {
                "threshold": _r(cut),
                "recall": _r(measures.recall_at(y, p, cut)),
                "precision": _r(measures.precision_at(y, p, cut)),
                "f1": _r(measures.f1_at(y, p, cut)),
                "harmless_flagged": _r(float((p[~y] >= cut).mean()) if (~y).any() else math.nan),
            }
            for name, cut in cuts.items()
        },
        "curve": plots.thin(recall, precision),
        "reliability": [[_r(b.score), _r(b.share), b.n] for b in measures.reliability(y, p)],
    }


def _slices(examples: Sequence[Example], system: System) -> dict[str, Any]:
    """Return, for each slice of harmless texts, the share left alone at the fair cut."""
    scores = system.unsafe()
    found: dict[str, Any] = {}
    for name in sorted({e.slice for e in examples if e.slice}):
        rows = np.array([e.slice == name and e.is_unsafe is False for e in examples], bool)
        if rows.sum() >= _MIN_SLICE:
            found[name] = {"n": int(rows.sum()), "left_alone": _r(measures.share_left_alone(scores[rows], FAIR_CUT))}
    identity = np.array([e.slice in IDENTITY_SLICES and e.is_unsafe is False for e in examples], bool)
    if identity.any():
        left = measures.share_left_alone(scores[identity], FAIR_CUT)
        found["identity, counter-speech and quoting together"] = {"n": int(identity.sum()), "left_alone": _r(left)}
    return found


def _languages(examples: Sequence[Example], system: System) -> dict[str, Any]:
    unsafe, known = is_unsafe(examples)
    scores = system.unsafe()
    found: dict[str, Any] = {}
    for language in sorted({e.language for e in examples}):
        rows = known & np.array([e.language == language for e in examples], bool)
        if rows.sum() >= _MIN_SLICE and unsafe[rows].any():
            y, p = unsafe[rows], scores[rows]
            found[language] = {
                "n": int(rows.sum()),
                "ap": _r(measures.average_precision(y, p)),
                "recall": _r(measures.recall_at(y, p, FAIR_CUT)),
                "harmless_flagged": _r(float((p[~y] >= FAIR_CUT).mean()) if (~y).any() else math.nan),
            }
    return found


def _r(value: float) -> float | None:
    return None if math.isnan(value) else round(float(value), 4)


# --- HTML --------------------------------------------------------------------------------------------------------

_STYLE = """
:root{color-scheme:light dark;--line:#8885;--ink:#3b6ea8;--two:#b0562e}
body{font:15px/1.45 system-ui,sans-serif;max-width:76rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:.6rem 0 1.4rem;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .7rem;border-bottom:1px solid var(--line);text-align:right}
th:first-child,td:first-child{text-align:left}
figure{display:inline-block;margin:.4rem 1rem .8rem 0}figcaption{font-size:.85rem}
.wide{overflow-x:auto}small{opacity:.75}
"""


def as_html(report: Mapping[str, Any], title: str) -> str:
    """Return one self-contained page."""
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(title)}</title>",
        f"<meta name=viewport content='width=device-width'><style>{_STYLE}</style><h1>{escape(title)}</h1>",
        f"<p>{report['n']:,} texts. {escape('; '.join(f'{k}: {v:,}' for k, v in report['sources'].items()))}.</p>",
        _facts(report["facts"]),
        "<h2>Any unsafe category</h2>",
        _table(
            ["system", "AP", "recall at 0.5", "precision", "F1", "harmless flagged"],
            [[s["name"], s["any"]["ap"], *_at(s["any"], "fair")] for s in report["systems"]],
        ),
    ]
    parts += [_system(system) for system in report["systems"]]
    return "\n".join(parts) + "\n</html>\n"


def _facts(facts: Mapping[str, Any]) -> str:
    return _table(["", ""], [[k.replace("_", " "), str(v)] for k, v in facts.items()]) if facts else ""


def _at(found: Mapping[str, Any], cut: str) -> list[Any]:
    at = found["at"][cut]
    return [at["recall"], at["precision"], at["f1"], at["harmless_flagged"]]


def _system(system: Mapping[str, Any]) -> str:
    parts = [f"<h2>{escape(system['name'])}</h2>", f"<p><small>{escape(system['note'])}</small></p>"]
    categories = system.get("categories", {})
    if categories:
        head = [
            "category",
            "texts",
            "positive",
            "AP",
            "recall at 0.5",
            "precision",
            "F1",
            "harmless flagged",
            "calibration error",
        ]
        rows = [
            [c, f["n"], f["n_positive"], f["ap"], *_at(f, "fair"), f["calibration_error"]]
            for c, f in categories.items()
        ]
        parts += [_table(head, rows), _policy(categories)]
        parts += [plots.figure(c, f["curve"], f["reliability"]) for c, f in categories.items() if f["n_positive"]]
    if system.get("languages"):
        rows = [[k, v["n"], v["ap"], v["recall"], v["harmless_flagged"]] for k, v in system["languages"].items()]
        parts += [
            "<h3>By language</h3>",
            _table(["language", "texts", "AP", "recall at 0.5", "harmless flagged"], rows),
        ]
    if system.get("slices"):
        rows = [[k, v["n"], v["left_alone"]] for k, v in system["slices"].items()]
        parts += ["<h3>Harmless texts left alone at 0.5</h3>", _table(["slice", "texts", "left alone"], rows)]
    return "\n".join(parts)


def _policy(categories: Mapping[str, Any]) -> str:
    rows = [
        [c, name, at["threshold"], at["recall"], at["precision"], at["f1"], at["harmless_flagged"]]
        for c, f in categories.items()
        for name, at in f["at"].items()
        if name != "fair"
    ]
    if not rows:
        return ""
    head = ["category", "level", "threshold", "recall", "precision", "F1", "harmless flagged"]
    return "<h3>At the policy's thresholds</h3>" + _table(head, rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    cells = "".join(f"<th>{escape(h)}</th>" for h in head)
    body = "".join("<tr>" + "".join(f"<td>{_cell(v)}</td>" for v in row) + "</tr>" for row in rows)
    return f"<div class=wide><table><tr>{cells}</tr>{body}</table></div>"


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return (
        f"{value:.3f}" if isinstance(value, float) else escape(f"{value:,}" if isinstance(value, int) else str(value))
    )
