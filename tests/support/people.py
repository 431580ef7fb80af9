"""People and items for service tests."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command

from console.identity.roles import roles_sync
from moderation.decisions.basis import basis_of
from moderation.intake.submit import Submission, item_submit
from moderation.items.visibility import NOBODY
from moderation.live import onpath
from moderation.models import Item
from policies import live as policy_selectors
from policies.choices import ItemKind


def ready() -> None:
    """Seed roles and the first policy."""
    roles_sync()
    call_command("policy_seed", verbosity=0)
    policy_selectors.invalidate()
    onpath.forget()


def person(name: str, role: str = "reviewer") -> Any:
    """Return a user with a role."""
    user = get_user_model().objects.create_user(name, password="a-long-password-1")
    user.groups.add(Group.objects.get(name=role))
    return user


def text_submission(external_id: str, caption: str, creator: str = "mira") -> Submission:
    """Describe a text as the platform does."""
    return Submission(
        external_id=external_id, kind=ItemKind.TEXT, caption=caption, creator=creator, language="en", region="GB",
        duration_ms=None, audience=None, media=None, cover=None,
    )  # fmt: skip


def text_item(external_id: str, caption: str = "Baking bread with my grandmother", creator: str = "mira") -> Item:
    """Submit a text."""
    item = item_submit(actor="api:test", submission=text_submission(external_id, caption, creator)).item
    item.refresh_from_db()
    return item


def escalating_caption(category: str = "violence") -> str:
    """Return a caption that the seeded policy sends to a person."""
    policy = policy_selectors.active_policy()
    term = next(
        t for t in policy.terms
        if t.category == category and t.language in {"", "en"} and t.score and 0.75 <= t.score < 0.92 and not t.is_exception
    )  # fmt: skip
    return f"watch this, {term.text}, tonight"


def seen(item: Item, reader: Any = NOBODY) -> str:
    """Return what a person's page of the item that is made now carries as `expected_decision`."""
    basis = basis_of(reader, pk=item.pk)
    assert basis
    return basis.token
