"""Shared hashes in ThreatExchange's forms: what is taken, what is passed over, what is refused and how that is told."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from moderation.banks.exchange import bank_export, bank_import
from moderation.banks.service import bank_upsert
from moderation.banks.threatexchange import FORMS, MAX_TOLD, ExchangeInvalid, SharedHash, read, write
from moderation.models import AuditEvent, HashBank, HashEntry
from policies.choices import Outcome
from tests.support import people

A, B = "ab" * 32, "cd" * 32


def csv_of(*rows: str, head: str = "collab,signal_type,signal_str,category,tags") -> io.StringIO:
    return io.StringIO("\n".join([head, *rows]) + "\n")


def json_of(*rows: object) -> io.StringIO:
    return io.StringIO(json.dumps({"data": rows}))


def test_it_reads_what_threatexchange_prints() -> None:
    file = read(csv_of(f"Sample,pdq,{A},POSITIVE_CLASS,flood bridge", f"Sample,pdq,{B},NEGATIVE_CLASS,"), "csv")
    assert file.hashes == (SharedHash("pdq", A, tags=("flood", "bridge")),)
    assert file.n_passed_over == 1


def test_it_reads_the_columns_of_a_query() -> None:
    head = "id,indicator,type,status,tags,owner_id"
    file = read(csv_of(f"7,{A.upper()},HASH_SHA256,MALICIOUS,x,900", head=head), "csv")
    assert file.hashes == (SharedHash("sha256", A, tags=("x",)),)


@pytest.mark.parametrize(
    "descriptor",
    [
        {"raw_indicator": A, "type": "HASH_PDQ", "tags": {"data": [{"id": "1", "text": "x"}]}, "status": "MALICIOUS"},
        {"indicator": {"id": "5", "indicator": A, "type": "HASH_PDQ"}, "tags": ["x"], "share_level": "AMBER"},
        {"indicator": A, "type": "hash_pdq", "tags": [{"text": "x"}], "privacy_type": "VISIBLE"},
    ],
)
def test_it_reads_descriptors_in_the_shapes_that_exist(descriptor: dict[str, object]) -> None:
    expected = (SharedHash("pdq", A, tags=("x",)),)
    assert read(json_of(descriptor), "json").hashes == expected
    assert read(io.StringIO(json.dumps([descriptor])), "json").hashes == expected
    assert read(io.StringIO(f"{json.dumps(descriptor)}\n{json.dumps(descriptor)}\n"), "json").hashes == expected * 2


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (f"s,video_md5,{'ab' * 16},,", "MD5 is not taken"),
        (f"s,HASH_SHA1,{'ab' * 20},,", "SHA-1 is not taken"),
        (f"s,raw_text,{A},,", "no type that is matched here"),
        ("s,pdq,zz,,", "64 hexadecimal digits"),
        (f"s,pdq,{A},PERHAPS,", "no status"),
        (f"s,pdq,{A},,<b>", "no tag"),
    ],
)
def test_a_row_that_cannot_be_taken_is_named(row: str, words: str) -> None:
    with pytest.raises(ExchangeInvalid, match=words) as caught:
        read(csv_of(f"s,pdq,{A},,", row), "csv")
    assert caught.value.problems[0].startswith("Row 3: ")


def test_many_wrong_rows_are_not_all_told() -> None:
    with pytest.raises(ExchangeInvalid) as caught:
        read(csv_of(*["s,pdq,zz,,"] * 500), "csv")
    assert len(caught.value.problems) == MAX_TOLD + 1


@pytest.mark.parametrize(
    ("text", "form", "words"),
    [
        ("", "csv", "name the columns"),
        ("a,b\n1,2\n", "csv", "name the columns"),
        ("x" * 70_000, "csv", "no file of hashes"),
        ('signal_type,signal_str\npdq,"ab\n', "csv", "not CSV"),
        ("{nonsense", "json", "not JSON"),
        ("[1, 2]", "json", "Row 1"),
        ("[" * 100_000, "json", "not JSON"),
        ('{"type": "HASH_PDQ", "tags": {"data": 5}, "raw_indicator": {}}', "json", "64 hexadecimal"),
    ],
)
def test_what_is_no_such_file_is_refused_in_words(text: str, form: str, words: str) -> None:
    with pytest.raises(ExchangeInvalid, match=words):
        read(io.StringIO(text), form)


@given(text=st.text(max_size=400), form=st.sampled_from(FORMS))
def test_no_text_breaks_the_reader(text: str, form: str) -> None:
    with contextlib.suppress(ExchangeInvalid):
        read(io.StringIO(text), form)


_tags = st.lists(st.from_regex(r"[\w:.-]{1,60}", fullmatch=True), max_size=3, unique=True).map(tuple)
_hashes = st.builds(
    SharedHash,
    algorithm=st.sampled_from(["pdq", "sha256"]),
    value=st.integers(0, 2**256 - 1).map(lambda n: f"{n:064x}"),
    tags=_tags,
    share_level=st.sampled_from(["WHITE", "GREEN", "AMBER", "RED"]),
)


@given(hashes=st.lists(_hashes, max_size=20).map(tuple), form=st.sampled_from(FORMS))
def test_what_is_written_is_read_again(hashes: tuple[SharedHash, ...], form: str) -> None:
    assert read(io.StringIO("".join(write(hashes, form, collab="b"))), form).hashes == hashes


def test_json_keeps_notes_and_csv_has_none_to_run() -> None:
    shared = SharedHash("pdq", A, note='=HYPERLINK("evil")')
    assert read(io.StringIO("".join(write([shared], "json", collab="b"))), "json").hashes == (shared,)
    assert "HYPERLINK" not in "".join(write([shared], "csv", collab="b"))


# --- into banks and out ------------------------------------------------------------------------------------------


@pytest.fixture
def bank(db: None) -> HashBank:
    people.ready()
    return bank_upsert(actor="test", slug="shared", category="violence", outcome=Outcome.BLOCK)


@pytest.mark.parametrize("form", FORMS)
def test_a_bank_goes_round(bank: HashBank, form: str) -> None:
    descriptors = [
        {"raw_indicator": A, "type": "HASH_PDQ", "tags": ["x"], "share_level": "GREEN"},
        {"raw_indicator": B, "type": "HASH_SHA256"},
    ]
    assert bank_import(actor="test", bank=bank, lines=json_of(*descriptors), form="json").n_new == 2
    file = bank_export(actor="test", bank=bank, form=form)
    other = bank_upsert(actor="test", slug="other", category="violence", outcome=Outcome.BLOCK)
    bank_import(actor="test", bank=other, lines=io.StringIO("".join(file.pieces)), form=form)
    columns = ("algorithm", "value", "tags", "share_level")
    assert list(other.entries.order_by("value").values(*columns)) == list(
        bank.entries.order_by("value").values(*columns)
    )


def test_one_wrong_row_stores_nothing(bank: HashBank) -> None:
    with pytest.raises(ExchangeInvalid):
        bank_import(actor="test", bank=bank, lines=csv_of(f"s,pdq,{A},,", "s,md5,ab,,"), form="csv")
    assert not bank.entries.exists()
    assert not AuditEvent.objects.filter(action="bank.imported").exists()


def test_what_was_retired_here_does_not_come_back(bank: HashBank) -> None:
    bank_import(actor="test", bank=bank, lines=csv_of(f"s,pdq,{A},,"), form="csv")
    HashEntry.objects.update(retired_at=bank.created_at, retire_reason="a logo")
    done = bank_import(actor="test", bank=bank, lines=csv_of(f"s,pdq,{A},,"), form="csv")
    assert (done.n_new, done.n_known) == (0, 1)
    assert bank.entries.get().retired_at is not None


def test_what_came_for_nobody_else_stays_here(bank: HashBank) -> None:
    rows = [{"raw_indicator": v, "type": "HASH_PDQ", "share_level": s} for v, s in ((A, "RED"), (B, "AMBER"))]
    bank_import(actor="test", bank=bank, lines=json_of(*rows), form="json")
    file = bank_export(actor="test", bank=bank, form="json")
    text = "".join(file.pieces)
    assert (A in text, B in text, file.n_given, file.n_left_out) == (False, True, 1, 1)
    assert AuditEvent.objects.filter(action="bank.exported", object_key="shared").count() == 1


def test_more_rows_than_allowed_are_refused(bank: HashBank) -> None:
    with pytest.raises(ExchangeInvalid, match="at most 1"):
        bank_import(actor="test", bank=bank, lines=csv_of(f"s,pdq,{A},,", f"s,pdq,{B},,"), form="csv", max_rows=1)


def test_the_commands_go_round(bank: HashBank, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.json"
    source.write_text(csv_of(f"s,pdq,{A},,x").getvalue(), encoding="utf-8")
    call_command("banks_import", "shared", str(source))
    assert "1 new, 0 known, 0 passed over" in capsys.readouterr().out
    call_command("banks_export", "shared", "--out", str(out))
    call_command("banks_import", "second", str(out), "--category", "violence")
    assert HashBank.objects.get(slug="second").entries.get().value == A
    call_command("banks_export", "second", "--form", "csv")
    assert A in capsys.readouterr().out


def test_the_commands_refuse_in_words(bank: HashBank, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.csv"
    wrong.write_text(csv_of("s,md5,ab,,").getvalue(), encoding="utf-8")
    with pytest.raises(CommandError, match=r"Row 2: MD5 is not taken.*\nNothing was stored"):
        call_command("banks_import", "shared", str(wrong))
    with pytest.raises(CommandError, match="name a --category"):
        call_command("banks_import", "unknown", str(wrong))
    with pytest.raises(CommandError, match="say which with --form"):
        call_command("banks_import", "shared", str(tmp_path / "x.bin"))
    with pytest.raises(CommandError, match="There is no bank"):
        call_command("banks_export", "unknown")
