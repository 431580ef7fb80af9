"""This process's on-path ensemble: detectors built from the active policy and the banks, swapped when either changes."""

import hashlib
import threading
import time
from dataclasses import dataclass, replace

import structlog
from django.conf import settings
from django.db.models import Count, Max

from moderation.detectors.base import Detector, Result, Subject
from moderation.detectors.hashes import BankEntry, BankIndex, HashesDetector
from moderation.detectors.history import HistoryDetector
from moderation.detectors.links import LinksDetector
from moderation.detectors.terms import TermEntry, TermIndex, TermsDetector
from moderation.detectors.text import TextDetector
from moderation.ensemble import OnPathEnsemble
from moderation.models import HashBank, HashEntry
from moderation.pools import DetectorPools
from policies.choices import Outcome
from policies.compiled import CompiledPolicy

log = structlog.get_logger(__name__)

#: How long a process may use banks without looking whether they changed.
BANKS_CHECK_SECONDS = 2.0


@dataclass(slots=True)
class _Loaded:
    """What this process uses now. Replaced whole, under the lock, so that readers never see a half-built set."""

    policy_key: str
    bank_stamp: tuple[object, ...]
    checked_at: float
    banks: BankIndex
    terms: TermsDetector
    ensemble: OnPathEnsemble

    def is_fresh(self, policy: CompiledPolicy, now: float) -> bool:
        """Whether nothing needs to be looked at."""
        return self.policy_key == policy.key and now - self.checked_at < BANKS_CHECK_SECONDS


_loaded: _Loaded | None = None
_lock = threading.Lock()
#: Per detector; more than the requests that one process serves at once are of no use.
_pools = DetectorPools(n_threads=8)


def onpath_run(
    subject: Subject, policy: CompiledPolicy, *, deadline_seconds: float | None = None
) -> tuple[Result, ...]:
    """Run all on-path detectors on a subject, under the deadline; what is late or fails comes back missing."""
    return _current(policy).ensemble.run(subject, deadline_seconds=deadline_seconds)


def bank_index(policy: CompiledPolicy) -> BankIndex:
    """Return the hash banks as of at most BANKS_CHECK_SECONDS ago."""
    return _current(policy).banks


def terms_detector(policy: CompiledPolicy) -> TermsDetector:
    """Return the term automaton of a policy version, for texts that were read or heard."""
    return _current(policy).terms


def forget() -> None:
    """Drop what is loaded; the next use loads afresh. For tests and for commands that just changed a bank."""
    global _loaded
    _loaded = None


def _current(policy: CompiledPolicy) -> _Loaded:
    """Return what is loaded, rebuilt where the policy or a bank changed.

    While one thread looks at the banks, the others go on with what there is; only a new policy is waited for.
    """
    global _loaded
    loaded, now = _loaded, time.monotonic()
    if loaded and loaded.is_fresh(policy, now):
        return loaded
    is_usable = loaded is not None and loaded.policy_key == policy.key
    if not _lock.acquire(blocking=not is_usable):
        return loaded  # type: ignore[return-value] # usable, or the lock would have been waited for
    try:
        if _loaded is None or not _loaded.is_fresh(policy, now):
            _loaded = _rebuilt(_loaded, policy, now)
        return _loaded
    finally:
        _lock.release()


def _rebuilt(old: _Loaded | None, policy: CompiledPolicy, now: float) -> _Loaded:
    stamp = _bank_stamp()
    same_banks = old is not None and old.bank_stamp == stamp and old.policy_key == policy.key
    if old and same_banks:
        return replace(old, checked_at=now)
    banks = _load_banks(policy)
    terms = old.terms if old and old.policy_key == policy.key else load_terms(policy)
    log.info("onpath_built", policy=policy.number, n_terms=len(policy.terms))
    return _Loaded(policy.key, stamp, now, banks, terms, _ensemble(banks, terms, stamp, old))


def _ensemble(banks: BankIndex, terms: TermsDetector, stamp: tuple[object, ...], old: _Loaded | None) -> OnPathEnsemble:
    version = hashlib.sha256(repr(stamp).encode()).hexdigest()[:12]
    detectors: tuple[Detector, ...] = (
        HashesDetector(banks, version=f"banks-{version}"),
        terms,
        TextDetector(),
        LinksDetector(),
        HistoryDetector(),
    )
    breakers = old.ensemble.breakers if old else None
    return OnPathEnsemble(detectors, deadline_ms=settings.ONPATH_DEADLINE_MS, pools=_pools, breakers=breakers)


def _bank_stamp() -> tuple[object, ...]:
    """Return a value that changes whenever a bank does; adding or retiring an entry touches its bank."""
    banks = HashBank.objects.aggregate(at=Max("updated_at"), n=Count("pk"))
    return (banks["at"], banks["n"])


def _load_banks(policy: CompiledPolicy) -> BankIndex:
    rows = HashEntry.objects.filter(retired_at__isnull=True).select_related("bank").iterator(chunk_size=5_000)
    return BankIndex.build(
        BankEntry(
            bank=e.bank.slug,
            bank_key=str(e.bank.key),
            entry_key=str(e.key),
            algorithm=e.algorithm,
            value=e.value,
            category=e.bank.category_id,
            outcome=Outcome(max(e.bank.outcome, policy.bank_outcomes.get(e.bank.category_id, 0))),
            enabled_ratio=e.bank.enabled_ratio,
            is_child_safety=e.bank.is_child_safety,
        )
        for e in rows
    )


def load_terms(policy: CompiledPolicy) -> TermsDetector:
    """Build the term automaton of a policy version."""
    entries = (
        TermEntry(
            text=t.text,
            category=t.category,
            language=t.language,
            score=t.score or 0.0,
            hard=None if t.outcome is None else Outcome(t.outcome),
            is_exception=t.is_exception,
            whole_word=t.whole_word,
        )
        for t in policy.terms
    )
    return TermsDetector(TermIndex.build(entries), version=f"terms-{policy.digest[:12]}")
