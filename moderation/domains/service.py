"""The lists of domains: who may be linked to, who is suspicious, who has a fixed outcome."""

import re
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from moderation.audit.log import Actor, audit_write
from moderation.exceptions import DomainInvalid
from moderation.models import ListedDomain
from moderation.models.lists import ListKind
from moderation.rejudge.list_changes import list_changed
from policies.choices import Outcome
from policies.models import Category

_PLAIN = re.compile(r"(?=.{4,253}$)([a-z0-9_]([a-z0-9_-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]")


@transaction.atomic
def domain_list(
    *,
    actor: Actor,
    domain: str,
    now: datetime,
    category: str = "",
    outcome: Outcome | None = None,
    score: float | None = None,
    note: str = "",
) -> ListedDomain:
    """List a domain with all below it; a listing it has already is retired, unless it says the same.

    Args:
        category: slug; with one, exactly one of `outcome` (hard evidence: RESTRICT or more) and `score` in (0, 1]. Without
            one, the domain is allowed.

    Raises:
        DomainInvalid: no domain, or no such consequence.
    """
    plain = _plain(domain)
    _check(category, outcome, score)
    same = {"is_allowed": not category, "category": category, "outcome": outcome, "score": score}
    before = ListedDomain.objects.select_for_update().filter(domain=plain, retired_at=None).first()
    if before and all(getattr(before, name) == value for name, value in same.items()):
        return before
    if before:
        _retire(before, actor, now)
    person = actor if isinstance(actor, AbstractBaseUser) else None
    row = ListedDomain.objects.create(
        domain=plain, note=note.strip()[:200], listed_by_id=person.pk if person else None, created_at=now, **same
    )
    list_changed(kind=ListKind.DOMAINS, subject={"domain": plain}, now=now)
    _audit(
        actor,
        "domain.listed",
        row,
        category=category,
        outcome=outcome.name if outcome is not None else None,
        score=score,
    )
    return row


@transaction.atomic
def domain_retire(*, actor: Actor, domain: str, now: datetime) -> ListedDomain:
    """Take a domain off its list.

    Raises:
        DomainInvalid: it is on none.
    """
    row = ListedDomain.objects.select_for_update().filter(domain=_plain(domain), retired_at=None).first()
    if row is None:
        raise DomainInvalid("This domain is on no list.")
    _retire(row, actor, now)
    list_changed(kind=ListKind.DOMAINS, subject={"domain": row.domain}, now=now)
    return row


def _retire(row: ListedDomain, actor: Actor, now: datetime) -> None:
    row.retired_at = now
    row.save(update_fields=["retired_at"])
    _audit(actor, "domain.retired", row)


def _audit(actor: Actor, action: str, row: ListedDomain, **data: object) -> None:
    audit_write(actor=actor, action=action, object_type="domain", object_key=row.domain, **data)


def _plain(domain: str) -> str:
    """Return a domain as it is stored: lower case, in Punycode."""
    text = domain.strip().lower().strip(".")
    try:
        plain = text if text.isascii() else text.encode("idna").decode()
    except UnicodeError:
        plain = ""
    if not _PLAIN.fullmatch(plain):
        raise DomainInvalid(f"{domain!r} is no domain; write it such as example.com.")
    return plain


def _check(category: str, outcome: Outcome | None, score: float | None) -> None:
    if not category and (outcome is not None or score is not None):
        raise DomainInvalid("Name the category that the domain counts for.")
    if not category:
        return
    if not Category.objects.filter(slug=category).exists():
        raise DomainInvalid(f"There is no category {category!r}.")
    if (outcome is None) == (score is None):
        raise DomainInvalid("Give a score or an outcome, not both.")
    if outcome == Outcome.CLEAR or (score is not None and not 0 < score <= 1):
        raise DomainInvalid("An outcome is at least Restrict; a score is above 0 and at most 1.")
