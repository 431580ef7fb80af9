"""The smaller pages: home by role, policies, banks, errors, and what every page must have."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from moderation.banks.service import bank_upsert
from moderation.models import HashBank
from policies.choices import Outcome
from tests.support import scenes
from tests.support.query_counts import fewest_queries
from tests.support.sign_in import signed_in


def test_home_shows_reviewers_what_waits(browser: Client) -> None:
    scenes.job_open()
    page = browser.get("/").content.decode()
    assert "What waits for you" in page
    assert "Claim next job" in page


def test_home_shows_people_without_a_role_what_to_do(ready: None) -> None:
    assert "You have no role yet" in signed_in(scenes.person("")).get("/").content.decode()


def test_home_leads_back_to_the_job_one_holds(browser: Client, reviewer: User) -> None:
    job = scenes.job_held(reviewer)
    page = browser.get("/").content.decode()
    assert reverse("job_page", args=[job.key]) in page
    assert "Claim next job" not in page


@pytest.mark.parametrize("name", ["home", "queue_list", "policy_list", "bank_list"])
def test_pages_need_few_queries(ready: None, name: str) -> None:
    for n in range(5):
        scenes.job_open(f"waits-{n}")
    admin = signed_in(scenes.person("admin"))
    assert len(fewest_queries(lambda: admin.get(reverse(name)), 12)) <= 12


def test_a_bank_is_switched_off_and_on(ready: None) -> None:
    admin = signed_in(scenes.person("admin"))
    bank_upsert(actor="system", slug="known", category="violence", outcome=Outcome.BLOCK)
    for ratio in ("0.0", "1.0"):
        admin.post(reverse("bank_ratio", args=["known"]), {"ratio": ratio})
        assert HashBank.objects.get(slug="known").enabled_ratio == float(ratio)
    page = admin.post(reverse("bank_ratio", args=["known"]), {"ratio": "0.3"}, follow=True).content.decode()
    assert "Choose how much" in page


def test_a_child_safety_bank_cannot_be_weakened(ready: None) -> None:
    admin = signed_in(scenes.person("admin"))
    bank_upsert(actor="system", slug="opaque", category="child_safety", outcome=Outcome.BLOCK)
    page = admin.post(reverse("bank_ratio", args=["opaque"]), {"ratio": "0.0"}, follow=True).content.decode()
    assert "always whole" in page
    assert HashBank.objects.get(slug="opaque").enabled_ratio == 1.0


def test_an_unknown_address_has_a_way_out(browser: Client) -> None:
    response = browser.get("/nowhere")
    assert response.status_code == 404
    assert "There is nothing at this address" in response.content.decode()


def test_a_refusal_has_a_way_out(browser: Client) -> None:
    response = browser.get(reverse("audit_list"))
    assert response.status_code == 403
    assert "Your role does not include this page" in response.content.decode()


def test_a_failure_says_so_without_the_database(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.raise_request_exception = False
    monkeypatch.setattr("console.pages.media.views.ticket_read", lambda signed, now: 1 / 0)
    response = client.get("/media/x")
    assert response.status_code == 500
    assert "Something failed on our side" in response.content.decode()


class _Page(HTMLParser):
    """Collects what the rules below ask about."""

    def __init__(self) -> None:
        super().__init__()
        self.labelled: set[str] = set()
        self.inputs: list[dict[str, str | None]] = []
        self.problems: list[str] = []
        self.seen: list[str] = []
        self.depth_label = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.seen.append(tag)
        if "style" in values or any(name.startswith("on") for name in values) or tag == "style":
            self.problems.append(f"inline style or handler on {tag}")
        if tag == "script" and not values.get("src"):
            self.problems.append("inline script")
        if tag == "img" and "alt" not in values:
            self.problems.append("image without alt")
        if tag == "label":
            self.depth_label += 1
            self.labelled.add(values.get("for") or "")
        is_field = tag in {"input", "select", "textarea"} and values.get("type") not in {"hidden", "submit"}
        if is_field and not self.depth_label and "aria-label" not in values:
            self.inputs.append(values)

    def handle_endtag(self, tag: str) -> None:
        self.depth_label -= tag == "label"


@pytest.mark.parametrize(
    "name",
    ["home", "queue_list", "item_list", "deadletter_list", "audit_list", "policy_list", "bank_list", "mfa_index",
     "account_change_password", "job", "item", "policy", "content", "compare", "terms", "edit", "routing", "step", "policy_import",
     "emergency_list", "activation_list"],
)  # fmt: skip
def test_every_page_has_landmarks_labels_and_nothing_inline(ready: None, name: str) -> None:
    user = scenes.person("admin")
    job = scenes.job_held(user)
    scenes.dead_letter()
    urls = {
        "job": reverse("job_page", args=[job.key]),
        "item": reverse("item_page", args=[job.item.key]),
        "policy": reverse("policy_page", args=[1]),
        "content": reverse("policy_content", args=[2]),
        "compare": reverse("policy_compare", args=[2]),
        "terms": reverse("policy_terms", args=[2]),
        "edit": reverse("policy_edit", args=[2, "thresholds"]),
        "routing": reverse("policy_edit", args=[2, "routing"]),
        "step": reverse("policy_step", args=[2, "submit"]),
    }
    text = signed_in(user).get(urls.get(name) or reverse(name)).content.decode()
    page = _Page()
    page.feed(text)
    unlabelled = [i for i in page.inputs if (i.get("id") or "-") not in page.labelled]
    assert (page.problems, unlabelled) == ([], [])
    assert page.seen.count("main") == page.seen.count("h1") == 1
    assert 'class="skip" href="#main"' in text
    assert re.search(r"<title>\s*\S.* · Gatehouse</title>", text, re.DOTALL)
    assert "{{" not in text
    assert "{%" not in text
    assert "{#" not in text
