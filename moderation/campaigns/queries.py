"""Reads about campaigns, for the upload path, for decisions, and for their pages. Nothing here changes anything."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet

from moderation.campaigns.likeness import Piece, likeness_of, pieces_against
from moderation.items.queries import items_search, n_reports_column
from moderation.items.visibility import campaigns_visible, may_know, members_visible, n_hidden_members
from moderation.models import Campaign, CampaignBystander, CampaignMember, Item
from moderation.models.campaign import CampaignState
from moderation.models.item import ItemState
from moderation.wide.radius import COLUMNS, Radius, Touched, radius_of_rows

#: Spellings that a campaign's page shows.
SHOWN_SPELLINGS = 24
#: Members that a campaign's page shows.
SHOWN_MEMBERS = 12
#: Items that only look like a campaign which its page shows.
SHOWN_BESIDE = 20
#: Bars of the chart over time.
N_BARS = 48
#: Decided campaigns that the list shows.
SHOWN_DECIDED = 30


# --- for pages ---------------------------------------------------------------------------------------------------


def campaigns_waiting(user: AbstractUser) -> QuerySet[Campaign]:
    """Return the campaigns that wait for people and that the person may know of, the one due first first."""
    return campaigns_visible(user).filter(state=CampaignState.OPEN).order_by("due_at", "pk")


def campaigns_decided(user: AbstractUser) -> QuerySet[Campaign]:
    """Return the campaigns that were decided last, of those that the person may know of."""
    decided = campaigns_visible(user).select_related("decided_by").filter(state=CampaignState.DECIDED)
    return decided.order_by("-decided_at")[:SHOWN_DECIDED]


def captions_of(user: AbstractUser, campaigns: Iterable[Campaign]) -> dict[int, str]:
    """Return the captions of campaigns' first items by the items' primary keys, as far as the person may know of them."""
    first = [campaign.first_item_id for campaign in campaigns]
    return dict(items_search(user).filter(pk__in=first).values_list("pk", "caption"))


def campaigns_counted(user: AbstractUser, campaigns: Iterable[Campaign]) -> list[Campaign]:
    """Return campaigns with counts of the members that the person may know of; only those that hide some are counted anew."""
    known = list(campaigns)
    hiding = n_hidden_members(user, [campaign.pk for campaign in known])
    for campaign in known:
        if campaign.pk in hiding:
            members = CampaignMember.objects.filter(members_visible(user), campaign=campaign)
            counts = members.aggregate(n=Count("pk"), n_creators=Count("creator_id", distinct=True))
            campaign.n_items, campaign.n_creators = counts["n"], counts["n_creators"]
    return known


@dataclass(frozen=True, slots=True)
class Spelling:
    """One way in which a campaign's caption was written, and how often.

    Attributes:
        pieces: the caption, with the words marked that differ from the most frequent one.
        likeness: to the campaign's likest representative, 0 to 1; None where it is too short to tell.
    """

    caption: str
    n_items: int
    pieces: Sequence[Piece] = ()
    likeness: float | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """How many items came within a part of the time."""

    begins_at: datetime
    n_items: int


@dataclass(frozen=True, slots=True)
class CampaignPage:
    """All that a campaign's page shows; counts are of the items that the person may know of.

    Attributes:
        radius: what a decision touches; `known` has its sample by primary key.
    """

    campaign: Campaign
    n_items: int
    n_creators: int
    n_unsettled: int
    states: dict[str, int]
    n_spellings: int
    spellings: Sequence[Spelling]
    bars: Sequence[Bar]
    bar_seconds: float
    items: Sequence[Item]
    beside: Sequence[CampaignBystander]
    is_more_beside: bool
    by_creator: Sequence[int]
    n_left_out: int
    radius: Radius
    known: Mapping[int, Item]

    @property
    def most_of_one(self) -> int:
        """The most items of one creator; at least 1."""
        return max([1, *self.by_creator])

    @property
    def least_likeness(self) -> float | None:
        """How alike the least alike of the spellings shown is."""
        return min((s.likeness for s in self.spellings if s.likeness is not None), default=None)

    @property
    def highest(self) -> int:
        """The most items that came within one bar; at least 1."""
        return max([1, *(bar.n_items for bar in self.bars)])


def campaign_page(user: AbstractUser, campaign: Campaign) -> CampaignPage:
    """Return a campaign with its numbers, its spellings and a few of its items, in a fixed number of queries."""
    plain = items_search(user).filter(campaign_member__campaign=campaign).order_by().select_related(None)
    totals = plain.aggregate(
        n_items=Count("pk"),
        n_creators=Count("creator_id", distinct=True),
        n_spellings=Count("caption", distinct=True),
        n_unsettled=Count("pk", filter=Q(campaign_member__settled_at=None)),
        n_left_out=Count("pk", filter=Q(campaign_member__left_out_at__isnull=False)),
        **{f"n_{state}": Count("pk", filter=Q(state=state)) for state in ItemState.values},
    )
    scanned, is_more = _scan(campaign)
    radius = radius_of_rows([row.touched for row in scanned if not row.is_left_out], is_at_least=is_more)
    members = [row for row in scanned if may_know(user) or not row.touched.is_restricted]
    newest = [row.touched.pk for row in members[:SHOWN_MEMBERS]]
    shown = items_search(user).filter(pk__in={*newest, *radius.seen_by(user).sample}).select_related("campaign_member")
    items = {item.pk: item for item in shown}
    beside = _beside(user, campaign)
    bars, seconds = _bars([row.created_at for row in members] or [campaign.created_at])
    return CampaignPage(
        campaign=campaign,
        n_items=totals["n_items"],
        n_creators=totals["n_creators"],
        n_unsettled=totals["n_unsettled"],
        states={state.label: n for state in ItemState if (n := totals[f"n_{state.value}"])},
        n_spellings=totals["n_spellings"],
        spellings=_spellings([row.caption for row in members], campaign),
        bars=bars,
        bar_seconds=seconds,
        items=[items[pk] for pk in newest if pk in items],
        beside=beside[:SHOWN_BESIDE],
        is_more_beside=len(beside) > SHOWN_BESIDE,
        by_creator=[n for _, n in Counter(row.touched.creator for row in members).most_common(N_BARS)],
        n_left_out=totals["n_left_out"],
        radius=radius,
        known=items,
    )


class _Scanned(NamedTuple):
    """One member as the page's numbers need it."""

    touched: Touched
    created_at: datetime
    caption: str
    is_left_out: bool


def _scan(campaign: Campaign) -> tuple[list[_Scanned], bool]:
    """Return the newest members of a campaign, at most `settings.WIDE_LOOK_ITEMS`, and whether there are more; one query."""
    most = settings.WIDE_LOOK_ITEMS
    columns = (*COLUMNS, "created_at", "caption", "campaign_member__left_out_at")
    rows = Item.objects.filter(campaign_member__campaign=campaign).order_by("-campaign_member__pk")
    found = [
        _Scanned(Touched(*row[: len(COLUMNS)]), row[-3], row[-2], row[-1] is not None)
        for row in rows.values_list(*columns)[: most + 1]
    ]
    return found[:most], len(found) > most


def _spellings(captions: Iterable[str], campaign: Campaign) -> list[Spelling]:
    """Return the most frequent spellings, each held against the most frequent one of all."""
    frequent = sorted(Counter(captions).items(), key=lambda pair: (-pair[1], pair[0]))[:SHOWN_SPELLINGS]
    return [_spelling(caption, n, frequent[0][0], campaign) for caption, n in frequent]


def _spelling(caption: str, n: int, common: str, campaign: Campaign) -> Spelling:
    return Spelling(caption, n, pieces_against(common, caption), likeness_of(caption, bytes(campaign.representatives)))


def bystanders_of(user: AbstractUser, campaign: Campaign) -> QuerySet[CampaignBystander]:
    """Return the items named beside a campaign that the person may know of, with what adding one is given on (`basis`)."""
    known = items_search(user).order_by().values("pk")
    rows = CampaignBystander.objects.filter(campaign=campaign, item__in=known)
    return rows.annotate(decision_key=F("item__current_decision__key"), n_reports=n_reports_column(user, "item_id"))


def _beside(user: AbstractUser, campaign: Campaign) -> list[CampaignBystander]:
    """Return the newest items that only look like a campaign, one more than its page shows."""
    joined = CampaignMember.objects.filter(item=OuterRef("item"))
    rows = bystanders_of(user, campaign).filter(~Exists(joined))
    return list(rows.select_related("item__creator", "item__clearance").order_by("-pk")[: SHOWN_BESIDE + 1])


def _bars(times: Sequence[datetime]) -> tuple[list[Bar], float]:
    """Return how many came over time in N_BARS parts of equal length, at least a second each, and that length."""
    first = min(times)
    seconds = max((max(times) - first).total_seconds() / N_BARS, 1.0)
    counts = Counter(min(int((at - first).total_seconds() / seconds), N_BARS - 1) for at in times)
    return [Bar(first + timedelta(seconds=i * seconds), counts[i]) for i in range(N_BARS)], seconds
