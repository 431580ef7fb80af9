"""The restricted partition is made by the flag of a category. A second category that carries it is as invisible as the first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from console.pages.home.context import today
from moderation.audit.log import audit_write
from moderation.banks.service import NewEntry, bank_add_entries, bank_upsert
from moderation.campaigns.queries import campaign_page, campaigns_counted
from moderation.items import visibility
from moderation.jobs.opening import job_open
from moderation.models import Campaign, CampaignMember, Decision, Item, Job, Queue, ScoreWeek, ShadowVerdict
from moderation.models.decision import DecisionStage
from moderation.models.review import JobState
from moderation.review.leases import job_claim
from moderation.review.queries import backlog_visible, queue_depths
from policies.choices import DETECTORS, RESTRICTED_QUEUE, ItemKind, Outcome
from policies.live import active_policy
from policies.models import Category, PolicyVersion
from tests.support import flagged, scenes
from tests.support.access_table import TABLE
from tests.support.owner import owner
from tests.support.sign_in import signed_in

OUTSIDERS = ("reviewer", "policy-editor", "policy-approver", "analyst")
HIDDEN = "second-1"


@pytest.fixture(params=["child_safety", flagged.SECOND])
def category(request: pytest.FixtureRequest, db: None) -> str:
    """Put a policy with two such categories in force, and return one of them."""
    flagged.policy_with_two()
    return str(request.param)


@pytest.fixture
def item(category: str) -> Item:
    """Return an item of the partition that has left a trace wherever an item can, with an ordinary one beside it."""
    scenes.job_open("beside-1", creator="creator-9")
    finding = scenes.Finding("terms", "1", category, 0.5, {"field": "caption", "span": [0, 3], "text": "zzq"})
    media = scenes.stored(b"opaque bytes", mime="image/png")
    hidden = scenes.item_judged(
        HIDDEN, caption=f"{scenes.OPAQUE} and more", findings=[finding], creator="creator-9", kind=ItemKind.IMAGE, media=media
    )  # fmt: skip
    scenes.dead_letter(hidden, error="OpaqueError")
    bank = bank_upsert(actor="t", slug="second-bank", category=category, outcome=Outcome.BLOCK)
    bank_add_entries(actor="t", bank=bank, entries=[NewEntry("pdq", "ab" * 32)])
    job = hidden.jobs.get()
    audit_write(actor="t", action="job.claimed", object_type="job", object_key=job.key)
    audit_write(actor="t", action="item.submitted", object_type="item", object_key=HIDDEN)
    audit_write(
        actor="t", action="message.died", object_type="message", object_key=hidden.outbox.filter(state="dead").get().key
    )
    audit_write(actor="t", action="report.filed", object_type="item", object_key="beside-1", category=category)
    return Item.objects.get(pk=hidden.pk)


def pages(item: Item) -> Iterator[tuple[str, str]]:
    """Return the name and address of every page that is read, with those that ask for the item itself."""
    for name, (method, args, _, _) in TABLE.items():
        if method == "get" and not name.startswith(("account_", "mfa_", "social")):
            yield name, reverse(name, args=args)
    job = item.jobs.get()
    yield "item_page", reverse("item_page", args=[item.key])
    yield "item_alike", reverse("item_alike", args=[item.key])
    yield "job_page", reverse("job_page", args=[job.key])
    yield "bank_page", reverse("bank_page", args=["second-bank"])
    for query in (HIDDEN, scenes.OPAQUE, "creator-9"):
        yield "item_list", reverse("item_list") + f"?q={query}"
    yield "policy_flips", reverse("policy_flips", args=[1]) + f"?item={HIDDEN}"


def traces_of(item: Item) -> list[str]:
    """Return what would give an item away on a page."""
    job = item.jobs.get()
    return [str(item.key), str(job.key), scenes.OPAQUE, "second-bank", "OpaqueError", f">{HIDDEN}<"]


@pytest.mark.parametrize("role", OUTSIDERS)
def test_no_page_tells_those_without_the_permission(item: Item, role: str) -> None:
    client, told = signed_in(scenes.person(role)), []
    for name, url in pages(item):
        text = client.get(url).content.decode()
        asked = url.partition("?")[2]
        told += [(name, trace) for trace in traces_of(item) if trace in text and trace not in asked]
    assert told == []


def test_the_same_pages_tell_those_with_the_permission(item: Item) -> None:
    client = signed_in(scenes.person("admin"))
    found = {
        name for name, url in pages(item) if any(trace in client.get(url).content.decode() for trace in traces_of(item))
    }
    assert found >= {
        "item_list",
        "item_page",
        "bank_list",
        "bank_page",
        "deadletter_list",
        "audit_list",
        "policy_flips",
    }


@pytest.mark.parametrize("role", OUTSIDERS)
def test_what_belongs_to_it_does_not_exist_for_others(item: Item, role: str) -> None:
    user, job = scenes.person(role), item.jobs.get()
    client = signed_in(user)
    addresses = {
        "get": [reverse("item_page", args=[item.key]), reverse("item_alike", args=[item.key]), reverse("job_page", args=[job.key])],
        "post": [
            reverse("job_decide", args=[job.key]), reverse("job_release", args=[job.key]), reverse("item_overturn", args=[item.key]),
            reverse("deadletter_redrive", args=[item.outbox.filter(state="dead").get().key]),
            reverse("bank_export", args=["second-bank"]), reverse("match_judge", args=[item.key, item.key]),
        ],
    }  # fmt: skip
    got = {url: getattr(client, method)(url).status_code for method, urls in addresses.items() for url in urls}
    assert set(got.values()) <= {403, 404}, got


def test_counts_leave_it_out(item: Item, category: str) -> None:
    outsider, holder = scenes.person("reviewer"), scenes.person("senior")
    now = timezone.now()
    assert [d.slug for d in queue_depths(outsider, now) if d.is_restricted] == []
    assert sum(d.n_open for d in queue_depths(outsider, now)) + 1 == sum(d.n_open for d in queue_depths(holder, now))
    assert today(outsider, now).n_decisions + 1 == today(holder, now).n_decisions
    assert (backlog_visible(outsider).n_dead, backlog_visible(holder).n_dead) == (0, 1)
    assert visibility.find_hidden(outsider).categories == {"child_safety", flagged.SECOND}
    assert visibility.find_hidden(holder) == visibility.Hidden()


def test_summaries_of_scores_leave_the_category_out(item: Item, category: str) -> None:
    begins_on = timezone.now().date() - timedelta(days=timezone.now().weekday())
    for slug in (category, "hate"):
        ScoreWeek.objects.create(
            detector=DETECTORS[0], category=slug, language="", begins_on=begins_on, n_looked=1, histogram=[1] * 13, one_in=1, computed_at=timezone.now(),
            label_counts=[0] * 10, label_harmful=[0] * 10, label_scores=[0.0] * 10,
        )  # fmt: skip
    outsider, holder = scenes.person("analyst"), scenes.person("senior")
    assert set(visibility.score_weeks_visible(outsider).values_list("category", flat=True)) == {"hate"}
    assert set(visibility.score_weeks_visible(holder).values_list("category", flat=True)) == {"hate", category}
    url = reverse("calibration_page", args=[DETECTORS[0], category])
    assert signed_in(outsider).get(url).status_code == 404
    assert signed_in(holder).get(url).status_code == 200


def test_a_shadows_verdicts_of_it_are_not_told(item: Item, category: str) -> None:
    version = PolicyVersion.objects.get(number=1)
    beside, other = Item.objects.get(external_id="beside-1"), scenes.item_judged("beside-2")
    for of, outcome, named in (
        (item, Outcome.CLEAR, ""),
        (beside, Outcome.BLOCK, category),
        (other, Outcome.BLOCK, "hate"),
    ):
        ShadowVerdict.objects.create(
            item=of, decision=of.current_decision, version=version, outcome=outcome, category=named
        )
    told = [verdict.category for verdict in visibility.verdicts_visible(scenes.person("analyst"))]
    assert told == ["hate"]
    assert visibility.verdicts_visible(scenes.person("senior")).count() == 3


def test_a_campaign_counts_it_only_for_those_who_may(item: Item) -> None:
    beside = Item.objects.get(external_id="beside-1")
    now = timezone.now()
    campaign = Campaign.objects.create(
        category="spam_scam", first_item=beside, representatives=b"", bands=[1], signature_version=1, n_items=2, n_creators=1,
        created_at=now, began_at=item.created_at, last_joined_at=now, due_at=now, live_until=now + timedelta(hours=1),
    )  # fmt: skip
    for member in (item, beside):
        CampaignMember.objects.create(campaign=campaign, item=member, creator=member.creator, joined_at=now)
    for role, n in (("reviewer", 1), ("senior", 2)):
        person = scenes.person(role)
        assert campaigns_counted(person, [Campaign.objects.get()])[0].n_items == n
        assert campaign_page(person, campaign).n_items == n


def test_media_of_it_have_no_address_whoever_looks(item: Item) -> None:
    page = signed_in(scenes.person("admin")).get(reverse("item_page", args=[item.key])).content.decode()
    assert "/media/" not in page


# --- what the database holds -------------------------------------------------------------------------------------


def test_a_decision_in_a_flagged_category_marks_the_item_for_good(item: Item) -> None:
    assert item.is_restricted
    stale = Item.objects.get(pk=item.pk)
    stale.is_restricted = False
    stale.save()
    Item.objects.filter(pk=item.pk).update(is_restricted=False)
    assert Item.objects.get(pk=item.pk).is_restricted


def test_a_decision_alone_marks_the_item_and_takes_its_job_along(category: str) -> None:
    job = scenes.job_open("plain-1")
    before = job.item.current_decision
    assert before is not None
    Decision.objects.create(
        item=job.item, outcome=Outcome.BLOCK, stage=DecisionStage.ACTIVATION, decided_by="t", category=category,
        evidence_digest="0" * 64, policy_version=before.policy_version, supersedes=before,
    )  # fmt: skip
    job = Job.objects.select_related("item", "queue").get(pk=job.pk)
    assert (job.item.is_restricted, job.queue.is_restricted) == (True, True)


def test_what_was_stored_before_the_mark_is_marked(item: Item) -> None:
    with owner(without_triggers=True) as cursor:
        cursor.execute("UPDATE moderation_item SET is_restricted = false WHERE id = %s", [item.pk])
    assert not Item.objects.get(pk=item.pk).is_restricted
    migration = import_module("moderation.migrations.0024_restrict_stored_items")
    with connection.cursor() as cursor:
        cursor.execute(migration._MARK)
    marked = set(Item.objects.filter(is_restricted=True).values_list("external_id", flat=True))
    assert marked == {HIDDEN}


def test_the_open_job_goes_along_and_its_lease_ends(category: str) -> None:
    reviewer = scenes.person("reviewer")
    job = scenes.job_held(reviewer)
    item = job.item
    job_open(item=item, policy=active_policy(), category=category, score=0.9, reason="late", now=timezone.now())
    job = Job.objects.select_related("queue", "item").get()
    assert (job.state, job.queue.slug, job.item.is_restricted) == (JobState.OPEN, RESTRICTED_QUEUE, True)
    assert job_claim(actor=reviewer, now=timezone.now()) is None


def test_whatever_is_opened_for_it_later_waits_in_the_partition(item: Item) -> None:
    Job.objects.filter(item=item).update(state=JobState.CLOSED)
    job_open(item=item, policy=active_policy(), category="spam_scam", score=0.9, reason="Reported", now=timezone.now())
    job = item.jobs.select_related("queue").get(state=JobState.OPEN)
    assert job.queue.is_restricted
    reviewer = scenes.person("reviewer")
    claimed = job_claim(actor=reviewer, now=timezone.now())
    assert claimed is not None
    assert claimed.item.external_id == "beside-1"


def test_the_partitions_queues_cannot_be_opened_to_everybody(category: str) -> None:
    scenes.job_restricted()
    with pytest.raises(DatabaseError), transaction.atomic():
        Queue.objects.filter(slug=RESTRICTED_QUEUE).update(is_restricted=False)


def test_a_bank_of_any_flagged_category_must_block(category: str) -> None:
    draft = PolicyVersion.objects.create(number=9, title="x", author=scenes.person("admin"))
    flagged_one = Category.objects.get(slug=category)
    draft.bankrules.create(category=flagged_one, outcome=Outcome.BLOCK)
    with pytest.raises(DatabaseError, match="policies_bankrule_child_safety_blocks"), transaction.atomic():
        draft.bankrules.update(outcome=Outcome.HOLD)


# --- one module --------------------------------------------------------------------------------------------------

#: Where the names may stand: those of the queues are choices, and `compile` names a field of the compiled policy so.
_MAY_NAME = {"policies/choices.py", "policies/decision/compile.py"}


def test_no_module_but_the_one_that_decides_names_the_category_or_its_queue() -> None:
    named = set()
    for app in ("policies", "moderation", "feed", "console"):
        for file in Path(settings.BASE_DIR, app).rglob("*.py"):
            path = file.relative_to(settings.BASE_DIR).as_posix()
            if "/migrations/" in path or "/training/" in path:
                continue
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and node.value in {
                    "child_safety",
                    "child-safety",
                    "child-safety-reports",
                }:
                    named.add(path)
    assert named <= _MAY_NAME


def test_no_other_module_asks_for_the_permission() -> None:
    """Whether somebody may know is asked of `visibility` (the roles name it, as they name every permission)."""
    asked = set()
    for app in ("policies", "moderation", "feed", "console"):
        for file in Path(settings.BASE_DIR, app).rglob("*.py"):
            if "review_restricted" in file.read_text(encoding="utf-8") and "migrations" not in file.parts:
                asked.add(file.relative_to(settings.BASE_DIR).as_posix())
    assert asked == {"moderation/items/visibility.py", "moderation/models/review.py", "console/identity/roles.py"}


#: What acts say in `data` that names nothing which the partition could hide: numbers, outcomes, versions, and things that are
#: looked up by no item. `decision` and `entry` are keys that no page opens; the object of such an act is asked about. A `clause`
#: stands beside its category, which is asked about.
_SAYS_NOTHING = {
    "act", "after", "again", "asked_by", "before", "call", "clause", "decision", "detector", "digest", "entry", "form", "holder", "is_off", "is_trusted_flagger", "kind",
    "languages", "n", "n_chosen", "n_creators", "n_done", "n_frames", "n_given", "n_in_all", "n_items", "n_jobs", "n_left_out", "n_new",
    "n_passed_over", "n_queues", "n_total", "new", "note", "numbers", "old_until", "outcome", "per_minute", "prefix", "question",
    "rate", "ratio", "reason", "scopes", "score", "since", "source", "topic", "undone", "version", "via", "waiting", "why", "window_minutes",
}  # fmt: skip
_OWN = {"action", "actor", "now", "object_key", "object_type", "seconds", "tells_total"}


def test_the_log_knows_whatever_an_act_names_in_its_data() -> None:
    """A new name in `data` fails here until somebody says whether it can name what is hidden (visibility.AUDIT_NAMES)."""
    named: dict[str, list[str]] = {}
    for app in ("policies", "moderation", "feed", "console"):
        for file in Path(settings.BASE_DIR, app).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and _called(node) in {"audit_write", "audit_counted", "_audit"}:
                    for keyword in node.keywords:
                        named.setdefault(keyword.arg or "", []).append(f"{file.name}:{node.lineno}")
    unknown = {name: at for name, at in named.items() if name}.keys() - _SAYS_NOTHING - _OWN
    assert unknown == set(visibility.AUDIT_NAMES), {name: named[name] for name in unknown}
    assert named["item"], "what names an item does so by its external id"


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


@pytest.mark.parametrize("name", ["item", "item by its key", "campaign", "category", "queue"])
def test_an_act_on_something_else_is_hidden_where_it_names_what_is_hidden(item: Item, category: str, name: str) -> None:
    now, beside = timezone.now(), Item.objects.get(external_id="beside-1")
    campaign = Campaign.objects.create(
        category="spam_scam", first_item=beside, representatives=b"", bands=[], signature_version=1, n_items=1, n_creators=1,
        created_at=now, last_joined_at=now, due_at=now, live_until=now + timedelta(hours=1), state="decided", outcome=Outcome.BLOCK, decision_category=category,
        decided_by=scenes.person("senior"), decided_at=now, note="a test",
    )  # fmt: skip
    hidden = {
        "item": {"item": HIDDEN},
        "item by its key": {"item": str(item.key)},
        "campaign": {"campaign": str(campaign.key)},
        "category": {"category": category},
        "queue": {"queue": RESTRICTED_QUEUE},
    }[name]
    shown = {"item": "beside-1", "category": "hate", "queue": "harassment", "n": 1}
    audit_write(actor="t", action="creator.noted", object_type="creator", object_key="hides", **hidden)
    audit_write(actor="t", action="creator.noted", object_type="creator", object_key="tells", **shown)
    audit_write(actor="t", action="campaign.joined", object_type="campaign", object_key=campaign.key)
    told = visibility.audit_visible(scenes.person("analyst")).filter(object_type__in=["creator", "campaign"])
    assert list(told.values_list("object_key", flat=True)) == ["tells"]
    assert visibility.audit_visible(scenes.person("admin")).filter(object_type="creator").count() == 2
