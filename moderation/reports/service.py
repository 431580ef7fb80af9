"""Reports from people: stored once each, and never unseen. Who is trusted is looked up, never told by the call."""

from datetime import datetime, timedelta

from django.db import transaction

from moderation.audit.log import audit_write
from moderation.exceptions import ModerationError
from moderation.jobs.opening import job_open, job_unconfirmed
from moderation.models import Item, Job, Report
from moderation.reports.reporters import reporter_known
from moderation.verdict.job_order import A_LIFE
from moderation.verdict.routing import REPORT_REASON
from policies.decision.compiled import CompiledPolicy
from policies.live import active_policy

#: Probability that is assumed of a reported harm, before anybody looked; trusted flaggers are usually right.
REPORT_SCORE, TRUSTED_SCORE = 0.4, 0.9
#: Who reports much as what may cost a life in so long a time is believed less each time, and still looked after.
_LATELY = timedelta(days=1)


class ReportInvalid(ModerationError):
    """The report names an unknown item or category."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@transaction.atomic
def report_file(*, actor: str, external_id: str, reporter: str, category: str, text: str, now: datetime) -> Report:
    """Store a report and see that a person looks at the item; a repeat returns the first report.

    1. lock the item, so that two reports open one job,
    2. store, open a job unless one is active. What only somebody unknown calls child safety goes to the partition's people
       while the item stays in sight of all others; only a trusted flagger's word moves it into the partition,
    3. audit, without the reporter's name.

    Raises:
        ReportInvalid: unknown item or category.
    """
    policy = active_policy()
    if category not in policy.categories:
        raise ReportInvalid("category", f"Unknown category; use one of {', '.join(policy.categories)}.")
    item = Item.objects.select_for_update(of=("self",)).filter(external_id=external_id).first()
    if item is None:
        raise ReportInvalid("external_id", "There is no item with this external_id.")
    known = reporter_known(reporter)
    report, is_new = Report.objects.get_or_create(
        item=item,
        reporter=reporter,
        category=category,
        defaults={
            "text": text,
            "is_trusted_flagger": known is not None and known.is_trusted_flagger,
            "created_at": now,
        },
    )
    if is_new and item.withdrawn_at is None:
        report.job = _job(item, report, policy, now)
        report.save(update_fields=["job"])
    if is_new:
        audit_write(actor=actor, action="report.filed", object_type="item", object_key=external_id, category=category)
    return report


def _job(item: Item, report: Report, policy: CompiledPolicy, now: datetime) -> Job:
    is_gravest = report.category in policy.child_safety
    if report.is_trusted_flagger:
        return job_open(
            item=item, policy=policy, category=report.category, score=TRUSTED_SCORE,
            reason=f"{REPORT_REASON} by a trusted flagger", now=now,
        )  # fmt: skip
    is_grave = is_gravest or policy.severities.get(report.category, 0) == A_LIFE
    score = REPORT_SCORE / _n_lately(report, policy, now) if is_grave else REPORT_SCORE
    if not is_gravest:
        score = _score_of_pile(report, score)
    open_ = job_unconfirmed if is_gravest and not item.is_restricted else job_open
    return open_(item=item, policy=policy, category=report.category, score=score, reason=REPORT_REASON, now=now)


def _n_lately(report: Report, policy: CompiledPolicy, now: datetime) -> int:
    """Return how many items the same person reported within a day as what may cost a life, this one among them."""
    gravest = {slug for slug, severity in policy.severities.items() if severity == A_LIFE} | policy.child_safety
    same = Report.objects.filter(reporter=report.reporter, created_at__gt=now - _LATELY)
    return max(same.filter(category__in=gravest).count(), 1)


def _score_of_pile(report: Report, score: float) -> float:
    """Return what is assumed where several people report the same of an item: each says it by themselves."""
    n_others = Report.objects.filter(item=report.item_id, category=report.category).exclude(pk=report.pk).count()
    return min(1 - (1 - score) * (1 - REPORT_SCORE) ** n_others, TRUSTED_SCORE)
