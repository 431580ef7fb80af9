"""The results that a recorded decision rested on, from its findings: to judge them again without running detectors."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from moderation.detectors.base import Finding, Missing, Result
from moderation.evidence_cells import source_of
from moderation.judge import Context
from moderation.models import Decision, Item
from moderation.models import Finding as FindingRow
from moderation.models.decision import MACHINE_STAGES
from policies.choices import DETECTORS, Outcome

#: Finds terms anew in a caption, given its language.
Scan = Callable[[str, str], tuple[Finding, ...]]


def context_again(decision: Decision) -> Context:
    """Return the context that a decision was made in."""
    return Context(**decision.evidence["context"])


def last_seen(item: Item) -> Decision | None:
    """Return the last decision for which machines looked at an item, with its findings; None where none ever did."""
    return item.decisions.filter(stage__in=MACHINE_STAGES).prefetch_related("findings").order_by("-pk").first()


def results_again(
    decision: Decision, *, more: Sequence[Finding] = (), without_term: str = "", scan: Scan | None = None
) -> list[Result]:
    """Return one result per detector, from the findings stored with a decision of the path or of the deep pass.

    Args:
        decision: with its findings, and item where `scan` is given, loaded.
        more: findings of the terms detector that came to light afterwards.
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
            found[source_of(row.detector, row.where)].append(_finding(row))
    if scan is not None and "terms" not in missing:
        found["terms"] += scan(decision.item.caption, decision.item.language_detected or "und")
    found["terms"] += more
    return [
        Result(
            name,
            versions.get(name, ""),
            findings=tuple(found[name]),
            missing=Missing(name, missing[name]) if name in missing else None,
        )
        for name in DETECTORS
    ]


def _finding(row: FindingRow) -> Finding:
    hard = None if row.hard is None else Outcome(row.hard)
    return Finding(row.detector, row.detector_version, row.category, row.score, row.where, hard)
