"""Emergency terms: one person puts a word in force everywhere at once; another confirms or rejects it; else it ends by itself."""

from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.utils import timezone

from moderation.audit.log import Actor, audit_write
from moderation.emergency.rules import form_of, refusal_of_form, refusal_of_share
from moderation.items.visibility import items_visible
from moderation.live import emergency_terms
from moderation.models import EmergencyTerm, OutboxMessage
from moderation.models.emergency import EmergencyState
from moderation.models.lists import ListKind
from moderation.outbox.messages import message_done
from moderation.rejudge.list_changes import list_changed
from policies.choices import Outcome
from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyError
from policies.live import active_policy
from policies.models import Category

#: Newest captions among which a new term is tried.
_SAMPLE = 2_000


@transaction.atomic
def emergency_term_add(
    *,
    actor: User,
    text: str,
    category: str,
    language: str = "",
    outcome: Outcome = Outcome.BLOCK,
    note: str,
    now: datetime,
) -> EmergencyTerm:
    """Put a term in force. Every process matches it within two seconds; what is stored already is judged again by a task.

    Args:
        language: primary subtag, "" for any.
        outcome: RESTRICT to BLOCK; it is mandatory, whatever the scores.
        note: what is going on; the reviewer reads it.

    Raises:
        PermissionDenied: the actor may not.
        PolicyError: it would match nothing, or nearly everything, or says nothing new; `field` names what to change.
    """
    text = " ".join(text.split())
    emergency_term_check(actor=actor, text=text, category=category, language=language, outcome=outcome, note=note)
    try:
        with transaction.atomic():
            term = EmergencyTerm.objects.create(
                text=text,
                category_id=category,
                language=language,
                outcome=outcome,
                note=note.strip(),
                author=actor,
                expires_at=now + timedelta(hours=settings.EMERGENCY_HOURS),
                created_at=now,
            )
    except IntegrityError as error:
        raise PolicyError("text", "this term is in force already") from error
    _change(term, now)
    _audit(actor, term, "added", category=category, outcome=outcome.name)
    transaction.on_commit(emergency_terms.forget)
    return term


def emergency_term_check(*, actor: User, text: str, category: str, language: str, outcome: Outcome, note: str) -> None:
    """Raise what `emergency_term_add` would raise for a term, and change nothing."""
    if not actor.has_perm("moderation.add_emergency_terms"):
        raise PermissionDenied("Only policy people put emergency terms in force.")
    text = " ".join(text.split())
    _check(text, category, outcome, note, active_policy())
    _check_share(actor, text, category, language)


def _check(text: str, category: str, outcome: Outcome, note: str, policy: CompiledPolicy) -> None:
    if not text or len(text) > 120:
        raise PolicyError("text", "Write a word or a phrase of at most 120 characters.")
    if refusal := refusal_of_form(text):
        raise PolicyError("text", refusal)
    if category not in policy.categories or not Category.objects.filter(slug=category).exists():
        raise PolicyError("category", "Choose a category of the active version.")
    if not Outcome.RESTRICT <= outcome <= Outcome.BLOCK:
        raise PolicyError("outcome", "An emergency term restricts, escalates, holds or blocks.")
    if not note.strip():
        raise PolicyError("note", "Say in a sentence what is going on; somebody else will review this.")
    if _is_in(policy, text, category, outcome):
        raise PolicyError("text", f"Policy {policy.number} does this already.")


def _is_in(policy: CompiledPolicy, text: str, category: str, outcome: int) -> bool:
    """Whether a version has a term at least as strict."""
    form = form_of(text)
    return any(
        t.category == category and (t.outcome or 0) >= outcome and not t.language and form_of(t.text) == form
        for t in policy.terms
        if not t.is_exception
    )


def _check_share(actor: User, text: str, category: str, language: str) -> None:
    """Raise PolicyError where the newest captions, of those that the actor may know of, say that a term hits too much: the
    refusal counts them.
    """
    newest = items_visible(actor).order_by("-created_at").values_list("caption", "language_detected")[:_SAMPLE]
    index = emergency_terms.compile_terms((("", text, category, language, int(Outcome.BLOCK)),)).index
    captions = [(caption, lang) for caption, lang in newest if caption]
    n_hits = sum(bool(index.scan(caption, lang or "und")) for caption, lang in captions)
    if refusal := refusal_of_share(n_hits, len(captions), settings.EMERGENCY_MAX_PERMILLE / 1_000):
        raise PolicyError("text", refusal)


# --- review ------------------------------------------------------------------------------------------------------


@transaction.atomic
def emergency_term_confirm(*, actor: User, key: str, note: str = "", now: datetime) -> EmergencyTerm:
    """Keep a live term in force until a version that contains it is active.

    It is a change of the list: where the term's time is over before this is committed, processes have dropped it meanwhile,
    and what they judged without it is looked through.

    Raises: PermissionDenied; PolicyError when it is not live any more, or the actor wrote it (four eyes).
    """
    term = _reviewable(actor, key, now)
    _change(term, now)
    return _review(term, actor, EmergencyState.CONFIRMED, note, now)


@transaction.atomic
def emergency_term_reject(*, actor: User, key: str, note: str, now: datetime) -> EmergencyTerm:
    """End a term; what holds it is judged again by what is in force, by a task.

    Raises: PermissionDenied; PolicyError when it is not in force any more, the actor wrote it, or nothing says why.
    """
    term = _reviewable(actor, key, now, may_be_confirmed=True)
    if not note.strip():
        raise PolicyError("note", "Say why; the author reads it.")
    term.ended_at = now
    _change(term, now)
    return _review(term, actor, EmergencyState.REJECTED, note, now)


@transaction.atomic
def emergency_term_withdraw(*, actor: User, key: str, note: str = "", now: datetime) -> EmergencyTerm:
    """Take back one's own term, as `emergency_term_reject`.

    Raises: PermissionDenied; PolicyError when it is not in force any more.
    """
    term = _open(key)
    if term.author_id != actor.pk:
        raise PermissionDenied("Only its author withdraws a term; others reject it.")
    term.state, term.ended_at = EmergencyState.WITHDRAWN, now
    term.review_note = note.strip()
    term.save()
    _change(term, now)
    _audit(actor, term, "withdrawn")
    transaction.on_commit(emergency_terms.forget)
    return term


def _reviewable(actor: User, key: str, now: datetime, *, may_be_confirmed: bool = False) -> EmergencyTerm:
    if not actor.has_perm("policies.approve_versions"):
        raise PermissionDenied("Only policy approvers review emergency terms.")
    term = _open(key)
    if term.author_id == actor.pk:
        raise PolicyError("reviewer", "the author of an emergency term cannot review it")
    if term.state == EmergencyState.CONFIRMED and not may_be_confirmed:
        raise PolicyError("state", "this term is confirmed already")
    if not term.is_matching(max(now, timezone.now())):  # the row's lock may have been waited for
        raise PolicyError("state", "this term has expired; add it again if it is still needed")
    return term


def _open(key: str) -> EmergencyTerm:
    term = EmergencyTerm.objects.select_for_update().filter(key=key).first()
    if term is None or not term.is_open:
        raise PolicyError("state", "this term is not in force any more; reload the list")
    return term


def _review(term: EmergencyTerm, actor: User, state: EmergencyState, note: str, now: datetime) -> EmergencyTerm:
    term.state, term.reviewer, term.reviewed_at = state, actor, now
    term.review_note = note.strip()
    term.save()
    _audit(actor, term, str(state))
    transaction.on_commit(emergency_terms.forget)
    return term


def emergency_terms_expire(*, now: datetime) -> int:
    """End terms whose time is over, or that the active version contains; return how many."""
    policy = active_policy()
    ended = 0
    for term in EmergencyTerm.objects.filter(state__in=(EmergencyState.LIVE, EmergencyState.CONFIRMED)):
        is_contained = _is_in(policy, term.text, term.category_id, term.outcome)
        if is_contained or not term.is_matching(now):
            ended += _end(term, f"Policy {policy.number} contains it" if is_contained else "", now)
    return ended


@transaction.atomic
def _end(term: EmergencyTerm, why: str, now: datetime) -> bool:
    """End a term, guarded against a review that came first; what holds it is judged again by what is in force."""
    n = EmergencyTerm.objects.filter(pk=term.pk, state=term.state).update(
        state=EmergencyState.EXPIRED, ended_at=now, review_note=term.review_note or why
    )
    if n:
        _change(term, now)
        _audit("system", term, "expired", why=why or "nobody confirmed it")
    return bool(n)


def _change(term: EmergencyTerm, now: datetime) -> None:
    list_changed(kind=ListKind.TERMS, subject={"term": str(term.key)}, now=now)


def emergency_look_again(message: OutboxMessage) -> None:
    """Do what an earlier release promised for a term: what is stored is judged again by what is in force."""
    term = EmergencyTerm.objects.get(key=message.payload["term"])
    with transaction.atomic():
        now = timezone.now()
        _change(term, now)
        message_done(message=message, now=now)


def _audit(actor: Actor, term: EmergencyTerm, verb: str, **data: str) -> None:
    audit_write(actor=actor, action=f"emergency.{verb}", object_type="emergency_term", object_key=term.key, **data)
