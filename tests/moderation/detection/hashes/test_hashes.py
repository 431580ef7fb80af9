"""Known files and pictures: exact, near, far, switched off."""

from collections import defaultdict

import numpy as np
import pytest
from django.core.management import call_command
from hypothesis import given
from hypothesis import strategies as st

from moderation.detection.hashes.detector import BankEntry, BankIndex, HashesDetector, finding_of
from moderation.detection.hashes.pdq import hamming
from moderation.detection.types import Picture, Result, Subject
from moderation.verdict.judge import judge
from moderation.verdict.judgement import Context
from policies.choices import DETECTORS, ItemKind, Outcome, Standing
from policies.live import active_policy, invalidate

KNOWN = "f0" * 32


def entry(value: str = KNOWN, **changes: object) -> BankEntry:
    fields: dict[str, object] = {
        "bank": "b", "bank_key": "bank-1", "entry_key": f"e-{value}", "algorithm": "pdq", "value": value,
        "category": "violence", "outcome": Outcome.BLOCK,
    }  # fmt: skip
    return BankEntry(**{**fields, **changes})  # type: ignore[arg-type]


def flipped(value: str, n_bits: int) -> str:
    return f"{int(value, 16) ^ ((1 << n_bits) - 1):064x}"


def subject(**changes: object) -> Subject:
    return Subject(ItemKind.IMAGE, "", "und", "", **changes)  # type: ignore[arg-type]


def picture(value: str, quality: int) -> Picture:
    return Picture("cover", "0" * 64, np.zeros((1, 1, 3), np.uint8), (value, quality))


@pytest.mark.parametrize(("n_bits", "is_match"), [(0, True), (31, True), (32, False), (256, False)])
def test_the_distance_decides_and_is_reported(n_bits: int, is_match: bool) -> None:
    query = flipped(KNOWN, n_bits)
    matches = BankIndex.build([entry()]).match_pdq(query, 100)
    assert [m.distance for m in matches] == ([n_bits] if is_match else [])
    assert hamming(query, KNOWN) == n_bits


@pytest.mark.parametrize(("quality", "n"), [(49, 0), (50, 1)])
def test_a_picture_without_structure_is_no_match_and_not_missing(quality: int, n: int) -> None:
    result = HashesDetector(BankIndex.build([entry()]), "h").run(subject(pictures=(picture(KNOWN, quality),)))
    assert len(result.findings) == n
    assert result.missing is None
    assert result.payload["cover"] == {"pdq": KNOWN, "quality": quality, "is_usable": quality >= 50}


def test_a_match_is_hard_evidence_with_where_it_was_met() -> None:
    result = HashesDetector(BankIndex.build([entry()]), "h").run(subject(pictures=(picture(flipped(KNOWN, 3), 90),)))
    [finding] = result.findings
    assert (finding.score, finding.hard, finding.category) == (1.0, Outcome.BLOCK, "violence")
    assert finding.where["distance"] == 3
    assert (finding.where["algorithm"], finding.where["role"], finding.where["quality"]) == ("pdq", "cover", 90)


def test_a_known_file_is_found_whatever_the_case_of_its_digits() -> None:
    known = entry("AB" * 32, algorithm="sha256")
    result = HashesDetector(BankIndex.build([known]), "h").run(
        subject(file_hashes={"media": "ab" * 32, "cover": "cd" * 32})
    )
    assert [f.where["role"] for f in result.findings] == ["media"]


def test_a_file_is_not_compared_by_likeness() -> None:
    assert BankIndex.build([entry(algorithm="sha256")]).match_pdq(KNOWN, 100) == []


def test_near_copies_in_a_mild_bank_do_not_hide_a_strict_one() -> None:
    mild = [
        entry(flipped(KNOWN, i % 4), bank_key="mild", entry_key=f"m{i}", outcome=Outcome.RESTRICT) for i in range(300)
    ]
    strict = entry(flipped(KNOWN, 20), bank_key="strict", is_child_safety=True)
    matches = BankIndex.build([*mild, strict]).match_pdq(KNOWN, 100)
    assert [m.entry.bank_key for m in matches] == ["mild"] * 3 + ["strict"]
    assert [m.distance for m in matches] == sorted(m.distance for m in matches)


def test_a_bank_is_switched_off_and_rolled_out_by_its_ratio() -> None:
    entries = [entry(entry_key=f"e{i}", enabled_ratio=0.3) for i in range(2_000)]
    on = [e.entry_key for e in entries if e.is_enabled]
    assert 0.25 < len(on) / len(entries) < 0.35
    wider = {e.entry_key for e in (entry(entry_key=k, enabled_ratio=0.6) for k in on) if e.is_enabled}
    assert wider == set(on)
    assert not BankIndex.build([entry(enabled_ratio=0.0)]).match_pdq(KNOWN, 100)
    assert BankIndex.build([entry(enabled_ratio=1.0)]).match_pdq(KNOWN, 100)


def test_an_empty_index_answers() -> None:
    assert BankIndex.build([]).match_pdq(KNOWN, 100) == []


def test_a_value_that_is_no_hash_is_refused_when_the_index_is_built() -> None:
    with pytest.raises(ValueError, match="64 hexadecimal"):
        BankIndex.build([entry("abc")])


def test_the_index_agrees_with_counting_bits() -> None:
    rng = np.random.default_rng(5)
    values = [flipped(KNOWN, int(n)) for n in rng.integers(0, 60, 200)]
    index = BankIndex.build(entry(v, entry_key=str(i), bank_key=str(i)) for i, v in enumerate(values))
    expected = sorted(d for v in values if (d := hamming(v, KNOWN)) <= 31)
    assert [m.distance for m in index.match_pdq(KNOWN, 100)] == expected


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[BankEntry], str]:
    """Return entries of a few banks crowded around a query at every interesting distance, and the query."""
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    query = int.from_bytes(rng.bytes(32), "big")
    entries = []
    for i in range(draw(st.integers(0, 60))):
        far = int(rng.choice([0, 1, 15, 16, 17, 30, 31, 32, 33, 64, 128, 256]))
        mask = sum(1 << int(bit) for bit in rng.choice(256, far, replace=False))
        bank = f"b{int(rng.integers(4))}"
        entries.append(
            entry(
                f"{query ^ mask:064x}", entry_key=f"e{i}", bank=bank, bank_key=bank,
                enabled_ratio=draw(st.sampled_from([0.0, 0.5, 1.0])), is_quarantined=bool(rng.integers(2)),
            )
        )  # fmt: skip
    return entries, f"{query:064x}"


@given(worlds())
def test_the_index_finds_what_counting_bits_finds(world: tuple[list[BankEntry], str]) -> None:
    entries, query = world
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for e in entries:
        if e.is_enabled and hamming(e.value, query) <= 31:
            groups[e.bank, e.enabled_ratio, e.is_quarantined].append(hamming(e.value, query))
    expected = sorted(d for distances in groups.values() for d in sorted(distances)[:3])
    matches = BankIndex.build(entries).match_pdq(query, 100)
    assert [m.distance for m in matches] == expected
    assert all(hamming(m.entry.value, query) == m.distance for m in matches)
    known = {e.entry_key: e for e in entries}
    assert all(known[m.entry.entry_key].value == m.entry.value for m in matches)


@given(worlds())
def test_nearest_shows_all_of_the_named_banks_and_no_other(world: tuple[list[BankEntry], str]) -> None:
    entries, query = world
    seen = BankIndex.build(entries).nearest(query, max_distance=90, n=1_000, slugs=frozenset({"b1", "b2"}))
    expected = sorted(d for e in entries if e.bank in {"b1", "b2"} and (d := hamming(e.value, query)) <= 90)
    assert [m.distance for m in seen] == expected


def test_a_quarantined_hash_is_held_for_people_whatever_its_bank_says() -> None:
    for outcome in (Outcome.RESTRICT, Outcome.HOLD, Outcome.BLOCK):
        [match] = BankIndex.build([entry(outcome=outcome, is_quarantined=True)]).match_pdq(KNOWN, 100)
        assert match.entry.outcome == Outcome.ESCALATE
        finding = finding_of(match, detector="hashes", version="v", where={})
        assert finding.hard == Outcome.ESCALATE
        assert "suddenly" in finding.where["why"]


@pytest.mark.django_db
@pytest.mark.parametrize("outcome", [Outcome.RESTRICT, Outcome.ESCALATE, Outcome.HOLD, Outcome.BLOCK])
@pytest.mark.parametrize("is_quarantined", [False, True])
def test_the_verdict_is_what_the_bank_or_the_quarantine_says(outcome: Outcome, is_quarantined: bool) -> None:
    call_command("policy_seed", verbosity=0)
    invalidate()
    index = BankIndex.build([entry(outcome=outcome, is_quarantined=is_quarantined)])
    found = HashesDetector(index, "h").run(subject(pictures=(picture(KNOWN, 90),)))
    others = [Result(name, "1") for name in DETECTORS if name != "hashes"]
    context = Context(int(ItemKind.IMAGE), "GB", "en", None, int(Standing.NEW))
    verdict = judge([found, *others], context, active_policy())
    assert verdict.outcome == (Outcome.ESCALATE if is_quarantined else outcome)


def test_a_child_safety_hash_is_never_weakened() -> None:
    flooded = entry(is_quarantined=True, is_child_safety=True)
    [match] = BankIndex.build([flooded]).match_pdq(KNOWN, 100)
    assert (match.entry.outcome, match.entry.is_quarantined) == (Outcome.BLOCK, False)


def test_quarantined_near_copies_do_not_hide_one_that_blocks() -> None:
    held = [entry(flipped(KNOWN, i), entry_key=f"q{i}", is_quarantined=True) for i in range(10)]
    matches = BankIndex.build([*held, entry(flipped(KNOWN, 25), entry_key="blocks")]).match_pdq(KNOWN, 100)
    assert max(m.entry.outcome for m in matches) == Outcome.BLOCK


def test_a_policy_may_only_make_a_bank_stricter() -> None:
    index = BankIndex.build([entry(outcome=Outcome.HOLD)])
    for least, expected in ((Outcome.BLOCK, Outcome.BLOCK), (Outcome.RESTRICT, Outcome.HOLD)):
        [match] = index.under({"violence": int(least)}).match_pdq(KNOWN, 100)
        assert match.entry.outcome == expected


def test_without_banks_the_detector_is_missing() -> None:
    result = HashesDetector(None, "banks-none").run(subject(file_hashes={"media": "ab" * 32}))
    assert result.missing is not None
    assert result.missing.why == "failed"


def test_files_with_the_same_beginning_are_told_apart() -> None:
    values = ["ab" * 8 + f"{i:048x}" for i in range(5)]
    index = BankIndex.build([entry(v, algorithm="sha256") for v in values])
    assert [m.entry.value for m in index.match_sha256(values[3])] == [values[3]]
    assert index.match_sha256("ab" * 8 + "f" * 48) == []
    assert index.match_sha256("no hash") == []
