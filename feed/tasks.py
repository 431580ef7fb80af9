"""Celery tasks of the feed."""

from celery import shared_task
from django.utils import timezone

from feed.popularity import popularity_recompute


@shared_task(name="feed.tasks.popularity_refresh")
def popularity_refresh() -> int:
    """Recompute popularity from recent events; return how many rows there are. Safe to run twice at once."""
    return popularity_recompute(now=timezone.now())
