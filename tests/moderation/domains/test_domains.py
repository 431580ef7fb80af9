"""Listed domains: what may be listed, what follows for uploads, and what the database refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.utils import timezone

from moderation.domains.service import domain_list, domain_retire
from moderation.exceptions import DomainInvalid
from moderation.live import domains as live_domains
from moderation.models import AuditEvent, ListedDomain
from policies.choices import Outcome
from tests.support.people import person, ready, text_item


@pytest.fixture(autouse=True)
def _afresh(db: None) -> Iterator[None]:
    ready()
    live_domains.forget()
    yield
    live_domains.forget()


def listed(domain: str = "evil.example", **changes: Any) -> ListedDomain:
    fields = {"actor": "system", "category": "spam_scam", "outcome": Outcome.BLOCK, "now": timezone.now(), **changes}
    row = domain_list(domain=domain, **fields)
    live_domains.forget()
    return row


def test_a_listed_domain_blocks_an_upload_until_it_is_retired() -> None:
    listed()
    assert text_item("a", "More at hxxp://www.evil[.]example/x").state == "blocked"
    domain_retire(actor="system", domain="evil.example", now=timezone.now())
    live_domains.forget()
    assert text_item("b", "More at https://www.evil.example/x").state == "cleared"
    assert AuditEvent.objects.filter(object_type="domain", object_key="evil.example").count() == 2


def test_a_score_is_fused_like_any_other() -> None:
    listed(outcome=None, score=0.99)
    assert text_item("a", "More at evil.example").current_decision.evidence["scores"]["spam_scam"] == 0.99  # type: ignore[union-attr]


def test_listing_again_changes_only_what_differs() -> None:
    first = listed()
    assert listed("EVIL.example.").pk == first.pk
    second = listed(outcome=None, score=0.5)
    assert second.pk != first.pk
    assert ListedDomain.objects.get(retired_at=None).pk == second.pk


def test_letters_are_stored_in_punycode() -> None:
    assert listed("b\u00fccher.example").domain == "xn--bcher-kva.example"
    assert text_item("a", "More at b\u00fccher.example/x").state == "blocked"


@pytest.mark.parametrize(
    ("domain", "changes"),
    [
        ("no domain", {}), ("com", {}), ("-a.com", {}), ("a..com", {}), ("a" * 300 + ".com", {}), ("", {}),
        ("a.com", {"category": ""}), ("a.com", {"category": "nothing"}), ("a.com", {"score": 0.5}),
        ("a.com", {"outcome": None}), ("a.com", {"outcome": Outcome.CLEAR}), ("a.com", {"outcome": None, "score": 0.0}),
        ("a.com", {"outcome": None, "score": float("nan")}),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(domain: str, changes: dict[str, Any]) -> None:
    with pytest.raises(DomainInvalid):
        listed(domain, **changes)
    assert not ListedDomain.objects.exists()


def test_without_the_list_links_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(live_domains, "_read", away)
    live_domains.refresh()
    assert live_domains.current() is None
    item = text_item("a", "A walk along the canal")
    assert item.current_decision.evidence["missing"]["links"] == "failed"  # type: ignore[union-attr]


def test_an_old_list_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    live_domains.refresh()
    assert live_domains.current() == {}
    monkeypatch.setattr(live_domains, "MAX_AGE_SECONDS", 0.0)
    assert live_domains.current() is None


@pytest.mark.parametrize(
    "change",
    ["is_allowed = true", "outcome = 0", "outcome = NULL", "domain = 'x'", "category = 'hate'", "note = 'other'"],
)
def test_the_database_refuses_other_listings(change: str) -> None:
    listed()
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE moderation_listeddomain SET {change}")
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM moderation_listeddomain")


def test_a_file_is_loaded_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "domains.csv"
    rows = "domain,action,category,value,note\ngood.example,allow,,,ours\nbad.example,outcome,spam_scam,BLOCK,\n"
    file.write_text(rows + "mid.example,score,spam_scam,0.6,\n")
    call_command("domains_load", str(file), verbosity=0)
    assert ListedDomain.objects.filter(retired_at=None).count() == 3
    file.write_text(rows.replace("good", "other") + "x.example,burn,,,\n")
    with pytest.raises(CommandError, match="Nothing was stored"):
        call_command("domains_load", str(file))
    assert ListedDomain.objects.count() == 3


def staff(*, may: bool) -> Client:
    from django.contrib.auth.models import Permission

    user = person("ada", "admin")
    user.is_staff = True
    user.save()
    if may:
        user.user_permissions.add(Permission.objects.get(codename="manage_domains"))
    client = Client()
    client.force_login(user)
    return client


ADMIN = "/admin/moderation/listeddomain/"


def test_the_admin_lists_and_retires_with_audit() -> None:
    client = staff(may=True)
    data = {"domain": "evil.example", "category": "spam_scam", "outcome": "4", "score": "", "note": "x"}
    assert client.post(f"{ADMIN}add/", data).status_code == 302
    row = ListedDomain.objects.get()
    assert (row.domain, row.outcome, row.listed_by.username) == ("evil.example", Outcome.BLOCK, "ada")  # type: ignore[union-attr]
    assert "is no domain" in client.post(f"{ADMIN}add/", {**data, "domain": "no"}).content.decode()
    client.post(ADMIN, {"action": "retire", "_selected_action": [row.pk]})
    assert ListedDomain.objects.get().retired_at
    assert AuditEvent.objects.filter(object_type="domain", actor_name="ada").count() == 2


def test_the_admin_is_closed_without_the_permission() -> None:
    client = staff(may=False)
    assert client.get(ADMIN).status_code == 403
    assert client.get(f"{ADMIN}add/").status_code == 403
