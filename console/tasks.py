"""Celery tasks that join what two apps know."""

from celery import shared_task
from django.utils import timezone

from feed.reach import views_by_creator
from moderation.enforcement.standing import creators_reach_note


@shared_task(name="console.tasks.reach_refresh")
def reach_refresh() -> int:
    """Tell moderation how many people watch each creator's uploads, so that what many wait for is examined first."""
    now = timezone.now()
    return creators_reach_note(views=views_by_creator(now=now), now=now)
