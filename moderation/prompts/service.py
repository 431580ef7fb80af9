"""Writing the prompts that frames are held against: drafts, and putting one in force."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Max

from moderation.audit.log import audit_write
from moderation.detection.vision.prompts import Prompts, PromptsInvalid
from moderation.exceptions import PromptSetChanged
from moderation.live.prompts import prompts_in_force, prompts_of_set
from moderation.models import Prompt, PromptSet
from moderation.models.lists import ListKind
from moderation.rejudge.list_changes import list_changed
from policies.models import Category

_EDIT, _APPROVE = "policies.edit_versions", "policies.approve_versions"
_MAX_LINES = 200
_MAX_LETTERS = 200
State = PromptSet.State


def _demand(actor: User, permission: str) -> None:
    if not actor.has_perm(permission):
        raise PermissionDenied("Prompts belong to policy: this needs its permission.")


@transaction.atomic
def prompt_set_draft(*, actor: User, title: str, source: PromptSet | None, now: datetime) -> PromptSet:
    """Start a draft with the prompts of another set, or with those in force.

    Raises:
        PermissionDenied: the actor writes no policies.
    """
    _demand(actor, _EDIT)
    prompts = prompts_of_set(source) if source else prompts_in_force() or Prompts({})
    number = (PromptSet.objects.aggregate(top=Max("number"))["top"] or 0) + 1
    draft = PromptSet.objects.create(
        number=number, title=title.strip() or f"Prompts {number}", author=actor, edited_at=now, created_at=now
    )
    _rows_write(draft, prompts)
    _audit(actor, "prompts.drafted", draft, source=prompts.name)
    return draft


@transaction.atomic
def prompt_set_write(
    *, actor: User, number: int, title: str, note: str, prompts: Prompts, seen_at: datetime, now: datetime
) -> PromptSet:
    """Replace a draft's words and prompts.

    Args:
        seen_at: when the draft was last changed as the actor saw it; a later change of somebody else is not overwritten.

    Raises:
        PermissionDenied.
        PromptsInvalid: prompts that cannot be used.
        PromptSetChanged: it is no draft any more, or somebody changed it meanwhile.
    """
    _demand(actor, _EDIT)
    draft = _lock_draft(number)
    if draft.edited_at != seen_at:
        raise PromptSetChanged("Somebody changed this draft while you wrote. Compare, then save again.")
    _check(prompts)
    draft.title, draft.note, draft.edited_at = title.strip() or draft.title, note.strip(), now
    draft.save(update_fields=["title", "note", "edited_at"])
    draft.prompts.all().delete()
    _rows_write(draft, prompts)
    _audit(actor, "prompts.written", draft, digest=prompts.digest)
    return draft


@transaction.atomic
def prompt_set_publish(*, actor: User, number: int, now: datetime) -> PromptSet:
    """Put a draft in force, or a retired set back. The one before is retired; clips examined from now on are held against it.

    1. lock the draft or retired set,
    2. the first time, somebody else than its author must do it (the database holds that too),
    3. retire the set in force, then put this one in its place.

    Raises:
        PermissionDenied: the actor approves no policies, or wrote this set.
        PromptsInvalid, PromptSetChanged.
    """
    _demand(actor, _APPROVE)
    chosen = PromptSet.objects.select_for_update().filter(number=number).first()
    if chosen is None or chosen.state == State.ACTIVE:
        raise PromptSetChanged("This set is in force already, or was discarded.")
    if chosen.author_id == actor.pk and chosen.is_draft:
        raise PermissionDenied("Somebody else has to put your prompts in force.")
    prompts = prompts_of_set(chosen)
    _check(prompts)
    PromptSet.objects.filter(state=State.ACTIVE).update(state=State.RETIRED)
    if chosen.is_draft:
        chosen.publisher, chosen.published_at, chosen.digest = actor, now, prompts.digest
    chosen.state = State.ACTIVE
    chosen.save(update_fields=["publisher", "published_at", "digest", "state"])
    list_changed(kind=ListKind.PROMPTS, subject={"set": chosen.number}, now=now)
    _audit(actor, "prompts.published", chosen, digest=chosen.digest)
    return chosen


@transaction.atomic
def prompt_set_discard(*, actor: User, number: int) -> None:
    """Remove a draft.

    Raises:
        PermissionDenied.
        PromptSetChanged: it is no draft (any more).
    """
    _demand(actor, _EDIT)
    draft = _lock_draft(number)
    _audit(actor, "prompts.discarded", draft)
    draft.delete()


def _lock_draft(number: int) -> PromptSet:
    draft = PromptSet.objects.select_for_update().filter(number=number, state=State.DRAFT).first()
    if draft is None:
        raise PromptSetChanged("This set is no draft any more; start a new one from it.")
    return draft


def _check(prompts: Prompts) -> None:
    prompts.check()
    known = set(Category.objects.values_list("slug", flat=True))
    for category, sides in prompts.categories.items():
        if category not in known:
            raise PromptsInvalid(category, f"There is no category {category!r}.")
        _check_lines(category, (*sides.harmful, *sides.harmless))
    _check_lines("harmless", prompts.harmless)


def _check_lines(where: str, lines: Sequence[str]) -> None:
    if len(lines) > _MAX_LINES:
        raise PromptsInvalid(where, f"At most {_MAX_LINES} prompts; there are {len(lines)}.")
    too_long = next((line for line in lines if len(line) > _MAX_LETTERS), None)
    if too_long:
        raise PromptsInvalid(where, f"“{too_long[:40]}…” is longer than {_MAX_LETTERS} letters; models read no more.")


def _rows_write(draft: PromptSet, prompts: Prompts) -> None:
    lines = [(c, True, text) for c, sides in prompts.categories.items() for text in sides.harmful]
    lines += [(c, False, text) for c, sides in prompts.categories.items() for text in sides.harmless]
    rows = [(*line, i) for i, line in enumerate(dict.fromkeys([*lines, *((None, False, t) for t in prompts.harmless)]))]
    Prompt.objects.bulk_create(
        Prompt(prompt_set=draft, category_id=category, is_harmful=is_harmful, text=text, position=i)
        for category, is_harmful, text, i in rows
    )


def _audit(actor: User, action: str, of: PromptSet, **data: object) -> None:
    audit_write(actor=actor, action=action, object_type="prompts", object_key=of.number, **data)
