"""The demo's feed as a phone would play it. It asks the same feed function and the same gate as the public API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import Http404, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET

from console.access import EXPLORE, may, requires
from console.http import HtmxRequest, render_page
from feed import home, params
from feed.viewers import band_of_claim
from moderation.gate import door as gate
from moderation.gate.media_urls import Part
from moderation.items import queries
from policies.choices import ItemKind

#: Region -> the language its viewer reads, in the order of the menu.
REGIONS: dict[str, tuple[str, str]] = {
    "DE": ("Germany", "de"), "US": ("United States", "en"), "BR": ("Brazil", "pt"), "FR": ("France", "fr"), "IN": ("India", "hi"),
    "JP": ("Japan", "ja"), "MX": ("Mexico", "es"), "SG": ("Singapore", "en"), "TR": ("Türkiye", "tr"),
}  # fmt: skip
#: What one may choose as age; empty is a viewer who told none.
AGES: tuple[tuple[str, str], ...] = (("", "not told"), ("11", "11"), ("14", "14"), ("17", "17"), ("25", "25"))
DEFAULT_REGION, DEFAULT_AGE = "US", "25"
N_GROUNDS = 8  # backgrounds of text cards in demo_feed.css
N_ITEMS = 30
WHY_SHOWN = {"fresh": "New", "popular_in_region": "Popular here"}
#: How each rung is called on the page.
RUNG_WORDS = {
    "full": "the whole feed",
    "preranked": "a quick first look",
    "shelf": "the prepared list",
    "empty": "nothing",
}
RUNGS = {
    "full": "All of the feed is at work.",
    "preranked": "The ranker was left out: it failed, or there was no time for it.",
    "shelf": "No index or no source answered; this is the prepared list of this audience, checked again.",
    "empty": "Nothing can be shown: the gate's view is too old, or nothing is cleared for this viewer.",
}


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is pretended to look."""

    region: str
    age: str
    language: str

    @classmethod
    def of(cls, request: HtmxRequest) -> "Audience":
        """Read the form; whatever it does not offer is its default."""
        region = request.GET.get("region", DEFAULT_REGION)
        region = region if region in REGIONS else DEFAULT_REGION
        age = request.GET.get("age", DEFAULT_AGE)
        return cls(region, age if age in dict(AGES) else DEFAULT_AGE, REGIONS[region][1])


@require_GET
@requires()
def demo_feed(request: HtmxRequest) -> HttpResponse:
    """Show a slate of the real feed for the chosen audience."""
    _demo_only()
    audience = Audience.of(request)
    slate = home.slate(
        viewer=f"console-{request.user.pk}", age=audience.age or None, region=audience.region, language=audience.language,
        limit=min(N_ITEMS, params.LIMIT_MAX),
    )  # fmt: skip
    context = {
        "audience": audience, "regions": REGIONS, "ages": AGES, "band_words": band_of_claim(audience.age or None).label,
        "cards": _cards(request.user, slate.entries), "rung": slate.rung.value, "rung_means": RUNGS[slate.rung.value],
        "rung_words": RUNG_WORDS[slate.rung.value],
        "trace_id": slate.trace.trace_id,
    }  # fmt: skip
    response = render_page(request, "demo/feed.html", context)
    add_never_cache_headers(response)
    return response


def _cards(user: User, entries: Sequence[Any]) -> list[dict[str, Any]]:
    """Return the cards, with the key of the item's page for those who may open it."""
    cards = [_card(entry) for entry in entries]
    if may(user, EXPLORE):
        shown = queries.items_search(user).filter(external_id__in=[card["external_id"] for card in cards])
        keys = dict(shown.order_by().values_list("external_id", "key"))
        cards = [card | {"item_key": keys.get(card["external_id"])} for card in cards]
    return cards


def _card(entry: Any) -> dict[str, Any]:
    shown = entry.display
    return {
        **shown,
        "kind": ItemKind(shown["kind"]).name.lower(),
        "media_url": entry.url(Part.MEDIA),
        "cover_url": entry.url(Part.COVER),
        "min_age": entry.token.min_age,
        "policy_version": entry.token.policy_version,
        "why": WHY_SHOWN.get(entry.reason, entry.reason),
        "ground": sum(shown["external_id"].encode()) % N_GROUNDS,
    }


@require_GET
@requires()
def demo_feed_standing(request: HtmxRequest) -> HttpResponse:
    """Say which of the items on the page this audience may no longer be shown, as the gate sees it now."""
    _demo_only()
    audience = Audience.of(request)
    wanted = [i for i in request.GET.getlist("id")[: params.LIMIT_MAX] if "\0" not in i]
    known = queries.item_ids_of(wanted)
    viewer = gate.Viewer(band_of_claim(audience.age or None), audience.region)
    answer = gate.current().admit(known.values(), viewer, timezone.now())
    stands = {token.external_id for token in answer.cleared}
    why = dict(answer.denied)
    gone = [{"id": i, "why": why.get(known.get(i, -1), "unknown")} for i in wanted if i not in stands]
    response = JsonResponse({"gone": gone, "is_stale": answer.is_stale})
    add_never_cache_headers(response)
    return response


def _demo_only() -> None:
    if not settings.DEMO_ENABLED:
        raise Http404
