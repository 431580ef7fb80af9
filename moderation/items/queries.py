"""Reads across tables, for screens, the API and the feed. Nothing here changes anything."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.expressions import ArraySubquery
from django.db import DatabaseError
from django.db.models import Count, F, IntegerField, OuterRef, Prefetch, QuerySet, Subquery
from django.db.models.functions import Coalesce, JSONObject
from django.utils import timezone

from moderation.db.statements import run
from moderation.detection.types import CreatorHistory
from moderation.items.match_words import own_words_column
from moderation.items.timeline import Moment, timeline
from moderation.items.viewing import viewing_column
from moderation.items.visibility import (
    Person,
    audit_visible,
    items_visible,
    reports_visible,
)
from moderation.items.visibility import items_restricted as items_restricted  # the feed and the bytes ask here
from moderation.models import AuditEvent, Decision, DecisionDraft, DerivedFile, Finding, Item, WaitingDecision
from moderation.models.clearance import ClearanceRevision
from moderation.models.item import ItemState
from moderation.models.waiting import WaitingState
from policies.choices import Outcome
from policies.models import Clause

#: Relations of an item that a person's verdict is given on, besides its decision; see moderation.decisions.basis.
BASIS_RELATIONS = ("stored_evidence", "campaign_member__campaign")

# --- creators ----------------------------------------------------------------------------------------------------


#: What creator `c` did lately. Blocks that stand count; those that were overturned do not. The outcome is written out, or
#: a prepared statement could not use the index of blocks.
LATELY = f"""
    (SELECT count(*) FROM moderation_item i WHERE i.creator_id = c.id AND i.created_at >= %(now)s - interval '1 hour'),
    (SELECT count(*) FROM moderation_item i WHERE i.creator_id = c.id AND i.created_at >= %(now)s - interval '1 day'),
    (SELECT count(*) FROM moderation_item i JOIN moderation_decision d ON d.item_id = i.id
     WHERE i.creator_id = c.id AND d.outcome = {Outcome.BLOCK.value} AND d.stage <> 'withdrawal'
       AND d.created_at >= %(now)s - interval '30 days'
       AND NOT EXISTS (SELECT FROM moderation_decision later WHERE later.supersedes_id = d.id))
"""  # noqa: S608 # an outcome's number
_HISTORY = f"SELECT c.created_at, {LATELY} FROM moderation_creator c WHERE c.external_id = %(external_id)s"  # noqa: S608


def creator_history(external_id: str, now: datetime) -> CreatorHistory | None:
    """Return what a creator did lately; None where the look-up failed, so that history counts as missing."""
    try:
        row = run(_HISTORY, {"external_id": external_id, "now": now}).fetchone()
    except DatabaseError:
        return None
    return history_of(now, *row) if row else CreatorHistory(0, 0, 0, 0, 0.0)


def history_of(now: datetime, created_at: datetime, n_1h: int, n_24h: int, n_blocked: int) -> CreatorHistory:
    """Return what LATELY counted as detectors take it."""
    return CreatorHistory(n_1h, n_24h, n_blocked, 0, max((now - created_at).total_seconds(), 0.0) / 86_400)


# --- items, as the API gives them --------------------------------------------------------------------------------


def item_exists(external_id: str) -> bool:
    """Return whether an item has this id."""
    return run("SELECT 1 FROM moderation_item WHERE external_id = %s", [external_id]).fetchone() is not None


def item_by_external_id(external_id: str) -> Item | None:
    """Return an item with its current decision and its clearance."""
    found = Item.objects.select_related("current_decision__policy_version", "clearance")
    return found.filter(external_id=external_id).first()


def item_status(item: Item) -> dict[str, Any]:
    """Return an item's state as docs/api.md describes it; held, by `clearance.expired`, where its clearance has run out."""
    decision, is_expired = item.current_decision, item.is_expired(timezone.now())
    return {
        "id": str(item.key),
        "external_id": item.external_id,
        "state": ItemState.HELD.value if is_expired else item.state,
        "outcome": Outcome.HOLD.name if is_expired else Outcome(decision.outcome).name if decision else None,
        "decided_by": "clearance.expired" if is_expired else decision.decided_by if decision else None,
        "min_age": decision.min_age if decision else 0,
        "territories_blocked": decision.territories_blocked if decision else [],
        "reasons": [_reason(r) for r in decision.reasons if r.get("category") or r.get("detector")] if decision else [],
        "missing": sorted(decision.evidence.get("missing", {})) if decision else [],
        "policy_version": decision.policy_version.number if decision else None,
        "decision_id": str(decision.key) if decision else None,
        "deep": item.deep_state,
    }


def _reason(reason: dict[str, Any]) -> dict[str, Any]:
    return {name: reason.get(name) for name in ("category", "detector", "score", "threshold", "where")}


def item_history(item: Item) -> list[dict[str, Any]]:
    """Return every decision on an item, oldest first, with its evidence and policy version. Reviewers stay unnamed."""
    return [_history_row(decision) for decision in decision_trail(item)]


def _history_row(decision: Decision) -> dict[str, Any]:
    return {
        "decision_id": str(decision.key),
        "at": decision.created_at,
        "stage": decision.stage,
        "outcome": Outcome(decision.outcome).name,
        "decided_by": decision.decided_by,
        "category": decision.category,
        "min_age": decision.min_age,
        "territories_blocked": decision.territories_blocked,
        "span_ms": decision.span_ms,
        "reasons": decision.reasons,
        "evidence": decision.evidence,
        "findings": [_finding_row(f) for f in decision.findings.all()],
        "policy_version": decision.policy_version.number,
        "supersedes": str(decision.supersedes.key) if decision.supersedes else None,
    }


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "detector": finding.detector,
        "version": finding.detector_version,
        "category": finding.category,
        "score": finding.score,
        "where": finding.where,
    }


def _clause_name() -> Subquery:
    """Return what the clause that a decision rests on is called in its version; NULL where it names none."""
    named = Clause.objects.filter(version=OuterRef("policy_version"), key=OuterRef("clause"))
    return Subquery(named.values("name")[:1])


def decision_trail(item: Item) -> QuerySet[Decision]:
    """Return every decision on an item, oldest first, with findings, actor and version loaded, and its clause's name."""
    return (
        Decision.objects.filter(item=item)
        .select_related("policy_version", "actor", "supersedes")
        .annotate(clause_name=_clause_name())
        .prefetch_related(Prefetch("findings", Finding.objects.order_by("-hard", "-score")))
        .order_by("id")
    )


def item_timeline(item: Item) -> list[Moment]:
    """Return what was heard, read and seen in an item, by time, as its newest decision with any findings has it."""
    return timeline(latest_findings(list(decision_trail(item))))


# --- queues and jobs ---------------------------------------------------------------------------------------------


# --- explorer, dead letters, audit -------------------------------------------------------------------------------


def items_search(user: AbstractUser) -> QuerySet[Item]:
    """Return the items a person may find, newest first; what waits in the restricted partition only with permission."""
    items = items_visible(user).select_related("creator", "media", "cover", "current_decision", "clearance")
    return items.order_by("-created_at", "-pk")


def items_of_file(user: AbstractUser, item: Item) -> QuerySet[Item]:
    """Return the other items of the same file that a person may find, newest first; none where there is no file."""
    same = items_search(user).filter(media__isnull=False, media=item.media).exclude(pk=item.pk)
    return same if item.media else same.none()


def item_page(user: AbstractUser, item_key: str) -> Item | None:
    """Return an item that the person may open, with what they said of its matches as `own_words`, what was made of its
    media as `made`, how they look at such media as `own_viewing`, and the changes of its clearance as `told_revisions`."""
    found = items_search(user).filter(key=item_key).select_related("current_decision__policy_version", "clearance")
    found = found.select_related(*BASIS_RELATIONS).annotate(
        **basis_columns(user), made=made_column(), told_revisions=revisions_column()
    )
    found = found.annotate(own_viewing=viewing_column(user.pk, "current_decision__category"))
    return found.annotate(own_words=own_words_column(user.pk), **_beside_columns(user)).first()


def _beside_columns(user: AbstractUser) -> dict[str, Subquery]:
    """Return the person's own draft of a decision on an item, and whose decision on it waits, as columns: one look at the database."""
    own = DecisionDraft.objects.filter(person_id=user.pk, item=OuterRef("pk"))
    waits = WaitingDecision.objects.filter(item=OuterRef("pk"), state=WaitingState.WAITING)
    return {
        "own_draft": Subquery(own.values(json=JSONObject(fields="fields", basis="basis", updated_at="updated_at"))),
        "waits": Subquery(waits.values(json=JSONObject(outcome="outcome", by="actor__username", due_at="due_at"))),
    }


def made_column(media: str = "media") -> ArraySubquery:
    """Return what was made of an item's media for people, as a column: kind and data of each, the newest last.

    Args:
        media: where the media is, from the rows that get the column.
    """
    made = DerivedFile.objects.filter(file=OuterRef(media)).exclude(kind=DerivedFile.Kind.SAMPLES).order_by("pk")
    return ArraySubquery(made.values_list(JSONObject(kind="kind", data="data")))


def basis_columns(reader: Person, item: str = "pk") -> dict[str, Any]:
    """Return what a person's verdict rests on besides an item's own rows, as columns: reports, and hard findings on the page.

    Args:
        item: where the row has its item's primary key, if it is a row of something else.
    """
    return {"n_reports": n_reports_column(reader, item), "hard_shown": _hard_shown_column(item)}


def _hard_shown_column(item: str) -> ArraySubquery:
    """Return the hard findings among those that pages show (`latest_findings`): with what tells pieces of evidence apart."""
    newest = Finding.objects.filter(item=OuterRef(OuterRef(item))).order_by("-decision_id").values("decision_id")[:1]
    shown = Finding.objects.filter(item=OuterRef(item), decision=Subquery(newest), hard__gt=0).order_by("pk")
    return ArraySubquery(shown.values_list(JSONObject(category="category", hard="hard", where="where")))


def n_reports_column(reader: Person, item: str = "pk") -> Coalesce:
    """Return how many reports an item has that a person may know of."""
    reports = reports_visible(reader).filter(item=OuterRef(item)).order_by().values("item")
    return Coalesce(Subquery(reports.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), 0)


def revisions_column() -> ArraySubquery:
    """Return the changes of an item's clearance, newest first, as a column for `clearance_revisions`."""
    changes = ClearanceRevision.objects.filter(item=OuterRef("pk")).order_by("-revision")
    told = JSONObject(revision="revision", is_granted="is_granted", min_age="min_age", changed_at="changed_at")
    return ArraySubquery(changes.values_list(told))


def clearance_revisions(item: Item) -> list[ClearanceRevision]:
    """Return the changes of an item's clearance, newest first; of an item that was read by `item_page`, without a query."""
    rows: list[dict[str, Any]] = getattr(item, "told_revisions", [])
    return [ClearanceRevision(**{**row, "changed_at": datetime.fromisoformat(row["changed_at"])}) for row in rows]


def audit_of(user: AbstractUser, object_type: str, object_key: str) -> QuerySet[AuditEvent]:
    """Return what happened to one object, newest first, as far as the user may know of it."""
    return audit_visible(user).filter(object_type=object_type, object_key=object_key)


# --- for the feed ------------------------------------------------------------------------------------------------

#: Uploads of the last `days` days before `now` as (id, creator_id), for statements of others that count by creator.
UPLOADS_LATELY = (
    "SELECT id, creator_id FROM moderation_item WHERE created_at > %(now)s - make_interval(days => %(days)s)"
)


def display_rows(item_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
    """Return what a client needs to show each item, by primary key; the gate says separately whether it may."""
    rows = Item.objects.filter(pk__in=list(item_ids)).values(
        "pk", "key", "external_id", "caption", "kind", "duration_ms", "region", "language_detected", "created_at",
        "media_id", "cover_id", creator_name=F("creator__external_id"),
    )  # fmt: skip
    return {row["pk"]: _display(row) for row in rows}


def _display(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "external_id": row["external_id"],
        "creator": row["creator_name"],
        "caption": row["caption"],
        "kind": row["kind"],
        "duration_ms": row["duration_ms"],
        "region": row["region"],
        "language": row["language_detected"],
        "created_at": row["created_at"],
        # Addresses are made of these for one viewer at a time, when the gate has cleared the item for them.
        "key": row["key"],
        "has_media": row["media_id"] is not None,
        "has_cover": row["cover_id"] is not None,
    }


@dataclass(frozen=True, slots=True)
class ItemFeatures:
    """What ranking knows of an item without knowing any viewer."""

    item_id: int
    created_at: datetime
    region: str
    language: str
    creator_id: int
    kind: int
    duration_ms: int


def item_features(item_ids: Iterable[int]) -> list[ItemFeatures]:
    """Return the features of these items, in no order; unknown keys are left out."""
    rows = Item.objects.filter(pk__in=list(item_ids)).values_list(
        "pk", "created_at", "region", "language_detected", "language_claimed", "creator_id", "kind", "duration_ms"
    )
    return [
        ItemFeatures(pk, created_at, region, detected or claimed or "und", creator_id, kind, duration_ms or 0)
        for pk, created_at, region, detected, claimed, creator_id, kind, duration_ms in rows
    ]


def item_ids_of(external_ids: Iterable[str]) -> dict[str, int]:
    """Return the primary keys of the external ids that exist."""
    rows = Item.objects.filter(external_id__in=list(external_ids)).values_list("external_id", "pk")
    return dict(rows)


def external_ids_of(item_ids: Iterable[int]) -> dict[int, str]:
    """Return the external ids of primary keys."""
    return dict(Item.objects.filter(pk__in=list(item_ids)).values_list("pk", "external_id"))


def latest_findings(decisions: Sequence[Decision]) -> list[Finding]:
    """Return the findings of the newest decision that has any: each machine decision cites all that was known."""
    return next((list(d.findings.all()) for d in reversed(decisions) if d.findings.all()), [])
