"""Viewers of several regions scroll through the real feed and tell what they did."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

from console.demo.captions import BURNERS
from console.demo.catalogue import PREFIX
from console.demo.client import Client

REGIONS = {"DE": "de", "US": "en", "BR": "pt", "FR": "fr", "JP": "ja", "MX": "es", "TR": "tr", "IN": "hi"}
VIEWERS_PER_REGION = 4
N_PAGES = 2  # that each viewer scrolls through
#: What viewers make of a form as such: of a clip more than of a text.
_FORMS = {"clip": 0.45, "pic": 0.2, "text": 0.0}


def viewers_watch(client: Client, now: datetime) -> tuple[int, list[str]]:
    """Let made-up viewers of several regions scroll through the real feed and tell what they did.

    Returns the number of events that were taken, and what was refused. A repeat takes nothing: event ids are fixed.
    """
    n_taken, refused = 0, []
    for region, language in REGIONS.items():
        for n in range(VIEWERS_PER_REGION):
            query = {"age": str(15 + 5 * n), "region": region, "language": language, "limit": "40"}
            taken, why_not = _scroll(client, f"{PREFIX}viewer-{region.lower()}-{n}", query, now)
            n_taken += taken
            refused += why_not
    return n_taken, refused


def _scroll(client: Client, viewer: str, query: dict[str, str], now: datetime) -> tuple[int, list[str]]:
    n_taken, cursor = 0, ""
    for _ in range(N_PAGES):
        page = client.get("/api/v1/feed", viewer=viewer, **query, **({"cursor": cursor} if cursor else {}))
        if not page.is_ok:
            return n_taken, [f"feed of {viewer}: {page.why()}"]
        if acts := _acts(viewer, page.body["items"], now):
            answer = client.post_json("/api/v1/events", {"events": acts})
            if not answer.is_ok:
                return n_taken, [f"events of {viewer}: {answer.why()}"]
            n_taken += answer.body["accepted"]
        cursor = page.body["cursor"] or ""
        if not cursor:
            break
    return n_taken, []


def _acts(viewer: str, items: list[dict[str, str]], now: datetime) -> list[dict[str, object]]:
    rng = random.Random(viewer)  # noqa: S311 - a made-up day, not a secret
    acts: list[dict[str, object]] = []
    for n, item in enumerate(items):
        at = (now - timedelta(seconds=600 - 20 * n)).astimezone(UTC).isoformat()
        taste = _taste(item, viewer)
        kinds = ["impression", "skip" if taste < 0.3 else "watch"]
        kinds += ["finish"] * (taste > 0.5) + ["like"] * (taste > 0.7) + ["share"] * (taste > 0.93)
        for kind in kinds:
            act: dict[str, object] = {
                "event_id": f"{viewer}-{item['external_id']}-{kind}"[-64:], "type": kind, "viewer": viewer,
                "external_id": item["external_id"], "impression_id": item["impression_id"], "at": at,
            }  # fmt: skip
            acts.append(act | ({"watch_ms": rng.randint(800, 6000)} if kind in {"watch", "finish"} else {}))
    return acts


def _taste(item: dict[str, str], viewer: str) -> float:
    """Return how much a viewer likes an item, 0..1: its form and its own quality, and partly the viewer."""
    external_id = item["external_id"]
    if item["creator"] in BURNERS:
        return 0.1
    form = next((bonus for kind, bonus in _FORMS.items() if external_id.startswith(PREFIX + kind)), 0.0)
    quality = random.Random(external_id).random()  # noqa: S311 - as above
    return form + 0.35 * quality + 0.2 * random.Random(viewer + external_id).random()  # noqa: S311 - as above
