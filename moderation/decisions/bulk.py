"""Writing changes: thousands of decisions, clearances and jobs in a few statements of one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.conf import settings
from django.db import connection

from moderation.jobs.opening import queue_of, reports_wait
from moderation.live.lists import ListsChanged, lists_mark
from moderation.models.decision import DecisionStage
from moderation.verdict.change import Change
from moderation.verdict.judge import state_of
from moderation.verdict.lists_mark import ListsMark
from policies.choices import SENIOR_QUEUE, Outcome

_TABLE = """
    CREATE TEMPORARY TABLE IF NOT EXISTS decision_change (
        item_id bigint PRIMARY KEY, expected bigint, made bigint, outcome smallint, state text, min_age smallint,
        territories varchar(2)[], decided_by text, category text, reasons jsonb, evidence jsonb, digest text,
        was_served boolean, is_narrower boolean, score double precision, queue_id bigint, language text,
        due_at timestamptz, claim_by timestamptz, harm double precision, is_imminent boolean, ends_lease boolean, floor smallint
    ) ON COMMIT DELETE ROWS
"""
_COPY = """
    COPY decision_change (item_id, expected, outcome, state, min_age, territories, decided_by, category, reasons, evidence,
        digest, was_served, is_narrower, score, queue_id, language, due_at,
        claim_by, harm, is_imminent, ends_lease, floor) FROM STDIN
"""
# An item that somebody decided or withdrew since it was read is left as it is. In the order of keys: two writers of many
# items wait for each other and never in a circle.
_LOCK = """
    WITH mine AS (
        SELECT i.id FROM moderation_item i JOIN decision_change c ON c.item_id = i.id
        WHERE i.current_decision_id = c.expected AND i.withdrawn_at IS NULL ORDER BY i.id FOR NO KEY UPDATE OF i
    )
    DELETE FROM decision_change c WHERE NOT EXISTS (SELECT FROM mine WHERE mine.id = c.item_id)
"""
_DECIDE = """
    WITH new AS (
        INSERT INTO moderation_decision
            (key, created_at, item_id, outcome, min_age, territories_blocked, stage, decided_by, category, reasons, evidence,
             evidence_digest, policy_version_id, note, supersedes_id)
        SELECT gen_random_uuid(), %(now)s, item_id, outcome, min_age, territories, %(stage)s, decided_by, category,
            reasons, evidence, digest, %(version)s, '', expected
        FROM decision_change ORDER BY item_id
        RETURNING id, item_id
    )
    UPDATE decision_change c SET made = new.id FROM new WHERE new.item_id = c.item_id
"""
_ITEMS = """
    UPDATE moderation_item i SET current_decision_id = c.made, state = c.state
    FROM decision_change c WHERE i.id = c.item_id
"""
_CLEARANCES = """
    UPDATE moderation_clearance k SET decision_id = c.made, policy_version_id = %(version)s, is_granted = c.outcome <= 1,
        min_age = c.min_age, territories_blocked = c.territories, valid_until = %(valid_until)s
    FROM decision_change c WHERE k.item_id = c.item_id
"""
_NEW_CLEARANCES = """
    INSERT INTO moderation_clearance
        (item_id, decision_id, policy_version_id, is_granted, min_age, territories_blocked, valid_until, revision, txid,
         changed_at)
    SELECT c.item_id, c.made, %(version)s, true, c.min_age, c.territories, %(valid_until)s, 0, 0, %(now)s
    FROM decision_change c
    WHERE c.outcome <= 1 AND NOT EXISTS (SELECT FROM moderation_clearance k WHERE k.item_id = c.item_id)
    ORDER BY c.item_id
"""
_FLOORS = """
    UPDATE moderation_itemevidence e SET floor = c.floor, decision_id = c.made
    FROM decision_change c WHERE e.item_id = c.item_id AND c.floor IS NOT NULL
"""
# A leased job stays with its holder, as after any machine's decision, unless the change says otherwise.
_CLOSE_JOBS = """
    UPDATE moderation_job j
    SET state = 'closed', closed_at = %(now)s, lease_holder_id = NULL, lease_token = NULL, lease_expires_at = NULL
    FROM decision_change c
    WHERE j.item_id = c.item_id AND c.queue_id IS NULL AND NOT j.is_unconfirmed
        AND (j.state = 'open' OR (j.state = 'leased' AND c.ends_lease))
"""
_OPEN_JOBS = """
    INSERT INTO moderation_job
        (key, created_at, item_id, queue_id, state, category, reason, score, language, due_at, claim_by, harm, is_imminent,
         n_leases)
    SELECT gen_random_uuid(), %(now)s, item_id, queue_id, 'open', category, left(decided_by, 120), score, language, due_at,
        claim_by, harm, is_imminent, 0
    FROM decision_change WHERE queue_id IS NOT NULL ORDER BY item_id
    ON CONFLICT (item_id) WHERE state IN ('open', 'leased') AND NOT is_unconfirmed DO NOTHING
"""
# An active job follows one more reason as `jobs.opening` lets it: sooner, graver, elsewhere, and never the other way.
_RAISE_JOBS = """
    WITH old AS (
        SELECT j.id, j.key, j.due_at, j.is_imminent, j.harm, j.category, q.slug,
            (c.is_imminent, c.harm) > (j.is_imminent, j.harm) AS is_graver, c.item_id,
            (c.is_imminent, c.harm) > (j.is_imminent, j.harm) AND q.slug <> %(seniors)s AS is_moved
        FROM moderation_job j JOIN decision_change c ON c.item_id = j.item_id JOIN moderation_queue q ON q.id = j.queue_id
        WHERE j.state IN ('open', 'leased') AND NOT j.is_unconfirmed AND c.queue_id IS NOT NULL
            AND (c.due_at < j.due_at OR c.claim_by < j.claim_by OR c.harm > j.harm OR c.is_imminent AND NOT j.is_imminent)
        ORDER BY j.id FOR NO KEY UPDATE OF j
    ), raised AS (
        UPDATE moderation_job j SET due_at = least(j.due_at, c.due_at), claim_by = least(j.claim_by, c.claim_by),
            harm = greatest(j.harm, c.harm), is_imminent = j.is_imminent OR c.is_imminent, score = greatest(j.score, c.score),
            category = CASE WHEN old.is_graver THEN c.category ELSE j.category END,
            reason = CASE WHEN old.is_graver THEN left(c.decided_by, 120) ELSE j.reason END,
            queue_id = CASE WHEN old.is_moved THEN c.queue_id ELSE j.queue_id END
        FROM old JOIN decision_change c ON c.item_id = old.item_id WHERE j.id = old.id
        RETURNING j.id, c.decided_by, j.due_at, j.is_imminent, j.harm, j.category, j.queue_id
    ), told AS (
        SELECT old.id, old.key, r.decided_by, jsonb_build_object(
            'queue', q.slug, 'category', r.category, 'due_at', r.due_at, 'is_imminent', r.is_imminent, 'harm', r.harm,
            'was_queue', old.slug, 'was_category', old.category, 'was_due_at', old.due_at,
            'was_is_imminent', old.is_imminent, 'was_harm', old.harm) AS data
        FROM old JOIN raised r ON r.id = old.id JOIN moderation_queue q ON q.id = r.queue_id
    ), noted AS (
        INSERT INTO moderation_jobnote (key, created_at, job_id, kind, text, data)
        SELECT gen_random_uuid(), %(now)s, id, 'raised', left(coalesce(nullif(decided_by, ''), 'New evidence'), 500), data
        FROM told
    )
    INSERT INTO moderation_auditevent (at, actor_name, action, object_type, object_key, data, request_id)
    SELECT %(now)s, 'system', 'job.raised', 'job', key::text, data, '' FROM told
"""
_NO_PLACE = (None, None, None, None)
_COUNTS = """
    SELECT count(*) FILTER (WHERE was_served AND outcome > 1),
        count(*) FILTER (WHERE is_narrower AND outcome <= 1),
        count(*) FILTER (WHERE NOT is_narrower AND outcome <= 1),
        count(*) FILTER (WHERE outcome = 4), count(*) FILTER (WHERE outcome IN (2, 3))
    FROM decision_change
"""


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction changed; see `Activation` for the words."""

    NAMES: ClassVar[tuple[str, ...]] = (
        "n_revoked", "n_narrowed", "n_widened", "n_blocked", "n_escalated", "n_jobs",
    )  # fmt: skip
    n_revoked: int
    n_narrowed: int
    n_widened: int
    n_blocked: int
    n_escalated: int
    n_jobs: int

    def counts(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in self.NAMES}


def changes_write(
    changes: Sequence[Change], *, stage: DecisionStage, version_pk: int, now: datetime, lists: ListsMark | None = None
) -> Written:
    """Decide items again, inside the caller's transaction.

    1. lock the items whose decision still is the one that was read, and forget the others,
    2. see that the lists still are those that wider changes were judged by,
    3. record the decisions, 4. items, clearances (their log by trigger) and jobs follow.

    Args:
        changes: in the order of items.
        lists: mark of the scan that wider changes rest on; without one there must be none.

    Raises:
        ListsChanged: something wider, and no scan, or one with other lists than those of now.
    """
    valid_until = now + timedelta(days=settings.CLEARANCE_VALID_DAYS)
    values: dict[str, Any] = {
        "now": now,
        "stage": stage,
        "version": version_pk,
        "valid_until": valid_until,
        "seniors": SENIOR_QUEUE,
    }
    with connection.cursor() as cursor:
        cursor.execute(_TABLE)
        cursor.execute("DELETE FROM decision_change")  # what this transaction wrote before
        queues = {route.queue: queue_of(route).pk for route in {c.job.route for c in changes if c.job}}
        with cursor.copy(_COPY) as copy:
            for change in changes:
                copy.write_row(_row(change, queues))
        cursor.execute("ANALYZE decision_change")
        cursor.execute(_LOCK)
        if any(change.is_wider for change in changes) and lists != lists_mark():
            raise ListsChanged("A list changed while stored items were judged.")
        for statement in (_DECIDE, _ITEMS, _CLEARANCES, _NEW_CLEARANCES, _FLOORS, _CLOSE_JOBS, _RAISE_JOBS):
            cursor.execute(statement, values)
        cursor.execute(_OPEN_JOBS, values)
        n_jobs = cursor.rowcount
        cursor.execute("SELECT item_id FROM decision_change")
        reports_wait(item_pks=[item_pk for (item_pk,) in cursor.fetchall()])
        cursor.execute(_COUNTS)
        revoked, narrowed, widened, blocked, escalated = cursor.fetchone()
        return Written(revoked, narrowed, widened, blocked, escalated, n_jobs)


def _row(change: Change, queues: Mapping[str, int]) -> tuple[object, ...]:
    job = change.job
    return (
        change.item_pk,
        change.expected,
        int(change.outcome),
        state_of(Outcome(change.outcome)),
        change.min_age,
        list(change.territories),
        change.decided_by,
        change.category,
        change.reasons,
        change.evidence,
        change.digest,
        change.was_served,
        change.is_narrower,
        change.score,
        queues[job.route.queue] if job else None,
        job.language if job else None,
        *(astuple(job.place) if job else _NO_PLACE),
        change.ends_lease,
        change.floor,
    )
