"""The current permission to serve an item, and the log of its changes that the gate and clients follow.

The database, not Python, numbers and logs each change: no writer can forget to.
"""

import pgtrigger
from django.db import models
from django.db.models import Q

from moderation.models.base import append_only, min_age_check, min_age_field, territories_field
from policies.triggers import no_truncate

# The transaction id is taken before the revision is drawn: the gate's watermark relies on that order.
_STAMP = """
    NEW.txid := pg_current_xact_id()::text::bigint;
    NEW.revision := nextval('moderation_clearance_revision_seq');
    NEW.changed_at := clock_timestamp();
    RETURN NEW;
"""
# Once a statement: a nested insert for each row costs time that grows with the rows before it (20,000 rows: 5.6 s, and
# 0.5 s so), because the end of each nested query walks the trigger events that the outer one has queued.
_LOG = """
    INSERT INTO moderation_clearancerevision
        (revision, txid, changed_at, item_id, decision_id, policy_version_id, is_granted, min_age, territories_blocked,
         valid_until)
    SELECT revision, txid, changed_at, item_id, decision_id, policy_version_id, is_granted, min_age, territories_blocked,
        valid_until
    FROM written ORDER BY revision;
    RETURN NULL;
"""
_FOLLOWS_DECISION = """
    IF NEW.is_granted AND NOT EXISTS (
        SELECT 1 FROM moderation_decision d
        WHERE d.id = NEW.decision_id AND d.item_id = NEW.item_id AND d.outcome <= 1
          AND NEW.min_age >= d.min_age AND NEW.territories_blocked @> d.territories_blocked
    ) THEN
        RAISE EXCEPTION 'clearance of item % goes beyond decision %', NEW.item_id, NEW.decision_id
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
"""
# Two halves of one constraint, looked at when the transaction commits: a decision, its item and its clearance are written one
# after the other. What counts is what stands then, whatever a statement in between has written. Who wrote the item itself
# holds it locked. For anybody else FOR SHARE waits for who changes the item just now, and lets them wait, so that neither can
# commit what the other's look has missed.
_IS_CURRENT = """
    PERFORM FROM moderation_item i
    WHERE i.id = NEW.item_id AND i.current_decision_id = NEW.decision_id AND i.withdrawn_at IS NULL
        AND i.xmin = pg_current_xact_id()::xid;
    IF FOUND THEN
        RETURN NULL;
    END IF;
    PERFORM FROM moderation_item i
    WHERE i.id = NEW.item_id AND i.current_decision_id = NEW.decision_id AND i.withdrawn_at IS NULL FOR SHARE;
    IF NOT FOUND AND EXISTS (
        SELECT FROM moderation_clearance c WHERE c.id = NEW.id AND c.revision = NEW.revision AND c.is_granted
    ) THEN
        RAISE EXCEPTION 'clearance of item % does not rest on its current decision, or the item is withdrawn', NEW.item_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'moderation_clearance_is_current';
    END IF;
    RETURN NULL;
"""


def _log(name: str, operation: pgtrigger.Operation) -> pgtrigger.Trigger:
    """Return the trigger that logs what one statement wrote; a transition table is of one kind of statement only."""
    return pgtrigger.Trigger(
        name=name,
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=operation,
        referencing=pgtrigger.Referencing(new="written"),  # type: ignore[no-untyped-call]
        func=_LOG,
    )


class ClearanceColumns(models.Model):
    """What both the current permission and its log hold."""

    txid = models.BigIntegerField()
    changed_at = models.DateTimeField()
    decision = models.ForeignKey("moderation.Decision", on_delete=models.PROTECT, related_name="+")
    policy_version = models.ForeignKey("policies.PolicyVersion", on_delete=models.PROTECT, related_name="+")
    is_granted = models.BooleanField()
    min_age = min_age_field()
    territories_blocked = territories_field()
    valid_until = models.DateTimeField()

    class Meta:
        abstract = True


class Clearance(ClearanceColumns):
    """Whether an item may be served now, to whom, where, under which version, until when. One row an item."""

    item = models.OneToOneField("moderation.Item", on_delete=models.PROTECT, related_name="clearance")
    revision = models.BigIntegerField(unique=True)

    class Meta:
        constraints = [min_age_check("moderation_clearance_min_age_known")]
        indexes = [
            models.Index(fields=["txid"], name="moderation_clearance_tail"),  # the gate's tail
            # clearances_expire
            models.Index(fields=["valid_until"], name="moderation_clearance_expiry", condition=Q(is_granted=True)),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="a_follows_decision",
                when=pgtrigger.Before,
                operation=pgtrigger.Insert | pgtrigger.Update,
                func=_FOLLOWS_DECISION,
            ),
            pgtrigger.Trigger(
                name="b_stamp", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update, func=_STAMP
            ),
            _log("c_log_insert", pgtrigger.Insert),
            _log("c_log_update", pgtrigger.Update),
            # of one row: transition tables cannot be deferred
            pgtrigger.Trigger(
                name="d_is_current",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__is_granted=True),
                func=_IS_CURRENT,
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"{'granted' if self.is_granted else 'revoked'} at revision {self.revision}"


class ClearanceRevision(ClearanceColumns):
    """One change of one clearance, written by trigger."""

    revision = models.BigIntegerField(primary_key=True)
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="clearance_revisions")

    class Meta:
        indexes = [
            # the revocation stream
            models.Index(fields=["revision"], name="moderation_clearance_revoked", condition=Q(is_granted=False)),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"revision {self.revision}"
