"""This process's on-path ensemble: detectors built from the active policy and the banks, swapped when either changes,
for each policy version that decides."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import structlog
from django.conf import settings

from moderation.detection.ensemble import CanMatter, OnPathEnsemble, Run
from moderation.detection.hashes.detector import BankIndex
from moderation.detection.model_store import ModelInvalid, read_source
from moderation.detection.pools import DetectorPools
from moderation.detection.readers import Readers
from moderation.detection.terms.detector import Beside, TermEntry, TermIndex, TermsDetector
from moderation.detection.text.detector import TextDetector, TextModel
from moderation.detection.text.loading import WEIGHTS, load
from moderation.detection.types import Basis, Detector, Missing, Result, Subject
from moderation.live import banks as live_banks
from moderation.live import domains as live_domains
from moderation.live import emergency_terms
from moderation.live.banks import BanksUnavailable, BankView
from moderation.live.detectors import Parts, onpath_detectors
from moderation.live.known_clips import clips_sharing_frames
from policies.choices import Outcome
from policies.decision.compiled import CompiledPolicy

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Loaded:
    """What this process uses now. Replaced whole, under the lock, so that readers never see a half-built set."""

    policy_key: str
    parts: Parts
    ensemble: OnPathEnsemble

    def is_fresh(self, view: BankView) -> bool:
        """Whether nothing needs to be built."""
        return self.parts.view is view


#: By the version's key: with a version in canary, uploads take turns between two.
_loaded: dict[str, _Loaded] = {}
#: The active version, the canary, the former ones of both while requests still use them, and those in shadow.
_MAX_LOADED = 8
_lock = threading.Lock()
#: Per detector; more than the requests that one process serves at once are of no use.
_pools = DetectorPools(n_threads=8)


def onpath_run(
    subject: Subject,
    policy: CompiledPolicy,
    *,
    deadline_seconds: float | None = None,
) -> tuple[Result, ...]:
    """Run all on-path detectors on a subject, under the deadline; what is late or fails comes back missing."""
    live_domains.refresh()
    emergency_terms.refresh()
    return _current(policy).ensemble.run(subject, deadline_seconds=deadline_seconds)


def onpath_begin(words: Subject, policy: CompiledPolicy, *, can_matter: CanMatter) -> Run:
    """Start on an upload whose files are still being checked, with all that only reads words. `finish` it with everything."""
    live_domains.refresh()
    emergency_terms.refresh()
    return _current(policy).ensemble.begin(words, can_matter=can_matter)


def lists_run(subject: Subject, policy: CompiledPolicy) -> tuple[Result, ...]:
    """Return what the detectors say of a subject now that rest on lists alone; one that fails comes back missing."""
    live_domains.refresh()
    emergency_terms.refresh()
    detectors = _current(policy).ensemble.detectors
    return tuple(_run_alone(detector, subject) for detector in detectors if detector.basis is Basis.LISTS)


def _run_alone(detector: Detector, subject: Subject) -> Result:
    try:
        return detector.run(subject)
    except Exception as error:  # as in the ensemble: whatever a detector raises, it gave no answer
        log.warning("list_not_scanned", detector=detector.name, error=type(error).__name__)
        return Result(detector.name, detector.version, missing=Missing(detector.name, "failed", type(error).__name__))


def content_versions(policy: CompiledPolicy) -> dict[str, str]:
    """Return the versions of the on-path detectors that rest on content, by name."""
    detectors = _current(policy).ensemble.detectors
    return {detector.name: detector.version for detector in detectors if detector.basis is Basis.CONTENT}


def text_detector(policy: CompiledPolicy) -> TextDetector:
    """Return the text classifier, for texts that were read or heard."""
    return _current(policy).parts.text


def bank_index(policy: CompiledPolicy) -> BankIndex:
    """Return the hash banks as this process follows them.

    Raises:
        BanksUnavailable: they are not loaded, or too old.
    """
    live_banks.current().usable_index()
    banks = _current(policy).parts.banks
    if banks is None:
        raise BanksUnavailable("The hash banks are not loaded; the work is tried again.")
    return banks


def terms_detector(policy: CompiledPolicy) -> TermsDetector:
    """Return the terms of a policy version and the emergency terms, for texts that were read or heard."""
    emergency_terms.refresh()
    return _current(policy).parts.terms


def readers_for(policy: CompiledPolicy, *, kind: int, language: str) -> Readers:
    """Return what reads the words and hashes that deep detectors kept of an item, under a policy version and the lists of now.

    Args:
        language: of the item (BCP 47); "und" when unknown.
    """
    text = text_detector(policy)
    return Readers(
        terms=partial(terms_detector, policy),
        banks=partial(bank_index, policy),
        known_clips=clips_sharing_frames,
        text=text if policy.counts(text.name, kind) else None,
        language=language,
    )


def forget() -> None:
    """Drop what is loaded; the next use loads afresh. For tests and for commands that just changed a bank."""
    _loaded.clear()
    live_banks.replace_current(None)
    live_domains.forget()
    emergency_terms.forget()


def _current(policy: CompiledPolicy) -> _Loaded:
    """Return what is loaded, rebuilt where the policy is new or other banks were swapped in, which are built elsewhere.

    While one thread rebuilds, the others go on with what there is; only a new policy is waited for.
    """
    loaded, view = _loaded.get(policy.key), live_banks.current().view
    if loaded and loaded.is_fresh(view):
        return loaded
    if not _lock.acquire(blocking=loaded is None):
        return loaded  # type: ignore[return-value] # not None, or the lock would have been waited for
    try:
        loaded = _loaded.get(policy.key)
        if loaded is None or not loaded.is_fresh(view):
            loaded = _rebuilt(loaded, policy, view)
            _keep(loaded)
        return loaded
    finally:
        _lock.release()


def _keep(loaded: _Loaded) -> None:
    """Keep what was built last, and forget the version whose turn is the longest ago to be built."""
    _loaded.pop(loaded.policy_key, None)
    while len(_loaded) >= _MAX_LOADED:
        _loaded.pop(next(iter(_loaded)))
    _loaded[loaded.policy_key] = loaded


def _rebuilt(old: _Loaded | None, policy: CompiledPolicy, view: BankView) -> _Loaded:
    banks = view.index.under(policy.bank_outcomes) if view.index is not None else None
    terms = old.parts.terms if old else load_terms(policy, beside=emergency_terms.current)
    log.info("onpath_built", policy=policy.number, banks=view.version, n_terms=len(policy.terms))
    parts = Parts(banks, view, terms, TextDetector(text_model(settings.TEXT_MODEL_PATH)))
    return _Loaded(policy.key, parts, _ensemble(onpath_detectors(parts)))


def _ensemble(detectors: Sequence[Detector]) -> OnPathEnsemble:
    # Whatever version asks, the detectors that fail are the same.
    breakers = next((loaded.ensemble.breakers for loaded in _loaded.values()), None)
    return OnPathEnsemble(detectors, deadline_ms=settings.ONPATH_DEADLINE_MS, pools=_pools, breakers=breakers)


@lru_cache(maxsize=2)
def text_model(setting: str) -> TextModel | None:
    """Return the text model of a setting; None, loudly, where it cannot be loaded: then the detector is missing."""
    try:
        return load(read_source(WEIGHTS, setting, Path(settings.MODELS_FOLDER)))
    except (ModelInvalid, OSError, ValueError, RuntimeError) as error:
        log.error("text_model_not_loaded", error=str(error))
        return None


def load_terms(policy: CompiledPolicy, beside: Callable[[], Beside] | None = None) -> TermsDetector:
    """Build the term automaton of a policy version; `beside` gives the terms in force beside it."""
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
    return TermsDetector(TermIndex.build(entries), version=f"terms-{policy.digest[:12]}", beside=beside)
