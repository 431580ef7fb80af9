"""The one reason of a job as a person would say it: from the rule that opened it and the findings behind it. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from console.pages.evidence import WHY, Levels, bar_of, reason_words, rule_words
from moderation.items.timeline import Timed, moment_of
from moderation.verdict.routing import AUDIT_REASON, REPORT_REASON
from policies.choices import Outcome

#: What a detector looks at, as the subject of "could not be checked".
LOOKED_AT = {
    "hashes": "Whether the file is known",
    "terms": "The words of the caption",
    "text": "What the caption means",
    "links": "Where its links lead",
    "history": "What else the creator uploads",
    "frames": "Whether a known clip is in there",
    "ocr": "What is written in the picture",
    "speech": "What is said",
    "vision": "What the picture shows",
}
_SCORED = {"escalate", "block", "restrict_13", "restrict_16", "restrict_18"}
_OWN_WORDS = {"age", "claim", "territory", "standing", "language", "unlabelled"}
#: How the reasons begin that are a person's words or another subject's, and what they say.
_ESCALATED, _NEW_EVIDENCE, _DEAD = "Escalated: ", "New hard evidence after a decision", "Could not be examined"
_QUOTE = 120
#: What says where in a clip a finding begins, the most exact first.
_TIMES = ("run_from_ms", "at_ms", "start_ms", "frame_ms")


class Flag(Protocol):
    """A report, as far as the sentence tells it."""

    category: str
    is_trusted_flagger: bool


@dataclass(frozen=True, slots=True)
class Reason:
    """The sentence, and where in the clip it points; `at_ms` is None where it points at no moment."""

    text: str
    at_ms: int | None = None


def say_reason(
    *,
    rule: str,
    category: str,
    findings: Sequence[Timed],
    reasons: Iterable[Mapping[str, Any]],
    levels: Levels,
    names: Mapping[str, str],
    reports: Sequence[Flag] = (),
    missing: Mapping[str, str] | None = None,
    is_still: bool = False,
) -> Reason:
    """Return the reason of a job in one sentence.

    Args:
        rule: why the job was opened: a rule of the policy, or a reason of people's.
        category: slug of what the job is about.
        findings: of the decision that the page shows.
        reasons: that decision's own, which know the fused score and the threshold it met.
        names: category slug -> name.
        missing: detector -> why it gave no answer.
        is_still: nothing of the item has a time, whatever a detector says.
    """
    if is_still:
        findings = [_timeless(f) for f in findings]
    family, _, rest = rule.partition(".")
    told = next((r for r in reasons if r.get("rule") == rule), {})
    if family in _SCORED or family == "hard":
        return _found(family, rest or category, findings, told, levels, names) or Reason(f"{rule_words(rule, names)}.")
    if rule == _NEW_EVIDENCE:
        best = _found("hard", category, findings, {}, levels, names)
        return Reason(f"New after a person's decision. {best.text}", best.at_ms) if best else Reason(f"{rule}.")
    if rule.startswith(REPORT_REASON):
        return Reason(_reported(category, reports, names))
    if family == "missing":
        return Reason(_unchecked(rest, missing or {}))
    if family in _OWN_WORDS and told:
        return Reason(f"{reason_words(told, names)}.")
    return Reason(_other(rule, names))


@dataclass(slots=True)
class _Found:
    """A finding without the times that a still has not."""

    detector: str
    category: str
    score: float
    hard: Any
    where: Mapping[str, Any]


def _timeless(finding: Timed) -> Timed:
    where = {name: value for name, value in finding.where.items() if name not in _TIMES}
    return _Found(finding.detector, finding.category, finding.score, finding.hard, where)


def _other(rule: str, names: Mapping[str, str]) -> str:
    if rule.startswith("campaign."):
        return "One of many near-identical captions that came within minutes; people decide on them together."
    if rule.startswith(_ESCALATED):
        return f"A reviewer passed it on: “{rule.removeprefix(_ESCALATED)}”"
    if rule.startswith(AUDIT_REASON):
        return "Drawn at random, to see whether the machines are right."
    if rule.startswith(_DEAD):
        return "The machines failed on it again and again, so nothing of it was checked."
    return f"{rule_words(rule, names)}."


def _unchecked(detector: str, missing: Mapping[str, str]) -> str:
    what = LOOKED_AT.get(detector, detector)
    why = missing.get(detector, "")
    return f"{what} could not be checked" + (f" ({WHY.get(why, why)})." if why else ".")


def _reported(category: str, reports: Sequence[Flag], names: Mapping[str, str]) -> str:
    """Return who said so: how many, and how many of them are known to be usually right."""
    about = [r for r in reports if r.category == category] or list(reports)
    if not about:
        return "Somebody reported it."
    n, n_trusted = len(about), sum(r.is_trusted_flagger for r in about)
    name = names.get(about[0].category, about[0].category)
    times = "once" if n == 1 else f"{n} times"
    if not n_trusted:
        return f"Reported {times} for {name}."
    trusted = "by a trusted flagger" if n == n_trusted == 1 else f"{n_trusted} of them by trusted flaggers"
    return f"Reported {times} for {name}, {trusted}."


def _found(
    family: str,
    category: str,
    findings: Sequence[Timed],
    told: Mapping[str, Any],
    levels: Levels,
    names: Mapping[str, str],
) -> Reason | None:
    """Return what was found and what follows; None where nothing of this category was."""
    about = [f for f in findings if f.category == category]
    best = max(about, key=lambda f: (f.hard or 0, f.score), default=None)
    if best is None:
        return None
    what = _SAID.get(_track(best), _any)(best, names.get(category, category))
    moment = moment_of(best)
    follows = _always(best.hard) if family == "hard" and best.hard else _score(best, told, levels)
    return Reason(f"{what}; {follows}." if follows else f"{what}.", moment.start_ms if moment else None)


def _always(hard: int) -> str:
    return {Outcome.BLOCK: "always blocks", Outcome.RESTRICT: "always restricts"}.get(
        Outcome(hard), "a person must look"
    )


def _score(finding: Timed, told: Mapping[str, Any], levels: Levels) -> str:
    """Return the score and what it reached: `0.84, escalates from 0.70`."""
    bar = bar_of(finding.score, levels.get(finding.category, ()))
    score, threshold = told.get("score"), told.get("threshold")
    if score is None or threshold is None:
        score, threshold = finding.score, bar.threshold if bar.is_over else None
    if threshold is None:
        return f"{score:.2f}"
    level = str(told["rule"]).partition(".")[0].replace("_", " to ") if "rule" in told else bar.level
    first, _, rest = level.partition(" ")
    return f"{score:.2f}, {' '.join(filter(None, (f'{first}s', rest)))} from {threshold:.2f}"


def _track(finding: Timed) -> str:
    """Return what was looked at: a text detector reads captions, pictures and speech."""
    if finding.where.get("source"):
        return str(finding.where["source"])
    return "caption" if finding.where.get("field") == "caption" and finding.detector == "terms" else finding.detector


def _at(where: Mapping[str, Any]) -> str:
    """Return the moment as people say it, with a space before; whole seconds are enough to find it."""
    ms = next((where[n] for n in _TIMES if n in where), None)
    return "" if ms is None else f" at {int(ms) // 60_000}:{int(ms) // 1_000 % 60:02}"


def _quote(*texts: Any) -> str:
    text = str(next((t for t in texts if t), ""))
    return f"“{text[: _QUOTE - 1]}…”" if len(text) > _QUOTE else f"“{text}”" if text else ""


def _with_name(lead: str, quote: str, name: str) -> str:
    return f"{lead}: {quote}, {name}" if quote else f"{lead}: {name}"


def _caption(finding: Timed, name: str) -> str:
    return _with_name("In the caption", _quote(finding.where.get("text")), name)


def _meaning(finding: Timed, name: str) -> str:
    return f"The caption reads like {name}"


def _spoken(finding: Timed, name: str) -> str:
    where = finding.where
    return _with_name(f"Spoken{_at(where)}", _quote(where.get("text"), where.get("segment")), name)


def _written(finding: Timed, name: str) -> str:
    where = finding.where
    return _with_name(f"Written in the picture{_at(where)}", _quote(where.get("text"), where.get("line")), name)


def _shown(finding: Timed, name: str) -> str:
    prompt = finding.where.get("prompt")
    return _with_name(f"Seen{_at(finding.where)}", f"looks like {_quote(prompt)}" if prompt else "", name)


def _known(finding: Timed, name: str) -> str:
    where = finding.where
    bank = where.get("bank", "")
    role = {"cover": "The cover", "media": "The file"}.get(str(where.get("role", "")), "It")
    if where.get("algorithm") == "sha256":
        return f"{role} is, byte for byte, one of the bank {bank}, {name}"
    near = f"{where['distance']} of 256 bits apart, " if "distance" in where else ""
    return f"{role} looks like one of the bank {bank}, {near}{name}"


def _known_clip(finding: Timed, name: str) -> str:
    where = finding.where
    clip = f"the known clip {_quote(where['clip'])} runs" if where.get("clip") else "a known picture shows"
    return f"From the bank {where.get('bank', '')}: {clip}{_at(where)}, {name}"


def _link(finding: Timed, name: str) -> str:
    where = finding.where
    why = where.get("why")
    because = f" ({', '.join(why) if isinstance(why, list) else why})" if why else ""
    return f"Links to {where.get('domain') or where.get('text', 'a listed place')}{because}, {name}"


def _history(finding: Timed, name: str) -> str:
    why = finding.where.get("why")
    because = ", ".join(why) if isinstance(why, list) else str(why or "")
    return f"What the creator uploads looks like {name}" + (f" ({because})" if because else "")


def _any(finding: Timed, name: str) -> str:
    return f"Found by {finding.detector}: {name}"


_SAID: Mapping[str, Callable[[Timed, str], str]] = {
    "caption": _caption,
    "terms": _caption,
    "text": _meaning,
    "speech": _spoken,
    "ocr": _written,
    "vision": _shown,
    "hashes": _known,
    "frames": _known_clip,
    "links": _link,
    "history": _history,
}
