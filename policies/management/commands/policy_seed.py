"""Puts the first policy version in force, and the second one up as a draft. Safe to run again."""

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from policies.document.stored import load_yaml
from policies.models import PolicyVersion, VersionState
from policies.services.versions import version_activate, version_approve, version_create, version_submit

SEEDS = Path(__file__).resolve().parents[2] / "seeds"


class Command(BaseCommand):
    """Seed the policy."""

    help = "Create and activate the first policy version and create the second as a draft, where they do not exist."

    def add_arguments(self, parser: CommandParser) -> None:
        """Let a deployment name the people who answer for the first version."""
        parser.add_argument("--author", default="policy-author", help="username; created, unable to sign in, if new")
        parser.add_argument("--approver", default="policy-approver", help="likewise, and another person")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        """Create what is not there."""
        author, approver = _person(options["author"]), _person(options["approver"])
        first = self._create(author, 1, "v1.yaml")
        self._create(author, 2, "v2_draft.yaml")
        if first and not PolicyVersion.objects.filter(state=VersionState.ACTIVE).exists():
            version_submit(actor=author, version=first, note="The first policy.")
            version_approve(actor=approver, version=first, note="Seeded with the installation.")
            version_activate(actor=approver, version=first, note="Seeded with the installation.")
            self.stdout.write("Policy 1 is active.")

    def _create(self, author: User, number: int, name: str) -> PolicyVersion | None:
        if PolicyVersion.objects.filter(number=number).exists():
            self.stdout.write(f"Policy {number} is there already.")
            return None
        document = load_yaml((SEEDS / name).read_text(encoding="utf-8"), SEEDS)
        self.stdout.write(f"Policy {number} created.")
        return version_create(actor=author, document=document, number=number)


def _person(username: str) -> User:
    user, is_new = User.objects.get_or_create(username=username, defaults={"is_active": False})
    if is_new:
        user.set_unusable_password()
        user.save()
    return user
