"""What matched hash banks, counted beside the upload path; the flood guard; what people say of a match.

The upload path pays nothing for any of this: a periodic task copies matches from stored findings.
"""

from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, transaction
from django.db.models import Count, Max, Q
from prometheus_client import Counter

from moderation.audit.log import audit_write
from moderation.banks.service import entry_changed
from moderation.exceptions import BankInvalid
from moderation.models import Finding, HashEntry, HashMatch, Item, MatchFeedback

log = structlog.get_logger(__name__)

BANK_FLOODS = Counter("bank_floods_total", "Hashes that suddenly matched a lot", ["bank", "what_followed"])

#: Findings are read again from so long before the newest known match: a transaction may commit late.
COLLECT_OVERLAP = timedelta(minutes=15)
#: No match older than this is looked for, however long nobody looked.
COLLECT_AT_MOST = timedelta(days=30)

# Keys in findings of tests or of older data need not be UUIDs, so they are compared as text.
_COLLECT = """
    INSERT INTO moderation_hashmatch (entry_id, bank_id, item_id, creator_id, distance, found_at)
    SELECT DISTINCT ON (e.id, f.item_id) e.id, e.bank_id, f.item_id, i.creator_id,
           least((f."where"->>'distance')::int, 31), f.created_at
    FROM (
        SELECT item_id, "where", created_at FROM moderation_finding
        WHERE detector IN ('hashes', 'frames') AND created_at >= %s
    ) f
    JOIN moderation_item i ON i.id = f.item_id
    JOIN moderation_hashentry e
      ON e.key = CASE WHEN f."where"->>'entry' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                      THEN (f."where"->>'entry')::uuid END
    ORDER BY e.id, f.item_id, f.created_at
    ON CONFLICT (entry_id, item_id) DO NOTHING
"""


def matches_collect(*, now: datetime) -> int:
    """Copy what hash banks matched from findings; return how many are new. Safe to repeat and to run twice at once."""
    newest = HashMatch.objects.aggregate(at=Max("found_at"))["at"]
    since = max(newest - COLLECT_OVERLAP, now - COLLECT_AT_MOST) if newest else now - COLLECT_AT_MOST
    with connection.cursor() as cursor:
        cursor.execute(_COLLECT, [since])
        return int(cursor.rowcount)


def floods_guard(*, now: datetime) -> list[HashEntry]:
    """Hold back every hash that uploads of too many creators matched lately; return those that are new to it.

    What counts are distinct creators (BANKS_FLOOD_CREATORS within BANKS_FLOOD_MINUTES), not uploads: one person who sends a
    known picture a thousand times says nothing about the hash, and must not be able to soften it. A quarantined hash gives
    ESCALATE in place of its bank's outcome: held, for people to look at. That is the guard against a hash of something
    harmless (a logo, a black frame, a popular template) that got into a bank. A child-safety hash goes on blocking; there the
    flood is an alarm only. The way out is a person's: `entry_release` or `entry_retire`.
    """
    since = now - timedelta(minutes=settings.BANKS_FLOOD_MINUTES)
    recent = HashMatch.objects.filter(found_at__gt=since, found_at__lte=now)
    counts = recent.values("entry_id").annotate(n_creators=Count("creator_id", distinct=True))
    flooded = dict(counts.filter(n_creators__gte=settings.BANKS_FLOOD_CREATORS).values_list("entry_id", "n_creators"))
    return [entry for pk, n_creators in flooded.items() if (entry := _flood(pk, n_creators, now))]


@transaction.atomic
def _flood(pk: int, n_creators: int, now: datetime) -> HashEntry | None:
    """Mark one entry as flooded; None where it is already, is retired, or a person vouched for it lately."""
    is_exempt = Q(flood_exempt_until__gt=now)
    entry = (
        HashEntry.objects.select_for_update(of=("self",))
        .select_related("bank")
        .filter(pk=pk, flooded_at=None, retired_at=None)
        .exclude(is_exempt)
        .first()
    )
    if entry is None:
        return None
    entry.flooded_at = now
    entry.save(update_fields=["flooded_at"])
    entry_changed(entry, now)
    followed = "alarm" if entry.bank.is_child_safety else "quarantine"
    audit_write(
        actor="system",
        action="entry.flood_alarmed" if entry.bank.is_child_safety else "entry.quarantined",
        object_type="bank",
        object_key=entry.bank.slug,
        entry=str(entry.key),
        n_creators=n_creators,
        window_minutes=settings.BANKS_FLOOD_MINUTES,
    )
    transaction.on_commit(lambda: _alarm(entry, n_creators, followed))
    return entry


def _alarm(entry: HashEntry, n_creators: int, followed: str) -> None:
    BANK_FLOODS.labels(entry.bank.slug, followed).inc()
    log.error("bank_flood", bank=entry.bank.slug, entry=str(entry.key), n_creators=n_creators, what_followed=followed)


@transaction.atomic
def match_judge(
    *, actor: AbstractBaseUser, entry_key: str, item: Item | None, is_right: bool, note: str = ""
) -> MatchFeedback:
    """Store what a person says of a match; saying it again changes one's own word.

    Args:
        item: whose match it was; None says it of the hash itself.

    Raises:
        BankInvalid: unknown hash, or the item never matched it.
    """
    entry = HashEntry.objects.select_related("bank").filter(key=entry_key).first()
    if entry is None:
        raise BankInvalid("There is no such hash.")
    if item is not None and not _has_matched(item, entry_key):
        raise BankInvalid("This upload did not match that hash.")
    feedback, _ = MatchFeedback.objects.update_or_create(
        entry=entry, item=item, person_id=actor.pk, defaults={"is_right": is_right, "note": note.strip()[:300]}
    )
    audit_write(
        actor=actor,
        action="match.confirmed" if is_right else "match.disputed",
        object_type="bank",
        object_key=entry.bank.slug,
        entry=str(entry.key),
        item=item.external_id if item else None,
    )
    return feedback


def _has_matched(item: Item, entry_key: str) -> bool:
    found = Finding.objects.filter(item=item, detector__in=["hashes", "frames"], where__entry=str(entry_key))
    return found.exists()
