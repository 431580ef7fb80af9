"""The demo's people and its API key, and the file that tells a newcomer about them."""

from __future__ import annotations

import json
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.utils import timezone

from console.identity.api_keys import key_issue
from console.identity.roles import roles_sync
from console.models import SCOPES, ApiKey, hash_secret

KEY_NAME = "demo"
#: username -> role, in the order in which they are shown.
PEOPLE: dict[str, str] = {
    "reviewer": "reviewer",
    "reviewer2": "reviewer",
    "reviewer3": "reviewer",
    "senior": "senior",
    "lead": "senior",
    "policy-editor": "policy-editor",
    "policy-approver": "policy-approver",
    "analyst": "analyst",
    "admin": "admin",
}


@dataclass(frozen=True)
class Accounts:
    """What `var/demo.json` holds."""

    url: str
    api_key: str
    users: list[dict[str, str]]


def accounts_read(path: Path) -> Accounts | None:
    """Return what the file holds; None where it is absent or damaged, so that it is written anew."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return Accounts(data["url"], data["api_key"], data["users"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


@transaction.atomic
def accounts_make(*, url: str, path: Path) -> Accounts:
    """Make the users, their groups and the key, and write the file. A second run keeps passwords and key.

    Raises:
        OSError: the file cannot be written; then the database is as it was.
    """
    before = accounts_read(path)
    roles_sync()
    known = {u["username"]: u["password"] for u in before.users} if before else {}
    users = [
        {"username": name, "password": known.get(name) or secrets.token_urlsafe(12), "role": role}
        for name, role in PEOPLE.items()
    ]
    _save(users)
    accounts = Accounts(url, _key(before.api_key if before else ""), users)
    _write(path, accounts)
    return accounts


def _save(users: list[dict[str, str]]) -> None:
    """Make the people, or bring those there are to what the file says.

    Hashing a password takes half a second by design; it lets other threads run, so all are hashed at once.
    """
    people = [_person(user["username"], user["role"]) for user in users]
    with ThreadPoolExecutor() as pool:
        hashed = list(pool.map(_hash, [person.password for person in people], [user["password"] for user in users]))
    for person, password in zip(people, hashed, strict=True):
        if person.password != password:
            person.password = password
            person.save(update_fields=["password"])


def _person(username: str, role: str) -> User:
    is_admin = role == "admin"
    user, _ = User.objects.get_or_create(username=username, defaults={"is_staff": is_admin, "is_superuser": is_admin})
    user.groups.set(Group.objects.filter(name=role))
    return user


def _hash(stored: str, password: str) -> str:
    """Return what is stored where it is of this password, else a new hash."""
    return stored if stored and check_password(password, stored) else make_password(password)


def _key(secret: str) -> str:
    known = ApiKey.objects.filter(secret_hash=hash_secret(secret), is_active=True, expires_at=None)
    if secret and known.update(scopes=list(SCOPES)):  # a scope may be newer than the key
        return secret
    ApiKey.objects.filter(name=KEY_NAME).update(is_active=False)
    return key_issue(actor="demo", name=KEY_NAME, scopes=SCOPES, now=timezone.now())[1]


def _write(path: Path, accounts: Accounts) -> None:
    """Write the file readable by its owner alone, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".part")
    partial.unlink(missing_ok=True)
    document = {"url": accounts.url, "api_key": accounts.api_key, "users": accounts.users}
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        json.dump(document, out, indent=2)
        out.write("\n")
    partial.replace(path)
