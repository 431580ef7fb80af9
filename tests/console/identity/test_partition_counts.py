"""Whoever may not know of the restricted partition learns nothing of it from other records, from counts, or from a form."""

from __future__ import annotations

import html
import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.banks.matches import match_judge
from moderation.campaigns.service import campaign_admit, campaign_apply
from moderation.detection.types import Finding
from moderation.evidence import store as evidence_store
from moderation.exceptions import CampaignInvalid
from moderation.live import campaigns as live_campaigns
from moderation.models import Campaign, CampaignMember, Decision, Item, ShadowVerdict, SimulationRun
from moderation.reports.service import report_file
from moderation.simulation import queries as simulation_queries
from policies.choices import Outcome
from policies.models import PolicyVersion, VersionState
from tests.support import acts, policy_scenes, scenes
from tests.support.decisions import decision_of
from tests.support.sign_in import signed_in


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    live_campaigns.forget()
    evidence_store.forget()
    simulation_queries.sliders_forget()
    yield
    live_campaigns.forget()
    evidence_store.forget()
    simulation_queries.sliders_forget()


def restrict(item: Item) -> None:
    """A later machine decision in the flagged category."""
    item.refresh_from_db()
    Decision.objects.create(
        item=item,
        outcome=4,
        stage="activation",
        decided_by="test",
        category="child_safety",
        evidence_digest="f" * 64,
        policy_version=decision_of(item).policy_version,
        supersedes=item.current_decision,
    )
    item.refresh_from_db()
    assert item.is_restricted


# --- the audit log: an item named in the data of an act on something else ------------------------------------------


def test_audit_names_a_restricted_item_that_was_admitted_to_a_campaign(ready: None) -> None:
    campaign = acts._campaign()
    beside = campaign.bystanders.all()[0].item
    adder = scenes.person("reviewer", "adder")
    form = acts.in_form(signed_in(adder), "campaign_admit", campaign)
    campaign_admit(
        actor=adder,
        campaign_key=str(campaign.key),
        item_key=str(beside.key),
        expected_decision=form["expected_decision"],
        now=timezone.now(),
    )
    restrict(beside)
    analyst = signed_in(scenes.person("analyst"))
    assert analyst.get(reverse("item_page", args=[beside.key])).status_code == 404
    page = html.unescape(analyst.get(reverse("audit_list") + "?action=campaign.admitted").content.decode())
    assert not re.search(rf"\b{re.escape(beside.external_id)}\b", page), "the audit log names the hidden item"


def test_audit_names_a_restricted_item_whose_match_was_judged(ready: None) -> None:
    entry = acts._entry()
    where = {"bank": entry.bank.slug, "entry": str(entry.key), "algorithm": "pdq", "distance": 3, "role": "cover"}
    item = scenes.item_judged("hidden-7", findings=[Finding("hashes", "1", "violence", 1.0, where, Outcome.HOLD)])
    match_judge(actor=scenes.person("senior"), entry_key=str(entry.key), item=item, is_right=True)
    restrict(item)
    analyst = signed_in(scenes.person("analyst"))
    page = analyst.get(reverse("audit_list") + "?action=match.").content.decode()
    assert str(item.key) not in page


# --- campaigns -----------------------------------------------------------------------------------------------------


def test_a_campaign_that_was_decided_in_a_flagged_category_is_not_told(ready: None) -> None:
    campaign = acts._campaign()
    holder = signed_in(scenes.person("senior"))
    data = acts.in_form(holder, "campaign_decide", campaign)
    sent = holder.post(
        reverse("campaign_decide", args=[campaign.key]),
        data | {"outcome": "4", "category": "child_safety", "note": "placeholder note zqx"},
    )
    assert sent.status_code == 302
    campaign_apply(campaign=Campaign.objects.get())
    n = Item.objects.filter(is_restricted=True).count()
    assert n > 10
    outsider = signed_in(scenes.person("reviewer", "outsider"))
    listed = outsider.get(reverse("campaign_list")).content.decode()
    shown = outsider.get(reverse("campaign_page", args=[campaign.key]))
    row = listed[listed.index('id="decided-title"') :]
    told = [
        where
        for where, text in (("list", row), ("page", shown.content.decode()))
        if "Child safety" in re.sub(r"<(select|option|details)[\s\S]*?</\1>", "", text)
        or "placeholder note zqx" in text
    ]
    assert told == [], "outsiders are told that the campaign is in the partition"


def test_a_campaigns_token_does_not_count_hidden_members(ready: None) -> None:
    campaign = acts._campaign()
    for member in list(CampaignMember.objects.filter(campaign=campaign).select_related("item")[:3]):
        restrict(member.item)
    outsider = signed_in(scenes.person("reviewer", "outsider"))
    page = outsider.get(reverse("campaign_page", args=[campaign.key]))
    shown = page.context["page"].n_items
    token = acts.in_form(outsider, "campaign_decide", campaign)["expected_decision"]
    assert int(token.split("-")[1], 16) == shown, (
        f"the form carries {int(token.split('-')[1], 16)} members, the page shows {shown}"
    )


# --- reports -------------------------------------------------------------------------------------------------------


def test_a_report_in_a_flagged_category_is_not_told_to_the_reviewer_of_the_item(ready: None) -> None:
    reviewer = scenes.person("reviewer")
    client = signed_in(reviewer)
    job = scenes.job_held(reviewer)
    fields = acts.hidden(client.get(reverse("job_page", args=[job.key])))
    report_file(
        actor="api:x",
        external_id=job.item.external_id,
        reporter="somebody",
        category="child_safety",
        text="",
        now=timezone.now(),
    )
    page = client.get(reverse("job_page", args=[job.key]))
    assert page.status_code == 200
    assert page.context["page"].reports == []
    beat = client.post(reverse("job_heartbeat", args=[job.key]), fields).json()
    answer = client.post(reverse("job_decide", args=[job.key]), fields | {"outcome": "0"})
    text = answer.content.decode()
    told = {
        "heartbeat": beat.get("is_changed"),
        "status": answer.status_code,
        "counted": "1 report" in text,
        "said": "Somebody reported this item" in text,
        "token": acts.hidden(page)["expected_decision"] != fields["expected_decision"],
    }
    assert told == {"heartbeat": False, "status": 302, "counted": False, "said": False, "token": False}


# --- counts --------------------------------------------------------------------------------------------------------


def test_a_shadows_agreement_does_not_count_it(ready: None) -> None:
    hidden = scenes.job_restricted().item
    beside = scenes.job_open("beside-1").item
    version = policy_scenes.approved()
    PolicyVersion.objects.filter(pk=version.pk).update(state=VersionState.SHADOW)
    for item, category in ((hidden, "child_safety"), (beside, "harassment")):
        ShadowVerdict.objects.create(
            item=item, decision=decision_of(item), version=version, outcome=Outcome.BLOCK, category=category
        )
    analyst = signed_in(scenes.person("analyst"))
    context = analyst.get(reverse("policy_page", args=[version.number])).context
    matrix, listed = context["agreement"].n, sum(n for _, n, _ in context["by_category"])
    assert (matrix, listed) == (1, 1), (
        f"the table counts {matrix}, its rows by category {listed}: the difference is the partition"
    )


def _run(client: Client, number: int, **given: str) -> SimulationRun:
    today = timezone.now().date()
    data = {"since": str(today - timedelta(days=3)), "until": str(today), **given}
    answer = client.post(reverse("simulation_start", args=[number]), data)
    assert answer.status_code == 302, answer.content.decode()[-2000:]
    return SimulationRun.objects.get(key=answer.headers["Location"].rstrip("/").rpartition("/")[2])


def test_a_simulation_does_not_count_it(ready: None) -> None:
    scenes.job_open(
        "hidden-9",
        caption=f"{scenes.OPAQUE} and more",
        creator="creator-9",
        region="IS",
        findings=[Finding("terms", "1", "child_safety", 0.5, {"field": "caption", "span": [0, 3], "text": "zzq"})],
    )
    scenes.item_judged("beside-1", region="GB")
    editor = signed_in(scenes.person("policy-editor"))
    assert "hidden-9" not in editor.get(reverse("item_list")).content.decode()
    run = _run(editor, 1, markets="IS")
    page = editor.get(reverse("simulation_page", args=[run.key])).content.decode()
    assert run.n_items == 0
    assert "No upload fits" in page
    holder = signed_in(scenes.person("admin")).get(reverse("simulation_page", args=[run.key])).content.decode()
    assert "<strong>1 items</strong>" in holder


def test_two_simulations_side_by_side_do_not_give_it_by_subtraction(ready: None) -> None:
    scenes.job_open(
        "hidden-9",
        caption=f"{scenes.OPAQUE} and more",
        creator="creator-9",
        findings=[Finding("terms", "1", "child_safety", 0.5, {"field": "caption", "span": [0, 3], "text": "zzq"})],
    )
    scenes.job_open("beside-1")
    editor_user = scenes.person("policy-editor")
    editor = signed_in(editor_user)
    from policies.document.stored import document_of
    from policies.services.drafts import section_token, threshold_set, version_copy

    version = version_copy(actor=editor_user, version=PolicyVersion.objects.get(number=1))
    for category in ("child_safety", "harassment"):
        threshold_set(
            actor=editor_user,
            version=version,
            category=category,
            level="block",
            value=0.45 if category == "child_safety" else 0.69,
            expected=section_token(document_of(version), "thresholds"),
        )
    runs = [_run(editor, version.number) for _ in range(2)]
    groups = editor.get(reverse("simulation_compare") + f"?a={runs[0].key}&b={runs[1].key}").context["groups"]
    counted = {name: sum(row.first for row in rows if row.measure == "stricter") for _, name, rows in groups}
    assert counted.get("total", 0) == counted.get("category", 0), counted


def test_a_slider_does_not_count_it(ready: None) -> None:
    """Its score in any open category could be read off the slider's histogram."""
    scenes.job_open(
        "hidden-9",
        caption=f"{scenes.OPAQUE} and more",
        creator="creator-9",
        region="IS",
        findings=[
            Finding("terms", "1", "child_safety", 0.5, {"field": "caption", "span": [0, 3], "text": "zzq"}),
            Finding("terms", "1", "harassment", 0.41, {"field": "caption", "span": [0, 3], "text": "zzq"}),
        ],
    )
    scenes.item_judged("beside-1", region="GB")
    analyst = signed_in(scenes.person("analyst"))
    page = analyst.get(
        reverse("policy_slider", args=[1]) + "?category=harassment&level=block&threshold=0.4"
    ).content.decode()
    told = re.search(r"(\d+) items? by score, (\d+) of them in bars from [0-9.]+ on", page)
    assert told, page
    assert told[1] == "1", f"{told[0]}: the item beside it is the only one that they may know of"


def test_a_run_from_before_there_were_two_results_is_for_the_partitions_people(ready: None) -> None:
    scenes.item_judged("beside-1")
    editor = signed_in(scenes.person("policy-editor"))
    made = _run(editor, 1)
    old = SimulationRun.objects.get(pk=made.pk)
    old.pk, old.key, old.is_open = None, uuid.uuid4(), False
    old.save()
    holder, page = signed_in(scenes.person("admin")), reverse("simulation_page", args=[old.key])
    assert (editor.get(page).status_code, holder.get(page).status_code) == (404, 200)
    listed = [client.get(reverse("simulation_list")).content.decode() for client in (editor, holder)]
    assert [str(old.key) in text for text in listed] == [False, True]
    assert editor.get(reverse("simulation_compare") + f"?a={made.key}&b={old.key}").status_code == 422


def test_whoever_decides_a_campaign_out_of_their_own_sight_is_led_to_the_list(ready: None) -> None:
    campaign = acts._campaign()
    reviewer = signed_in(scenes.person("reviewer"))
    page = reverse("campaign_page", args=[campaign.key])
    sent = reviewer.post(
        reverse("campaign_decide", args=[campaign.key]),
        acts.in_form(reviewer, "campaign_decide", campaign)
        | {"outcome": "4", "category": "child_safety", "note": "placeholder note"},
    )
    assert (sent.status_code, sent["Location"]) == (302, reverse("campaign_list"))
    assert reviewer.get(page).status_code == 404
    assert signed_in(scenes.person("senior")).get(page).status_code == 200


def test_an_item_that_a_reviewer_may_not_know_of_is_not_admitted_by_its_key(ready: None) -> None:
    campaign = acts._campaign()
    beside = campaign.bystanders.all()[0].item
    restrict(beside)
    with pytest.raises(CampaignInvalid):
        campaign_admit(
            actor=scenes.person("reviewer", "adder"),
            campaign_key=str(campaign.key),
            item_key=str(beside.key),
            expected_decision="",
            now=timezone.now(),
        )
