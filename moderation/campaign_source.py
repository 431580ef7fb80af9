"""This process's view of the campaigns that captions may join, for the upload path: one small query every few seconds.

A view that is old or missing only delays: what joins too late here is found by the watch, seconds afterwards.
"""

import threading
import time
from dataclasses import dataclass, field

import numpy as np
import structlog
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from moderation.campaign_floor import CampaignFloor
from moderation.campaign_selectors import campaigns_live, floor_of
from moderation.campaigns import JOINS, Values, signature_of, similarity, values_of

log = structlog.get_logger(__name__)


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


_view = _View()
_read_at = float("-inf")
_lock = threading.Lock()


def campaign_like(caption: str) -> LiveCampaign | None:
    """Return the live campaign that a caption belongs to, the likest where there are several; None for most captions.

    While there is no campaign it costs nothing but the query every CAMPAIGN_REFRESH_SECONDS; otherwise about 0.2 ms.
    """
    view = _fresh()
    if view.representatives is None:
        return None
    signature = signature_of(caption, min_letters=settings.CAMPAIGN_MIN_LETTERS)
    if signature is None:
        return None
    likeness = similarity(signature.values, view.representatives)
    best = int(np.argmax(likeness))
    return view.owners[best] if likeness[best] >= JOINS else None


def forget() -> None:
    """Look afresh at the next caption; for tests."""
    global _view, _read_at
    _view, _read_at = _View(), float("-inf")


def _fresh() -> _View:
    """Return the view, read again where it is old; one thread reads, the others go on with what there is."""
    global _view, _read_at
    if time.monotonic() - _read_at < settings.CAMPAIGN_REFRESH_SECONDS or not _lock.acquire(blocking=False):
        return _view
    try:
        _view = _read()
    except DatabaseError as error:
        log.warning("campaigns_not_read", error=type(error).__name__)
    finally:
        _read_at = time.monotonic()
        _lock.release()
    return _view


def _read() -> _View:
    owners: list[LiveCampaign] = []
    rows: list[Values] = []
    for campaign in campaigns_live(timezone.now()):
        values = values_of(bytes(campaign.representatives))
        owners += [LiveCampaign(campaign.pk, floor_of(campaign))] * len(values)
        rows.append(values)
    return _View(tuple(owners), np.concatenate(rows)) if rows else _View()
