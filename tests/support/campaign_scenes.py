"""Waves of captions, and what people and machines do with them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from moderation.campaigns import service as campaigns
from moderation.campaigns.watch import campaigns_watch
from moderation.decisions.basis import campaign_basis_of
from moderation.intake.submit import item_submit
from moderation.live import campaigns as live_campaigns
from moderation.models import (
    Campaign,
    Item,
    OutboxMessage,
)
from moderation.outbox import messages
from policies.choices import Outcome
from tests.support.people import ready, text_item, text_submission

WAVE = "Everybody come to the old harbour tonight and bring your friends along, {} tell nobody else about it"


@pytest.fixture(autouse=True)
def _afresh() -> Iterator[None]:
    live_campaigns.forget()
    yield
    live_campaigns.forget()


@pytest.fixture
def small(db: None, settings: Any) -> None:
    """Let six captions of four creators be a campaign."""
    settings.CAMPAIGN_ITEMS, settings.CAMPAIGN_CREATORS = 6, 4
    ready()


def wave(n: int, *, text: str = WAVE.format("please"), start: int = 0, creators: int = 5) -> list[Item]:
    """Submit a wave, its first two at one moment: what was served before a second creator came is no part of it."""
    began = timezone.now()
    texts = [(f"w-{i}", respelled(text, i), f"creator-{i % creators}") for i in range(start, start + n)]
    first = [item_submit(actor="api:test", submission=text_submission(*one), now=began).item for one in texts[:2]]
    for item in first:
        item.refresh_from_db()
    return first + [text_item(*one) for one in texts[2:]]


def watch() -> None:
    campaigns_watch(now=timezone.now())
    live_campaigns.forget()


def decide(actor: Any, campaign: Campaign, outcome: Outcome = Outcome.BLOCK, **changes: Any) -> Campaign:
    reason = {} if outcome == Outcome.CLEAR else {"category": "spam_scam", "note": "The same call by many accounts."}
    fields = {
        "category": "", "note": "", "min_age": 0, "territories": (), "now": timezone.now(),
        "expected_decision": campaign_basis_of(campaign).token, **reason, **changes,
    }  # fmt: skip
    decided = campaigns.campaign_decide(actor=actor, campaign_key=str(campaign.key), outcome=outcome, **fields)
    live_campaigns.forget()
    return decided


def apply_promised() -> None:
    for message in OutboxMessage.objects.filter(topic=campaigns.TOPIC_APPLY, state="pending"):
        begun = messages.message_begin(key=str(message.key), now=timezone.now())
        assert begun
        campaigns.campaign_apply_promised(begun)


def states() -> dict[str, int]:
    found: dict[str, int] = {}
    for state in Item.objects.values_list("state", flat=True):
        found[state] = found.get(state, 0) + 1
    return found


def respelled(text: str, seed: int) -> str:
    """Return a text with a few of the tricks that people use against filters."""
    rng, letters = random.Random(seed), list(text)
    swaps = {"a": "\u0430", "e": "3", "o": "0", "i": "1", "s": "$"}
    for _ in range(4):
        i = rng.randrange(len(letters))
        letters[i] = rng.choice(
            (swaps.get(letters[i], letters[i]), letters[i] * 3, letters[i] + "\u200b", letters[i].upper(), "")
        )
    return "".join(letters) + f" #tag{seed}"
