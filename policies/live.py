"""Reads of policies. `rollout` says which versions decide; it is kept in memory and followed within a second."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError
from django.db.models import QuerySet

from policies.decision.compile import compile_document
from policies.decision.compiled import CompiledPolicy
from policies.decision.rollout import Rollout
from policies.document.stored import document_of
from policies.errors import PolicyError, PolicyUnavailable
from policies.followed import Followed, Waits
from policies.models import Approval, PolicyVersion, VersionState

log = structlog.get_logger(__name__)

#: How long the active version is taken for granted before the database is asked again.
RECHECK_SECONDS = 1.0
#: Versions kept compiled: the active one, a shadow, a canary, a draft under simulation and a few to compare.
_MAX_COMPILED = 8


class _Live(Followed[Rollout]):
    """The versions in use of this process, and the compiled policies, which outlive a look at which are in use."""

    def __init__(self) -> None:
        super().__init__("policy versions", self.load_all, ttl_seconds=lambda: RECHECK_SECONDS, waits=Waits.ALL)

    def forget(self) -> None:
        """Forget the compiled policies as well."""
        with self.lock:
            self.compiled: dict[UUID, CompiledPolicy] = {}
            super().forget()

    def load_all(self) -> Rollout:
        """Ask which versions are in use and compile those that are new."""
        rows = _in_use()
        active = [row for row in rows if row.state == VersionState.ACTIVE]
        if not active:
            raise PolicyUnavailable("no policy version is active")
        canary = next((row for row in rows if row.state == VersionState.CANARY), None)
        shadows = [self.load_or_none(row) for row in rows if row.state == VersionState.SHADOW]
        return Rollout(
            active=self.load(active[0]),
            canary_key=str(canary.key) if canary else "",
            canary_percent=canary.canary_percent if canary else 0,
            canary=self.load_or_none(canary) if canary else None,
            shadows=tuple(policy for policy in shadows if policy),
        )

    def load(self, version: PolicyVersion) -> CompiledPolicy:
        if version.key not in self.compiled:
            while len(self.compiled) >= _MAX_COMPILED:
                del self.compiled[next(iter(self.compiled))]
            self.compiled[version.key] = _compile(version)
        return self.compiled[version.key]

    def load_or_none(self, version: PolicyVersion) -> CompiledPolicy | None:
        """Return a version in canary or shadow, None where it cannot be read: that must not stop the active one."""
        try:
            return self.load(version)
        except PolicyUnavailable as error:
            log.error("policy_not_read", version=str(version.key), error=str(error))
            return None


_active = _Live()


def rollout(*, clock: Callable[[], float] = time.monotonic) -> Rollout:
    """Return the versions in use now, at most RECHECK_SECONDS behind the database.

    Raises: PolicyUnavailable when no version is active, or it cannot be read or compiled.
    """
    return _active.fresh(clock())


def active_policy(*, clock: Callable[[], float] = time.monotonic) -> CompiledPolicy:
    """Return the active policy, at most RECHECK_SECONDS behind the database.

    Raises: PolicyUnavailable when no version is active, or it cannot be read or compiled.
    """
    return rollout(clock=clock).active


def policy_for(creator: str) -> CompiledPolicy:
    """Return the policy that decides on the items of a creator, named by the platform's id: active, or canary.

    Raises: PolicyUnavailable when that version cannot be read.
    """
    return rollout().policy_for(creator)


def compile_version(version: PolicyVersion) -> CompiledPolicy:
    """Return the compiled policy of one version; a draft is compiled anew each time, since it may have changed.

    Raises: PolicyUnavailable when it cannot be read; PolicyError when a draft is inconsistent.
    """
    if version.is_draft:
        return compile_document(document_of(version))
    with _active.lock:
        return _active.load(version)


def invalidate() -> None:
    """Forget what this process knows; the next caller asks the database."""
    _active.forget()


def _in_use() -> list[PolicyVersion]:
    """Return the versions in use, the oldest first."""
    states = (VersionState.ACTIVE, VersionState.CANARY, VersionState.SHADOW)
    try:
        return list(PolicyVersion.objects.filter(state__in=states).order_by("number"))
    except (DatabaseError, InterfaceError) as error:
        raise PolicyUnavailable("the policy versions in use cannot be read") from error


def _compile(version: PolicyVersion) -> CompiledPolicy:
    try:
        policy = compile_document(document_of(version))
    except (DatabaseError, InterfaceError, PolicyError) as error:
        raise PolicyUnavailable(f"policy version {version.number} cannot be compiled: {error}") from error
    if not version.is_draft and policy.digest != version.digest:
        # Only somebody who switched the triggers off can bring this about; such a policy is nobody's decision.
        raise PolicyUnavailable(f"policy version {version.number} is not what was published")
    return policy


def version_list() -> QuerySet[PolicyVersion]:
    """Return all versions, the newest first, with the people behind them."""
    return PolicyVersion.objects.select_related("author", "approver").order_by("-number")


def version_writers(version: PolicyVersion) -> set[int]:
    """Return the keys of the people who wrote a version or a part of it, and so cannot approve it."""
    wrote = (Approval.Verb.CREATE, Approval.Verb.EDIT)
    return set(Approval.objects.filter(version=version, verb__in=wrote).values_list("actor_id", flat=True))
