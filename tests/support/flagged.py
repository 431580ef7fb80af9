"""A policy with two categories of the restricted partition: what holds must hold by the flag, not by a name."""

from __future__ import annotations

from django.contrib.auth.models import User

from console.identity.roles import roles_sync
from moderation.live import onpath
from policies.document.stored import load_yaml
from policies.live import invalidate
from policies.management.commands.policy_seed import SEEDS
from policies.services.versions import version_activate, version_approve, version_create, version_submit

SECOND = "opaque_harm"
SECOND_NAME = "Opaque harm"


def policy_with_two() -> None:
    """Put a policy in force in which a second category carries the flag, and the roles up."""
    invalidate()
    document = load_yaml((SEEDS / "v1.yaml").read_text(encoding="utf-8"), SEEDS)
    document["categories"][SECOND] = {"name": SECOND_NAME, "severity": 5, "is_child_safety": True}
    document["thresholds"].append({"category": SECOND, "escalate": 0.10, "block": 0.90})
    document["banks"][SECOND] = "block"
    author, approver = (User.objects.create(username=name, is_active=False) for name in ("wrote-it", "read-it"))
    version = version_create(actor=author, document=document, number=1)
    version_submit(actor=author, version=version, note="Two categories.")
    version_approve(actor=approver, version=version, note="Two categories.")
    version_activate(actor=approver, version=version, note="Two categories.")
    roles_sync()
    onpath.forget()
