"""Reports from people: stored once each, and never unseen."""

from datetime import datetime

from django.db import transaction

from moderation.exceptions import ModerationError
from moderation.models import Item, Job, Report
from moderation.routing import REPORT_REASON
from moderation.services.audit import audit_write
from moderation.services.job_opening import job_open
from policies.selectors import compiled_active

#: Probability that is assumed of a reported harm, before anybody looked; trusted flaggers are usually right.
REPORT_SCORE, TRUSTED_SCORE = 0.4, 0.9


class ReportInvalid(ModerationError):
    """The report names an unknown item or category."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


@transaction.atomic
def report_file(
    *, actor: str, external_id: str, reporter: str, category: str, text: str, is_trusted_flagger: bool, now: datetime
) -> Report:
    """Store a report and see that a person looks at the item; a repeat returns the first report.

    1. lock the item, so that two reports open one job,
    2. store, open a job unless one is active,
    3. audit, without the reporter's name.

    Raises:
        ReportInvalid: unknown item or category.
    """
    policy = compiled_active()
    if category not in policy.categories:
        raise ReportInvalid("category", f"Unknown category; use one of {', '.join(policy.categories)}.")
    item = Item.objects.select_for_update(of=("self",)).filter(external_id=external_id).first()
    if item is None:
        raise ReportInvalid("external_id", "There is no item with this external_id.")
    report, is_new = Report.objects.get_or_create(
        item=item,
        reporter=reporter,
        category=category,
        defaults={"text": text, "is_trusted_flagger": is_trusted_flagger, "created_at": now},
    )
    if is_new and item.withdrawn_at is None:
        report.job = _job(item, report, now)
        report.save(update_fields=["job"])
    if is_new:
        audit_write(actor=actor, action="report.filed", object_type="item", object_key=external_id, category=category)
    return report


def _job(item: Item, report: Report, now: datetime) -> Job:
    score = TRUSTED_SCORE if report.is_trusted_flagger else REPORT_SCORE
    return job_open(
        item=item,
        policy=compiled_active(),
        category=report.category,
        score=score,
        reason=f"{REPORT_REASON} by a trusted flagger" if report.is_trusted_flagger else REPORT_REASON,
        now=now,
    )
