"""What lies beside a job: the sentence, what stayed under its line, reporters' records, what is similar, matches as pictures."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from moderation.detection.types import Finding
from moderation.models import Decision, DecisionDraft, HashBank, HashEntry, HashMatch, Job, Report
from moderation.models.decision import DecisionStage
from policies.choices import ItemKind, Outcome
from tests.support import scenes
from tests.support.people import seen
from tests.support.sign_in import signed_in


def _page(browser: Client, job: Job) -> str:
    return browser.get(reverse("job_page", args=[job.key])).content.decode()


def test_the_reason_is_one_sentence_and_what_stayed_under_its_line_is_folded(browser: Client, reviewer: User) -> None:
    caption = "nobody likes you, zzq, go away"
    weak = [scenes.hit("zzq", caption, category=category, score=0.05) for category in ("hate", "violence")]
    job = scenes.job_held(reviewer, findings=[scenes.hit("nobody likes you", caption), *weak])
    page = _page(browser, job)
    assert "In the caption: “nobody likes you”, Harassment; 0.70, escalates from 0.65." in page
    folded = page.split("data-under")[1].split("</details>")[0]
    assert "2 signals stayed under their lines" in " ".join(folded.split())
    assert "Hate" in folded
    assert "nobody likes you" not in folded


def test_a_reporters_record_stands_with_the_report(browser: Client, reviewer: User) -> None:
    for n, outcome in enumerate((Outcome.BLOCK, Outcome.CLEAR)):
        findings = [scenes.bank_hit("hate")] if outcome else []
        Report.objects.create(
            item=scenes.item_judged(f"old-{n}", findings=findings), category="hate", reporter="r" * 64
        )
    job = scenes.job_held(reviewer)
    Report.objects.create(item=job.item, category="harassment", reporter="r" * 64)
    Report.objects.create(item=job.item, category="harassment", reporter="s" * 64)
    page = _page(browser, job)
    assert "1 of 2 earlier reports of theirs led to something" in page
    assert "their first report" in page
    assert "rrrrrr" not in page


def test_similar_uploads_come_with_what_was_decided(browser: Client, reviewer: User) -> None:
    picture = scenes.stored(b"png" * 30, mime="image/png")
    scenes.item_judged("blocked-1", kind=ItemKind.IMAGE, media=picture, findings=[scenes.bank_hit("hate")])
    job = scenes.job_held(reviewer, kind=ItemKind.IMAGE, media=picture)
    answer = browser.get(reverse("job_similar", args=[job.key]), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in answer
    assert "blocked-1" in answer
    assert "Blocked" in answer
    assert "the same file" in answer
    assert "Back to the job" in browser.get(reverse("job_similar", args=[job.key])).content.decode()


def test_only_the_holder_is_told_what_is_similar(browser: Client, reviewer: User) -> None:
    picture = scenes.stored(b"png" * 30, mime="image/png")
    scenes.item_judged("blocked-1", kind=ItemKind.IMAGE, media=picture, findings=[scenes.bank_hit("hate")])
    job = scenes.job_held(scenes.person("reviewer", "other"), kind=ItemKind.IMAGE, media=picture)
    assert "blocked-1" not in browser.get(reverse("job_similar", args=[job.key])).content.decode()


def _matched(bank: HashBank, **where: Any) -> tuple[HashEntry, Finding]:
    entry = HashEntry.objects.create(bank=bank, algorithm="pdq", value=uuid.uuid4().hex * 2)
    place = {"bank": bank.slug, "entry": str(entry.key), "algorithm": "pdq", "role": "media", "distance": 6, **where}
    return entry, Finding("hashes", "1", "hate", 0.0, place, Outcome.ESCALATE)


def _bank(**fields: Any) -> HashBank:
    return HashBank.objects.create(
        **{"slug": "known", "title": "Known", "category_id": "hate", "outcome": Outcome.ESCALATE, **fields}
    )


def _match(browser: Client, job: Job, entry: HashEntry) -> Any:
    return browser.get(reverse("job_match", args=[job.key, entry.key]), headers={"HX-Request": "true"})


def test_a_match_without_a_kept_picture_shows_the_uploads_and_says_so(browser: Client, reviewer: User) -> None:
    entry, finding = _matched(_bank())
    job = scenes.job_held(
        reviewer, kind=ItemKind.IMAGE, media=scenes.stored(b"png" * 30, mime="image/png"), findings=[finding]
    )
    assert f"matches/{entry.key}" in _page(browser, job)
    answer = _match(browser, job, entry).content.decode()
    assert reverse("item_media", args=[job.item.key, "media"]) in answer
    assert "the bank keeps its hash and no picture" in answer
    assert "data-wipe" not in answer.replace("data-wiped", "")


def test_the_banks_picture_is_that_of_an_upload_with_the_very_hash(browser: Client, reviewer: User) -> None:
    bank = _bank()
    entry, finding = _matched(bank)
    same = Finding("hashes", "1", "hate", 0.0, {**finding.where, "distance": 0, "role": "cover"}, Outcome.ESCALATE)
    still = scenes.stored(b"cover" * 30, mime="image/jpeg")
    first = scenes.item_judged("first-1", kind=ItemKind.IMAGE, media=still, cover=still, findings=[same])
    Job.objects.filter(item=first).update(state="closed")
    HashMatch.objects.create(
        entry=entry, bank=bank, item=first, creator=first.creator, distance=0, found_at=first.created_at
    )
    job = scenes.job_held(
        reviewer, kind=ItemKind.IMAGE, media=scenes.stored(b"png" * 30, mime="image/png"), findings=[finding]
    )
    answer = _match(browser, job, entry).content.decode()
    assert reverse("item_media", args=[first.key, "cover"]) in answer
    scenes.restrict(first)
    assert str(first.key) not in _match(browser, job, entry).content.decode()


def test_what_did_not_match_and_what_is_not_held_is_not_there(browser: Client, reviewer: User) -> None:
    entry, finding = _matched(_bank())
    picture = scenes.stored(b"png" * 30, mime="image/png")
    job = scenes.job_held(reviewer, kind=ItemKind.IMAGE, media=picture, findings=[finding])
    assert browser.get(reverse("job_match", args=[job.key, uuid.uuid4()])).status_code == 404
    other = signed_in(scenes.person("reviewer", "other"))
    assert _match(other, job, entry).status_code == 404


def _decide(browser: Client, job: Job, **fields: Any) -> Any:
    data = {
        "lease_token": str(job.lease_token), "expected_decision": seen(job.item), "outcome": "4", "category": "harassment",
        "note": "Aimed at a private person.", **fields,
    }  # fmt: skip
    return browser.post(reverse("job_decide", args=[job.key]), data)


def _clip(user: User) -> Job:
    media = scenes.stored(b"clip" * 99)
    return scenes.job_held(user, kind=ItemKind.VIDEO, media=media, duration_ms=70_000)


@pytest.mark.parametrize(
    ("begins", "ends", "span"),
    [("6.2", "9", (6_200, 9_000)), ("0:06,2", "1:05", (6_200, 65_000)), ("", "", None), ("0", "70", (0, 70_000))],
)
def test_a_part_is_given_in_seconds_or_as_players_write_it(
    browser: Client, reviewer: User, begins: str, ends: str, span: tuple[int, int] | None
) -> None:
    job = _clip(reviewer)
    assert _decide(browser, job, span_from=begins, span_until=ends).status_code == 302
    assert Decision.objects.get(actor=reviewer).span_ms == span


@pytest.mark.parametrize(
    ("begins", "ends", "sentence"),
    [
        ("9", "6", "ends before it begins"),
        ("9", "", "Mark both ends of the part, or neither."),
        ("", "9", "Mark both ends of the part, or neither."),
        ("nan", "9", "“nan” is no time of a clip"),
        ("-1", "9", "“-1” is no time of a clip"),
        ("1", "71", "which lasts 70.0 seconds"),
    ],
)
def test_a_wrong_part_is_said_in_place_and_nothing_typed_is_lost(
    browser: Client, reviewer: User, begins: str, ends: str, sentence: str
) -> None:
    job = _clip(reviewer)
    response = _decide(browser, job, span_from=begins, span_until=ends)
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert "Aimed at a private person." in page
    for name, value in (("span_from", begins), ("span_until", ends)):
        assert f'value="{value}"' in page.split(f'name="{name}"')[1].split(">")[0]
    assert not Decision.objects.filter(actor=reviewer).exists()
    kept = DecisionDraft.objects.get().fields
    assert (kept.get("span_from", ""), kept.get("span_until", "")) == (begins, ends)


def test_a_part_marked_before_clearing_is_dropped(browser: Client, reviewer: User) -> None:
    assert _decide(browser, _clip(reviewer), outcome="0", span_from="1", span_until="2").status_code == 302
    assert Decision.objects.get(actor=reviewer).span_ms is None


def test_a_marked_part_is_in_the_timeline_and_in_the_trail_of_the_item(browser: Client, reviewer: User) -> None:
    job = _clip(reviewer)
    _decide(browser, job, span_from="6", span_until="9")
    page = browser.get(reverse("item_page", args=[job.item.key])).content.decode()
    assert "Breaks the rule from" in page
    assert "marked by reviewer-1" in page
    assert Decision.objects.get(actor=reviewer).stage == DecisionStage.REVIEW
