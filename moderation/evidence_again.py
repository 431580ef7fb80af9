"""The results that a recorded decision rested on, from its findings: to judge them again without running detectors."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from moderation.detectors.base import Finding, Missing, Result
from moderation.judge import Context
from moderation.models import Decision
from moderation.models import Finding as FindingRow
from policies.choices import DETECTORS, Outcome

#: Finds terms anew in a caption, given its language.
Scan = Callable[[str, str], tuple[Finding, ...]]


def context_again(decision: Decision) -> Context:
    """Return the context that a decision was made in."""
    return Context(**decision.evidence["context"])


def results_again(decision: Decision, *, without_term: str = "", scan: Scan | None = None) -> list[Result]:
    """Return one result per detector, from the findings stored with a decision of the path or of the deep pass.

    Args:
        decision: with its findings, and item where `scan` is given, loaded.
        without_term: key of an emergency term whose findings are left out.
        scan: looks for terms in the caption anew, in place of the findings there; texts that were read or heard keep
            the findings that they have.
    """
    missing: Mapping[str, str] = decision.evidence["missing"]
    versions: Mapping[str, str] = decision.evidence.get("versions", {})
    found: dict[str, list[Finding]] = defaultdict(list)
    for row in decision.findings.all():
        is_scanned = scan is not None and row.detector == "terms" and row.where.get("field") == "caption"
        if not is_scanned and not (without_term and row.where.get("emergency") == without_term):
            found[_through(row)].append(_finding(row))
    if scan is not None and "terms" not in missing:
        found["terms"] += scan(decision.item.caption, decision.item.language_detected or "und")
    return [
        Result(name, versions.get(name, ""), missing=Missing(name, missing[name]))
        if name in missing
        else Result(name, versions.get(name, ""), findings=tuple(found[name]))
        for name in DETECTORS
    ]


def _through(row: FindingRow) -> str:
    """Return whose result held a finding: that over text which was read or heard came with the reader's or listener's."""
    source = str(row.where.get("source", ""))
    return source if source in DETECTORS else row.detector


def _finding(row: FindingRow) -> Finding:
    hard = None if row.hard is None else Outcome(row.hard)
    return Finding(row.detector, row.detector_version, row.category, row.score, row.where, hard)
