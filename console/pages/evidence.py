"""Evidence in words and bars for people: pure functions over findings, reasons and decisions."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from console.pages.labels import detector_name
from moderation.models import Decision, Finding
from policies.choices import Outcome
from policies.decision.compiled import CLAIM_SLOTS, CompiledPolicy

#: Width of a score bar in its own units; a score of 1 fills it.
BAR_WIDTH = 100

WHY = {
    "not_configured": "no model is set up for it",
    "unsupported": "it cannot judge this language or kind",
    "late": "it did not answer in time",
    "failed": "it failed",
    "pending": "it has not run yet",
    "open_circuit": "it keeps failing, so it was not asked",
    "uncertain": "it could not tell: too much of it was not understood",
}


#: Category -> (what follows, from which score), mildest first.
Levels = Mapping[str, Sequence[tuple[str, float]]]
LEVEL_NAMES = ("restrict to 13", "restrict to 16", "restrict to 18", "escalate", "block")

#: What `where_words` says in words of its own; anything else it tells by name. A line of text repeats its hit.
_TOLD = frozenset(
    {"bank", "entry", "algorithm", "distance", "role", "quality", "field", "source", "text", "span", "line", "box",
     "frame_ms", "until_ms", "start_ms", "end_ms", "at_ms", "segment", "n_segments", "n_frames", "n_frames_seen", "parts",
     "prompt", "peak_ms", "clip", "clip_key", "share_known", "share_seen", "offset_ms", "run_from_ms", "run_until_ms",
     "n_frames_run", "median_distance"}
)  # fmt: skip


#: A known clip that begins so much later or earlier than here was cut or put into another one.
_SHIFT_WORTH_TELLING_MS = 500


@dataclass(frozen=True, slots=True)
class Bar:
    """A score and the threshold that tells most: the strictest it reached, else the next it would. Lengths in 0..BAR_WIDTH."""

    score: float
    width: float
    threshold: float | None
    tick: float | None
    level: str
    is_over: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One finding as the evidence card shows it."""

    category: str
    detector: str
    bar: Bar
    hard: str
    where: str
    version: str
    entry: str  # the key of the known hash that was met, empty where it is none
    is_new: bool = False  # it was not on the page that somebody decided on


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of caption; `hit` names what was found there, empty where nothing was."""

    text: str
    hit: str


def bar_of(score: float, levels: Sequence[tuple[str, float]]) -> Bar:
    """Return the bar of a score in [0, 1] against its category's thresholds."""
    reached = [level for level in levels if score >= level[1]]
    told = reached[-1:] or levels[:1]
    width = round(score * BAR_WIDTH, 1)
    if not told:
        return Bar(score, width, None, None, "", is_over=False)
    name, threshold = told[0]
    return Bar(score, width, threshold, round(threshold * BAR_WIDTH, 1), name, is_over=bool(reached))


#: What tells findings apart: a score that moved is another finding, since it may cross a threshold.
Mark = tuple[str, str, int | None, float, str]


def mark_of(finding: Finding) -> Mark:
    """Return what tells a finding from others of the same item, whichever decision cites it."""
    where = json.dumps(finding.where, sort_keys=True)
    return finding.detector, finding.category, finding.hard, round(finding.score, 2), where


def rows_of(
    findings: Iterable[Finding], levels: Levels, names: Mapping[str, str], known: Collection[Mark] | None = None
) -> list[Row]:
    """Return the findings, strongest first, each against the thresholds of its category.

    Args:
        names: category slug -> name.
        known: what an earlier page showed, where others are to be marked as new.
    """
    ordered = sorted(findings, key=lambda f: (-(f.hard or 0), -f.score))
    return [_row(f, levels, names, known is not None and mark_of(f) not in known) for f in ordered]


def split_at_lines(rows: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Return the findings that reached a line, and the others; what is new since an earlier page is never among the others."""
    over: list[Row] = []
    under: list[Row] = []
    for row in rows:
        (over if row.bar.is_over or row.hard or row.is_new else under).append(row)
    return over, under


def _row(finding: Finding, levels: Levels, names: Mapping[str, str], is_new: bool) -> Row:
    return Row(
        category=names.get(finding.category, finding.category),
        detector=detector_name(finding.detector),
        bar=bar_of(finding.score, levels.get(finding.category, ())),
        hard=Outcome(finding.hard).label if finding.hard else "",
        where=where_words(finding.where),
        version=finding.detector_version,
        entry=_entry(finding.where),
        is_new=is_new,
    )


def _entry(where: Mapping[str, Any]) -> str:
    """Return the public key of a known hash; older findings and made-up ones may name it otherwise."""
    try:
        return str(UUID(str(where.get("entry", ""))))
    except ValueError:
        return ""


def levels_under(policy: CompiledPolicy, context: Mapping[str, Any]) -> dict[str, list[tuple[str, float]]]:
    """Return the thresholds per category that a policy holds an item of this context to.

    Args:
        context: as decisions store it: market, language, claim; what is absent counts as unknown.
    """
    market, language = policy.market_index(context.get("market")), policy.language_index(context.get("language"))
    # The last slot of each axis is "unknown", which is where index -1 points.
    profiles = policy.profile_of.reshape(len(policy.markets) + 2, len(policy.languages) + 2, CLAIM_SLOTS)
    table = policy.thresholds[profiles[market, language, context.get("claim") or 0]]
    return {category: _levels(table[:, c, 0].tolist()) for c, category in enumerate(policy.categories)}


def _levels(at: Sequence[float]) -> list[tuple[str, float]]:
    """Return the levels that can be reached; of several at one score, only the strictest follows."""
    names = {score: name for score, name in zip(at, LEVEL_NAMES, strict=True) if score <= 1}
    return [(name, score) for score, name in names.items()]


def levels_in(reasons: Iterable[Mapping[str, Any]]) -> dict[str, list[tuple[str, float]]]:
    """Return the thresholds that a decision's own reasons name."""
    return {
        r["category"]: [(str(r.get("rule", "")).partition(".")[0].replace("_", " to "), float(r["threshold"]))]
        for r in reasons
        if r.get("category") and r.get("threshold") is not None
    }


def where_words(where: Mapping[str, Any]) -> str:
    """Return where something was found, as words."""
    words = [
        _bank(where),
        _clip(where),
        _prompt(where),
        _text(where),
        _parts(where),
        _moment(where),
        _describe_seen(where),
    ]
    words.append(_counts(where))
    return ", ".join(word for word in words if word)


def _bank(where: Mapping[str, Any]) -> str:
    if "bank" not in where:
        return ""
    distance = where.get("distance")
    how = "same bytes" if where.get("algorithm") == "sha256" else f"distance {distance} of 31"
    role = {"media": "the file", "cover": "the cover"}.get(str(where.get("role", "")), "")
    return f"matches bank {where['bank']} ({how})" + (f", {role}" if role else "")


def _clip(where: Mapping[str, Any]) -> str:
    """Return how much of which known clip is in there, and how it lies."""
    if not where.get("clip"):
        return ""
    share, shift = float(where.get("share_known", 0.0)), int(where.get("offset_ms", 0))
    run = f"{clock(int(where.get('run_from_ms', 0)))} to {clock(int(where.get('run_until_ms', 0)))}"
    words = f"{share:.0%} of the known clip “{where['clip']}”, longest run {run}"
    if abs(shift) < _SHIFT_WORTH_TELLING_MS:
        return words
    return f"{words}, {clock(abs(shift))} {'later' if shift > 0 else 'earlier'} here than in it"


def _prompt(where: Mapping[str, Any]) -> str:
    return f"looks like “{where['prompt']}”" if where.get("prompt") else ""


def _parts(where: Mapping[str, Any]) -> str:
    """Return what each part of a fused score says alone."""
    parts = where.get("parts")
    return ", ".join(f"{name} {p:.2f}" for name, p in parts.items()) if isinstance(parts, Mapping) else ""


def _moment(where: Mapping[str, Any]) -> str:
    start = where.get("frame_ms", where.get("start_ms"))
    if start is None:
        return ""
    end = where.get("until_ms", where.get("end_ms", start))
    return f"from {clock(int(start))} to {clock(int(end))}" if end > start else f"at {clock(int(start))}"


def _describe_seen(where: Mapping[str, Any]) -> str:
    return f"seen in {where['n_frames_seen']} of {where['n_frames']} frames" if where.get("n_frames_seen") else ""


def _text(where: Mapping[str, Any]) -> str:
    if not where.get("text"):
        return ""
    place = {"caption": "in the caption", "ocr": "written in the picture", "speech": "said in the sound"}
    return f"“{where['text']}” {place.get(str(where.get('field') or where.get('source')), '')}".strip()


def _counts(where: Mapping[str, Any]) -> str:
    """Whatever else a detector tells, by its own names: counts, hosts, rules."""
    rest = {name: value for name, value in where.items() if name not in _TOLD and value not in ("", None, [], {})}
    return ", ".join(_count(name, value) for name, value in rest.items())


def _count(name: str, value: Any) -> str:
    if name == "why":
        return _plain(value)
    if name.startswith("n_"):
        return f"{value} {name.removeprefix('n_').replace('_', ' ')}"
    return f"{name.replace('_', ' ')}: {_plain(value)}"


def _plain(value: Any) -> str:
    return ", ".join(str(v) for v in value) if isinstance(value, list | tuple) else str(value)


def clock(milliseconds: int) -> str:
    """Return a position in a clip as m:ss.t."""
    tenths = max(milliseconds, 0) // 100
    return f"{tenths // 600}:{tenths % 600 // 10:02}.{tenths % 10}"


def rule_words(rule: str, names: Mapping[str, str]) -> str:
    """Return what a rule's name says, as a sentence without its full stop."""
    family, _, rest = rule.partition(".")
    name = names.get(rest, rest.replace("_", " "))
    if family == "missing":
        return f"“{detector_name(rest)}” gave no answer, so a machine may not clear it"
    if family == "hard":
        return f"Hard evidence for {name}: a match against a bank, or a word that always counts"
    if family in {"escalate", "block"} or family.startswith("restrict_"):
        return f"The score for {name} reached the threshold to {family.replace('_', ' to ')}"
    return rule.replace(".", ": ").replace("_", " ")


def reason_words(reason: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """Return one stored reason as a sentence without its full stop: the rule's own detail where it says more."""
    rule, score, threshold = str(reason.get("rule", "")), reason.get("score"), reason.get("threshold")
    if score is not None and threshold is not None:
        return f"{rule_words(rule, names)} ({score:.2f} against {threshold:.2f})"
    own_words = rule.partition(".")[0] in {"age", "claim", "territory", "standing", "language", "campaign"}
    return str(reason.get("detail")) if own_words and reason.get("detail") else rule_words(rule, names)


def missing_words(decision: Decision | None, policy: CompiledPolicy | None) -> list[tuple[str, str]]:
    """Return (detector, why in words) for each detector that the policy asks for this kind and that gave no answer."""
    if decision is None:
        return []
    missing: Mapping[str, str] = decision.evidence.get("missing", {})
    kind = decision.evidence.get("context", {}).get("kind", -1)
    asked = {name: why for name, why in missing.items() if policy is None or policy.counts(name, kind)}
    return [(detector_name(name), WHY.get(why, why)) for name, why in sorted(asked.items())]


def caption_parts(caption: str, findings: Iterable[Finding], names: Mapping[str, str]) -> list[Part]:
    """Cut a caption at the spans of its hits, so that a template can mark them; spans that overlap become one."""
    parts: list[Part] = []
    at = 0
    for start, end, hit in _merge(_spans(findings, len(caption), names)):
        if start > at:
            parts.append(Part(caption[at:start], ""))
        parts.append(Part(caption[start:end], hit))
        at = end
    if at < len(caption):
        parts.append(Part(caption[at:], ""))
    return parts


def _spans(findings: Iterable[Finding], length: int, names: Mapping[str, str]) -> list[tuple[int, int, str]]:
    spans = []
    for finding in findings:
        span = finding.where.get("span")
        if finding.where.get("field") == "caption" and _is_span(span, length):
            spans.append((span[0], span[1], names.get(finding.category, finding.category)))
    return sorted(spans)


def _is_span(span: Any, length: int) -> bool:
    return isinstance(span, list | tuple) and len(span) == 2 and 0 <= span[0] < span[1] <= length


def _merge(spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    merged: list[tuple[int, int, str]] = []
    for start, end, hit in spans:
        if merged and start < merged[-1][1]:
            first, last, before = merged[-1]
            merged[-1] = (first, max(last, end), before if hit in before else f"{before}, {hit}")
        else:
            merged.append((start, end, hit))
    return merged
