"""Looks at the restricted partition, what ends by itself, and a version's steps: each in the audit log."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from moderation.decisions.clearances import clearances_expire
from moderation.detection.types import Finding
from moderation.gate.media_urls import Part, reviewer_url
from moderation.models import AuditEvent, Clearance, Item, Job
from moderation.reports.reporters import reporter_register
from moderation.reports.service import report_file
from moderation.review.leases import job_claim, leases_expire
from policies.models import PolicyVersion
from policies.services.drafts import version_copy, version_discard
from policies.services.versions import version_approve, version_reject, version_submit
from tests.support import scenes
from tests.support.sign_in import signed_in


def _rows(**filters: object) -> list[tuple[str, str, str]]:
    found = AuditEvent.objects.filter(**filters).order_by("pk")
    return list(found.values_list("actor_name", "action", "object_key"))


def _looks() -> list[tuple[str, str, str]]:
    return _rows(action__regex=r"\.(looked_at|listed)$")


@pytest.fixture
def restricted(ready: None) -> Job:
    return scenes.job_restricted()


def test_a_look_at_a_restricted_item_is_written_down_once_however_often_it_is_asked(
    restricted: Job, senior: User
) -> None:
    browser = signed_in(senior)
    for _ in range(3):
        assert browser.get(reverse("item_page", args=[restricted.item.key])).status_code == 200
    seen = [(senior.username, "item.looked_at", restricted.item.external_id)]
    assert _looks() in (seen, seen * 2)  # twice where five minutes of the clock turned over
    other = scenes.person("admin")
    signed_in(other).get(reverse("item_page", args=[restricted.item.key]))
    assert _looks()[-1] == (other.username, "item.looked_at", restricted.item.external_id)


def test_a_look_at_an_open_item_is_nobodys_business(senior_browser: Client) -> None:
    job = scenes.job_open()
    senior_browser.get(reverse("item_page", args=[job.item.key]))
    senior_browser.get(reverse("job_page", args=[job.key]))
    senior_browser.get(reverse("item_list"))
    assert _looks() == []


def test_who_may_not_know_of_an_item_looked_at_nothing(restricted: Job, browser: Client) -> None:
    assert browser.get(reverse("item_page", args=[restricted.item.key])).status_code == 404
    assert browser.get(reverse("item_list")).status_code == 200
    assert _looks() == []


def test_a_restricted_job_opened_and_a_list_that_shows_its_item_are_looks(restricted: Job, senior: User) -> None:
    browser = signed_in(senior)
    job_claim(actor=senior, queue_slugs=[restricted.queue.slug], now=timezone.now())
    assert browser.get(reverse("job_page", args=[restricted.key])).status_code == 200
    assert (senior.username, "job.looked_at", str(restricted.key)) in _looks()
    browser.get(reverse("item_list"))
    assert (senior.username, "item.listed", restricted.item.external_id) in _looks()
    scenes.dead_letter(restricted.item)
    other = scenes.person("admin")
    signed_in(other).get(reverse("deadletter_list"))
    assert (other.username, "item.listed", restricted.item.external_id) in _looks()


def test_media_of_a_restricted_item_handed_out_are_a_look(ready: None, senior: User) -> None:
    file = scenes.stored(b"opaque bytes of no meaning" * 5)
    finding = Finding("terms", "1", "child_safety", 0.5, {"field": "caption", "span": [0, 3], "text": "zzq"})
    job = scenes.job_open("opaque-2", caption="zzq", findings=[finding], media=file)
    browser = signed_in(senior)
    for start in (0, 5, 10):
        browser.get(reviewer_url(job.item.key, Part.MEDIA), headers={"Range": f"bytes={start}-{start + 4}"})
    looks = [row for row in _looks() if row[1] == "media.looked_at"]
    assert set(looks) == {(senior.username, "media.looked_at", job.item.external_id)}
    assert len(looks) <= 2


def test_the_restricted_page_still_needs_few_queries(
    restricted: Job, senior: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    browser = signed_in(senior)
    url = reverse("item_page", args=[restricted.item.key])
    browser.get(url)
    with django_assert_max_num_queries(13):  # twelve that read, and the look
        browser.get(url)


def test_a_lease_that_runs_out_is_written_down_with_its_holder(reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    scenes.lease_over(job)
    assert leases_expire(now=timezone.now()) == 1
    assert _rows(action="job.lease_expired") == [("system", "job.lease_expired", str(job.key))]
    assert AuditEvent.objects.get(action="job.lease_expired").data == {"holder": reviewer.username}
    assert leases_expire(now=timezone.now()) == 0
    assert len(_rows(action="job.lease_expired")) == 1


def test_clearances_that_expire_are_one_row_and_restricted_ones_their_own(ready: None) -> None:
    later = timezone.now() + timedelta(days=400)
    for n in range(3):
        scenes.item_judged(f"fine-{n}")
    scenes.item_judged("fine-but-watched")
    reporter_register(
        actor=scenes.person("admin"), external_id="r", name="A hotline", is_trusted_flagger=True, now=later
    )
    report_file(
        actor="api:x",
        external_id="fine-but-watched",
        reporter="r",
        category="child_safety",
        text="",
        now=later,
    )
    item = Item.objects.get(external_id="fine-but-watched")
    assert item.jobs.get().queue.is_restricted
    n_granted = Clearance.objects.filter(is_granted=True).count()
    assert clearances_expire(now=later) == n_granted
    assert AuditEvent.objects.get(action="clearances.expired").data == {"n": 3}
    assert _rows(action="clearance.expired") == [("system", "clearance.expired", "fine-but-watched")]
    shown = signed_in(scenes.person("analyst")).get(reverse("audit_list")).content.decode()
    assert "clearances.expired" in shown
    assert "fine-but-watched" not in shown


def test_every_step_of_a_version_is_written_down_in_its_name(ready: None) -> None:
    editor, approver = scenes.person("policy-editor"), scenes.person("policy-approver")
    first = version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    version_discard(actor=editor, version=first)
    second = version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    version_submit(actor=editor, version=second, note="a note that stays where it is")
    version_approve(actor=approver, version=second)
    third = version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    version_submit(actor=editor, version=third)
    version_reject(actor=approver, version=third, note="no")
    steps = [(who, act) for who, act, key in _rows(object_type="policy_version") if key == str(second.key)]
    assert steps == [
        (editor.username, "version.created"),
        (editor.username, "version.submitted"),
        (approver.username, "version.approved"),
    ]
    assert _rows(object_key=str(first.key))[-1][1] == "version.discarded"
    assert _rows(object_key=str(third.key))[-1][1] == "version.rejected"
    assert "stays where it is" not in str(list(AuditEvent.objects.values_list("data", flat=True)))


def test_a_version_taken_away_as_a_file_is_written_down(browser: Client, reviewer: User) -> None:
    browser.get(reverse("policy_export", args=[1]))
    key = str(PolicyVersion.objects.get(number=1).key)
    assert _rows(action="version.exported") == [(reviewer.username, "version.exported", key)]
