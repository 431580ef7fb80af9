"""An item whose clearance has run out says so, instead of reading cleared while nobody is served."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from console.models import ApiKey
from moderation.decisions.clearances import clearances_expire
from moderation.models import Clearance
from tests.support.people import text_item
from tests.support.sign_in import signed_in

pytestmark = pytest.mark.django_db


def status(client: Client) -> tuple[str, str, str]:
    _, secret = ApiKey.issue(name="reader", scopes=["items:read"])
    answer = client.get("/api/v1/items/a", headers={"Authorization": f"Api-Key {secret}"}).json()
    return answer["state"], answer["outcome"], answer["decided_by"]


@pytest.mark.parametrize("is_revoked", [False, True], ids=["nobody has looked yet", "it was revoked for it"])
def test_it_is_held_for_the_platform_and_expired_on_the_pages(client: Client, senior: User, is_revoked: bool) -> None:
    item = text_item("a")
    browser = signed_in(senior)
    assert status(client)[:2] == ("cleared", "CLEAR")
    assert "Expired" not in browser.get("/items/").content.decode()
    Clearance.objects.filter(item=item).update(valid_until=timezone.now() - timedelta(seconds=1))
    if is_revoked:
        assert clearances_expire(now=timezone.now()) == 1
    assert status(client) == ("held", "HOLD", "clearance.expired")
    for path in ("/items/", f"/items/{item.key}/"):
        page = browser.get(path)
        assert page.status_code == 200
        assert '<span class="badge late">Expired</span>' in page.content.decode()
