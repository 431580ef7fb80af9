"""Text, numbers and JSON from outside: one rule each."""

from __future__ import annotations

import json
import math
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.untrusted import (
    MAX_DEPTH,
    MAX_FAULTS,
    MAX_SHOWN,
    UntrustedError,
    check_lines,
    decimal_number,
    faults,
    load_json,
    show,
    text_fault,
    whole_number,
)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@given(text=st.text(alphabet=st.characters(exclude_categories=())))
def test_text_without_a_fault_can_be_stored_and_sent_and_no_other(text: str) -> None:
    try:
        is_good = b"\0" not in text.encode()
    except UnicodeEncodeError:
        is_good = False
    assert (text_fault(text) == "") is is_good


@pytest.mark.parametrize(
    ("document", "place"),
    [
        ("a\0", "body"),
        ({"a": "\ud800"}, "a"),
        ({"a": {"b": ["x", "\udfff"]}}, "a.b.1"),
        ({"a": {"b\0": 1}}, "a"),
        ({"\ud83d": 1}, "body"),
        ([["\0"]], "0.0"),
    ],
)
def test_faults_are_found_wherever_they_are_names_included(document: object, place: str) -> None:
    assert [where for where, _ in faults(document)] == [place]


def test_a_whole_surrogate_pair_is_a_character() -> None:
    assert list(faults(load_json('["\\ud83d\\ude00"]'))) == []


def test_nesting_is_bounded_without_recursion() -> None:
    deep: object = "x"
    for _ in range(MAX_DEPTH):
        deep = [deep]
    assert list(faults(deep)) == []
    with pytest.raises(UntrustedError, match="deep"):
        list(faults([deep]))
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(UntrustedError, match="deep"):
        list(faults(deep))


def test_looking_for_faults_takes_memory_for_the_depth_and_not_for_the_size() -> None:
    """Thirty names of sixty letters, and many zeros below them: a place for each of a million was two gigabytes."""
    wide: object = [0] * 40_000 + [[0]] * 40_000
    for _ in range(MAX_DEPTH - 2):
        wide = {"x" * 60: wide}
    tracemalloc.start()
    try:
        assert list(faults(wide)) == []
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**20


def test_of_very_many_faults_the_first_are_told() -> None:
    wide: object = ["\0"] * 40_000
    for _ in range(MAX_DEPTH - 1):
        wide = {"x" * 60: wide}
    tracemalloc.start()
    try:
        found = list(faults(wide))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(found) == MAX_FAULTS
    assert found[-1][0] == ".".join(["x" * 60] * (MAX_DEPTH - 1) + [str(MAX_FAULTS - 1)])
    assert most < 2**20


@given(document=_JSON)
def test_json_that_was_written_is_read_back(document: object) -> None:
    assert load_json(json.dumps(document)) == document


@pytest.mark.parametrize(
    "text",
    ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "-1e999", "9" * 20, "[" + "1" * 5_000 + "]", "0." + "1" * 100,
     '{"a": 1, "a": 1}', '{"a": {"b": 1, "b": 2}}', "[" * 100_000, "{\"a\":" * 50_000, "", "tru", '"\t"', "01", "+1", "1_0", "١"],
)  # fmt: skip
def test_json_that_parsers_could_read_differently_is_refused_with_a_bounded_message(text: str) -> None:
    with pytest.raises(UntrustedError) as refused:
        load_json(text)
    assert len(str(refused.value)) < 300


@given(number=st.integers(0, 120))
def test_a_whole_number_is_ascii_digits(number: int) -> None:
    assert whole_number(str(number), 0, 120) == number


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "١٢",
        "१२",
        "１２",
        "1２",
        "²",
        "+1",
        "-1",
        " 12",
        "12 ",
        "12\n",
        "1_0",
        "1.0",
        "1e1",
        "0x1f",
        "121",
        "9" * 5_000,
        "nan",
        "1\0",
    ],
)
def test_anything_else_is_none(text: str) -> None:
    assert whole_number(text, 0, 120) is None


@given(text=st.text(max_size=8))
def test_what_counts_as_a_number_is_only_ever_digits(text: str) -> None:
    if whole_number(text, 0, 10**9) is not None:
        assert set(text) <= set("0123456789")
    if (number := decimal_number(text)) is not None:
        assert set(text) <= set("0123456789.-+eE")
        assert math.isfinite(number)


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "1e999", "1_0", "٠.٥", " 1", "1 ", ".5", "1.", "", "0x1", "9" * 400]
)
def test_a_decimal_number_is_finite_and_written_plainly(text: str) -> None:
    assert decimal_number(text) is None


@pytest.mark.parametrize("text", ["0", "1", "0.85", "-1", "1e-5", "1.5E+2"])
def test_plain_decimals_are_read(text: str) -> None:
    assert decimal_number(text) == float(text)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        10**100,
        10**5_000,
        ["y" * 10**6] * 10**4,
        {"k" * 10**6: "v" * 10**6},
        b"z" * 10**6,
        None,
        1.5,
        "\ud800",
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_message_repeats_little_whatever_was_sent(value: object) -> None:
    text = show(value)
    assert len(text) <= 2 * MAX_SHOWN + 3
    text.encode()  # and what it repeats can be sent


def test_the_line_of_a_file_that_cannot_be_kept_is_named() -> None:
    with pytest.raises(UntrustedError, match="Line 2"):
        list(check_lines(["fine\n", "a\0b\n"]))
