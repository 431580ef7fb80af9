"""Detectors side by side under one deadline: whatever one of them does, the others answer and the answer is in time."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from moderation.detection.ensemble import OnPathEnsemble
from moderation.detection.pools import DetectorPools
from moderation.detection.types import Finding, Missing, Result, Subject
from policies.choices import ItemKind
from tests.support.fake_detectors import SUBJECT, Fake, after, why

DEADLINE_MS = 60.0
GRACE_SECONDS = 0.25  # two cores, shared with other tests


class Clock:
    """Time that moves when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def hang() -> Iterator[Callable[[], None]]:
    release = threading.Event()

    def wait() -> None:
        release.wait(30)

    yield wait
    release.set()


def ensemble(*detectors: Fake, n_threads: int = 2, **changes: Any) -> OnPathEnsemble:
    fields: dict[str, Any] = {"deadline_ms": DEADLINE_MS, "pools": DetectorPools(n_threads)}
    return OnPathEnsemble(detectors, **{**fields, **changes})


def fail() -> None:
    raise RuntimeError("no")


def test_results_come_in_the_order_of_the_detectors() -> None:
    slow, quick = Fake("slow", after(0.01, "slow")), Fake("quick")
    assert [r.detector for r in ensemble(slow, quick).run(SUBJECT)] == ["slow", "quick"]


def test_one_that_hangs_is_late_and_nobody_waits_for_it(hang: Callable[[], None]) -> None:
    started = time.perf_counter()
    results = ensemble(Fake("hanging", hang), Fake("quick")).run(SUBJECT)
    assert time.perf_counter() - started < DEADLINE_MS / 1_000 + GRACE_SECONDS
    assert why(results) == {"hanging": "late", "quick": ""}


def test_one_that_is_slow_is_late() -> None:
    slow = Fake("slow", after(0.3, "slow"))
    assert why(ensemble(slow).run(SUBJECT)) == {"slow": "late"}


def nonsense_score() -> Result:
    finding = Finding("bad", "v1", "hate", 0.5)
    object.__setattr__(finding, "score", float("nan"))
    return Result("bad", "v1", (finding,))


@pytest.mark.parametrize(
    "act",
    [
        fail,
        lambda: Result("bad", "v1", (Finding("bad", "v1", "hate", float("nan")),)),
        nonsense_score,
        lambda: Result("other", "v1"),
        lambda: Result("bad", "v1", (Finding("other", "v1", "hate", 0.5),)),
        lambda: Result("bad", "v1", missing=Missing("bad", "because")),
        lambda: None,
        lambda: {"hate": 1.0},
        lambda: (_ for _ in ()).throw(SystemExit),
    ],
)
def test_one_that_raises_or_answers_nonsense_has_failed(act: Callable[[], Any]) -> None:
    results = ensemble(Fake("bad", act), Fake("good")).run(SUBJECT)
    assert why(results) == {"bad": "failed", "good": ""}
    assert results[0].findings == ()


def test_one_that_says_itself_that_it_is_missing_is_believed() -> None:
    gone = Fake("gone", lambda: Result("gone", "v1", missing=Missing("gone", "not_configured")))
    assert why(ensemble(gone).run(SUBJECT)) == {"gone": "not_configured"}


@pytest.mark.parametrize(
    "changes", [{"languages": frozenset({"de"})}, {"kinds": frozenset({ItemKind.VIDEO})}, {"languages": frozenset()}]
)
def test_one_that_cannot_judge_this_is_not_asked(changes: dict[str, Any]) -> None:
    detector = Fake("narrow", **changes)
    assert why(ensemble(detector).run(SUBJECT)) == {"narrow": "unsupported"}
    assert detector.n_runs == 0


def test_an_unknown_language_is_not_taken_for_a_known_one() -> None:
    unknown = replace(SUBJECT, language="und")
    assert why(ensemble(Fake("narrow", languages=frozenset({"en"}))).run(unknown)) == {"narrow": "unsupported"}


def test_one_that_keeps_failing_is_left_alone_and_tried_again_later(clock: Clock) -> None:
    detector = Fake("bad", fail)
    subject = ensemble(detector, clock=clock)
    assert [why(subject.run(SUBJECT))["bad"] for _ in range(7)] == ["failed"] * 5 + ["open_circuit"] * 2
    clock.now = 11.0
    assert [why(subject.run(SUBJECT))["bad"] for _ in range(2)] == ["failed", "open_circuit"]
    clock.now, detector.act = 22.0, None
    assert [why(subject.run(SUBJECT))["bad"] for _ in range(2)] == ["", ""]


def test_failures_with_successes_between_them_open_nothing(clock: Clock) -> None:
    outcomes = iter([True, False] * 10)
    detector = Fake("shaky", lambda: Result("shaky", "v1") if next(outcomes) else fail())
    subject = ensemble(detector, clock=clock)
    assert "open_circuit" not in {why(subject.run(SUBJECT))["shaky"] for _ in range(20)}


def test_what_is_known_of_a_failing_detector_outlives_a_swap(clock: Clock) -> None:
    old = ensemble(Fake("bad", fail), clock=clock)
    for _ in range(5):
        old.run(SUBJECT)
    assert why(ensemble(Fake("bad"), clock=clock, breakers=old.breakers).run(SUBJECT)) == {"bad": "open_circuit"}


def test_one_that_hangs_in_every_run_takes_only_its_own_threads(hang: Callable[[], None], clock: Clock) -> None:
    n_before = threading.active_count()
    subject = ensemble(Fake("hanging", hang), Fake("quick"), clock=clock, deadline_ms=20)
    for i in range(12):
        clock.now = i * 20.0  # the circuit never keeps it from being asked
        assert why(subject.run(SUBJECT)) == {"hanging": "late", "quick": ""}
    assert threading.active_count() - n_before <= 4


def test_many_callers_at_once_each_get_every_answer() -> None:
    subject = ensemble(*(Fake(f"d{i}") for i in range(5)), n_threads=4, deadline_ms=5_000)
    answers: list[tuple[Result, ...]] = []
    threads = [
        threading.Thread(target=lambda: answers.extend(subject.run(SUBJECT) for _ in range(25))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 200
    assert all(set(why(a).values()) == {""} for a in answers)


def test_how_long_each_took_is_kept() -> None:
    [result] = ensemble(Fake("d", after(0.01, "d"))).run(SUBJECT)
    assert 0.01 <= result.seconds < 1


# --- begun while files are checked ---------------------------------------------------------------------------------


class Reads(Fake):
    """Keeps what it was shown."""

    def __init__(self, name: str, **fields: Any) -> None:
        super().__init__(name)
        self.seen: list[Subject] = []
        for field, value in fields.items():
            setattr(self, field, value)

    def run(self, subject: Subject) -> Result:
        self.seen.append(subject)
        return super().run(subject)


def test_who_reads_words_only_starts_before_the_files_are_known() -> None:
    words, files = Reads("words"), Reads("files", reads_files=True)
    run = ensemble(words, files).begin(SUBJECT)
    whole = replace(SUBJECT, file_hashes={"cover": "ab" * 32})
    assert why(run.finish(whole)) == {"words": "", "files": ""}
    assert (words.seen, files.seen) == ([SUBJECT], [whole])


def test_a_costly_one_that_may_matter_starts_early_and_runs_once() -> None:
    text, started = Reads("text", cost_ms=10.0), threading.Event()

    def act() -> Result:
        started.set()
        return Result("text", "v1")

    text.act = act
    run = ensemble(Reads("terms", cost_ms=0.1), text, Reads("files", reads_files=True)).begin(
        SUBJECT, can_matter=lambda name, known: True
    )
    assert started.wait(5)
    assert set(why(run.finish(SUBJECT)).values()) == {""}
    assert text.n_runs == 1


def test_what_was_guessed_before_the_files_were_known_is_asked_again() -> None:
    """The guess says that it cannot matter; what is known in the end says that it can."""
    asked: list[int] = []

    def can_matter(name: str, known: Any) -> bool:
        asked.append(len(known))
        return len(asked) > 1

    text, terms = Reads("text", cost_ms=10.0), Reads("terms", cost_ms=0.1)
    run = ensemble(terms, text, Reads("files", reads_files=True), deadline_ms=2_000).begin(
        SUBJECT, can_matter=can_matter
    )
    wait_until(lambda: bool(asked))
    assert set(why(run.finish(SUBJECT)).values()) == {""}
    assert (asked, text.n_runs) == ([2, 2], 1)


def test_a_quick_one_that_hangs_keeps_its_fellows_only_until_its_circuit_opens(
    hang: Callable[[], None], clock: Clock
) -> None:
    quick, fellow = Fake("hanging", hang), Reads("fellow", cost_ms=0.1)
    quick.cost_ms = 0.1
    subject = ensemble(quick, fellow, clock=clock, deadline_ms=20, n_threads=8)
    assert [why(subject.run(SUBJECT)) for _ in range(5)] == [{"hanging": "late", "fellow": "late"}] * 5
    assert why(subject.run(SUBJECT)) == {"hanging": "open_circuit", "fellow": ""}


def wait_until(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 5
    while not is_so() and time.monotonic() < ends_at:
        time.sleep(0.005)
    assert is_so()
