"""Who may be shown what: the gate's rules against a slow oracle, and what it does when it does not know."""

from __future__ import annotations

import ast
import copy
import itertools
import math
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feed.viewers import band_of_claim
from moderation.db.histories import History
from moderation.gate.columns import TERRITORIES, Columns, Row
from moderation.gate.door import Cleared, Gate, Viewer, require_cleared
from moderation.gate.source import Mark, Poll
from policies.choices import BAND_MIN_AGES, Band
from tests.support.places import ROOT

NOW = datetime(2026, 3, 1, tzinfo=UTC)
AT = NOW.timestamp()


def row(item_id: int = 1, **changes: object) -> Row:
    """Return a clearance that admits everybody, changed."""
    base = Row(item_id, f"ext-{item_id}", 10, True, 0, [], AT + 60, 1, b"d" * 16, 0.0)
    return base._replace(**changes)  # type: ignore[arg-type]


class _Source:
    """Clearances without a database."""

    def __init__(self, rows: list[Row]) -> None:
        self.rows = rows
        self.is_away = False
        self.is_new = False
        self.now = History("key", "signs", 10, 100, "today")
        self.renewed: list[str] = []

    def ensure(self) -> bool:
        if self.is_away:
            raise OSError("away")
        return self.is_new

    def close(self) -> None: ...

    def history(self) -> History:
        return self.now

    def changes(self, since_xid: int) -> Poll:
        return Poll(self.now, since_xid, self.rows)

    @contextmanager
    def load(self) -> Iterator[tuple[History, int, Iterator[list[Row]]]]:
        yield self.now, 1, iter([self.rows])

    def renew(self, history: History) -> None:
        self.renewed.append(history.key)

    def mark(self, seen: int) -> Mark | None:
        return None


class _Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


def gate_of(*rows: Row, clock: _Clock | None = None) -> Gate:
    """Return a gate that holds these clearances."""
    made = Gate(source=_Source(list(rows)), clock=clock or _Clock(), max_age_seconds=1.0)  # type: ignore[arg-type]
    made.refresh()
    return made


def why(gate: Gate, viewer: Viewer, item_id: int = 1) -> str:
    """Return what the gate says of one item, having checked that all its answers agree."""
    reason = gate.why_not(item_id, viewer, NOW)
    admission = gate.admit([item_id], viewer, NOW)
    assert bool(admission.cleared) == (reason == "")
    mask = gate.eligible(viewer, NOW).mask
    assert (0 <= item_id < len(mask) and bool(mask[item_id])) == (reason == "")
    return reason


@pytest.mark.parametrize(
    ("change", "viewer", "expected"),
    [
        ({}, Viewer(Band.UNDER_13), ""),
        ({"is_granted": False}, Viewer(Band.ADULT, "DE"), "not_granted"),
        ({"valid_until": AT}, Viewer(Band.ADULT, "DE"), "expired"),
        ({"valid_until": AT - 1}, Viewer(Band.ADULT, "DE"), "expired"),
        ({"valid_until": math.nan}, Viewer(Band.ADULT, "DE"), "expired"),
        ({"valid_until": math.inf}, Viewer(Band.ADULT, "DE"), "expired"),
        ({"min_age": 13}, Viewer(Band.UNDER_13, "DE"), "age"),
        ({"min_age": 13}, Viewer(Band.TEEN_13_15, "DE"), ""),
        ({"min_age": 18}, Viewer(Band.TEEN_16_17, "DE"), "age"),
        ({"min_age": 18}, Viewer(Band.ADULT, "DE"), ""),
        ({"min_age": 18}, Viewer("adult", "DE"), "age"),  # type: ignore[arg-type]
        ({"min_age": 18}, Viewer(None, "DE"), "age"),  # type: ignore[arg-type]
        ({"territories_blocked": ["DE"]}, Viewer(Band.ADULT, "DE"), "territory"),
        ({"territories_blocked": ["DE"]}, Viewer(Band.ADULT, "de"), "territory"),
        ({"territories_blocked": ["de"]}, Viewer(Band.ADULT, "DE"), "territory"),
        ({"territories_blocked": ["DE"]}, Viewer(Band.ADULT, "FR"), ""),
        ({"territories_blocked": ["DE"]}, Viewer(Band.ADULT, ""), "territory"),
        ({"territories_blocked": ["DE"]}, Viewer(Band.ADULT, "ZZ"), "territory"),
        ({"territories_blocked": ["??"]}, Viewer(Band.ADULT, "FR"), "territory"),
        ({"territories_blocked": []}, Viewer(Band.ADULT, "ZZ"), ""),
    ],
)
def test_it_denies_whatever_it_cannot_be_sure_of(change: dict[str, Any], viewer: Viewer, expected: str) -> None:
    assert why(gate_of(row(**change)), viewer) == expected


@pytest.mark.parametrize("item_id", [0, 2, -1, 10**12])
def test_an_item_it_does_not_hold_is_unknown(item_id: int) -> None:
    assert why(gate_of(row()), Viewer(Band.ADULT, "DE"), item_id) == "unknown"


@pytest.mark.parametrize(
    "age", [None, "", "nan", "NaN", "inf", "-1", "121", "1e9", "adult", "18 years", "0x20", "１８x", "17.99"]
)
def test_an_age_that_is_not_a_number_from_0_to_120_is_the_youngest_band(age: str | None) -> None:
    assert band_of_claim(age) is Band.UNDER_13
    assert why(gate_of(row(min_age=13)), Viewer(band_of_claim(age), "DE")) == "age"


@pytest.mark.parametrize(("age", "band"), [("0", 0), ("12", 0), ("13", 1), ("16", 2), ("17", 2), ("18", 3), ("120", 3)])
def test_an_age_in_range_has_its_band(age: str, band: int) -> None:
    assert band_of_claim(age) == band


def test_an_old_view_admits_nothing_and_a_fresh_one_admits_again() -> None:
    clock = _Clock()
    gate = gate_of(row(), clock=clock)
    viewer = Viewer(Band.ADULT, "DE")
    assert why(gate, viewer) == ""
    clock.now += 1.0
    assert why(gate, viewer) == ""
    clock.now += 0.001
    assert why(gate, viewer) == "stale"
    assert gate.eligible(viewer, NOW).is_stale
    gate.refresh()
    assert why(gate, viewer) == ""


def test_a_failed_refresh_is_no_refresh() -> None:
    clock = _Clock()
    gate = gate_of(row(), clock=clock)
    gate._source.is_away = True  # type: ignore[attr-defined]
    clock.now += 1.5
    with pytest.raises(OSError, match="away"):
        gate.refresh()
    assert why(gate, Viewer(Band.ADULT, "DE")) == "stale"


def test_the_view_is_as_old_as_the_beginning_of_its_refresh() -> None:
    clock = _Clock()
    gate = gate_of(row(), clock=clock)

    def slow(since_xid: int) -> Poll:
        clock.now += 5.0
        return Poll(gate._source.now, since_xid, [])  # type: ignore[attr-defined]

    gate._source.changes = slow  # type: ignore[method-assign]
    gate.refresh()
    assert gate.age_seconds() == 5.0
    assert gate.is_stale


#: How a later look can differ: what changed, and whether only counters tell.
OTHERS = {
    "another key, server, timeline, database or table": ({"signs": "others"}, False),
    "a sequence that went back": ({"drawn": 9}, True),
    "a log that went back": ({"flushed": 99}, True),
}


@pytest.mark.parametrize("is_new", [False, True], ids=["the same connection", "a new one"])
@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS)
def test_a_view_of_another_history_is_dropped_before_the_other_is_loaded(
    other: tuple[dict[str, object], bool], is_new: bool
) -> None:
    changes, is_told_by_counters = other
    gate, viewer = gate_of(row()), Viewer(Band.ADULT, "DE")
    source: Any = gate._source

    @contextmanager
    def failing() -> Iterator[object]:
        raise OSError("in the middle of the load")
        yield  # type: ignore[unreachable]  # what makes it a generator

    loads, source.load, source.is_new = source.load, failing, is_new
    source.now = replace(source.now, **changes)
    with pytest.raises(OSError, match="in the middle"):
        gate.refresh()
    assert why(gate, viewer) == "stale"
    assert gate.history == ""
    assert gate.n_items == 0
    source.load, source.rows = loads, [row(2)]
    gate.refresh()
    assert [why(gate, viewer, item_id) for item_id in (1, 2)] == ["unknown", ""]
    assert gate.history == source.now.id
    assert source.renewed == (["key"] if is_told_by_counters else [])


def test_a_new_connection_to_the_same_history_reads_everything_and_serves_meanwhile() -> None:
    gate, viewer = gate_of(row()), Viewer(Band.ADULT, "DE")
    source: Any = gate._source
    source.is_new, source.rows = True, [row(2)]  # what a change that was missed would leave
    version = gate.version
    gate.refresh()
    assert gate.version == version + 1, "loaded, and not dropped before"
    assert [why(gate, viewer, item_id) for item_id in (1, 2)] == ["unknown", ""]


def test_what_was_chosen_in_another_history_is_not_admitted() -> None:
    gate, viewer = gate_of(row()), Viewer(Band.ADULT, "DE")
    assert gate.admit([1], viewer, NOW, history="another").denied == [(1, "history")]
    assert gate.eligible(viewer, NOW).history == gate.history != ""
    assert len(gate.admit([1], viewer, NOW, history=gate.history).cleared) == 1


def test_what_expires_leaves_a_mask_that_was_computed_before() -> None:
    gate = gate_of(row(1, valid_until=AT + 5), row(2, valid_until=AT + 50))
    viewer = Viewer(Band.ADULT, "DE")
    assert gate.eligible(viewer, NOW).ids.tolist() == [1, 2]
    later = datetime.fromtimestamp(AT + 5, UTC)
    assert gate.eligible(viewer, later).ids.tolist() == [2]


@pytest.mark.parametrize("is_granted", [True, False])
def test_an_older_revision_that_comes_later_changes_nothing(is_granted: bool) -> None:
    columns = Columns()
    columns.apply([row(revision=20, is_granted=is_granted)])
    assert not columns.apply([row(revision=19, is_granted=not is_granted)]).any()
    assert not columns.apply([row(revision=20, is_granted=not is_granted)]).any()
    assert bool(columns.is_granted[1]) is is_granted
    columns.apply([row(revision=22, is_granted=is_granted), row(revision=21, is_granted=not is_granted)])
    assert bool(columns.is_granted[1]) is is_granted


ROWS = st.builds(
    row,
    item_id=st.integers(1, 4),
    revision=st.integers(1, 60),
    is_granted=st.booleans(),
    min_age=st.sampled_from(BAND_MIN_AGES),
    territories_blocked=st.lists(st.sampled_from(["DE", "FR", "US", "ZZ"]), max_size=3),
    valid_until=st.sampled_from([AT - 1, AT, AT + 1, AT + 1e3, AT + 1e6, AT + 1e9, math.inf, math.nan]),
)


def oracle(rows: list[Row], item_id: int, viewer: Viewer) -> bool:
    """Say in the plainest way whether an item may be shown."""
    held = [r for r in rows if r.item_id == item_id]
    if not held:
        return False
    newest = max(held, key=lambda r: r.revision)
    if not newest.is_granted or not (newest.valid_until > AT) or math.isinf(newest.valid_until):
        return False
    if newest.min_age > BAND_MIN_AGES[viewer.band]:
        return False
    blocked = newest.territories_blocked
    if not blocked:
        return True
    return viewer.region in TERRITORIES and viewer.region not in blocked and "ZZ" not in blocked


@given(
    rows=st.lists(ROWS, max_size=40, unique_by=lambda r: (r.item_id, r.revision)),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    band=st.sampled_from(Band),
    region=st.sampled_from(["DE", "FR", "US", "GB", "", "ZZ"]),
)
def test_it_agrees_with_a_slow_oracle_in_any_order_and_with_repeats(
    rows: list[Row], cuts: list[int], band: Band, region: str
) -> None:
    columns = Columns(capacity=2)
    ends = [0, *sorted(min(c, len(rows)) for c in cuts), len(rows)]
    for start, end in itertools.pairwise(ends):
        columns.apply(rows[max(0, start - 3) : end])  # each batch repeats the end of the one before
    viewer = Viewer(band, region)
    mask = columns.eligible(age=viewer.age, territory=viewer.territory, now=AT)
    for item_id in range(10):
        expected = oracle(rows, item_id, viewer)
        reason = columns.why_not(item_id, age=viewer.age, territory=viewer.territory, now=AT)
        assert (reason == "") == expected
        assert (item_id < len(mask) and bool(mask[item_id])) == expected


@given(st.lists(st.sampled_from(["DE", "FR", "??", "US"]), max_size=4), st.sampled_from(["DE", "FR", "US", "GB"]))
def test_knowing_less_of_the_viewer_never_admits_more(blocked: list[str], region: str) -> None:
    gate = gate_of(row(territories_blocked=blocked, min_age=13))
    if why(gate, Viewer(Band.ADULT, "")) == "":
        assert why(gate, Viewer(Band.ADULT, region)) == ""
    assert why(gate, Viewer(Band.UNDER_13, region)) != ""


# --- the token ----------------------------------------------------------------------------------------------------

FIELDS = {
    "item_id": 1, "external_id": "a", "decision_key": None, "policy_version": 1, "revision": 1, "valid_until": NOW,
    "min_age": 0,
}  # fmt: skip


def token() -> Cleared:
    """Return a genuine token."""
    return gate_of(row()).admit([1], Viewer(Band.ADULT, "DE"), NOW).cleared[0]


@pytest.mark.parametrize("key", [{}, {"mint": None}, {"mint": object()}, {"mint": True}])
def test_nobody_else_can_make_a_token(key: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        Cleared(**FIELDS, **key)  # type: ignore[arg-type]


def test_a_token_cannot_be_changed_copied_pickled_or_subclassed() -> None:
    made = token()
    with pytest.raises(AttributeError):
        made.min_age = 0  # type: ignore[misc]
    for leave in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            leave(made)
    with pytest.raises(TypeError):
        type("Other", (Cleared,), {})


def test_only_a_genuine_token_is_accepted() -> None:
    assert require_cleared(token())
    hollow = object.__new__(Cleared)
    for name, value in FIELDS.items():
        object.__setattr__(hollow, name, value)
    for wrong in (hollow, None, "ext-1", 1, {"external_id": "ext-1"}, FIELDS, Cleared):
        with pytest.raises(TypeError):
            require_cleared(wrong)


def test_no_other_module_names_the_mint_the_seal_or_the_constructor() -> None:
    secret = {"_MINT", "_seal"}
    for path in sorted(p for app in ("policies", "moderation", "feed", "console") for p in (ROOT / app).rglob("*.py")):
        if path == ROOT / "moderation" / "gate" / "door.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(node, "id", None) or getattr(node, "attr", None) or getattr(node, "value", None)
            assert name not in secret, f"{path} touches the gate's mint"
            called = node.func if isinstance(node, ast.Call) else None
            assert getattr(called, "id", getattr(called, "attr", "")) != "Cleared", f"{path} makes a token"
