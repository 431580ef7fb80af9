"""The pages of the console that answer somebody with 200, at addresses made of what is in the database: to count and to time."""

from __future__ import annotations

from collections.abc import Iterator

from django.contrib.auth.models import User
from django.urls import reverse

from moderation.models import Campaign, HashBank, Item, Job, PromptSet, SimulationRun
from policies.models import PolicyVersion, Term
from tests.support.access_table import TABLE

#: What is read here is no page of ours, or a file, or asks a model.
NOT_PAGES = {"item_media", "policy_live", "policy_export", "prompt_try"}


def page_addresses(person: User, role: str) -> Iterator[tuple[str, str]]:
    """Yield name and address of each page that a role may open; of those whose object is not there, none."""
    draft = PolicyVersion.objects.filter(state="draft").order_by("-number").values_list("number", flat=True).first()
    for name, (method, args, status, who) in TABLE.items():
        is_ours = not name.startswith(("account_", "mfa_", "social")) and name not in NOT_PAGES
        if method != "get" or not is_ours or role not in who:
            continue
        if status == 200 and (2 not in args or draft):
            yield name, reverse(name, args=[draft if arg == 2 else arg for arg in args])
    for name, url in _of_objects(person):
        if role in TABLE[name.partition(" ")[0]][3]:
            yield name, url
    if role in TABLE["audit_list"][3]:
        yield "audit_list by act", reverse("audit_list") + "?action=job.claimed"
        yield "audit_list by person", reverse("audit_list") + "?actor=reviewer-1"


def _of_objects(person: User) -> Iterator[tuple[str, str]]:
    """Yield the pages of one object each: those that the table of roles asks for with a key that names nothing."""
    item = Item.objects.filter(is_restricted=False, media__isnull=False).order_by("-pk").first() or Item.objects.first()
    job = Job.objects.filter(lease_holder=person).first()
    if item:
        yield "item_page", reverse("item_page", args=[item.key])
        yield "item_alike", reverse("item_alike", args=[item.key])
        yield "item_list by creator", reverse("item_list") + f"?creator={item.creator.external_id}"
    if job:
        yield "job_page", reverse("job_page", args=[job.key])
    for name, found in (
        ("campaign_page", Campaign.objects.first()),
        ("bank_page", HashBank.objects.filter(is_child_safety=False).first()),
        ("simulation_page", SimulationRun.objects.first()),
        ("prompt_page", PromptSet.objects.first()),
    ):
        if found:
            named = getattr(found, "slug", None) or (found.number if isinstance(found, PromptSet) else found.key)
            yield name, reverse(name, args=[named])
    term = Term.objects.filter(list__version__state="draft").select_related("list__version").first()
    if term:
        yield "term_page", reverse("term_page", args=[term.list.version.number, term.key])
