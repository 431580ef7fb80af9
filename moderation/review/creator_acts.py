"""What a creator is told from a job beside any decision: a help message, a warning. Nothing of it touches the item."""

from datetime import datetime

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction

from moderation.audit.log import audit_write
from moderation.decisions.record import version_pk
from moderation.exceptions import ActInvalid
from moderation.models import CreatorAct, OutboxMessage
from moderation.models.enforcement import ActKind
from moderation.outbox.messages import message_done
from moderation.outbox.promise import TOPIC_CREATOR_ACT, message_add
from moderation.review.held import item_under_lease, job_under_lease
from policies.decision.compiled import CompiledPolicy
from policies.document.rows import ClauseRow
from policies.live import active_policy

_AUDIT = {ActKind.HELP: "creator.help_sent", ActKind.WARNING: "creator.warned"}


@transaction.atomic
def creator_tell(
    *, actor: User, job_key: str, lease_token: str, kind: ActKind, clause: str, text: str, fallback: str, now: datetime
) -> CreatorAct:
    """Record a message to the creator of the item of a job that the actor holds; a repeat returns the first one.

    1. lock the item, then the job, and check the lease,
    2. take the clause's sentence, in the item's language where it is written in it, where no text was written,
    3. record, promise that it is carried on, audit without the words.

    Args:
        clause: key of a clause of the version in force; empty for words of one's own. A help message rests on a help clause, a
            warning on one that forbids something.
        text: the words; empty for the clause's own.
        fallback: language of the deployment, for a clause that is not written in the item's.

    Raises:
        PermissionDenied, LeaseLost.
        ActInvalid: there is no such clause for this, or nothing is said.
    """
    if not actor.has_perm("moderation.review_jobs"):
        raise PermissionDenied("Only reviewers write to creators.")
    item = item_under_lease(job_key)
    job = job_under_lease(job_key, actor, lease_token, now)
    policy = active_policy()
    row = _clause_for(policy, kind, clause)
    language = row.language_for(item.language, fallback) if row else ""
    words = text.strip() or (row.sentences[language] if row else "")
    if not words:
        raise ActInvalid("text", "Choose a sentence, or write what the creator shall read.")
    act, is_new = CreatorAct.objects.get_or_create(
        job=job,
        kind=kind,
        defaults={
            "creator_id": item.creator_id,
            "item": item,
            "actor": actor,
            "policy_version_id": version_pk(policy),
            "clause": row.key if row else "",
            "language": language if row and words == row.sentences[language] else "",
            "text": words[:2_000],
            "created_at": now,
        },
    )
    if is_new:
        message_add(topic=TOPIC_CREATOR_ACT, item=item, part=kind, payload={"act": str(act.key)})
        audit_write(
            actor=actor, action=_AUDIT[kind], object_type="item", object_key=item.external_id,
            act=str(act.key), clause=act.clause, category=row.category if row else "",
        )  # fmt: skip
    return act


def _clause_for(policy: CompiledPolicy, kind: ActKind, key: str) -> ClauseRow | None:
    if not key:
        return None
    found = next((row for row in policy.clauses if row.key == key), None)
    if found is None or found.is_help != (kind == ActKind.HELP):
        raise ActInvalid("clause", "The policy in force has no such clause for this; choose again.")
    return found


def creator_act_carry(message: OutboxMessage, *, now: datetime) -> None:
    """Finish the promise of a message to a creator: here notices take it up. Until they do, the act itself is the record."""
    message_done(message=message, now=now)
