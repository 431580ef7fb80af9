"""Running the on-path detectors side by side under one deadline. Late, failed, unsupported: missing, and said why."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from moderation.detection.cascade import Seen, Turn, turn_of
from moderation.detection.metrics import detector_missing_total, onpath_seconds
from moderation.detection.pools import DetectorPools, fulfil
from moderation.detection.types import WHY_MISSING, Detector, Missing, Result, Subject

log = structlog.get_logger(__name__)

#: So many failures in a row open a detector's circuit, for so long; then one try decides.
_FAILURES_TO_OPEN = 5
_OPEN_SECONDS = 10.0
#: A detector that typically costs this much is asked last, and only where its answer can change the verdict.
_COSTLY_MS = 8.0
#: Detectors that typically cost no more than this take turns on one thread: handing each to one of its own costs more than
#: running it. One that hangs keeps the others from their turn until its circuit opens.
_QUICK_MS = 0.5
#: The share of the deadline that the others may use before the costly ones start anyway.
_CHEAP_SHARE = 0.4

#: Says whether any answer of a detector could matter on the path, given the results of all others.
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

    def note_result(self, is_failure: bool) -> None:
        """Note what a run was worth."""
        with self.lock:
            if not is_failure:
                self.n_failures, self.opened_at = 0, None
                return
            self.n_failures += 1
            if self.n_failures >= _FAILURES_TO_OPEN:
                self.opened_at = self.clock()


class OnPathEnsemble:
    """A fixed set of detectors: the quick ones on one thread of a request, each other one on threads of its own.

    Args:
        detectors: in the order of their results.
        deadline_ms: for all of them together, from the call of `run`, or of `Run.finish`.
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
        self.costly = tuple(d for d in self.detectors if d.cost_ms >= _COSTLY_MS)
        self.cheap = tuple(d for d in self.detectors if d.cost_ms < _COSTLY_MS)
        self.deadline_seconds = deadline_ms / 1_000
        self.pools = pools
        known = breakers or {}
        self.breakers = {d.name: known.get(d.name) or Breaker(clock) for d in self.detectors}

    def run(
        self, subject: Subject, *, deadline_seconds: float | None = None, can_matter: CanMatter | None = None
    ) -> tuple[Result, ...]:
        """Return one result per detector, in order, no later than the deadline (the ensemble's own by default).

        1. the cheap detectors run side by side,
        2. a costly one is left out (missing: skipped) where `can_matter` says that no answer of its could matter now;
           without `can_matter`, or where a cheap one is slow, all run.
        """
        run = Run(self, can_matter)
        run.start(subject, self.cheap)
        return run.finish(subject, deadline_seconds=deadline_seconds)

    def begin(self, words: Subject, *, can_matter: CanMatter | None = None) -> "Run":
        """Start on an upload whose files are still being checked, with the detectors that read none; `finish` it with all."""
        run = Run(self, can_matter)
        run.start(words, [d for d in self.cheap if not d.reads_files])
        return run


class Run:
    """One upload on its way through an ensemble. Begun by one thread, which finishes it."""

    def __init__(self, ensemble: OnPathEnsemble, can_matter: CanMatter | None) -> None:
        self._ensemble = ensemble
        self._can_matter = can_matter
        self._futures: dict[str, Future[Result] | Missing] = {}
        self._lock = threading.Lock()  # over the costly ones, which two threads may want to start

    def start(self, subject: Subject, detectors: Sequence[Detector]) -> None:
        """Start cheap detectors: the quick ones one after the other on one thread, and then what is costly and may matter."""
        quick = [d for d in detectors if d.cost_ms <= _QUICK_MS]
        for detector in detectors:
            why = self._why_not(detector, subject)
            if why:
                self._futures[detector.name] = why
            elif detector not in quick:
                self._futures[detector.name] = self._ensemble.pools.submit(detector.name, _time, detector, subject)
            else:
                self._futures[detector.name] = Future()
        self._start_costly(subject, Seen.NOTHING)
        if quick:
            self._ensemble.pools.submit("quick", self._run_quick, quick, subject)

    def finish(self, subject: Subject, *, deadline_seconds: float | None = None) -> tuple[Result, ...]:
        """Return one result per detector, in order, no later than the deadline from now.

        Whether a costly one may be left out is asked here of what all others found, whatever was guessed before.
        """
        ensemble = self._ensemble
        now = time.perf_counter()
        ends_at = now + (ensemble.deadline_seconds if deadline_seconds is None else deadline_seconds)
        self.start(subject, [d for d in ensemble.cheap if d.name not in self._futures])
        if any(d.name not in self._futures for d in ensemble.costly):
            is_known = self._wait(ensemble.cheap, now + (ends_at - now) * _CHEAP_SHARE)
            self._start_costly(subject, Seen.ALL if is_known else Seen.LATE)
        self._wait(ensemble.detectors, ends_at)
        results = tuple(self._collect(d) for d in ensemble.detectors)
        _count(results)
        return results

    def _run_quick(self, detectors: Sequence[Detector], subject: Subject) -> None:
        for detector in detectors:
            future = self._futures[detector.name]
            if isinstance(future, Future):
                fulfil(future, _time, detector, subject)
        self._start_costly(subject, Seen.WORDS)

    def _start_costly(self, subject: Subject, seen: Seen) -> None:
        """Start the costly detectors that nobody started and whose turn it is; leave out those whose turn never comes."""
        for detector in self._ensemble.costly:
            with self._lock:
                if detector.name in self._futures:
                    continue
                turn = turn_of(seen, partial(self._matters, detector.name) if self._can_matter else None)
                if turn is Turn.NOW:
                    self._futures[detector.name] = self._start_one(detector, subject)
                elif turn is Turn.NEVER:
                    why = Missing(detector.name, "skipped", "no answer could matter on the path")
                    self._futures[detector.name] = why

    def _matters(self, detector: str) -> bool:
        """Whether any answer of a costly detector could matter, given what the cheap ones found so far."""
        return self._can_matter is None or self._can_matter(detector, self._recall())

    def _start_one(self, detector: Detector, subject: Subject) -> "Future[Result] | Missing":
        why = self._why_not(detector, subject)
        return why or self._ensemble.pools.submit(detector.name, _time, detector, subject)

    def _why_not(self, detector: Detector, subject: Subject) -> Missing | None:
        """Return why a detector is not even asked; None where it is."""
        why = _report_unsupported(detector, subject)
        if why:
            return Missing(detector.name, "unsupported", why)
        if not self._ensemble.breakers[detector.name].may_ask():
            return Missing(detector.name, "open_circuit", "it kept failing")
        return None

    def _wait(self, detectors: Sequence[Detector], until: float) -> bool:
        """Wait for detectors; return whether none is left running."""
        futures = [self._futures[d.name] for d in detectors]
        running = [f for f in futures if isinstance(f, Future) and not f.done()]
        return not running or not wait(running, timeout=max(until - time.perf_counter(), 0.0)).not_done

    def _recall(self) -> list[Result]:
        """Return what the cheap detectors found so far; nothing, for those that are still at it or wait for files."""
        return [self._peek(d) for d in self._ensemble.cheap]

    def _peek(self, detector: Detector) -> Result:
        future = self._futures.get(detector.name)
        if isinstance(future, Missing):
            return Result(detector.name, detector.version, missing=future)
        if future is None or not future.done():
            return Result(detector.name, detector.version)
        return _result_of(detector, future)

    def _collect(self, detector: Detector) -> Result:
        future = self._futures[detector.name]
        if isinstance(future, Missing):
            return Result(detector.name, detector.version, missing=future)
        result = _result_of(detector, future)
        # One that was not even begun says nothing of itself: its thread was kept by another.
        if not future.cancelled():
            is_failure = result.missing is not None and result.missing.why in {"late", "failed"}
            self._ensemble.breakers[detector.name].note_result(is_failure)
        return result


def _report_unsupported(detector: Detector, subject: Subject) -> str:
    if subject.kind not in detector.kinds:
        return f"it does not judge {subject.kind.label}"
    if detector.languages is not None and subject.language.split("-")[0] not in detector.languages:
        return f"it does not read {subject.language}"
    return ""


def _time(detector: Detector, subject: Subject) -> Result:
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
