"""Whatever happens in whatever order, what is served is what the rules say: random sequences against a small oracle."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from policies.choices import Outcome, Standing
from tests.support.world import CREATORS, DOMAINS, FILES, OWN_TERM, TERMS, Stage, World, Writer

#: In CI so many sequences, shared by N_PARTS tests; `make soak-decisions` asks for more, beside workers that never rest.
N_SEQUENCES = int(os.environ.get("SOAK_SEQUENCES", "30"))
WITH_WRITERS = bool(os.environ.get("SOAK_WRITERS"))
N_PARTS = 6
N_STEPS = 30
#: A failure is told by its shortest sequence; SOAK_COUNT=1 keeps the first instead, whose name says how many there were before it.
PHASES = (Phase.generate,) if os.environ.get("SOAK_COUNT") else tuple(Phase)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
WORDS = st.frozensets(st.sampled_from([*TERMS, OWN_TERM, *DOMAINS]), max_size=3)
DECIDED = st.sampled_from([Outcome.CLEAR, Outcome.RESTRICT, Outcome.BLOCK])
AGES = st.sampled_from([13, 18])


class Sequences(RuleBasedStateMachine):
    """Steps of people, creators and workers, in any order."""

    stage: Stage

    @initialize(words=WORDS)
    def begin(self, words: frozenset[str]) -> None:
        self.world = World(self.stage, Writer() if WITH_WRITERS else None)
        self.world.upload("ada", words, "")

    def some(self, n: int) -> str:
        names = list(self.world.things)
        return names[n % len(names)]

    @rule(creator=st.sampled_from(CREATORS), words=WORDS, file=st.sampled_from(["", "", *FILES]))
    def upload(self, creator: str, words: frozenset[str], file: str) -> None:
        self.world.upload(creator, words, file)

    @rule(creator=st.sampled_from(CREATORS), words=WORDS, file=st.sampled_from(["", *FILES]))
    def begin_upload(self, creator: str, words: frozenset[str], file: str) -> None:
        self.world.begin(creator, words, file)

    @precondition(lambda self: self.world.begun)
    @rule()
    def finish_uploads(self) -> None:
        self.world.finish()

    @rule(n=st.integers(0, 30))
    def deep_verdict(self, n: int) -> None:
        self.world.examine(self.some(n))

    @rule(n=st.integers(0, 30))
    def report(self, n: int) -> None:
        self.world.report(self.some(n))

    @rule(n=st.integers(0, 30))
    def withdraw(self, n: int) -> None:
        self.world.withdraw(self.some(n))

    @rule(word=st.sampled_from(list(TERMS)))
    def term(self, word: str) -> None:
        self.world.term(word)

    @precondition(lambda self: self.world.terms)
    @rule()
    def terms_expire(self) -> None:
        self.world.expire()

    @rule()
    def bank_entry(self) -> None:
        self.world.entry()

    @rule()
    def bank_switch(self) -> None:
        self.world.switch()

    @rule(name=st.sampled_from(DOMAINS))
    def domain(self, name: str) -> None:
        self.world.domain(name)

    @rule(creator=st.sampled_from(CREATORS), standing=st.sampled_from(Standing))
    def standing(self, creator: str, standing: Standing) -> None:
        self.world.standing(creator, standing)

    @rule()
    def version(self) -> None:
        self.world.activate()

    @rule(n=st.integers(0, 30))
    def open_page(self, n: int) -> None:
        self.world.open_page(self.some(n))

    @rule(n=st.integers(0, 30), outcome=DECIDED, min_age=AGES)
    def decide_at_once(self, n: int, outcome: Outcome, min_age: int) -> None:
        self.world.open_page(self.some(n))
        self.world.decide(outcome, page=-1, min_age=min_age)

    @precondition(lambda self: self.world.pages)
    @rule(page=st.integers(0, 30), outcome=DECIDED, min_age=AGES)
    def decide_from_a_page(self, page: int, outcome: Outcome, min_age: int) -> None:
        self.world.decide(outcome, page=page, min_age=min_age)

    @precondition(lambda self: self.world.pages)
    @rule(page=st.integers(0, 30), outcome=DECIDED, min_age=AGES)
    def decide_as_people_do(self, page: int, outcome: Outcome, min_age: int) -> None:
        self.world.decide(outcome, page=page, min_age=min_age, waits=True)

    @precondition(lambda self: self.world.waiting)
    @rule()
    def ten_seconds_pass(self) -> None:
        self.world.take_effect()

    @rule(n=st.integers(0, 30))
    def undo(self, n: int) -> None:
        self.world.undo(self.some(n))

    @rule(numbers=st.sets(st.integers(0, 30), min_size=1, max_size=4))
    def campaign(self, numbers: set[int]) -> None:
        self.world.gather(sorted({self.some(n) for n in numbers}))

    @precondition(lambda self: self.world.campaigns)
    @rule(outcome=st.sampled_from([Outcome.CLEAR, Outcome.BLOCK]))
    def campaign_decided(self, outcome: Outcome) -> None:
        self.world.decide_campaign(outcome)

    @invariant()
    def what_stands_is_what_the_rules_say(self) -> None:
        if not self.world.begun:
            self.world.check()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.end()


@pytest.mark.parametrize("part", range(N_PARTS))
def test_what_stands_is_what_the_rules_say(stage: Stage, part: int) -> None:
    class Part(Sequences):
        pass

    Part.stage = stage
    if "SOAK_SEQUENCES" not in os.environ:
        seed(part)(Part)  # a change is blamed for what it breaks alone; new sequences are the soak's
    run_state_machine_as_test(
        Part,
        settings=settings(
            max_examples=max(1, N_SEQUENCES // N_PARTS), stateful_step_count=N_STEPS, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), print_blob=True, derandomize=False, phases=PHASES,
        ),
    )  # fmt: skip
