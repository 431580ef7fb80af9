"""This process's view of the campaigns that captions may join, for the upload path: one small query every few seconds.

A view that is old or missing only delays: what joins too late here is found by the watch, seconds afterwards.
"""

from dataclasses import dataclass, field

import numpy as np
from django.conf import settings
from django.utils import timezone

from moderation.detection.minhash import JOINS, Values, signature_of, similarity, values_of
from moderation.items.floor_queries import campaigns_live, floor_of
from moderation.verdict.floor import CampaignFloor
from policies.followed import Followed, Waits


@dataclass(frozen=True, slots=True)
class LiveCampaign:
    """A campaign as the upload path knows it."""

    pk: int
    floor: CampaignFloor


@dataclass(frozen=True, slots=True)
class _View:
    """All live campaigns; row i of `representatives` (n, N_VALUES) is of `owners[i]`. Replaced whole."""

    owners: tuple[LiveCampaign, ...] = ()
    representatives: Values | None = field(default=None)


def campaign_like(caption: str) -> LiveCampaign | None:
    """Return the live campaign that a caption belongs to, the likest where there are several; None for most captions.

    While there is no campaign it costs nothing but the query every CAMPAIGN_REFRESH_SECONDS; otherwise about 0.2 ms.
    """
    _followed.refresh()
    view = _followed.value
    if view is None or view.representatives is None:
        return None
    signature = signature_of(caption, min_letters=settings.CAMPAIGN_MIN_LETTERS)
    if signature is None:
        return None
    likeness = similarity(signature.values, view.representatives)
    best = int(np.argmax(likeness))
    return view.owners[best] if likeness[best] >= JOINS else None


def _read() -> _View:
    owners: list[LiveCampaign] = []
    rows: list[Values] = []
    for campaign in campaigns_live(timezone.now()):
        values = values_of(bytes(campaign.representatives))
        owners += [LiveCampaign(campaign.pk, floor_of(campaign))] * len(values)
        rows.append(values)
    return _View(tuple(owners), np.concatenate(rows)) if rows else _View()


_followed = Followed(
    "campaigns", lambda: _read(), ttl_seconds=lambda: settings.CAMPAIGN_REFRESH_SECONDS, waits=Waits.NOBODY
)
forget = _followed.forget
