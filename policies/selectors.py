"""Reads of policies. `compiled_active` is what decides; it is kept in memory and followed within a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from uuid import UUID

from django.db import DatabaseError, InterfaceError
from django.db.models import QuerySet

from policies.compile import compile_document
from policies.compiled import CompiledPolicy
from policies.documents import document_of
from policies.exceptions import PolicyError, PolicyUnavailable
from policies.models import Approval, PolicyVersion, VersionState

#: How long the active version is taken for granted before the database is asked again.
RECHECK_SECONDS = 1.0
#: Versions kept compiled: the active one, a shadow, a canary, a draft under simulation and a few to compare.
_MAX_COMPILED = 8


class _Active:
    """The compiled policies of this process."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.compiled: dict[UUID, CompiledPolicy] = {}
        self.current: CompiledPolicy | None = None
        self.checked_at = float("-inf")

    def forget(self) -> None:
        with self.lock:
            self.compiled.clear()
            self.current = None
            self.checked_at = float("-inf")

    def refresh(self, now: float) -> CompiledPolicy:
        """Ask which version is active and compile it if it is another one."""
        # One thread asks; without the lock each request that arrives in that moment would compile.
        with self.lock:
            if self.current is not None and now - self.checked_at < RECHECK_SECONDS:
                return self.current
            self.current = None  # whatever goes wrong below, what was true before is not passed on
            self.current = self.load(_active_key())
            self.checked_at = now
            return self.current

    def load(self, key: UUID) -> CompiledPolicy:
        if key not in self.compiled:
            while len(self.compiled) >= _MAX_COMPILED:
                del self.compiled[next(iter(self.compiled))]
            self.compiled[key] = _compile(PolicyVersion.objects.get(key=key))
        return self.compiled[key]


_active = _Active()


def compiled_active(*, clock: Callable[[], float] = time.monotonic) -> CompiledPolicy:
    """Return the policy that decides now, at most RECHECK_SECONDS behind the database.

    Raises: PolicyUnavailable when no version is active, or it cannot be read or compiled.
    """
    now = clock()
    current = _active.current
    if current is not None and 0 <= now - _active.checked_at < RECHECK_SECONDS:
        return current
    return _active.refresh(now)


def compiled_version(version: PolicyVersion) -> CompiledPolicy:
    """Return the compiled policy of one version; a draft is compiled anew each time, since it may have changed.

    Raises: PolicyUnavailable when it cannot be read; PolicyError when a draft is inconsistent.
    """
    if version.is_draft:
        return compile_document(document_of(version))
    with _active.lock:
        return _active.load(version.key)


def invalidate() -> None:
    """Forget what this process knows; the next caller asks the database."""
    _active.forget()


def _active_key() -> UUID:
    try:
        key = PolicyVersion.objects.filter(state=VersionState.ACTIVE).values_list("key", flat=True).first()
    except (DatabaseError, InterfaceError) as error:
        raise PolicyUnavailable("the active policy version cannot be read") from error
    if key is None:
        raise PolicyUnavailable("no policy version is active")
    return key


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
