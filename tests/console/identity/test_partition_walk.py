"""Every page of the console reads the same to those without the permission, whether the restricted partition holds anything or not.

The same world is made twice, once with an item of the partition that left a trace wherever an item can, and every page is
read both times. Whatever differs gives the item away: a page, a count or a token that nobody thought of is found here.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import unified_diff
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from moderation.audit.log import audit_write
from moderation.banks.matches import match_judge
from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert
from moderation.calibration.service import scores_summarise
from moderation.decisions.basis import basis_of
from moderation.detection.types import Finding
from moderation.emergency.service import emergency_term_add
from moderation.evidence import store as evidence_store
from moderation.live import campaigns as live_campaigns
from moderation.live import onpath
from moderation.models import Campaign, CampaignMember, HashEntry, Item, ShadowVerdict
from moderation.models.decision import DecisionStage
from moderation.outbox.promise import message_add
from moderation.reports.service import report_file
from moderation.review.leases import job_claim, job_decide
from moderation.simulation import queries as simulation_queries
from moderation.simulation.service import simulation_start
from policies.choices import RESTRICTED_QUEUE, Outcome
from policies.models import PolicyVersion, VersionState
from policies.replay.population import Filter
from policies.services.drafts import version_copy
from policies.services.versions import version_approve, version_stage, version_submit
from tests.support import acts, flagged, scenes
from tests.support.access_table import TABLE
from tests.support.decisions import decision_of
from tests.support.sign_in import signed_in

OUTSIDERS = ("reviewer", "policy-editor", "policy-approver", "analyst")
HIDDEN = "hidden-9"

#: Pages that the walk cannot open: bytes, parts of other pages, and what needs a vision model or a term of a draft.
_NOT_READ = {
    "item_media", "policy_live", "item_alike", "prompt_try", "prompt_page", "term_page", "item_translation", "job_similar",
    "job_match", "act_page",
}  # fmt: skip
#: What differs between any two readings: keys, tokens against forgery, and the clock.
_CHANGING = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|name=\"csrfmiddlewaretoken\" value=\"\w+\"|nonce=\"[^\"]+\"|\"X-CSRFToken\": *\"\w+\""
    r"|\d{4}-\d\d-\d\dT[\d:.+Z]+|\b\d\d:\d\d(?::\d\d)?\b|\b\d+(?:\.\d+)? (?:ms|s|min|seconds?|minutes?)\b"
)


@pytest.fixture(autouse=True)
def _kept_nothing() -> Iterator[None]:
    forget()
    yield
    forget()


def forget() -> None:
    """Drop what this process holds of the world before."""
    for source in (live_campaigns, evidence_store, onpath):
        source.forget()
    simulation_queries.sliders_forget()


def world() -> dict[str, User]:
    """Make what the pages show to everybody, and return the people by role."""
    flagged.policy_with_two()
    people = {role: scenes.person(role, f"{role}-1") for role in (*OUTSIDERS, "senior", "admin")}
    acts._campaign()
    for n in range(3):
        scenes.job_open(f"beside-{n}", creator="creator-9", region="IS")
    report_file(actor="api:x", external_id="beside-0", reporter="r-1", category="hate", text="", now=timezone.now())
    scenes.dead_letter(Item.objects.get(external_id="beside-1"))
    emergency_term_add(
        actor=people["policy-editor"], text="purple zeppelin", category="hate", note="A wave.", now=timezone.now()
    )
    bank = bank_upsert(actor="t", slug="walk-bank", category="violence", outcome=Outcome.ESCALATE)
    bank_add_entries(actor="t", bank=bank, entries=[NewEntry("pdq", "ab" * 32)])
    policy_two(people)
    return people


def policy_two(people: dict[str, User]) -> None:
    """Put a second version in shadow, with a verdict on an open item, and draft a third."""
    editor, approver = people["policy-editor"], people["policy-approver"]
    version = version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    version_submit(actor=editor, version=version, note="Another.")
    version_approve(actor=approver, version=version, note="Another.")
    version_stage(actor=approver, version=version, state=VersionState.SHADOW)
    verdict(Item.objects.get(external_id="beside-1"), "hate")
    version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))


def verdict(item: Item, category: str) -> None:
    """Let the shadow say something else of an item."""
    version = PolicyVersion.objects.get(state=VersionState.SHADOW)
    ShadowVerdict.objects.create(
        item=item, decision=decision_of(item), version=version, outcome=Outcome.BLOCK, category=category
    )


def hide(people: dict[str, User]) -> None:
    """Make an item of the partition that leaves a trace wherever one can."""
    now, beside = timezone.now(), Item.objects.get(external_id="beside-0")
    key = str(HashEntry.objects.get().key)
    where = {"bank": "walk-bank", "entry": key, "algorithm": "pdq", "distance": 3, "role": "cover"}
    caption = {"field": "caption", "span": [0, 3], "text": "zzq"}
    findings = [
        Finding("terms", "1", flagged.SECOND, 0.5, caption),
        Finding("terms", "1", "harassment", 0.41, caption),
    ]
    job = scenes.job_open(
        HIDDEN, caption=f"{scenes.OPAQUE} and more", creator="creator-9", region="IS", findings=findings
    )
    item = Item.objects.get(pk=job.item_id)
    assert item.is_restricted
    match = Finding("hashes", "1", "violence", 0.6, where, Outcome.ESCALATE)
    scenes.judged_again(item, [*findings, match], stage=DecisionStage.DEEP)
    scenes.dead_letter(item, error="OpaqueError")
    message_add(topic="moderation.tasks.item_examine", item=item, queue="deep.io", rank_at=now - timedelta(hours=1))
    verdict(item, "hate")
    campaign = Campaign.objects.get()
    CampaignMember.objects.create(campaign=campaign, item=item, creator=item.creator, joined_at=now)
    Campaign.objects.filter(pk=campaign.pk).update(n_items=campaign.n_items + 1)
    match_judge(actor=people["senior"], entry_key=key, item=item, is_right=True)
    audit_write(actor="t", action="campaign.admitted", object_type="campaign", object_key=campaign.key, item=HIDDEN)
    audit_write(actor="t", action="match.disputed", object_type="creator", object_key="creator-9", item=str(item.key))
    report_file(actor="api:x", external_id=HIDDEN, reporter="r-1", category="hate", text="", now=now)
    report_file(
        actor="api:x", external_id=beside.external_id, reporter="r-2", category=flagged.SECOND, text="", now=now
    )
    decide(people["senior"], item)


def decide(senior: User, item: Item) -> None:
    """Let a senior decide the hidden item: that counts as a decision of today, and as time that a job took."""
    job = job_claim(actor=senior, queue_slugs=[RESTRICTED_QUEUE], now=timezone.now())
    assert job is not None
    seen = basis_of(senior, pk=job.item_id)
    assert seen is not None
    job_decide(
        actor=senior, job_key=str(job.key), lease_token=str(job.lease_token), outcome=Outcome.BLOCK, category="harassment",
        expected_decision=seen.token, note="a test", min_age=0, territories=(), now=timezone.now(),
    )  # fmt: skip


def runs(editor: User) -> list[str]:
    """Simulate the shadow twice, and return the keys."""
    now, version = timezone.now(), PolicyVersion.objects.get(state=VersionState.SHADOW)
    asked: dict[str, Any] = {
        "actor": editor,
        "draft": version,
        "since": now - timedelta(days=2),
        "until": now + timedelta(days=1),
        "now": now,
    }
    return [str(simulation_start(**asked, wanted=wanted).key) for wanted in (Filter(), Filter(markets=("IS",)))]


def addresses(editor: User, held: str) -> Iterator[tuple[str, str]]:
    """Yield every page that is read: name and address."""
    shadow = PolicyVersion.objects.get(state=VersionState.SHADOW).number
    draft = PolicyVersion.objects.get(state=VersionState.DRAFT).number
    for name, (method, args, status, who) in TABLE.items():
        is_ours = not name.startswith(("account_", "mfa_", "social"))
        if method == "get" and status == 200 and is_ours and set(who) & set(OUTSIDERS):
            yield name, reverse(name, args=[draft if arg == 2 else arg for arg in args])
    first, second = runs(editor)
    beside = Item.objects.get(external_id="beside-0")
    yield "job_page", reverse("job_page", args=[held])
    yield "campaign_page", reverse("campaign_page", args=[Campaign.objects.get().key])
    for query in ("", "?q=creator-9", f"?q={HIDDEN}", "?q=harassment", "?restricted=1"):
        yield "item_list", reverse("item_list") + query
    yield "item_page", reverse("item_page", args=[beside.key])
    yield "policy_page", reverse("policy_page", args=[shadow])
    yield "policy_disagreements", reverse("policy_disagreements", args=[shadow])
    yield "policy_flips", reverse("policy_flips", args=[shadow]) + "?item=beside-0"
    for run in (first, second):
        yield "simulation_page", reverse("simulation_page", args=[run])
    yield "simulation_compare", reverse("simulation_compare") + f"?a={first}&b={second}"
    for category in ("harassment", "hate"):
        yield "policy_slider", reverse("policy_slider", args=[shadow]) + f"?category={category}&level=block&days=28"
        for detector in ("terms", "hashes"):
            yield "calibration_page", reverse("calibration_page", args=[detector, category])
    for action in ("campaign.", "match.", "job.", "item.", "report.", "decision."):
        yield "audit_list", reverse("audit_list") + f"?action={action}"


def read(clients: dict[str, Client], editor: User, held: str) -> dict[tuple[str, str, str], list[str]]:
    """Return what every page says to everybody who may not know of the partition, line by line."""
    found = {}
    for name, url in addresses(editor, held):
        for role, client in clients.items():
            answer = client.get(url)
            text = _CHANGING.sub("*", html.unescape(answer.content.decode()))
            found[role, name, _CHANGING.sub("*", url)] = [str(answer.status_code), *text.splitlines()]
    return found


def test_no_page_reads_otherwise_for_what_is_hidden(db: None) -> None:
    with transaction.atomic():
        people = world()
        job = job_claim(actor=people["reviewer"], now=timezone.now())
        assert job is not None
    clients = {role: signed_in(people[role]) for role in OUTSIDERS}
    readings = []
    for is_there in (False, True):
        mark = transaction.savepoint()
        forget()
        if is_there:
            hide(people)
        scores_summarise(now=timezone.now())
        readings.append(read(clients, people["policy-editor"], str(job.key)))
        transaction.savepoint_rollback(mark)
    without, beside = readings
    told = {
        at: [line.strip() + "\n" for line in unified_diff(without[at], beside[at], n=0)][2:]
        for at in without
        if without[at] != beside[at]
    }
    assert without.keys() == beside.keys()
    assert not told, "\n".join(f"{at}\n{''.join(lines)}" for at, lines in told.items())


def test_the_walk_reads_every_page_that_they_may_open(db: None) -> None:
    people = world()
    job = job_claim(actor=people["reviewer"], now=timezone.now())
    assert job is not None
    scores_summarise(now=timezone.now())
    clients = {role: signed_in(people[role]) for role in OUTSIDERS}
    read_at = {
        name
        for (_, name, _), lines in read(clients, people["policy-editor"], str(job.key)).items()
        if lines[0] == "200"
    }
    theirs = {
        name
        for name, (method, _, _, who) in TABLE.items()
        if method == "get" and set(who) & set(OUTSIDERS) and not name.startswith(("account_", "mfa_", "social"))
    }
    assert theirs - read_at == _NOT_READ
