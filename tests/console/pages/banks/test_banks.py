"""The pages about hash banks: their numbers, entries, sharing, the debugger, and people's word on a match."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image
from pytest_django import DjangoAssertNumQueries

from console import access
from console.templatetags.gatehouse import bits, differing_bits
from moderation.banks.matches import matches_collect
from moderation.banks.service import NewEntry, bank_add_entries, bank_set_ratio, bank_upsert
from moderation.detection.hashes.pdq import pdq_of
from moderation.detection.types import Finding
from moderation.live import banks as live_banks
from moderation.live import onpath
from moderation.models import AuditEvent, HashBank, HashEntry, MatchFeedback
from policies.choices import Outcome
from tests.support import scenes
from tests.support.sign_in import signed_in

pytestmark = pytest.mark.usefixtures("ready")

KNOWN = "f0" * 32


@pytest.fixture(autouse=True)
def _fresh_banks() -> None:
    onpath.forget()


@pytest.fixture
def admin(ready: None) -> Client:
    return signed_in(scenes.person("admin"))


def known(*values: str, slug: str = "known", category: str = "violence") -> HashBank:
    bank = bank_upsert(actor="test", slug=slug, category=category, outcome=Outcome.BLOCK)
    bank_add_entries(actor="test", bank=bank, entries=[NewEntry("pdq", value) for value in values or (KNOWN,)])
    return bank


def met(entry: HashEntry, name: str = "met-1", **kwargs: Any) -> Any:
    where = {"bank": entry.bank.slug, "entry": str(entry.key), "algorithm": "pdq", "distance": 3, "role": "cover"}
    finding = Finding("hashes", "1", entry.bank.category_id, 1.0, where, Outcome.BLOCK)
    return scenes.item_judged(name, findings=[finding], **kwargs)


def page_of(client: Client, slug: str = "known", **query: str) -> str:
    return " ".join(client.get(reverse("bank_page", args=[slug]), query).content.decode().split())


def near(value: str, n_bits: int) -> str:
    return f"{int(value, 16) ^ ((1 << n_bits) - 1):064x}"


# --- banks and entries -------------------------------------------------------------------------------------------


def test_the_list_and_the_page_count_what_was_met_and_said(admin: Client) -> None:
    entry = known().entries.get()
    item = met(entry)
    matches_collect(now=timezone.now())
    for is_right in (True, False):
        MatchFeedback.objects.create(
            entry=entry, item=item, person=scenes.person("reviewer", f"r-{is_right}"), is_right=is_right
        )
    [row] = admin.get(reverse("bank_list")).context["rows"]
    assert (row.n_pdq, row.n_sha256, row.n_matches, row.n_right, row.n_wrong) == (1, 0, 1, 1, 1)
    assert "1 match by 1 creator, said right 1, said wrong 1" in page_of(admin)


def test_a_bank_page_needs_few_queries(admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    bank = known(*(f"{i:064x}" for i in range(60)))
    for i, entry in enumerate(bank.entries.all()[:12]):
        met(entry, f"met-{i}", creator=f"creator-{i}")
    bank.entries.filter(value__endswith="2").update(flooded_at=timezone.now())
    bank.entries.filter(value__endswith="3").update(retired_at=timezone.now(), retire_reason="x")
    matches_collect(now=timezone.now())
    with django_assert_max_num_queries(12):
        assert "Waits for a person" in page_of(admin)
    with django_assert_max_num_queries(12):
        page_of(admin, q="00")


def test_entries_are_found_by_their_beginning(admin: Client) -> None:
    known(KNOWN, "ab" * 32)
    page = page_of(admin, q="ABAB")
    assert ("ab" * 32 in page, KNOWN in page) == (True, False)
    assert "No hash begins with that" in page_of(admin, q="<script>")


def test_an_entry_is_retired_with_a_reason_and_put_back(admin: Client) -> None:
    entry = known().entries.get()
    url = reverse("entry_retire", args=[entry.key])
    assert "Say in a sentence why" in admin.post(url, {"reason": " "}, follow=True).content.decode()
    assert "The hash is retired" in admin.post(url, {"reason": "a logo"}, follow=True).content.decode()
    assert "“a logo”" in page_of(admin)
    admin.post(reverse("entry_restore", args=[entry.key]))
    entry.refresh_from_db()
    assert entry.retired_at is None


def test_child_safety_needs_a_second_person(admin: Client) -> None:
    entry = known(slug="opaque", category="child_safety").entries.get()
    url = reverse("entry_retire", args=[entry.key])
    assert "a second person has to agree" in admin.post(url, {"reason": "x"}, follow=True).content.decode()
    assert "Agree: retire" not in page_of(admin, "opaque")
    admin.post(url, {"reason": "x"})
    entry.refresh_from_db()
    assert entry.retired_at is None
    other = signed_in(scenes.person("admin", "the-other"))
    assert "Agree: retire" in page_of(other, "opaque")
    assert "The hash is retired" in other.post(url, follow=True).content.decode()


def test_a_quarantined_entry_is_shown_and_released(admin: Client) -> None:
    entry = known().entries.get()
    HashEntry.objects.filter(pk=entry.pk).update(flooded_at=timezone.now())
    assert "1 quarantined" in admin.get(reverse("bank_list")).content.decode()
    assert "It is right: release" in page_of(admin)
    admin.post(reverse("entry_release", args=[entry.key]))
    entry.refresh_from_db()
    assert entry.flooded_at is None
    assert entry.flood_exempt_until is not None


def test_people_without_the_permission_know_nothing_of_child_safety_banks(admin: Client) -> None:
    bank = known(slug="opaque", category="child_safety")
    keeper = scenes.person("")
    keeper.user_permissions.add(*_permissions("manage_banks"))
    client, entry = signed_in(keeper), bank.entries.get()
    assert "opaque" not in client.get(reverse("bank_list")).content.decode()
    assert client.get(reverse("bank_page", args=["opaque"])).status_code == 404
    for name in ("bank_import", "bank_export", "bank_ratio"):
        assert client.post(reverse(name, args=["opaque"])).status_code == 404
    for name in ("entry_retire", "entry_restore", "entry_release", "entry_judge"):
        assert client.post(reverse(name, args=[entry.key])).status_code == 404
    found = client.post(reverse("match_look"), {"value": KNOWN})
    assert (found.status_code, found.context["found"]) == (200, [])


def _permissions(*codes: str) -> Any:
    from django.contrib.auth.models import Permission

    return Permission.objects.filter(codename__in=codes)


# --- sharing -----------------------------------------------------------------------------------------------------


def upload(client: Client, content: bytes, form: str = "csv") -> Any:
    file = SimpleUploadedFile(f"x.{form}", content)
    return client.post(reverse("bank_import", args=["known"]), {"file": file, "form": form}, follow=True)


def test_a_file_is_imported_and_exported(admin: Client) -> None:
    known()
    page = upload(admin, f"signal_type,signal_str\npdq,{'ab' * 32}\npdq,{KNOWN}\n".encode()).content.decode()
    assert "1 hashes are new, 1 were known, 0 were passed over" in page
    response = admin.post(reverse("bank_export", args=["known"]), {"form": "json"})
    values = {row["raw_indicator"] for row in json.loads(response.getvalue())["data"]}
    assert values == {KNOWN, "ab" * 32}
    assert response["Content-Disposition"] == 'attachment; filename="known.json"'
    assert {"bank.imported", "bank.exported"} <= set(AuditEvent.objects.values_list("action", flat=True))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"signal_type,signal_str\nvideo_md5,abc\n", "Row 2: MD5 is not taken"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"", "The file is empty"),
    ],
)
def test_a_file_that_cannot_be_taken_says_why(admin: Client, content: bytes, words: str) -> None:
    known()
    response = upload(admin, content)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert HashEntry.objects.count() == 1


def test_what_is_too_large_for_a_page_is_refused(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    known()
    monkeypatch.setattr("console.pages.banks.forms.IMPORT_MAX_BYTES", 10)
    assert "more than 16 MiB" in upload(admin, b"x" * 11).content.decode()
    assert admin.post(reverse("bank_export", args=["known"]), {"form": "xml"}).status_code == 422


def test_it_can_be_done_only_so_often(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    known()
    monkeypatch.setattr(access, "calls_in_window", lambda caller: 7)
    response = admin.post(reverse("bank_export", args=["known"]), {"form": "csv"})
    assert response.status_code == 429
    assert "too often" in response.content.decode()


# --- the debugger ------------------------------------------------------------------------------------------------


def picture() -> bytes:
    rng = np.random.default_rng(3)
    rough = Image.fromarray(rng.integers(0, 255, (9, 16, 3), dtype=np.uint8)).resize(
        (320, 180), Image.Resampling.BICUBIC
    )
    out = io.BytesIO()
    rough.save(out, "PNG")
    return out.getvalue()


def look(client: Client, **data: Any) -> Any:
    return client.post(reverse("match_look"), data)


def test_a_picture_shows_its_neighbours_and_what_would_follow(admin: Client) -> None:
    with Image.open(io.BytesIO(picture())) as image:
        value, quality = pdq_of(np.asarray(image.convert("RGB")))
    known(near(value, 5), near(value, 60), near(value, 95))
    before = (AuditEvent.objects.count(), MatchFeedback.objects.count())
    response = look(admin, file=SimpleUploadedFile("p.png", picture(), "image/png"))
    assert (response.context["asked"].pdq, response.context["asked"].quality) == (value, quality)
    found = [(n.match.distance, n.outcome, n.why_not) for n in response.context["found"]]
    assert found == [(5, Outcome.BLOCK, ""), (60, None, "too far")]
    assert (AuditEvent.objects.count(), MatchFeedback.objects.count()) == before


def test_a_pasted_hash_is_looked_up_as_both_kinds(admin: Client) -> None:
    bank = known(near(KNOWN, 31), slug="pictures")
    bank_add_entries(actor="test", bank=bank, entries=[NewEntry("sha256", KNOWN)])
    found = look(admin, value=f" {KNOWN.upper()} ").context["found"]
    assert [(n.match.entry.algorithm, n.match.distance) for n in found] == [("sha256", 0), ("pdq", 31)]


def test_what_is_switched_off_or_held_back_is_said(admin: Client) -> None:
    known(slug="off")
    bank_set_ratio(actor="test", slug="off", ratio=0.0)
    bank = known(near(KNOWN, 1), slug="held")
    HashEntry.objects.filter(bank=bank).update(flooded_at=timezone.now())
    response = look(admin, value=KNOWN)
    assert [(n.outcome, n.why_not) for n in response.context["found"]] == [
        (None, "not in force"),
        (Outcome.ESCALATE, ""),
    ]
    page = response.content.decode()
    assert "switched off" in page
    assert "quarantined" in page


def test_a_picture_without_structure_is_said_to_match_nothing(admin: Client) -> None:
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "grey").save(out, "PNG")
    known("0" * 64)
    response = look(admin, file=SimpleUploadedFile("p.png", out.getvalue()))
    assert "too little structure" in response.content.decode()
    assert all(n.outcome is None for n in response.context["found"])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose a picture, or paste a hash"),
        ({"value": "zz"}, "64 hexadecimal digits"),
        ({"file": b"not a picture"}, "none of MP4"),
        ({"file": b"\x89PNG\r\n\x1a\n" + b"x" * 60}, "cannot be"),
        ({"file": b"\x1a\x45\xdf\xa3" + b"webm" * 20}, "no still picture"),
    ],
)
def test_the_debugger_says_what_it_cannot_take(admin: Client, data: dict[str, Any], words: str) -> None:
    if "file" in data:
        data = {"file": SimpleUploadedFile("x.png", data["file"])}
    response = look(admin, **data)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_a_picture_larger_than_uploads_may_be_is_refused(admin: Client, settings: Any) -> None:
    settings.MEDIA_MAX_IMAGE_BYTES = 100
    assert look(admin, file=SimpleUploadedFile("p.png", picture())).status_code == 422


def test_without_banks_the_debugger_says_so(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    live_banks.replace_current(None)
    monkeypatch.setattr(live_banks.BankFollower, "try_refresh", lambda self: False)
    response = look(admin, value=KNOWN)
    live_banks.replace_current(None)  # it would go on without banks for a moment
    assert response.status_code == 503
    assert "not loaded" in response.content.decode()


def test_the_debugger_needs_few_queries(admin: Client, django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    known(*(near(KNOWN, i) for i in range(40)))
    look(admin, value=KNOWN)
    with django_assert_max_num_queries(12):
        assert len(look(admin, value=KNOWN).context["found"]) == 24


def test_bits_are_drawn_row_by_row() -> None:
    assert bits("8" + "0" * 62 + "1") == "M0 0h1v1h-1zM15 15h1v1h-1z"
    assert differing_bits("f" * 64, "f" * 63 + "e") == "M15 15h1v1h-1z"


# --- people's word -----------------------------------------------------------------------------------------------


def test_a_reviewer_says_that_a_match_is_wrong(browser: Client) -> None:
    entry = known().entries.get()
    item = met(entry)
    page = browser.get(reverse("item_page", args=[item.key])).content.decode()
    assert "No, this match is wrong" in page
    url = reverse("match_judge", args=[item.key, entry.key])
    response = browser.post(url, {"is_right": "0"}, follow=True)
    assert "Noted: this match is wrong" in response.content.decode()
    assert 'value="0" aria-pressed="true"' in response.content.decode()
    browser.post(url, {"is_right": "1"})
    assert MatchFeedback.objects.get().is_right
    assert "Say whether" in browser.post(url, {"is_right": "perhaps"}, follow=True).content.decode()


def test_a_word_from_a_job_goes_back_to_the_job(reviewer: Any) -> None:
    entry = known().entries.get()
    job = scenes.job_held(reviewer)
    url = reverse("match_judge", args=[job.item.key, entry.key])
    response = signed_in(reviewer).post(url, {"is_right": "0", "job": str(job.key)})
    assert response.headers["Location"] == reverse("job_page", args=[job.key])
    assert not MatchFeedback.objects.exists()  # that upload never matched it


def test_those_who_do_not_review_are_not_asked(ready: None) -> None:
    item = met(known().entries.get())
    page = signed_in(scenes.person("analyst")).get(reverse("item_page", args=[item.key])).content.decode()
    assert "this match is wrong" not in page


def test_the_debugger_takes_a_word_in_place_or_with_a_page(admin: Client) -> None:
    entry = known().entries.get()
    url = reverse("entry_judge", args=[entry.key])
    inside = admin.post(url, {"is_right": "0"}, headers={"HX-Request": "true"})
    assert inside.content.decode().count("<p") == 1
    assert "match is right" in admin.post(url, {"is_right": "1"}, follow=True).content.decode()
    assert MatchFeedback.objects.get().item is None
