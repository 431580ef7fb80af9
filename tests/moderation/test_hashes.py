"""Known files and pictures: exact, near, far, switched off."""

import numpy as np
import pytest

from moderation.detectors.base import Picture, Subject
from moderation.detectors.hashes import BankEntry, BankIndex, HashesDetector
from moderation.detectors.pdq import hamming
from policies.choices import ItemKind, Outcome

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
