"""Which version decides for whom: the active one, or the canary for a fixed share of creators. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyUnavailable

#: Creators are dealt into so many buckets; a canary of p percent has those below p.
N_BUCKETS = 100
#: Versions that may be in shadow at once: each judges every decision again.
MAX_SHADOWS = 4


def bucket_of(creator: str, version_key: str) -> int:
    """Return a creator's bucket, 0 to 99, under a version: the same for ever, and unrelated between versions.

    The version's key is the salt, so that it is not always the same creators who try what is new.

    Args:
        creator: the platform's id of the creator.
        version_key: key of the version in canary.
    """
    digest = hashlib.sha256(f"{version_key}:{creator}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % N_BUCKETS


@dataclass(frozen=True, slots=True)
class Rollout:
    """The versions in use at a moment. `canary` is None where none is in canary, or where it cannot be read."""

    active: CompiledPolicy
    canary_key: str = ""
    canary_percent: int = 0
    canary: CompiledPolicy | None = None
    shadows: tuple[CompiledPolicy, ...] = ()

    def is_in_canary(self, creator: str) -> bool:
        """Whether the canary decides on a creator's items. A larger percentage keeps all who were in."""
        return bool(self.canary_key) and bucket_of(creator, self.canary_key) < self.canary_percent

    def policy_for(self, creator: str) -> CompiledPolicy:
        """Return the version that decides on a creator's items.

        Raises:
            PolicyUnavailable: it is the canary, and that cannot be read. It may be stricter than the active version, so
                the active one must not stand in for it: nothing is cleared until it can be read again, or until its
                guard, which looks every minute, has put it back in shadow.
        """
        if not self.canary_key or not self.is_in_canary(creator):
            return self.active
        if self.canary is None:
            raise PolicyUnavailable("the version in canary cannot be read, and it decides on this creator's items")
        return self.canary
