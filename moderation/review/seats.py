"""What people say of themselves as reviewers, and what seniors have trained them for."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.models import Reviewer


@transaction.atomic
def seat_save(
    *, actor: User, languages: Sequence[str], opted_out: Sequence[str], grave_per_day: int | None, now: datetime
) -> Reviewer:
    """Store what the actor reads, and what they do not want to be given. Only the languages are in the audit log.

    Args:
        languages: primary subtags; none for all.
        opted_out: slugs of categories. Nobody else is shown them, nor the number.
        grave_per_day: jobs from grave queues in a day at most; None for no limit.

    Raises:
        PermissionDenied: the actor may not review.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers have a seat.")
    said = {"languages": sorted(set(languages)), "opted_out": sorted(set(opted_out)), "grave_per_day": grave_per_day}
    reviewer, _ = Reviewer.objects.update_or_create(
        user=actor, defaults=said, create_defaults={**said, "created_at": now}
    )
    audit_write(
        actor=actor,
        action="seat.saved",
        object_type="user",
        object_key=actor.get_username(),
        languages=said["languages"],
    )
    return reviewer


@transaction.atomic
def seat_train(*, actor: User, username: str, queues: Sequence[str], now: datetime) -> Reviewer:
    """Say which queues somebody is trained for; none for all.

    Raises:
        PermissionDenied: the actor is no senior.
        User.DoesNotExist: there is nobody of this name who may review.
    """
    if not actor.has_perm("moderation.overturn_decisions"):
        raise PermissionDenied("Only seniors say what people are trained for.")
    user = User.objects.get(username=username, is_active=True)
    if not user.has_perm("moderation.review_jobs"):
        raise User.DoesNotExist
    slugs = sorted(set(queues))
    reviewer, _ = Reviewer.objects.update_or_create(
        user=user, defaults={"queues": slugs}, create_defaults={"queues": slugs, "created_at": now}
    )
    audit_write(actor=actor, action="seat.trained", object_type="user", object_key=username, n_queues=len(slugs))
    return reviewer
