"""Finding waves of near-duplicate captions, beside the upload path: uploads pay nothing for it.

A periodic task signs the captions that are new, looks for bands that many of them share, opens a campaign where enough
captions of enough creators are alike, and lets captions join. Every step can be repeated, and run twice at once.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, Max, OuterRef, Q
from prometheus_client import Counter as Metric

from moderation.audit.log import audit_write
from moderation.campaigns.members import members_decide
from moderation.campaigns.service import campaign_apply
from moderation.detection.minhash import (
    SAME,
    SIGNATURE_VERSION,
    Values,
    are_members,
    cluster_around,
    large_since,
    representatives_of,
    signature_of,
    similarity,
    stack,
    values_of,
    wave_began,
)
from moderation.items.floor_queries import campaigns_live
from moderation.items.visibility import items_restricted
from moderation.models import Campaign, CampaignBystander, CampaignMember, CaptionSignature, Creator, Decision, Item
from moderation.models.campaign import CampaignState
from moderation.verdict.routing import route_job
from policies.choices import Outcome, Standing
from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyUnavailable
from policies.live import active_policy

log = structlog.get_logger(__name__)

CAMPAIGNS_OPENED = Metric("campaigns_opened_total", "Waves of near-identical captions that were found", ["category"])

#: Items are looked at again from so long before the newest signature: a transaction may commit late.
_OVERLAP = timedelta(minutes=1)
#: Captions that are signed, and then compared, at a time.
_CHUNK = 500
#: Candidates around one band that are compared; a larger wave shows in a part of itself.
_CANDIDATES = 2_000
#: Candidates that are glanced at for all heavy bands together.
_GLANCED_AT = 20_000
#: A wave is as dense as if its first third came within this part of the window.
_DENSE = 10
#: Captions that join in one transaction.
_JOIN_BATCH = 200
#: All in one value: the text of a statement with hundreds of rows takes longer to make than the rows to write.
_SIGN = """
    INSERT INTO moderation_captionsignature (item_id, creator_id, "values", bands, submitted_at)
    SELECT item_id, creator_id, decode("values", 'hex'), bands, submitted_at
    FROM jsonb_to_recordset(%s::jsonb)
        AS made (item_id bigint, creator_id bigint, "values" text, bands bigint[], submitted_at timestamptz)
    ON CONFLICT DO NOTHING
"""
#: Which bands of these are shared by many captions of the window that no campaign has yet. Each band is looked up in a hash;
#: asked whether the arrays overlap, PostgreSQL compares each band with each.
_HEAVY = """
    SELECT band, count(*) FROM moderation_captionsignature s, unnest(s.bands) band
    WHERE band = ANY(%(bands)s::bigint[]) AND s.submitted_at >= %(since)s
      AND NOT EXISTS (SELECT FROM moderation_campaignmember m WHERE m.item_id = s.item_id)
    GROUP BY band HAVING count(*) >= %(enough)s AND count(DISTINCT s.creator_id) > 1
    ORDER BY 2 DESC, 1 LIMIT 40
"""
#: Any number that no other lock uses; two watches must not open the same campaign.
_LOCK = 7_201_551


class _Signed(NamedTuple):
    """A caption's signature as it is compared; what else its row holds takes longer to read than this."""

    item_id: int
    creator_id: int
    values: bytes
    bands: list[int]


def campaigns_watch(*, now: datetime) -> None:
    """Sign what is new, open campaigns, let captions join, and give late members of decided campaigns their decision."""
    try:
        policy = active_policy()
    except PolicyUnavailable:
        return
    for bands in _sign(now):
        _open_where_heavy(bands, policy, now)
    for campaign in campaigns_live(now):
        _gather(campaign, now)
    waiting = CampaignMember.objects.filter(campaign=OuterRef("pk"), settled_at=None)
    for campaign in Campaign.objects.filter(Exists(waiting), state=CampaignState.DECIDED):
        campaign_apply(campaign=campaign)
    _forget_old(now)


# --- signing -----------------------------------------------------------------------------------------------------


def _window() -> timedelta:
    return timedelta(minutes=settings.CAMPAIGN_WINDOW_MINUTES)


def _sign(now: datetime) -> Iterator[list[int]]:
    """Sign new captions, a chunk at a time; yield the bands of each chunk. What comes meanwhile is left to the next look.

    What joined a campaign on arrival is never compared again, and needs no signature: of a wave, nearly all.
    """
    newest = CaptionSignature.objects.aggregate(at=Max("submitted_at"))["at"]
    since = max(newest - _OVERLAP, now - _window()) if newest else now - _window()
    known = CaptionSignature.objects.filter(item=OuterRef("pk"))
    member = CampaignMember.objects.filter(item=OuterRef("pk"))
    new = Item.objects.filter(~Exists(known), ~Exists(member), created_at__gte=since).order_by("created_at")
    is_more = True
    while is_more:
        rows = list(new.values_list("pk", "caption", "creator_id", "created_at")[:_CHUNK])
        is_more = len(rows) == _CHUNK
        signatures = [_signature(*row) for row in rows]
        with connection.cursor() as cursor:
            cursor.execute(_SIGN, [json.dumps(signatures)])
        yield sorted({band for signature in signatures for band in signature["bands"]})


def _signature(item_id: int, caption: str, creator_id: int, created_at: datetime) -> dict[str, Any]:
    """Return a signature's row; a caption that is too short to be compared has no bands."""
    found = signature_of(caption, min_letters=settings.CAMPAIGN_MIN_LETTERS)
    return {
        "item_id": item_id,
        "creator_id": creator_id,
        "values": found.to_bytes().hex() if found else "",
        "bands": found.bands if found else (),
        "submitted_at": created_at.isoformat(),
    }


def _forget_old(now: datetime) -> None:
    """Delete signatures that no window reaches any more; a few at a time, since this runs often."""
    old = CaptionSignature.objects.filter(submitted_at__lt=now - 2 * _window() - _OVERLAP)
    CaptionSignature.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:10_000])).delete()


# --- opening -----------------------------------------------------------------------------------------------------


def _open_where_heavy(bands: Sequence[int], policy: CompiledPolicy, now: datetime) -> None:
    """Open a campaign around every band that many captions share, where they are alike as a whole.

    All heavy bands are looked through on one reading, since most hold a common phrase and nothing else; the exact counts are
    taken under the lock.
    """
    if not bands:
        return
    enough = max(2, settings.CAMPAIGN_ITEMS // 3)  # of a wave, only a part agrees in any one band
    with connection.cursor() as cursor:
        cursor.execute(_HEAVY, {"bands": list(bands), "since": now - _window(), "enough": enough})
        heavy = [band for band, _ in cursor.fetchall()]
    if not heavy:
        return
    rows = _select_unclaimed(heavy, now, _GLANCED_AT)
    values, of_rows = stack(row.values for row in rows), np.array([row.bands for row in rows], np.int64)
    for band in heavy:
        if not _is_promising(values, of_rows, band):
            continue
        campaign = _open_around(band, policy, now)
        if campaign:  # most of the bands are of the same wave
            left = ~are_members(values, values_of(bytes(campaign.representatives)))
            values, of_rows = values[left], of_rows[left]


def _is_promising(values: Values, bands: npt.NDArray[np.int64], band: int) -> bool:
    """Whether many captions are like the most central one that has a band. `values` (n, N_VALUES), `bands` (n, BANDS)."""
    sharing = np.flatnonzero((bands == band).any(axis=-1))
    if not len(sharing):
        return False
    centre = sharing[cluster_around(values[sharing])[0]]
    return bool((similarity(values[centre], values) >= SAME).sum() >= settings.CAMPAIGN_ITEMS // 2)


@transaction.atomic
def _open_around(band: int, policy: CompiledPolicy, now: datetime) -> Campaign | None:
    """Open a campaign of the captions around a band; None where they are too few, or have one already.

    Concurrency: one at a time, by an advisory lock, so that the second sees what the first opened.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    wave = _strangers(_wave_around(band, now))
    began_at = _began(wave)
    return _open(wave, policy, began_at, now) if began_at else None


def _strangers(alike: Sequence[_Signed]) -> list[_Signed]:
    """Return what may be of a wave, in the same order: creators who stand well make none, however many copy them."""
    trusted = Creator.objects.filter(pk__in={row.creator_id for row in alike}, standing=Standing.GOOD)
    apart = set(trusted.values_list("pk", flat=True))
    return [row for row in alike if row.creator_id not in apart]


def _began(wave: Sequence[_Signed]) -> datetime | None:
    """Return when a wave began; None where it is too small to be a campaign.

    What was served before a wave is not counted. Of one that was never dense nobody can tell which captions were copied: it
    begins with the one that makes it large enough, and all that was served before is left alone.
    """
    times = dict(Item.objects.filter(pk__in=[row.item_id for row in wave]).values_list("pk", "created_at"))
    uploads = sorted((times[row.item_id].timestamp(), row.creator_id, row.item_id) for row in wave)
    began = wave_began(
        [(at, creator) for at, creator, _ in uploads],
        n_like=max(2, settings.CAMPAIGN_ITEMS // 3),
        within_seconds=_window().total_seconds() / _DENSE,
    )
    before = _bystanders([row.item_id for row in wave], _moment(began)) if began is not None else {}
    large = large_since(
        [(at, creator) for at, creator, item in uploads if item not in before],
        n_items=settings.CAMPAIGN_ITEMS,
        n_creators=settings.CAMPAIGN_CREATORS,
    )
    return None if large is None else _moment(large if began is None else began)


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _bystanders(item_pks: Sequence[int], began_at: datetime) -> dict[int, CampaignBystander.Why]:
    """Return the items that a wave must not take down, and why: served before it began, or of a creator who stands well.

    What was served once was there for strangers to copy, whatever stops it now. The trigger `bystander_admitted` asks the same.
    """
    served = Exists(
        Decision.objects.filter(item=OuterRef("pk"), outcome__lte=Outcome.RESTRICT, created_at__lt=began_at)
    )
    trusted = Q(creator__standing=Standing.GOOD)
    rows = Item.objects.filter(served | trusted, pk__in=item_pks).values_list("pk", "creator__standing")
    why = CampaignBystander.Why
    return {pk: why.GOOD_STANDING if standing == Standing.GOOD else why.SERVED_BEFORE for pk, standing in rows}


def _wave_around(band: int, now: datetime) -> list[_Signed]:
    """Return the captions around a band that are alike, the most central one first.

    Those that share one band are a biased part of a wave, and the most central of them may stand at its edge: of what is near
    that one, the centre is taken once more.
    """
    near = _select_unclaimed([band], now)
    if near:
        edge = near[cluster_around(stack(row.values for row in near))[0]]
        near = _select_unclaimed(edge.bands, now)
    return [near[i] for i in cluster_around(stack(row.values for row in near))] if near else []


def _select_unclaimed(bands: Sequence[int], now: datetime, n_most: int = _CANDIDATES) -> list[_Signed]:
    """Return the newest signatures of the window that share a band and belong to no campaign, nor are like a live one."""
    member = CampaignMember.objects.filter(item=OuterRef("item_id"))
    rows = CaptionSignature.objects.filter(
        ~Exists(member), bands__overlap=list(bands), submitted_at__gte=now - _window()
    )
    rows = rows.exclude(Exists(items_restricted().filter(pk=OuterRef("item_id"))))
    found = [_Signed(*row) for row in rows.order_by("-pk").values_list(*_Signed._fields)[:n_most]]
    live = stack(campaigns_live(now).values_list("representatives", flat=True))
    same = are_members(stack(row.values for row in found), live)
    return [row for row, is_known in zip(found, same, strict=True) if not is_known]


def _open(wave: Sequence[_Signed], policy: CompiledPolicy, began_at: datetime, now: datetime) -> Campaign:
    """Open a campaign that is known by all of a wave; its members are those that were not served before it began."""
    apart = _bystanders([row.item_id for row in wave], began_at)
    members = [row for row in wave if row.item_id not in apart]
    n_creators = len({row.creator_id for row in members})
    chosen = [wave[i] for i in representatives_of(stack(row.values for row in wave))]
    first = Item.objects.get(pk=members[0].item_id)
    category = _category([row.item_id for row in wave], policy)
    route = route_job(policy, category=category, language=first.language, kind=first.kind)
    campaign = Campaign.objects.create(
        category=category,
        first_item=first,
        representatives=b"".join(bytes(row.values) for row in chosen),
        bands=sorted({band for row in chosen for band in row.bands}),
        signature_version=SIGNATURE_VERSION,
        n_items=len(members),
        n_creators=n_creators,
        created_at=now,
        began_at=began_at,
        last_joined_at=now,
        due_at=now + timedelta(minutes=route.sla_minutes),
        live_until=now + timedelta(minutes=settings.CAMPAIGN_LIVE_MINUTES),
    )
    audit_write(
        actor="system",
        action="campaign.opened",
        object_type="campaign",
        object_key=campaign.key,
        category=category,
        n_items=len(members),
        n_creators=n_creators,
    )
    transaction.on_commit(lambda: _alarm(campaign))
    return campaign


def _alarm(campaign: Campaign) -> None:
    CAMPAIGNS_OPENED.labels(campaign.category).inc()
    log.warning("campaign_opened", campaign=str(campaign.key), n_items=campaign.n_items, n_creators=campaign.n_creators)


def _category(item_ids: Sequence[int], policy: CompiledPolicy) -> str:
    """Return what most of the items are suspected of; where machines suspect none of anything, it is a wave of spam."""
    found = Item.objects.filter(pk__in=item_ids).values_list("current_decision__category", flat=True)
    known = Counter(c for c in found if c in policy.categories and c not in policy.child_safety)
    if known:
        return known.most_common(1)[0][0]
    return "spam_scam" if "spam_scam" in policy.categories else policy.categories[0]


# --- joining -----------------------------------------------------------------------------------------------------


def _gather(campaign: Campaign, now: datetime) -> None:
    """Let the captions join that are like a campaign's representatives and belong to none, and count its members."""
    member = CampaignMember.objects.filter(item=OuterRef("item_id"))
    apart = CampaignBystander.objects.filter(campaign=campaign, item=OuterRef("item_id"))
    hidden = items_restricted().filter(pk=OuterRef("item_id"))
    rows = (
        CaptionSignature.objects.filter(~Exists(member), ~Exists(apart), bands__overlap=campaign.bands)
        .filter(submitted_at__gte=campaign.created_at - _window())
        .exclude(Exists(hidden))
        .order_by("pk")
    )
    if campaign.state == CampaignState.DECIDED:
        rows = rows.filter(submitted_at__lt=campaign.live_until)
    many = values_of(bytes(campaign.representatives))
    found = list(rows.values_list("item_id", "creator_id", "values"))
    same = are_members(stack(v for _, _, v in found), many)
    alike = _set_apart(campaign, [(pk, who) for (pk, who, _), joins in zip(found, same, strict=True) if joins], now)
    for start in range(0, len(alike), _JOIN_BATCH):
        _join(campaign, alike[start : start + _JOIN_BATCH], now)
    _count(campaign)


def _set_apart(campaign: Campaign, alike: Sequence[tuple[int, int]], now: datetime) -> list[tuple[int, int]]:
    """Return what joins of items that are like a campaign; name the others on its page, where a person may add them."""
    apart = _bystanders([pk for pk, _ in alike], campaign.began_at or campaign.created_at)
    CampaignBystander.objects.bulk_create(
        (CampaignBystander(campaign=campaign, item_id=pk, why=why, found_at=now) for pk, why in apart.items()),
        ignore_conflicts=True,
    )
    return [(pk, creator) for pk, creator in alike if pk not in apart]


@transaction.atomic
def _join(campaign: Campaign, items: Sequence[tuple[int, int]], now: datetime) -> None:
    """Make items members, and put the campaign's floor under each; an item that another campaign was quicker with stays there."""
    CampaignMember.objects.bulk_create(
        (CampaignMember(campaign=campaign, item_id=pk, creator_id=creator, joined_at=now) for pk, creator in items),
        ignore_conflicts=True,
    )
    joined = CampaignMember.objects.filter(campaign=campaign, item__in=[pk for pk, _ in items], settled_at=None)
    members_decide(item_pks=list(joined.values_list("item_id", flat=True)), now=now)
    audit_write(
        actor="system", action="campaign.joined", object_type="campaign", object_key=campaign.key, n_items=len(items)
    )


def _count(campaign: Campaign) -> None:
    """Bring a campaign's counts up to date, where they changed."""
    counts = CampaignMember.objects.filter(campaign=campaign).aggregate(
        n_items=Count("pk"), n_creators=Count("creator_id", distinct=True), last_joined_at=Max("joined_at")
    )
    if counts["n_items"] and counts["n_items"] != campaign.n_items:
        Campaign.objects.filter(pk=campaign.pk).update(**counts)
