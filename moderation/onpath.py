"""This process's on-path ensemble: detectors built from the active policy and the banks, swapped when either changes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import structlog
from django.conf import settings
from django.db.models import Count, Max

from moderation.detectors.base import Result, Subject
from moderation.detectors.hashes import BankEntry, BankIndex, HashesDetector
from moderation.detectors.history import HistoryDetector
from moderation.detectors.links import LinksDetector
from moderation.detectors.terms import TermEntry, TermIndex, TermsDetector
from moderation.detectors.text import TextDetector
from moderation.ensemble import OnPathEnsemble
from moderation.models import HashBank, HashEntry
from policies.choices import Outcome
from policies.compiled import CompiledPolicy

log = structlog.get_logger(__name__)

#: How long a process may use banks without looking whether they changed.
BANKS_CHECK_SECONDS = 2.0


@dataclass(slots=True)
class _Current:
    """What this process uses now. Replaced whole, under the lock, so that readers never see a half-built set."""

    policy_key: str = ""
    bank_stamp: tuple[object, ...] = ()
    checked_at: float = 0.0
    banks: BankIndex | None = None
    terms: TermsDetector | None = None
    ensemble: OnPathEnsemble | None = None


_current = _Current()
_lock = threading.Lock()


def onpath_run(subject: Subject, policy: CompiledPolicy) -> tuple[Result, ...]:
    """Run all on-path detectors on a subject, under the deadline; what is late or fails comes back missing."""
    ensemble = _refreshed(policy).ensemble
    assert ensemble is not None
    return ensemble.run(subject)


def bank_index(policy: CompiledPolicy) -> BankIndex:
    """Return the hash banks as of at most BANKS_CHECK_SECONDS ago."""
    banks = _refreshed(policy).banks
    assert banks is not None
    return banks


def terms_detector(policy: CompiledPolicy) -> TermsDetector:
    """Return the term automaton of a policy version, for texts that were read or heard."""
    terms = _refreshed(policy).terms
    assert terms is not None
    return terms


def _refreshed(policy: CompiledPolicy) -> _Current:
    """Return the current set, rebuilt where the policy or a bank changed.

    While one thread looks at the banks, the others go on with what there is: a look-up is never waited for on the path.
    """
    global _current
    now = time.monotonic()
    is_fresh = _current.policy_key == policy.key and now - _current.checked_at < BANKS_CHECK_SECONDS
    if is_fresh or not _lock.acquire(blocking=_current.policy_key != policy.key):
        return _current
    try:
        _current = _rebuilt(_current, policy, now)
    finally:
        _lock.release()
    return _current


def _rebuilt(old: _Current, policy: CompiledPolicy, now: float) -> _Current:
    stamp = _bank_stamp()
    if old.policy_key == policy.key and old.bank_stamp == stamp and old.ensemble:
        old.checked_at = now
        return old
    banks = old.banks if old.banks and old.bank_stamp == stamp else _load_banks(policy)
    terms = old.terms if old.terms and old.policy_key == policy.key else load_terms(policy)
    executor = old.ensemble.executor if old.ensemble else ThreadPoolExecutor(16, thread_name_prefix="onpath")
    detectors = (
        HashesDetector(banks, version=f"banks-{hash(stamp) & 0xFFFFFFFF:08x}"),
        terms,
        TextDetector(),
        LinksDetector(),
        HistoryDetector(),
    )
    log.info("onpath_built", policy=policy.number, n_terms=len(policy.terms), bank_stamp=str(stamp[0]))
    return _Current(
        policy_key=policy.key, bank_stamp=stamp, checked_at=now, banks=banks, terms=terms,
        ensemble=OnPathEnsemble(detectors, deadline_ms=settings.ONPATH_DEADLINE_MS, executor=executor),
    )


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
