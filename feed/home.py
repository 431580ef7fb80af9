"""The home feed: a list of components, and the call that makes a slate of it."""

import uuid
from datetime import datetime

from django.utils import timezone

from feed import params
from feed.cursors import cursor_read
from feed.effects import CountSlate, KeepTrace
from feed.filters import EligibleFilter, SeenFilter
from feed.hydrators import DisplayCache, FeatureHydrator, WorldHydrator
from feed.pipeline import Home, run
from feed.scorers import Affinity, Prerank
from feed.selection import DiverseSelector
from feed.sources import Fresh, PopularInRegion
from feed.types import Network, Query, Slate
from feed.viewers import band_of_claim, viewer_hash
from moderation.gate.door import Viewer
from policies.document.regions import REGIONS

HOME = Home(
    query=WorldHydrator(),
    sources=(Fresh(), PopularInRegion()),
    hydrators=(FeatureHydrator(),),
    filters=(EligibleFilter(), SeenFilter()),
    prerank=Prerank(),
    rank=Affinity(),
    selector=DiverseSelector(),
    display=DisplayCache(),
    effects=(CountSlate(), KeepTrace()),
)


def query_make(
    *,
    viewer: str = "",
    age: str | None = None,
    region: str = "",
    language: str = "",
    network: str = Network.WIFI,
    limit: int = params.LIMIT_DEFAULT,
    cursor: str = "",
    now: datetime | None = None,
    watch_item: int | None = None,
) -> Query:
    """Return the request of a viewer. `age` in years as the client wrote it: anything but 0 to 120 is the youngest band.

    Raises:
        CursorError: the cursor is forged, damaged or too old.
    """
    return Query(
        viewer_hash=viewer_hash(viewer),
        viewer=Viewer(band_of_claim(age), region.upper() if region.upper() in REGIONS else ""),
        language=language,
        network=Network(network),
        limit=limit,
        seen=cursor_read(cursor) if cursor else (),
        now=now or timezone.now(),
        trace_id=uuid.uuid4().hex,
        watch_item=watch_item,
    )


def slate(
    *,
    viewer: str = "",
    age: str | None = None,
    region: str = "",
    language: str = "",
    network: str = Network.WIFI,
    limit: int = params.LIMIT_DEFAULT,
    cursor: str = "",
) -> Slate:
    """Return a slate of the home feed; see `query_make` for the arguments and what it raises."""
    return run(
        query_make(
            viewer=viewer, age=age, region=region, language=language, network=network, limit=limit, cursor=cursor
        ),
        HOME,
    )
