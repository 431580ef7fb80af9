"""A page that was overtaken decides nothing: it comes back with what changed, with all that was typed, and can be sent again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.campaigns import service as campaigns
from moderation.campaigns.watch import campaigns_watch
from moderation.decisions.basis import campaign_basis_of
from moderation.decisions.bulk import changes_write
from moderation.decisions.record import item_overturn, item_withdraw, version_pk
from moderation.detection.types import Finding
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, CampaignMember, Clearance, Decision, Item, Job
from moderation.models.decision import DecisionStage
from moderation.reports.service import report_file
from moderation.verdict.change import Change
from policies.choices import ItemKind, Outcome
from policies.live import active_policy
from tests.support import scenes
from tests.support.campaign_captions import CAPTION
from tests.support.people import seen
from tests.support.sign_in import signed_in

HTMX = {"HX-Request": "true"}
NOTE = "Aimed at a private person, said twice."


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    live_campaigns.forget()
    yield
    live_campaigns.forget()


# --- what changes in between -------------------------------------------------------------------------------------


def bank_match(item: Item) -> None:
    scenes.judged_again(item, [scenes.bank_hit("violence")], stage=DecisionStage.DEEP)


def emergency_term(item: Item) -> None:
    where = {"field": "caption", "span": [0, 6], "text": "nobody", "emergency": "a-key"}
    found = Finding("terms", "1", "harassment", 1.0, where, Outcome.BLOCK)
    scenes.judged_again(item, [found], stage=DecisionStage.EMERGENCY)


def deep_verdict(item: Item) -> None:
    scenes.judged_again(item, [Finding("text", "2", "harassment", 0.97, {})], stage=DecisionStage.DEEP)


def report(item: Item) -> None:
    report_file(
        actor="api:test", external_id=item.external_id, reporter="r-1", category="harassment", text="Please look.",
        now=timezone.now(),
    )  # fmt: skip


def overturn(item: Item) -> None:
    item_overturn(
        actor=scenes.person("senior", "another-senior"), item_key=str(item.key), outcome=Outcome.BLOCK,
        category="harassment", note="Taken down.", min_age=0, territories=(), now=timezone.now(),
        expected_decision=seen(item),
    )  # fmt: skip


def withdrawal(item: Item) -> None:
    item_withdraw(actor="api:test", item=item, now=timezone.now())


def campaign_floor(item: Item) -> None:
    """Let the item join a campaign, or have its campaign decided where it is of one."""
    member = CampaignMember.objects.filter(item=item).first()
    if member:
        Campaign.objects.filter(pk=member.campaign_id).update(
            state="decided", outcome=Outcome.BLOCK, decision_category="harassment", note="All of it.",
            decided_by=scenes.person("reviewer", "somebody"), decided_at=timezone.now(),
        )  # fmt: skip
        return
    now = timezone.now()
    campaign = Campaign.objects.create(
        category="harassment", first_item=item, representatives=b"", bands=[], signature_version=1, n_items=1,
        began_at=item.created_at, last_joined_at=now, due_at=now, live_until=now + timedelta(hours=1),
    )  # fmt: skip
    CampaignMember.objects.create(campaign=campaign, item=item, creator=item.creator, joined_at=now)


def activation(item: Item) -> None:
    current = Item.objects.select_related("current_decision").get(pk=item.pk).current_decision
    assert current
    change = Change(
        item_pk=item.pk, expected=current.pk, outcome=Outcome.BLOCK, min_age=0, territories=(),
        decided_by="block.harassment", category="harassment", score=0.7, reasons="[]",
        evidence=json.dumps(current.evidence), digest=current.evidence_digest, job=None,
    )  # fmt: skip
    changes_write([change], stage=DecisionStage.ACTIVATION, version_pk=version_pk(active_policy()), now=timezone.now())


CHANGES: dict[str, Callable[[Item], None]] = {
    "bank match": bank_match, "term": emergency_term, "deep verdict": deep_verdict, "report": report,
    "overturn": overturn, "withdrawal": withdrawal, "campaign floor": campaign_floor, "activation": activation,
}  # fmt: skip


# --- pages -------------------------------------------------------------------------------------------------------


@dataclass
class Page:
    """A page that somebody opened, with what its form carries."""

    browser: Client
    item: Item
    shown: str
    decides: str
    hidden: dict[str, str]

    def send(self, *, htmx: bool = False, hidden: dict[str, str] | None = None, **fields: str) -> HttpResponse:
        data = {"outcome": "1", "category": "harassment", "note": NOTE, "min_age": "16", "territories": "DE, FR"}
        return self.browser.post(
            self.decides, data | (self.hidden if hidden is None else hidden) | fields, headers=HTMX if htmx else None
        )


def hidden_fields(html: str, action: str) -> dict[str, str]:
    """Return the hidden fields of the form that posts to an address."""
    form = next((part for part in html.split("<form")[1:] if f'action="{action}"' in part), "").split("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def opened(browser: Client, item: Item, shown: str, decides: str) -> Page:
    html = browser.get(shown).content.decode()
    return Page(browser, item, shown, decides, hidden_fields(html, decides))


def job_page() -> Page:
    reviewer = scenes.person("reviewer")
    job = scenes.job_held(reviewer)
    address = reverse("job_page", args=[job.key])
    return opened(signed_in(reviewer), job.item, address, reverse("job_decide", args=[job.key]))


def item_page() -> Page:
    item = scenes.job_open().item
    address = reverse("item_page", args=[item.key])
    return opened(signed_in(scenes.person("senior")), item, address, reverse("item_overturn", args=[item.key]))


def campaign_page() -> Page:
    now = timezone.now()
    for i in range(8):  # the first two at one moment: nothing was served before it was copied
        at = now - timedelta(seconds=5 * min(i, 6))
        scenes.item_judged(f"w-{i}", caption=CAPTION, creator=f"maker-{i}", now=at)
    campaigns_watch(now=now)
    campaign = Campaign.objects.get()
    item, address = Item.objects.get(external_id="w-1"), reverse("campaign_page", args=[campaign.key])
    browser = signed_in(scenes.person("reviewer"))
    return opened(browser, item, address, reverse("campaign_decide", args=[campaign.key]))


PAGES: dict[str, Callable[[], Page]] = {"job": job_page, "item": item_page, "campaign": campaign_page}


@pytest.fixture
def few(ready: None, settings: Any) -> None:
    """Let six captions of four creators be a campaign."""
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4


def standing(item: Item) -> tuple[Any, ...]:
    """Return all that an old page must leave alone."""
    now = Item.objects.get(pk=item.pk)
    cleared = Clearance.objects.filter(item=item, is_granted=True).exists()
    decided = list(Campaign.objects.values_list("state", "outcome", "is_for_seniors"))
    return now.current_decision_id, now.state, cleared, Decision.objects.count(), decided


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", PAGES)
def test_an_old_page_never_changes_the_item(few: None, kind: str, change: str) -> None:
    page = PAGES[kind]()
    CHANGES[change](page.item)
    before = standing(page.item)
    response = page.send(htmx=change in {"term", "overturn"})
    if (kind, change) == ("campaign", "report"):  # changes no member's verdict, and has a job of its own
        assert response.status_code == 302
        assert Job.objects.filter(item=page.item, state="open", reports__isnull=False).exists()
        return
    assert response.status_code == 409
    assert standing(page.item) == before
    html = response.content.decode()
    assert NOTE in html  # what was typed is never lost, whatever became of the form
    assert 'role="alert"' in html
    fresh = hidden_fields(html, page.decides)
    if not fresh:  # nothing is left to decide for this person
        assert change in {"withdrawal", "overturn", "bank match", "term", "campaign floor"}
        return
    assert fresh["expected_decision"] != page.hidden["expected_decision"]
    for kept in ('value="DE, FR"', 'value="16" checked', 'value="harassment" selected'):
        assert kept in html, kept
    assert "Nothing was recorded." in html
    assert page.send(hidden=fresh).status_code == 302  # read, and sent again on purpose
    if kind != "campaign":
        assert Item.objects.get(pk=page.item.pk).state == "restricted"


@pytest.mark.parametrize("expected", [None, "", "nonsense", "undecided", "7c1d", "0" * 36])
@pytest.mark.parametrize("kind", PAGES)
def test_a_page_that_does_not_say_what_it_showed_is_outdated(few: None, kind: str, expected: str | None) -> None:
    page = PAGES[kind]()
    before = standing(page.item)
    hidden = {name: value for name, value in page.hidden.items() if name != "expected_decision"}
    response = page.send(hidden=hidden | ({} if expected is None else {"expected_decision": expected}))
    assert response.status_code == 409
    assert standing(page.item) == before
    assert NOTE in response.content.decode()
    assert page.send().status_code == 302


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_that_is_incomplete_and_overtaken_says_both(few: None, kind: str) -> None:
    page = PAGES[kind]()
    activation(page.item)
    response = page.send(note="")
    assert response.status_code == 409
    assert "Say in a sentence why" in response.content.decode()
    assert "while you looked at it" in response.content.decode()


def test_it_says_what_stands_now_and_marks_what_is_new_beside_the_evidence(ready: None) -> None:
    page = job_page()
    scenes.judged_again(
        page.item,
        [scenes.hit("nobody likes you", page.item.caption), Finding("text", "2", "violence", 0.97, {})],
        stage=DecisionStage.DEEP,
    )
    report(page.item)
    html = page.send(htmx=True).content.decode()
    assert html.lstrip().startswith('<div id="job"')
    top, rest = html.split('class="pagehead"')
    for words in ("The slow models decided this item again while you looked at it.", "stands now",
                  "The score for Violence reached", "<strong>Violence</strong> by Language model", "1 report."):  # fmt: skip
        assert words in top, words
    assert "Harassment" not in top  # that was on the page before
    found = [row.split("</li>")[0] for row in rest.split('<li class="finding')[1:]]
    assert [("Violence" in row, "is-new" in row.split(">")[0]) for row in found] == [(True, True), (False, False)]
    assert rest.count('<span class="badge new">new</span>') == 4  # outcome, finding, report, decision


def test_a_campaign_that_grew_says_by_how_many(few: None) -> None:
    page = campaign_page()
    for i in range(3):
        scenes.item_judged(f"late-{i}", caption=CAPTION, creator=f"late-{i}")
    campaigns_watch(now=timezone.now())
    response = page.send()
    html = response.content.decode()
    assert response.status_code == 409
    assert "3 more captions joined while you looked at it." in html
    assert "11 items" in html
    assert "3 new" in html
    assert Campaign.objects.get().outcome is None
    assert page.send(hidden=hidden_fields(html, page.decides)).status_code == 302
    assert Campaign.objects.get().outcome == Outcome.RESTRICT


@pytest.mark.parametrize("kind", PAGES)
def test_what_comes_while_a_page_is_put_together_is_not_taken_as_seen(few: None, kind: str) -> None:
    first = PAGES[kind]()
    after = {"campaign": 'DISTINCT "moderation_item"."caption"'}.get(kind, 'SELECT "moderation_finding"."id"')
    came: list[str] = []

    def slip_in(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if after in sql and not came:
            came.append(sql)
            activation(first.item)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(slip_in):
        page = opened(first.browser, first.item, first.shown, first.decides)
    assert came
    before = standing(page.item)
    assert page.send().status_code == 409
    assert standing(page.item) == before


# --- adding an item to a campaign ----------------------------------------------------------------------------------


def beside_page() -> Page:
    """Return the page of a campaign with an item beside it that was served before it was copied."""
    item = scenes.item_judged("victim", caption=CAPTION, creator="victim", now=timezone.now() - timedelta(seconds=59))
    page = campaign_page()
    return opened(page.browser, item, page.shown, page.decides.replace("decide", "admit"))


def campaign_decided(_item: Item) -> None:
    campaign = Campaign.objects.get()
    campaigns.campaign_decide(
        actor=scenes.person("senior"), campaign_key=str(campaign.key), outcome=Outcome.BLOCK, category="harassment",
        note="All.", min_age=0, territories=(), now=timezone.now(), expected_decision=campaign_basis_of(campaign).token,
    )  # fmt: skip


def campaign_passed_on(_item: Item) -> None:
    Campaign.objects.update(is_for_seniors=True)


def member_overturned(_item: Item) -> None:
    overturn(Item.objects.get(external_id="w-1"))


BESIDE = CHANGES | {
    "campaign decided": campaign_decided, "campaign passed on": campaign_passed_on, "member overturned": member_overturned,
}  # fmt: skip


@pytest.mark.parametrize("change", BESIDE)
def test_an_old_page_adds_nobody_to_a_campaign(few: None, change: str) -> None:
    page = beside_page()
    BESIDE[change](page.item)
    before, members = standing(page.item), CampaignMember.objects.count()
    response = page.send(htmx=change in {"term", "overturn"})
    assert response.status_code == 409
    assert (standing(page.item), CampaignMember.objects.count()) == (before, members)
    html = response.content.decode()
    assert "Nothing was recorded." in html
    assert "victim" in html or change == "campaign floor"
    if "campaign" not in change:
        for kept in (NOTE, 'value="DE, FR"', 'value="16" checked', 'value="harassment" selected'):
            assert kept in html, kept
    fresh = hidden_fields(html, page.decides)
    if change == "campaign floor":  # it belongs to another campaign by now
        assert fresh == {}
        return
    assert page.send(hidden=fresh).status_code == 302
    assert CampaignMember.objects.get(item=page.item).admitted_by


@pytest.mark.parametrize("expected", [None, "", "nonsense", "undecided", "7c1d", "0" * 36])
def test_a_page_that_does_not_say_what_it_showed_adds_nobody(few: None, expected: str | None) -> None:
    page = beside_page()
    hidden = {"item": page.hidden["item"]} | ({} if expected is None else {"expected_decision": expected})
    response = page.send(hidden=hidden)
    assert response.status_code == 409
    assert "This page is outdated" in response.content.decode()
    assert not CampaignMember.objects.filter(item=page.item).exists()


def test_what_joins_meanwhile_keeps_nobody_from_adding(few: None) -> None:
    page = beside_page()
    scenes.item_judged("late", caption=CAPTION, creator="late")
    campaigns_watch(now=timezone.now())
    assert page.send().status_code == 302
    assert CampaignMember.objects.filter(item=page.item).exists()


def test_what_was_typed_stays_where_an_item_is_added(few: None) -> None:
    page = beside_page()
    html = page.send(htmx=True).content.decode()
    assert html.lstrip().startswith('<div id="campaign"')
    assert "victim belongs to the campaign now." in html
    for kept in (NOTE, 'value="DE, FR"', 'value="16" checked', 'value="harassment" selected', "9 items"):
        assert kept in html, kept
    assert hidden_fields(html, page.decides) == {}
    assert Campaign.objects.get().outcome is None


def test_an_item_is_added_once(few: None) -> None:
    page = beside_page()
    assert page.send().status_code == 302
    again = page.send()
    assert again.status_code == 409
    assert "belongs to a campaign already" in again.content.decode()


def test_what_became_restricted_is_not_added_by_who_may_not_know_of_it(few: None) -> None:
    page = beside_page()
    Item.objects.filter(pk=page.item.pk).update(is_restricted=True)
    response = page.send()
    assert response.status_code == 409
    assert "victim" not in response.content.decode().replace("victims", "")
    assert not CampaignMember.objects.filter(item=page.item).exists()


def test_the_same_campaign_decision_sent_twice_is_recorded_once(few: None) -> None:
    page = campaign_page()
    assert page.send().status_code == 302
    again = page.send()
    assert again.status_code == 409
    assert "Somebody decided this campaign" in again.content.decode()
    campaigns.campaign_apply(campaign=Campaign.objects.get())
    assert Item.objects.filter(state="restricted").count() == 8


# --- what a person has seen --------------------------------------------------------------------------------------


def test_hard_evidence_that_changed_no_decision_is_shown_and_only_then_counts_as_seen(ready: None) -> None:
    item = scenes.item_judged("known", findings=[Finding("text", "1", "harassment", 0.97, {})])
    overturn(item)  # a person blocks; what machines find now changes nothing
    page = opened(
        signed_in(scenes.person("senior")), item, reverse("item_page", args=[item.key]),
        reverse("item_overturn", args=[item.key]),
    )  # fmt: skip
    scenes.judged_again(item, [scenes.bank_hit("violence")], stage=DecisionStage.DEEP)
    assert standing(item)[1] == "blocked"
    late = page.send(outcome="0", min_age="", territories="", category="")
    assert late.status_code == 409
    html = late.content.decode()
    assert "Machines found hard evidence while you looked at it." in html
    assert "Machines have found hard evidence since that decision: Violence" in html
    fresh = hidden_fields(html, page.decides)
    assert page.send(hidden=fresh, outcome="0", min_age="", territories="", category="").status_code == 302
    assert Item.objects.get(pk=item.pk).state == "cleared"
    scenes.judged_again(item, [scenes.bank_hit("violence")], stage=DecisionStage.DEEP)
    assert Item.objects.get(pk=item.pk).state == "cleared"  # they had seen it


def test_a_match_that_came_after_the_page_fires_again(ready: None) -> None:
    page = item_page()
    assert page.send(outcome="0", min_age="", territories="", category="").status_code == 302
    stored = Item.objects.select_related("current_decision").get(pk=page.item.pk).current_decision
    assert stored
    assert "hard" not in stored.evidence or not stored.evidence["hard"]
    bank_match(page.item)
    assert Item.objects.get(pk=page.item.pk).state == "held"


# --- leases ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("htmx", [False, True])
def test_new_hard_evidence_takes_the_job_and_its_holder_is_told_why(ready: None, htmx: bool) -> None:
    page = job_page()
    job = Job.objects.get(item=page.item)
    heartbeat = reverse("job_heartbeat", args=[job.key])
    assert page.browser.post(heartbeat, page.hidden).status_code == 200
    bank_match(page.item)
    job.refresh_from_db()
    assert (job.state, job.lease_holder, job.taken_from) == ("closed", None, User.objects.get(username="reviewer-1"))
    answer = page.browser.post(heartbeat, page.hidden)
    assert answer.status_code == 409
    assert "New hard evidence came in while you had it" in answer.json()["detail"]
    late = page.send(htmx=htmx)
    html = late.content.decode()
    assert late.status_code == 409
    assert ("<html" in html) is not htmx
    for words in (
        "This job was taken from you",
        "New hard evidence came in",
        "Nothing from you was recorded",
        NOTE,
        "DE, FR",
    ):
        assert words in html, words
    assert "New hard evidence" in page.browser.get(page.shown).content.decode()
    assert page.browser.post(reverse("job_release", args=[job.key]), page.hidden).status_code == 409


def test_hard_evidence_that_a_person_has_to_look_at_opens_another_job(ready: None) -> None:
    page = job_page()
    old = Job.objects.get(item=page.item)
    met = scenes.bank_hit("violence")
    quarantined = Finding("hashes", "1", "violence", 0.1, met.where, Outcome.ESCALATE)
    scenes.judged_again(page.item, [quarantined], stage=DecisionStage.DEEP)
    new = Job.objects.get(item=page.item, state="open")
    assert new.pk != old.pk
    assert new.category == "violence"
    assert page.send().status_code == 409
    assert not Decision.objects.filter(item=page.item, actor__isnull=False).exists()


def test_who_may_not_know_of_the_partition_is_told_without_a_word_of_it(ready: None) -> None:
    page = job_page()
    job = Job.objects.get(item=page.item)
    scenes.judged_again(page.item, [scenes.bank_hit("child_safety")], stage=DecisionStage.DEEP)
    answer = page.browser.post(reverse("job_heartbeat", args=[job.key]), page.hidden)
    assert answer.status_code == 409
    assert answer.json()["detail"] == (
        "New evidence came in while you had it, and others decide on this item now. Nothing from you was recorded."
    )
    for response in (page.send(), page.browser.get(page.shown)):
        html = response.content.decode()
        assert response.status_code in {409, 403}
        assert "others decide on this item now" in html
        for hidden in ("Child safety", "child_safety", reverse("item_page", args=[page.item.key]), "nobody likes you"):
            assert hidden not in html, hidden
    stranger = signed_in(scenes.person("reviewer", "stranger"))
    assert stranger.post(page.decides, page.hidden).status_code == 404


def test_a_heartbeat_says_that_the_item_was_decided_again(ready: None) -> None:
    page = job_page()
    address = reverse("job_heartbeat", args=[Job.objects.get(item=page.item).key])
    assert page.browser.post(address, page.hidden).json()["is_changed"] is False
    report(page.item)
    assert page.browser.post(address, page.hidden).json()["is_changed"] is True


def test_a_moderator_sees_pictures_as_before_on_a_page_that_came_back(ready: None) -> None:
    reviewer = scenes.person("reviewer")
    job = scenes.job_held(reviewer, kind=ItemKind.VIDEO, media=scenes.stored(b"clip" * 99), duration_ms=4_000)
    page = opened(
        signed_in(reviewer), job.item, reverse("job_page", args=[job.key]), reverse("job_decide", args=[job.key])
    )
    report(job.item)
    html = page.send().content.decode()
    assert "Blurred, grey and muted until you ask" in html
