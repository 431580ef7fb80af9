"""Changes to policy versions. Each service is one transaction: lock, check the step, change, record it in `Approval`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from policies import live as live_policies
from policies.decision.compile import compile_parsed
from policies.decision.rollout import MAX_SHADOWS
from policies.document.content import publish_guidelines, write_rows, write_terms
from policies.document.draft_checks import check_detectors, check_draft, check_term
from policies.document.schema import parse_document, parse_terms
from policies.document.stored import document_of
from policies.errors import PolicyError
from policies.lifecycle import check_transition
from policies.models import Approval, PolicyVersion, VersionState

Verb = Approval.Verb
SYSTEM_USERNAME = "system"


@transaction.atomic
def version_create(
    *, actor: User, document: Mapping[str, Any], number: int | None = None, is_new: bool = True
) -> PolicyVersion:
    """Create a draft from a document; without `number` it takes the next free one, whatever the document says.

    Args:
        is_new: False for the content of a version that is there already, which was approved under the checks of its day;
            the checks of today hold when the draft is submitted.

    Raises: PolicyError naming the field that is wrong.
    """
    if number is None:
        # Whoever creates the next version at the same time waits here, and then counts this one.
        PolicyVersion.objects.select_for_update().order_by("-number").values_list("pk").first()
        number = (PolicyVersion.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    parsed = parse_document({**document, "number": number})
    compile_parsed(parsed)
    if is_new:
        check_draft(parsed)
    version = PolicyVersion.objects.create(
        number=number,
        title=parsed.title,
        change_note=parsed.change_note,
        unknown_language_outcome=parsed.unknown_language,
        author=actor,
    )
    write_rows(version, parsed)
    _record(version, actor, Verb.CREATE, parsed.change_note)
    return version


@transaction.atomic
def version_add_terms(
    *, actor: User, version: PolicyVersion, list_name: str, terms: Sequence[Mapping[str, Any]]
) -> int:
    """Add terms to a list of a draft and return how many; those that are there already stay as they are.

    Raises: PolicyError when the version has left draft, or naming the term that is wrong.
    """
    version = _lock(version)
    if not version.is_draft:
        raise PolicyError("state", f"version {version.number} is {version.state}; its terms cannot change")
    rows = parse_terms(list_name, terms)
    for i, row in enumerate(rows):
        check_term(row, f"terms.{list_name}[{i}]")
    n = write_terms(version, rows)
    compile_parsed(parse_document(document_of(version)))
    _record(version, actor, Verb.EDIT, f"{n} terms into {list_name}")
    return n


@transaction.atomic
def version_submit(*, actor: User, version: PolicyVersion, note: str = "") -> PolicyVersion:
    """Close a draft and put it up for review; from here on its content cannot change.

    1. lock the version  2. check the step  3. compile it, so that nothing inconsistent can be published
    4. store the digest with the new state  5. record

    Raises: PolicyError when it is no draft, or naming the field that is wrong.
    """
    version = _lock(version)
    check_transition(version.state, VersionState.IN_REVIEW)
    document = parse_document(document_of(version))
    check_draft(document)
    check_detectors(document)
    version.digest = compile_parsed(document).digest
    return _move(version, actor, VersionState.IN_REVIEW, Verb.SUBMIT, note)


@transaction.atomic
def version_approve(
    *, actor: User, version: PolicyVersion, note: str = "", now: datetime | None = None
) -> PolicyVersion:
    """Approve a version in review. It decides nothing until it is put in shadow, in canary or made active.

    Raises: PolicyError when it is not in review, is approved already, or the actor wrote it (four eyes).
    """
    version = _lock(version)
    if version.state != VersionState.IN_REVIEW or version.approver_id is not None:
        raise PolicyError("state", f"version {version.number} does not wait for approval")
    if version.author_id == actor.pk:
        raise PolicyError("approver", "the author of a version cannot approve it")
    if actor.pk in live_policies.version_writers(version):
        raise PolicyError("approver", "who wrote a part of a version cannot approve it")
    version.approver = actor
    version.published_at = now or timezone.now()
    version.save()
    _record(version, actor, Verb.APPROVE, note)
    return version


@transaction.atomic
def version_reject(*, actor: User, version: PolicyVersion, note: str, now: datetime | None = None) -> PolicyVersion:
    """Refuse a version in review. It is retired; a better one is a new draft.

    Raises: PolicyError when it is not in review or nothing says why.
    """
    version = _lock(version)
    if version.state != VersionState.IN_REVIEW:
        raise PolicyError("state", f"version {version.number} is not in review")
    if not note.strip():
        raise PolicyError("note", "a rejection says why")
    version.retired_at = now or timezone.now()
    return _move(version, actor, VersionState.RETIRED, Verb.REJECT, note)


@transaction.atomic
def version_stage(
    *,
    actor: User,
    version: PolicyVersion,
    state: VersionState,
    canary_percent: int = 0,
    note: str = "",
    verb: Verb | None = None,
) -> PolicyVersion:
    """Put an approved version in shadow, or in canary for a percentage (1 to 99) of creators.

    Args:
        verb: what the record calls it, where it is not simply the state.

    Raises: PolicyError when the step is not allowed, the version is not approved, the percentage does not fit, another
        version is in canary, or too many are in shadow.
    """
    if state not in {VersionState.SHADOW, VersionState.CANARY}:
        raise PolicyError("state", "only shadow and canary are stages")
    if (state == VersionState.CANARY) != (1 <= canary_percent <= 99):
        raise PolicyError("canary_percent", "a canary has 1 to 99 percent, a shadow none")
    version = _lock_among_all(version)
    _check_approved(version)
    check_transition(version.state, state)
    _check_room(state)
    version.canary_percent = canary_percent
    transaction.on_commit(live_policies.invalidate)
    return _move(version, actor, state, verb or Verb(state.value), note)


@transaction.atomic
def version_adjust(*, actor: User, version: PolicyVersion, canary_percent: int, note: str = "") -> PolicyVersion:
    """Change the share (1 to 99 percent) of creators on whose items a version in canary decides.

    Raises: PolicyError when it is not in canary, or the percentage does not fit or is the one there is.
    """
    version = _lock(version)
    if version.state != VersionState.CANARY:
        raise PolicyError("state", f"version {version.number} is not in canary")
    if not 1 <= canary_percent <= 99:
        raise PolicyError("canary_percent", "a canary has 1 to 99 percent; to give it everybody, activate it")
    if canary_percent == version.canary_percent:
        raise PolicyError("canary_percent", f"the canary has {canary_percent} percent already")
    change = f"from {version.canary_percent} to {canary_percent} percent"
    version.canary_percent = canary_percent
    version.save()
    _record(version, actor, Verb.ADJUST, f"{change}. {note}".strip())
    transaction.on_commit(live_policies.invalidate)
    return version


@transaction.atomic
def version_retire(*, actor: User, version: PolicyVersion, note: str, now: datetime | None = None) -> PolicyVersion:
    """Take a version out of shadow or canary for good.

    Raises: PolicyError when it is in neither, or nothing says why.
    """
    version = _lock_among_all(version)
    if version.state not in {VersionState.SHADOW, VersionState.CANARY}:
        raise PolicyError("state", f"version {version.number} is neither in shadow nor in canary")
    if not note.strip():
        raise PolicyError("note", "say why it is taken out")
    version.retired_at = now or timezone.now()
    transaction.on_commit(live_policies.invalidate)
    return _move(version, actor, VersionState.RETIRED, Verb.RETIRE, note)


def _check_room(state: VersionState) -> None:
    n = PolicyVersion.objects.filter(state=state).count()
    if state == VersionState.CANARY and n:
        raise PolicyError("state", "another version is in canary; end that first")
    if state == VersionState.SHADOW and n >= MAX_SHADOWS:
        raise PolicyError("state", f"{n} versions are in shadow already; retire one of them first")


@transaction.atomic
def version_activate(
    *, actor: User, version: PolicyVersion, note: str = "", now: datetime | None = None
) -> PolicyVersion:
    """Make an approved version decide from now on and retire the one that did. Stored items are decided again by
    `moderation.rollout.activation.activation_start`, which calls this.

    Raises: PolicyError when the step is not allowed or the version is not approved.
    """
    if version.state == VersionState.RETIRED:
        raise PolicyError("state", "a retired version comes back by rollback only")
    return _activate(actor, version, Verb.ACTIVATE, note, now or timezone.now())


@transaction.atomic
def version_rollback(*, actor: User, version: PolicyVersion, note: str, now: datetime | None = None) -> PolicyVersion:
    """Make a version that was active before decide again, in one step.

    Raises: PolicyError when it never was active, or is.
    """
    if version.state != VersionState.RETIRED or version.activated_at is None:
        raise PolicyError("state", "only a version that was active before can be rolled back to")
    return _activate(actor, version, Verb.ROLLBACK, note, now or timezone.now())


def _activate(actor: User, version: PolicyVersion, verb: Verb, note: str, now: datetime) -> PolicyVersion:
    """1. lock all versions in one order, so that two activations wait for each other and the later one sees the earlier
    2. check the step and the approval  3. retire the former one, and put another one's canary back in shadow: what it
    was compared with is gone  4. activate  5. record  6. on commit, forget the cache
    """
    version = _lock_among_all(version)
    _check_approved(version)
    check_transition(version.state, VersionState.ACTIVE)
    for other in PolicyVersion.objects.filter(state=VersionState.ACTIVE):
        other.retired_at = now
        _move(other, actor, VersionState.RETIRED, Verb.RETIRE, f"version {version.number} took over")
    for other in PolicyVersion.objects.filter(state=VersionState.CANARY).exclude(pk=version.pk):
        _move(other, actor, VersionState.SHADOW, Verb.SHADOW, f"version {version.number} was activated")
    version.activated_at = now
    version.retired_at = None
    version.canary_percent = 0
    _move(version, actor, VersionState.ACTIVE, verb, note)
    publish_guidelines(version)
    transaction.on_commit(live_policies.invalidate)
    return version


def system_user() -> User:
    """Return the person-less account in whose name machines act on versions; nobody can sign in with it."""
    user, is_new = User.objects.get_or_create(username=SYSTEM_USERNAME, defaults={"is_active": False})
    if is_new:
        user.set_unusable_password()
        user.save(update_fields=["password"])
    return user


def _lock(version: PolicyVersion) -> PolicyVersion:
    return PolicyVersion.objects.select_for_update(no_key=True).get(pk=version.pk)


def _lock_among_all(version: PolicyVersion) -> PolicyVersion:
    """Return a version with all of them locked, in one order: who is in canary or active concerns every other one."""
    list(PolicyVersion.objects.select_for_update(no_key=True).order_by("pk").values_list("pk"))
    return _lock(version)


def _check_approved(version: PolicyVersion) -> None:
    if version.approver_id is None:
        raise PolicyError("approver", f"version {version.number} is not approved")


def _move(version: PolicyVersion, actor: User, state: VersionState, verb: Verb, note: str) -> PolicyVersion:
    version.state = state
    if state != VersionState.CANARY:
        version.canary_percent = 0
    version.save()
    _record(version, actor, verb, note)
    return version


def _record(version: PolicyVersion, actor: User, verb: Verb, note: str) -> None:
    Approval.objects.create(version=version, actor=actor, verb=verb, note=note)
