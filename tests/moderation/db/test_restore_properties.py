"""Whatever is written, restored and looked at in whatever order: after a look the gate serves what the database clears."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from moderation.gate.door import Gate, HistoryGone, Viewer
from moderation.models import Item
from policies.choices import Band
from tests.support.clearances import cleared, permit, revoke
from tests.support.dumps import Dump

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ADULT = Viewer(Band.ADULT, "DE")
STEPS = st.one_of(
    st.tuples(st.just("new"), st.just(0)),
    st.tuples(st.sampled_from(["permit", "revoke"]), st.integers(0, 9)),
    st.tuples(st.just("dump"), st.just(0)),
    st.tuples(st.sampled_from(["restore", "restore_rows"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["look", "look_anew"]), st.just(0)),
)


class Scene:
    """The database, two gates that look when told to, and a client of the stream."""

    def __init__(self, first: Dump) -> None:
        self.dumps = [first]
        self.gates = [Gate(max_age_seconds=1e9), Gate(max_age_seconds=1e9)]
        self.n = 0
        self.client: tuple[str, int] = ("", 0)
        self.cache: set[str] = set()

    def act(self, what: str, which: int) -> None:
        items = list(Item.objects.order_by("pk"))
        if what == "new":
            self.n += 1
            cleared(f"item-{self.n}")
        elif what in {"permit", "revoke"} and items:
            (permit if what == "permit" else revoke)(items[which % len(items)])
        elif what == "dump":
            self.dumps.append(Dump.take())
        elif what.startswith("restore"):
            self.dumps[which % len(self.dumps)].restore(row_by_row=what == "restore_rows")
            if what == "restore_rows":  # nothing in the database can tell of it for sure: the runbook has the command
                call_command("history_new", verbosity=0)
        elif what.startswith("look"):
            self.look(is_new=what == "look_anew")

    def look(self, *, is_new: bool) -> None:
        wanted = sorted(Item.objects.filter(clearance__is_granted=True).values_list("external_id", flat=True))
        for gate in self.gates:
            if is_new:
                gate._source.close()
            gate.refresh()
            top = Item.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
            answer = gate.admit(range(top + 50), ADULT, timezone.now())
            assert sorted(token.external_id for token in answer.cleared) == wanted
        self.read_stream(set(wanted))

    def read_stream(self, wanted: set[str]) -> None:
        """Follow the stream as a client with a cache does, which it fills from what is served now."""
        history, since = self.client
        try:
            page = self.gates[0].revocations(since, history)
        except HistoryGone:
            self.cache.clear()
            page = self.gates[0].revocations(0)
        self.cache -= {row.external_id for row in page.rows if not row.is_granted} - wanted
        self.client = (page.history, page.next)
        assert self.cache <= wanted, "a client keeps what it was never told to drop"
        self.cache |= wanted

    def close(self) -> None:
        for gate in self.gates:
            gate.stop()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(STEPS, min_size=4, max_size=16))
def test_after_one_look_nothing_is_served_that_the_database_does_not_clear(
    steps: list[tuple[str, int]], capsys: Any
) -> None:
    first = Dump.take()
    scene = Scene(first)
    try:
        for step in [*steps, ("look", 0)]:
            scene.act(*step)
    finally:
        scene.close()
        first.restore()
