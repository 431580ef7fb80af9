"""Open jobs follow the views of what they are about: more viewers, more harm, an earlier place."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from moderation.jobs.opening import SHOWN, job_raise
from moderation.models import Job
from moderation.models.review import JobState
from moderation.verdict.routing import route_job
from policies.choices import SENIOR_QUEUE, UNEXAMINED_QUEUE
from policies.live import active_policy

#: How an expected audience is called in the note of a raise.
CLIMB = "More people are expected to see it than when it was opened"


@transaction.atomic
def jobs_follow_reach(*, views: Mapping[int, int], now: datetime) -> int:
    """Raise the open jobs of items that viewers are shown, where their creator's views have climbed; return how many.

    What somebody works on stays as it is, and nothing is ever made less urgent.

    Args:
        views: by primary key of the creator, of one upload lately.
    """
    jobs = Job.objects.select_for_update(of=("self",), no_key=True, skip_locked=True).select_related("queue", "item")
    n_raised, served = 0, jobs.filter(state=JobState.OPEN, item__creator__in=list(views), item__state__in=SHOWN)
    for job in served.order_by("pk"):
        policy = active_policy()
        item, slug = job.item, job.queue.slug
        route = route_job(
            policy, category=job.category, language=item.language, kind=item.kind,
            queue=slug if slug in {SENIOR_QUEUE, UNEXAMINED_QUEUE} else "",
            is_unconfirmed=job.is_unconfirmed, is_restricted=item.is_restricted,
        )  # fmt: skip
        n_raised += job_raise(
            job=job, policy=policy, route=route, category=job.category, score=job.score, views=views[item.creator_id],
            reason=CLIMB, now=now, opened_at=job.created_at,
        )  # fmt: skip
    return n_raised
