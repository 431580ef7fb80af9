"""What every page needs besides its own content: navigation, the job one holds, the name of the deployment."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from console.access import (
    DASHBOARDS,
    EDIT_POLICIES,
    EXPLORE,
    MANAGE_BANKS,
    MANAGE_KEYS,
    MANAGE_REPORTERS,
    OVERTURN,
    READ_AUDIT,
    REDRIVE,
    REVIEW,
    holds,
    may,
)
from console.shortcuts.queries import own_keys
from moderation.models import Job, RollbackNotice
from moderation.review.leases import job_held
from moderation.rollout.queries import rollback_notices


@dataclass(frozen=True, slots=True)
class Link:
    """One entry of the navigation; `hotkey` is the letter after `g`."""

    title: str
    url: str
    is_current: bool
    hotkey: str


#: Title, URL name, letter after `g`, and the permissions of which one is enough (none: everybody signed in).
_PAGES: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("Home", "home", "h", ()),
    ("Queues", "queue_list", "q", (REVIEW,)),
    ("Items", "item_list", "i", (EXPLORE,)),
    ("Policies", "policy_list", "p", (EXPLORE,)),
    ("Prompts", "prompt_list", "t", (EDIT_POLICIES,)),
    ("Banks", "bank_list", "b", (MANAGE_BANKS,)),
    ("Matches", "match_debugger", "m", (MANAGE_BANKS, OVERTURN)),
    ("Deep pass", "deep_page", "w", (DASHBOARDS,)),
    ("Dead letters", "deadletter_list", "d", (REDRIVE,)),
    ("Audit", "audit_list", "a", (READ_AUDIT,)),
    ("Reporters", "reporter_list", "r", (MANAGE_REPORTERS,)),
    ("API keys", "key_list", "k", (MANAGE_KEYS,)),
)


def console(request: HttpRequest) -> dict[str, Any]:
    """Return the context of the base template; what costs a query is looked up only if the template asks."""
    return {
        "environment": settings.ENVIRONMENT,
        "navigation": SimpleLazyObject(lambda: _navigation(request)),
        "my_job": SimpleLazyObject(lambda: _my_job(request)),
        "shortcuts": SimpleLazyObject(lambda: own_keys(request.user)),
        "rollbacks": SimpleLazyObject(lambda: _rollbacks(request)),
    }


def _navigation(request: HttpRequest) -> list[Link]:
    if not request.user.is_authenticated:
        return []
    links = [
        Link(title, reverse(name), _is_current(request.path, reverse(name)), hotkey)
        for title, name, hotkey, permissions in _PAGES
        if not permissions or any(may(request.user, code) for code in permissions)
    ]
    if settings.DEMO_ENABLED:
        links.append(Link("Demo feed", "/demo/feed", request.path.startswith("/demo/"), "f"))
    return links


def _is_current(path: str, url: str) -> bool:
    return path == url if url == "/" else path.startswith(url)


def _my_job(request: HttpRequest) -> Job | None:
    """Return the job that this person holds by a live lease."""
    if not (request.user.is_authenticated and may(request.user, REVIEW)):
        return None
    job = job_held(request.user)
    return job if job and holds(request.user, job, timezone.now()) else None


def _rollbacks(request: HttpRequest) -> list[RollbackNotice]:
    """Return the canaries that were taken back by their guard, until somebody has said that they saw it."""
    if not (request.user.is_authenticated and may(request.user, EXPLORE)):
        return []
    return rollback_notices()
