"""Moving open jobs into another queue, by those who lead a shift."""

from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.db.inserts import rows_together
from moderation.exceptions import MoveInvalid
from moderation.items.visibility import jobs_visible, queues_visible
from moderation.models import Job
from moderation.models.review import JobState
from policies.choices import SENIOR_QUEUE

#: Jobs that are moved at once at most.
MOST_MOVED = 500


@transaction.atomic
def jobs_move(*, actor: User, source: str, target: str, n: int, now: datetime) -> int:
    """Move open jobs of a queue into another one, those due first first; return how many.

    Their due times, harm and history stay: only who is given them changes. What somebody works on is left alone, and so is the
    restricted partition, which no job enters or leaves like this.

    Raises:
        PermissionDenied: the actor is no senior.
        MoveInvalid: no such queues, the same twice, a restricted one, or more than MOST_MOVED.
    """
    if not actor.has_perm("moderation.overturn_decisions"):
        raise PermissionDenied("Only seniors move jobs.")
    if not 1 <= n <= MOST_MOVED:
        raise MoveInvalid(f"Move 1 to {MOST_MOVED} jobs at a time.")
    if source == target:
        raise MoveInvalid("Choose two different queues.")
    queues = {
        queue.slug: queue for queue in queues_visible(actor).filter(slug__in=(source, target), is_restricted=False)
    }
    if source not in queues or target not in queues:
        raise MoveInvalid("There are no such queues that jobs can be moved between.")
    if SENIOR_QUEUE in (source, target):
        raise MoveInvalid("What was passed to seniors stays with them; escalate single jobs instead.")
    open_jobs = jobs_visible(actor).filter(queue=queues[source], state=JobState.OPEN, item__is_restricted=False)
    locked = open_jobs.select_for_update(of=("self",), no_key=True, skip_locked=True).order_by(
        "due_at", "created_at", "pk"
    )
    jobs = list(locked[:n])
    Job.objects.filter(pk__in=[job.pk for job in jobs]).update(queue=queues[target])
    with rows_together():
        for job in jobs:
            audit_write(
                actor=actor, action="job.moved", object_type="job", object_key=job.key, queue=target, before=source
            )
    return len(jobs)
