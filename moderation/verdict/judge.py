"""From detector results to a verdict that can be stored and replayed. Pure: the policy and the results come in.

`judge` decides what is new; `replay` decides again from what a decision stored. Both go through `policies.decision.decide`.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any, Protocol

import numpy as np

from moderation.detection.fusion import fuse
from moderation.detection.types import Finding, Missing, Result
from moderation.verdict.floor import CampaignFloor
from moderation.verdict.judgement import Context, Judgement
from moderation.verdict.lists_mark import ListsMark
from policies.choices import BAND_MIN_AGES, DETECTORS, ItemKind, Outcome
from policies.decision.compiled import CompiledPolicy
from policies.decision.decide import EvidenceBatch, Reason, VerdictBatch, decide, explain

#: The answer of evidence that does not say who answered.
_ALL = frozenset(DETECTORS)
_CONTEXT = tuple(f.name for f in fields(Context))


def judge(
    results: Sequence[Result], context: Context, policy: CompiledPolicy, *, lists: ListsMark | None = None
) -> Judgement:
    """Return what `policy` says of the results of all detectors for one item.

    A detector that is not among the results counts as missing (pending).

    Args:
        lists: mark that was taken before the lists were read which the results rest on. Without it the verdict can stop an
            item, and never let one pass that another decision stopped.
    """
    findings = tuple(f for r in results for f in r.findings)
    sources = tuple(r.detector for r in results for _ in r.findings)
    return replace(_verdict(_evidence(results, context, policy), policy, findings, sources), lists=lists)


def _evidence(results: Sequence[Result], context: Context, policy: CompiledPolicy) -> dict[str, Any]:
    """Return what a decision stores of the results: all that `decide` is given, in words."""
    fused = fuse(results, policy, context.kind)
    scores = {c: round(float(s), 6) for c, s in zip(policy.categories, fused.scores, strict=True) if s != 0}
    hard = {c: int(h) for c, h in zip(policy.categories, fused.hard, strict=True) if h}
    by = hard_keys(f for r in results for f in r.findings)
    return {
        "scores": scores,
        "hard": hard,
        **({"hard_by": by} if by else {}),
        "unlabelled": fused.unlabelled,
        "missing": _why_missing(results),
        "versions": {r.detector: r.version for r in results if not r.missing},
        "context": {name: getattr(context, name) for name in _CONTEXT},
    }


class _Found(Protocol):
    """A finding, fresh or as a row."""

    @property
    def category(self) -> str: ...
    @property
    def where(self) -> Mapping[str, Any]: ...
    @property
    def hard(self) -> int | None: ...


def hard_keys(findings: Iterable[_Found]) -> list[str]:
    """Return what tells pieces of hard evidence apart: the category, and the term, known hash, domain or word that was met.

    Another hash of the same bank is another piece of evidence, though it asks for the same outcome. People have seen it, or not.
    """
    return sorted(hard_levels(findings))


def hard_levels(findings: Iterable[_Found]) -> dict[str, int]:
    """Return the pieces of hard evidence, and the least Outcome that each asks for."""
    levels: dict[str, int] = {}
    for finding in findings:
        if finding.hard:
            key = _hard_key(finding)
            levels[key] = max(levels.get(key, 0), finding.hard)
    return levels


#: Characters of a key. What is longer begins as it does, and ends in a digest: many names begin alike.
_KEY_LENGTH = 200


def _hard_key(finding: _Found) -> str:
    kind = next((name for name in ("entry", "emergency", "domain") if finding.where.get(name)), "text")
    key = f"{finding.category}:{kind}:{str(finding.where.get(kind, '')).casefold()}"
    return key if len(key) <= _KEY_LENGTH else key[: _KEY_LENGTH - 65] + "#" + hashlib.sha256(key.encode()).hexdigest()


def is_new_and_hard(known: Mapping[str, Any], judgement: Judgement) -> bool:
    """Whether hard evidence speaks in a verdict that `known`, the evidence of another decision, does not have."""
    levels, found = known.get("hard", {}), judgement.evidence
    is_harder = any(level > levels.get(category, 0) for category, level in found["hard"].items())
    # A decision that does not say which hard evidence it had, may have had other than this.
    return is_harder or not set(found.get("hard_by", ())) <= set(known.get("hard_by", ()))


def speaks_against(judgement: Judgement, current: "Known", policy: CompiledPolicy) -> bool:
    """Whether there is hard evidence that a decision does not know, and the verdict asks for more: in outcome, age or territories.

    Child safety is always more: the item belongs into its partition as well.
    """
    is_more = judgement.category in policy.child_safety or is_narrower(judgement, current)
    return is_more and is_new_and_hard(current.evidence, judgement)


class Standing(Protocol):
    """What a verdict is compared with: a decision, or one that is to be written."""

    @property
    def outcome(self) -> int: ...
    @property
    def min_age(self) -> int: ...
    @property
    def territories_blocked(self) -> Sequence[str]: ...


class Known(Standing, Protocol):
    """A decision with the evidence that it had."""

    @property
    def evidence(self) -> Mapping[str, Any]: ...


def is_narrower(judgement: Judgement, current: Standing) -> bool:
    """Whether a verdict is stricter than a decision, or keeps it from anybody who sees it by that."""
    if judgement.outcome != current.outcome:
        return judgement.outcome > current.outcome
    more = judgement.min_age > current.min_age or not set(judgement.territories) <= set(current.territories_blocked)
    return judgement.outcome.is_servable and more


def is_wider(judgement: Judgement, current: Standing) -> bool:
    """Whether a verdict is milder than a decision, or lets anybody see what that does not."""
    if judgement.outcome != current.outcome:
        return judgement.outcome < current.outcome
    fewer = judgement.min_age < current.min_age or not set(current.territories_blocked) <= set(judgement.territories)
    return judgement.outcome.is_servable and fewer


def is_same(judgement: Judgement, current: Standing) -> bool:
    """Whether a verdict does what a decision does."""
    if judgement.outcome != current.outcome or not judgement.outcome.is_servable:
        return judgement.outcome == current.outcome
    return judgement.min_age == current.min_age and set(judgement.territories) == set(current.territories_blocked)


def could_change(
    detector: str,
    results: Sequence[Result],
    context: Context,
    policy: CompiledPolicy,
    *,
    floor: CampaignFloor | None = None,
) -> bool:
    """Return whether any findings of a detector, or its silence, could change what `results` of the others decide.

    Under a floor that holds, nothing can: no member is served, whatever else is found on it.

    `decide` is monotone: more evidence and more that is missing never make a verdict milder. So whatever the detector might
    say lies between finding nothing and being sure of everything, and where these two ends agree (and agree with its being
    missing), so does all between. Hard evidence, which only term lists and banks give, is not among what it might say.
    """
    if floor is not None and floor.holds:
        return False
    others = [r for r in results if r.detector != detector]
    silent = _evidence([*others, Result(detector, _BOUND)], context, policy)
    # All that the three ends have in common. Most uploads differ in nothing of it: nobody found anything, in one language.
    scores, hard = tuple(silent["scores"].items()), tuple(silent["hard"].items())
    key = (id(policy), detector, context, scores, hard, silent["unlabelled"], frozenset(silent["missing"]))
    known = _changes.get(key)
    if known and known[0] is policy:
        return known[1]
    evidence = [silent, *(_evidence([*others, end], context, policy) for end in _ends(detector, policy.categories))]
    verdicts = decide(evidence_batch(evidence, policy), policy)
    answer = len({_effect(verdicts, i) for i in range(len(evidence))}) > 1
    if len(_changes) >= _MAX_CHANGES:
        _changes.clear()
    _changes[key] = (policy, answer)
    return answer


#: The version of a detector that only stands for what it might say.
_BOUND = "bound"
#: What `could_change` answered, by all that its answer depends on, with the policy, so that its id is no other's meanwhile.
_changes: dict[tuple[Any, ...], tuple[CompiledPolicy, bool]] = {}
_MAX_CHANGES = 512


@lru_cache(maxsize=32)
def _ends(detector: str, categories: tuple[str, ...]) -> tuple[Result, Result]:
    """Return a detector's results that is sure of everything, and that is missing."""
    sure = tuple(Finding(detector, _BOUND, category, 1.0) for category in categories)
    return Result(detector, _BOUND, findings=sure), Result(detector, _BOUND, missing=Missing(detector, "skipped"))


def _effect(verdicts: VerdictBatch, i: int) -> tuple[int, ...]:
    """Return what a verdict does; ages and territories only bear on what is served."""
    outcome = Outcome(int(verdicts.outcome[i]))
    if not outcome.is_servable:
        return (outcome,)
    return outcome, int(verdicts.min_age[i]), int(verdicts.territories[i])


def replay(evidence: Mapping[str, Any], policy: CompiledPolicy) -> Judgement:
    """Return the verdict on a stored decision's evidence; under the same version it is the stored verdict."""
    return _verdict(dict(evidence), policy, ())


def may_join(judgement: Judgement, policy: CompiledPolicy) -> bool:
    """Whether what is judged so may belong to a campaign: child safety has a partition of its own."""
    return judgement.category not in policy.child_safety


def under_floor(judgement: Judgement, floor: CampaignFloor | None, policy: CompiledPolicy) -> Judgement:
    """Return a verdict, given under no floor yet, as that of a campaign's member; without a floor as it is.

    The one place where a floor is put under a verdict. Its evidence names the campaign, so that replay gives the same.
    """
    if floor is None or not may_join(judgement, policy):
        return judgement
    evidence = {**judgement.evidence, "campaign": floor.as_evidence()}
    return floor.under(replace(judgement, evidence=evidence, digest=digest_of(evidence)))


def _why_missing(results: Sequence[Result]) -> dict[str, str]:
    why = dict.fromkeys(DETECTORS, "pending")
    for result in results:
        if result.missing:
            why[result.detector] = result.missing.why
        else:
            why.pop(result.detector, None)
    return why


def _verdict(
    evidence: dict[str, Any], policy: CompiledPolicy, findings: tuple[Finding, ...], sources: tuple[str, ...] = ()
) -> Judgement:
    batch = evidence_batch([evidence], policy)
    verdict = decide(batch, policy)
    category = int(verdict.category[0])
    floor = CampaignFloor.of(evidence)
    judgement = Judgement(
        outcome=Outcome(int(verdict.outcome[0])),
        min_age=int(verdict.min_age[0]),
        territories=policy.territories_of(int(verdict.territories[0])),
        decided_by=policy.rules[int(verdict.rule[0])],
        category=policy.categories[category] if category >= 0 else "",
        reasons=tuple(_reason(r, findings) for r in explain(batch, 0, policy)),
        evidence=evidence,
        digest=digest_of(evidence),
        findings=findings,
        sources=sources,
    )
    return floor.under(judgement) if floor else judgement


def evidence_batch(rows: Sequence[Mapping[str, Any]], policy: CompiledPolicy) -> EvidenceBatch:
    """Turn stored evidence into the arrays that `decide` takes, one row each, in order."""
    contexts = [row["context"] for row in rows]
    return EvidenceBatch(
        scores=np.array([[r["scores"].get(c, 0.0) for c in policy.categories] for r in rows], dtype=np.float32),
        missing=np.array([_missing_in(r) for r in rows], dtype=bool),
        hard=np.array([[r["hard"].get(c, 0) for c in policy.categories] for r in rows], dtype=np.uint8),
        kind=np.array([c["kind"] if c["kind"] in ItemKind.values else -1 for c in contexts], dtype=np.int8),
        market=np.array([policy.market_index(c["market"]) for c in contexts], dtype=np.int16),
        language=np.array([policy.language_index(c["language"]) for c in contexts], dtype=np.int16),
        claim=np.array([c["claim"] or 0 for c in contexts], dtype=np.int8),  # no claim: meant for everyone
        standing=np.array([_or_unknown(c["standing"]) for c in contexts], dtype=np.int8),
        unlabelled=np.array([r.get("unlabelled", 0) for r in rows], dtype=np.uint8),
    )


def _missing_in(row: Mapping[str, Any]) -> list[bool]:
    """Return which detectors gave no answer, in the order of DETECTORS: one that came after the evidence did not look."""
    missing, answered = row["missing"], row.get("versions") or _ALL
    return [name in missing or name not in answered for name in DETECTORS]


def _or_unknown(value: int | None) -> int:
    return -1 if value is None else value


def digest_of(evidence: Mapping[str, Any]) -> str:
    """Return the SHA-256 of evidence in canonical form; equal evidence has equal digests."""
    canonical = json.dumps(evidence, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def reasons_of(batch: EvidenceBatch, i: int, policy: CompiledPolicy) -> list[dict[str, Any]]:
    """Return the reasons of item i of a batch as a decision stores them, where its findings are not at hand."""
    return [_reason(reason, ()) for reason in explain(batch, i, policy)]


def _reason(reason: Reason, findings: Sequence[Finding]) -> dict[str, Any]:
    """Return one reason as docs/api.md gives it: the rule, and the strongest finding behind it."""
    behind = [f for f in findings if f.category == reason.category]
    best = max(behind, key=lambda f: (f.hard or 0, f.score), default=None)
    return {
        "rule": reason.rule,
        "category": reason.category,
        "detector": best.detector if best else _detector_in(reason.rule),
        "score": None if reason.score is None else round(float(reason.score), 4),
        "threshold": None if reason.threshold is None else round(float(reason.threshold), 4),
        "where": dict(best.where) if best else {},
        "detail": reason.detail,
    }


def _detector_in(rule: str) -> str:
    family, _, name = rule.partition(".")
    return name if family == "missing" else ""


def state_of(outcome: Outcome) -> str:
    """Return the item state that the platform is told for an outcome."""
    return {
        Outcome.CLEAR: "cleared",
        Outcome.RESTRICT: "restricted",
        Outcome.ESCALATE: "held",
        Outcome.HOLD: "held",
        Outcome.BLOCK: "blocked",
    }[outcome]


def is_valid_min_age(min_age: int) -> bool:
    """Return whether an age starts an audience band."""
    return min_age in BAND_MIN_AGES
