"""YAML that anybody may have written: what is taken, what is refused, and that neither costs more than its size."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.document import yaml_form
from policies.document.schema import parse_document
from policies.document.stored import dump_yaml, line_of, load_yaml
from policies.document.yaml_form import MAX_BYTES, MAX_DEPTH, MAX_TEXT, YamlRefused, read_yaml
from policies.errors import PolicyError
from tests.support.policy_builders import seed_document

#: A text of 26 lines that stands for 10 to the 25th values.
BILLION = "a0: &a0 [x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 26))

_NASTY = {
    "a bomb of aliases": BILLION,
    "an alias of itself": "a: &a [*a]",
    "an anchor that nobody uses": "a: &a 1",
    "an anchor on a key": "&a a: 1",
    "an alias as a key": "a: &a x\n*a : 1",
    "a merge key": "a: {<<: {b: 1}}",
    "a list of merge keys": "<<: [{a: 1}, {b: 2}]",
    "a tag of Python": "!!python/object/apply:os.system [x]",
    "a tag of a name": "a: !!python/name:os.system",
    "a tag that is allowed elsewhere": "a: !!str 1",
    "a tag of a set": "a: !!set {b, c}",
    "a tag of bytes": "a: !!binary aGVsbG8=",
    "a tag without a name": "a: ! x",
    "a handle for tags": "%TAG ! tag:example.org,2026:\n---\na: !x y",
    "a key twice": "a: 1\na: 2",
    "a key twice far below": "a: [{b: {c: 1, c: 2}}]",
    "a key twice in other quotes": "a: 1\n'a': 2",
    "a list as a key": "? [a, b]\n: c",
    "a mapping as a key": "? {a: b}\n: c",
    "a second document": "a: 1\n---\nb: 2",
    "an integer of many digits": f"a: {'9' * 20}",
    "an integer of very many digits": f"a: {'9' * 100_000}",
    "a float beyond all": "a: 1.0e999",
    "nesting": "[" * 10_000,
    "nesting in blocks": "".join(f"{' ' * n}a:\n" for n in range(500)),
    "nesting of mappings": "{a: " * 10_000,
    "a lone surrogate": 'a: "\\uD800"',
    "a NUL": 'a: "\\0"',
    "a NUL in a key": '"a\\0": 1',
    "a raw NUL": "a: \0",
    "a raw surrogate": "a: \ud800",
    "a long text": f"a: {'x' * (MAX_TEXT + 1)}",
    "a long key": f"{'x' * (MAX_TEXT + 1)}: a",
    "too many bytes": "a: [" + "x, " * MAX_BYTES + "]",
    "too many bytes of other characters": "a: " + "é" * (MAX_BYTES // 2 + 1),
    "no YAML": "a: [",
    "a tab": "a:\n\t- b",
    "a colon too many": "a: b: c",
    "a directive that is none": "%YAML 9.9\n---\na: 1",
    "a directive that is one": "%YAML 1.1\n---\na: 1",
    "a directive behind a byte order mark": "\ufeff%TAG !a! b\n---\na: 1",
    "directives": "".join(f"%TAG !a{n}! b\n" for n in range(60_000)) + "---\na: 1",
    "directives behind other breaks": "#\r" + "".join(f"%TAG !a{n}! b\u2028" for n in range(60_000)) + "---\na: 1",
    "directives before a second document": "a: 1\n...\n" + "".join(f"%TAG !a{n}! b\x85" for n in range(60_000)) + "---\na: 1",
    "control characters": "a: \x07",
}  # fmt: skip


def _refusal(call: Callable[[Any], Any], given_: Any) -> PolicyError | None:
    """Return how something is refused, None where it is not; any other error is a failure."""
    try:
        call(given_)
    except PolicyError as error:
        return error
    return None


@pytest.mark.parametrize("text", _NASTY.values(), ids=_NASTY)
def test_it_is_refused_in_a_bounded_message_time_and_memory(text: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises(YamlRefused) as refused:
            read_yaml(text)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(refused.value)) < 900
    str(refused.value).encode(errors="strict" if "\ud800" not in text else "replace")
    assert time.process_time() - began < 30  # it hung for minutes, or for ever
    assert most < 64 * 2**20


def test_directives_are_refused_before_the_parser_meets_them() -> None:
    """It compares each with all before it, in one step that holds every thread: no clock of ours can end that."""
    text = "# notes\r\n" + "".join(f"%TAG !a{i}! b\n" for i in range(60_000)) + "---\na: 1"
    began = time.process_time()
    with pytest.raises(YamlRefused, match="directive") as refused:
        read_yaml(text)
    assert time.process_time() - began < 1
    assert refused.value.line == 2


@pytest.mark.parametrize("text", ["%a", "b\n%a", "b\n\n%a\n", "b\u2028%a", f"{'b ' * 100}%{'c ' * 100}"])
def test_what_begins_with_a_percent_sign_is_exported_and_read_back(text: str) -> None:
    document = {text: {text: [text, text]}, "a": text, "b": [text]}
    assert read_yaml(dump_yaml(document))[0] == document


def test_more_values_than_are_taken_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_form, "MAX_NODES", 1_000)
    read_yaml("[" + "x," * 998 + "]")
    with pytest.raises(YamlRefused, match="more than 1000 values"):
        read_yaml("[" + "x," * 1_001 + "]")


def test_reading_ends_after_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_form, "MAX_SECONDS", -1.0)
    with pytest.raises(YamlRefused, match="seconds"):
        read_yaml("a: 1")


def test_the_deepest_that_is_taken_is_taken() -> None:
    value, _ = read_yaml("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    for _ in range(MAX_DEPTH - 1):
        [value] = value
    assert value == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("yes", "yes"), ("on", "on"), ("Off", "Off"), ("True", "True"), ("NULL", "NULL"),
        ("true", True), ("false", False), ("null", None), ("~", None), ("''", ""), ("'true'", "true"), ("'1'", "1"),
        ("2026-11-30", "2026-11-30"), ("2026-11-30T12:00:00Z", "2026-11-30T12:00:00Z"), ("1:30", "1:30"), ("190:20:30", "190:20:30"),
        ("0755", "0755"), ("0o17", "0o17"), ("0x1f", "0x1f"), ("0b101", "0b101"), ("1_000", "1_000"), ("+1", "+1"), ("١٢", "١٢"),
        ("0", 0), ("12", 12), ("-3", -3), ("0.85", 0.85), ("-0.5", -0.5), ("1.0e-05", 1e-5), (".5", ".5"), ("1.", "1."), ("1e3", "1e3"),
        (".inf", ".inf"), (".nan", ".nan"), ("=", "="), ("|\n  a\n  b\n", "a\nb\n"), (">-\n  a\n  b\n", "a b"), ('"a\\tb\\u00e9"', "a\tbé"),
    ],
)  # fmt: skip
def test_a_plain_text_is_what_json_would_read_and_else_a_text(text: str, value: object) -> None:
    found, _ = read_yaml(f"a: {text}")
    assert found == {"a": value}
    assert type(found["a"]) is type(value)


_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co")), max_size=30)
_SCALAR = (
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | st.floats(-1e9, 1e9).map(lambda x: round(x, 6)) | _TEXT
)
_DOCUMENT = st.dictionaries(
    _TEXT.filter(lambda key: key != "<<"), st.recursive(_SCALAR, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT.filter(lambda key: key != "<<"), inner, max_size=4), max_leaves=15), max_size=5
)  # fmt: skip


@settings(deadline=None)
@given(document=_DOCUMENT)
def test_what_is_exported_is_read_back_exactly(document: dict[str, Any]) -> None:
    assert read_yaml(dump_yaml(document))[0] == document


@settings(deadline=None)
@given(
    text=st.text(st.sampled_from("ab01:-[]{},&*!|>'\"%@`#?~<\n\t \\\u0085\u2028é\ufeff.eE_"), max_size=60)
    | st.text(max_size=40)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    if error := _refusal(load_yaml, text):
        line = error.line if isinstance(error, YamlRefused) else line_of(read_yaml(text)[1], error.field)
        assert line is None or 1 <= line <= len(text) + 2
        assert len(str(error)) < 900


_FIELD = st.sampled_from(
    ["title", "thresholds", "categories", "detectors", "terms", "routing", "age_rules", "banks", "standings", "number"]
)
_WRONG = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10) | st.lists(st.integers(), max_size=3)  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(name=_FIELD, value=_WRONG | st.dictionaries(st.text(max_size=5), _WRONG, max_size=3) | st.lists(st.dictionaries(st.text(max_size=5), _WRONG, max_size=2), max_size=2))  # fmt: skip
def test_a_document_with_anything_in_a_field_is_parsed_or_refused(name: str, value: object) -> None:
    if error := _refusal(parse_document, {**seed_document(1), name: value}):
        assert len(str(error)) < 900


def test_a_message_about_a_field_repeats_little_of_what_was_written() -> None:
    huge = "x" * 19_000
    for change in (
        {huge: 1},
        {"title": 1, huge: 2},
        {"routing": [{huge: 1}]},
        {"banks": {huge: "block"}},
        {"number": huge},
        {"unknown_language": huge},
    ):
        with pytest.raises(PolicyError) as refused:
            parse_document({**seed_document(1), **change})
        assert len(str(refused.value)) < 900
    with pytest.raises(PolicyError, match="must be one of"):
        parse_document({**seed_document(1), "age_rules": [{"min_age": 13.0, "reason": "x"}]})


def test_the_seeds_mean_what_they_always_meant() -> None:
    for number in (1, 2):
        text = yaml.safe_dump(seed_document(number), allow_unicode=True, sort_keys=False)
        assert read_yaml(text)[0] == yaml.safe_load(text)
