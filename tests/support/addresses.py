"""Media addresses as the feed hands them out, and what comes of asking them."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.utils import timezone

from moderation.gate import door as gate
from moderation.gate.door import Viewer
from moderation.gate.media_urls import Part, feed_url
from moderation.models import Item
from policies.choices import Band

ADULT = Viewer(Band.ADULT, "GB")


def address(item: Item, viewer: Viewer = ADULT, part: Part = Part.MEDIA) -> str:
    """Return what the feed would hand out: only what the gate clears has an address."""
    (token,) = gate.current().admit([item.pk], viewer, timezone.now()).cleared
    return feed_url(token, viewer=viewer, item_key=item.key, part=part)


def body(response: Any) -> bytes:
    """Return all that an answer brings, streamed or not, and end it."""
    content = b"".join(response) if response.streaming else response.content
    end(response)
    return bytes(content)


def end(response: Any) -> None:
    """End an answer as a reader does who goes away: what it has open is closed, and the test's connection is not."""
    for close in response._resource_closers:
        close()


def answers(client: Client, url: str) -> dict[str, int]:
    """Return the status of every kind of question about an address."""
    found = {
        "whole": client.get(url),
        "range": client.get(url, headers={"Range": "bytes=0-9"}),
        "open range": client.get(url, headers={"Range": "bytes=5-"}),
        "head": client.head(url),
        "known": client.get(url, headers={"If-None-Match": "*"}),
        "beyond": client.get(url, headers={"Range": "bytes=999999999-"}),
    }
    for response in found.values():
        end(response)
    return {name: response.status_code for name, response in found.items()}


#: While it is cleared.
ALIVE = {"whole": 200, "range": 206, "open range": 206, "head": 200, "known": 200, "beyond": 416}
DEAD = dict.fromkeys(ALIVE, 404)
