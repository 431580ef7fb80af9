"""Running the on-path detectors side by side under one deadline. Late, failed, unsupported: missing, and said why."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace

import structlog

from moderation.detectors.base import WHY_MISSING, Detector, Missing, Result, Subject
from moderation.metrics import detector_missing_total, onpath_seconds
from moderation.pools import DetectorPools

log = structlog.get_logger(__name__)

#: So many failures in a row open a detector's circuit, for so long; then one try decides.
_FAILURES_TO_OPEN = 5
_OPEN_SECONDS = 10.0
#: A detector that typically costs this much is asked last, and only where its answer can change the verdict.
_COSTLY_MS = 8.0
#: The share of the deadline that the others may use before the costly ones start anyway.
_CHEAP_SHARE = 0.4

#: Says whether any answer of a detector could change the verdict, given the results of all others.
CanMatter = Callable[[str, Sequence[Result]], bool]


@dataclass(slots=True)
class Breaker:
    """Stops asking a detector that keeps failing, and asks again after a while. Thread-safe; the clock is passed in."""

    clock: Callable[[], float] = time.monotonic
    n_failures: int = 0
    opened_at: float | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def may_ask(self) -> bool:
        """Whether to run the detector now; in the half-open state only one caller may."""
        with self.lock:
            if self.opened_at is None:
                return True
            now = self.clock()
            if now - self.opened_at < _OPEN_SECONDS:
                return False
            self.opened_at = now  # this caller tries, the others wait for what comes of it
            return True

    def judged(self, is_failure: bool) -> None:
        """Note what a run was worth."""
        with self.lock:
            if not is_failure:
                self.n_failures, self.opened_at = 0, None
                return
            self.n_failures += 1
            if self.n_failures >= _FAILURES_TO_OPEN:
                self.opened_at = self.clock()


class OnPathEnsemble:
    """A fixed set of detectors, each on threads of its own.

    Args:
        detectors: in the order of their results.
        deadline_ms: for all of them together, from the call of `run`.
        pools: shared by all ensembles of a process.
        breakers: of an earlier ensemble, so that what is known of a failing detector outlives a swap.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        deadline_ms: float,
        pools: DetectorPools,
        breakers: Mapping[str, Breaker] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.detectors = tuple(detectors)
        self.deadline_seconds = deadline_ms / 1_000
        self.pools = pools
        known = breakers or {}
        self.breakers = {d.name: known.get(d.name) or Breaker(clock) for d in self.detectors}

    def run(
        self, subject: Subject, *, deadline_seconds: float | None = None, can_matter: CanMatter | None = None
    ) -> tuple[Result, ...]:
        """Return one result per detector, in order, no later than the deadline (the ensemble's own by default).

        1. the cheap detectors run side by side,
        2. a costly one is left out (missing: skipped) where `can_matter` says that no answer of its could change the verdict;
           without `can_matter`, or where a cheap one is slow, all run.
        """
        ends_at = time.perf_counter() + (self.deadline_seconds if deadline_seconds is None else deadline_seconds)
        costly = [d for d in self.detectors if d.cost_ms >= _COSTLY_MS]
        futures = {d.name: self._start(d, subject) for d in self.detectors if d not in costly}
        known = self._known_early(futures, ends_at) if can_matter and costly else None
        for detector in costly:
            if known is not None and can_matter and not can_matter(detector.name, known):
                futures[detector.name] = Missing(detector.name, "skipped", "no answer could change the verdict")
            else:
                futures[detector.name] = self._start(detector, subject)
        _wait(futures, ends_at)
        results = tuple(self._collect(d, futures[d.name]) for d in self.detectors)
        _count(results)
        return results

    def _known_early(self, futures: "Mapping[str, Future[Result] | Missing]", ends_at: float) -> list[Result] | None:
        """Return the cheap detectors' results, or None where one of them is slow: then nothing is left out."""
        now = time.perf_counter()
        if not _wait(futures, now + (ends_at - now) * _CHEAP_SHARE):
            return None
        return [_peek(d, futures[d.name]) for d in self.detectors if d.name in futures]

    def _start(self, detector: Detector, subject: Subject) -> "Future[Result] | Missing":
        """Start a detector, or say why it is not even asked."""
        why = _unsupported(detector, subject)
        if why:
            return Missing(detector.name, "unsupported", why)
        if not self.breakers[detector.name].may_ask():
            return Missing(detector.name, "open_circuit", "it kept failing")
        return self.pools.submit(detector.name, _timed, detector, subject)

    def _collect(self, detector: Detector, future: "Future[Result] | Missing") -> Result:
        if isinstance(future, Missing):
            return Result(detector.name, detector.version, missing=future)
        result = _result_of(detector, future)
        is_failure = result.missing is not None and result.missing.why in {"late", "failed"}
        self.breakers[detector.name].judged(is_failure)
        return result


def _wait(futures: "Mapping[str, Future[Result] | Missing]", until: float) -> bool:
    """Wait for all that run; return whether none is left running."""
    running = [f for f in futures.values() if isinstance(f, Future)]
    return not wait(running, timeout=max(until - time.perf_counter(), 0.0)).not_done


def _peek(detector: Detector, future: "Future[Result] | Missing") -> Result:
    if isinstance(future, Missing):
        return Result(detector.name, detector.version, missing=future)
    return _result_of(detector, future)


def _unsupported(detector: Detector, subject: Subject) -> str:
    if subject.kind not in detector.kinds:
        return f"it does not judge {subject.kind.label}"
    if detector.languages is not None and subject.language.split("-")[0] not in detector.languages:
        return f"it does not read {subject.language}"
    return ""


def _timed(detector: Detector, subject: Subject) -> Result:
    started = time.perf_counter()
    result = detector.run(subject)
    return replace(result, seconds=time.perf_counter() - started)


def _result_of(detector: Detector, future: "Future[Result]") -> Result:
    """Return what a detector gave, or that it is missing: late, raised, or answered nonsense."""
    if not future.done():
        future.cancel()  # one that did not even start must not run for nobody
        return _missing(detector, "late", "no answer within the deadline")
    if future.cancelled():
        return _missing(detector, "late", "not started within the deadline")
    error = future.exception()
    if error is not None:
        log.warning("detector_failed", detector=detector.name, error=type(error).__name__)
        return _missing(detector, "failed", type(error).__name__)
    result = future.result()
    return result if _is_sound(result, detector) else _missing(detector, "failed", "it answered nonsense")


def _is_sound(result: object, detector: Detector) -> bool:
    if not isinstance(result, Result) or result.detector != detector.name:
        return False
    if result.missing and (result.missing.detector != detector.name or result.missing.why not in WHY_MISSING):
        return False
    return all(f.detector == detector.name and 0.0 <= f.score <= 1.0 for f in result.findings)


def _missing(detector: Detector, why: str, detail: str) -> Result:
    return Result(detector.name, detector.version, missing=Missing(detector.name, why, detail))


def _count(results: Sequence[Result]) -> None:
    for result in results:
        if result.missing:
            detector_missing_total.labels(result.detector, result.missing.why).inc()
        else:
            onpath_seconds.labels(result.detector).observe(result.seconds)
