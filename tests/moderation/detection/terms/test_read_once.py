"""A caption is normalised once on its way, however many ask how it reads."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pytest
from django.utils import timezone

from moderation.detection.minhash import signature_of
from moderation.detection.terms import normalise
from moderation.emergency.service import emergency_term_add
from moderation.live import campaigns as live_campaigns
from moderation.live.campaigns import LiveCampaign
from moderation.verdict.floor import CampaignFloor
from policies.choices import Outcome
from tests.support.decisions import decision_of
from tests.support.people import person, ready, text_item

WAVE = "this is the caption of some wave or other that nobody here has ever joined"
CAPTIONS = {
    "plain": "Baking bread with my grandmother on a rainy morning before the market",
    "disguised": "B4king bre4d with my gr\u0430ndm\u043ether, see www.example.org before the m-a-r-k-e-t",
}


@pytest.fixture
def everybody_asks(db: None) -> Iterator[None]:
    """Put terms of both kinds in force, and a campaign that captions may join."""
    ready()
    emergency_term_add(
        actor=person("on-call", "policy-approver"),
        text="zzcrimsonzz",
        category="violence",
        note="a test",
        now=timezone.now(),
    )
    signature = signature_of(WAVE, min_letters=10)
    assert signature is not None
    owner = LiveCampaign(0, CampaignFloor("a", True, Outcome.ESCALATE, "hate"))
    text_item("first", "Another caption, after which all that is built once is built")
    live_campaigns._followed.value = live_campaigns._View((owner,), np.stack([signature.values]))
    live_campaigns._followed._tried_at = time.monotonic() + 60
    yield
    live_campaigns.forget()


@pytest.mark.parametrize("name", CAPTIONS)
def test_a_caption_is_normalised_once_by_whoever_comes_first(everybody_asks: None, name: str) -> None:
    readings, folds = normalise._recent_readings, normalise._recent_folds
    readings.cache_clear()
    folds.cache_clear()
    item = text_item("t-1", CAPTIONS[name])
    assert decision_of(item).evidence["missing"].keys() <= {"frames", "ocr", "speech", "vision"}
    asked, folded = readings.cache_info(), folds.cache_info()
    assert asked.misses == 1
    assert asked.hits >= 3  # the version's terms, the emergency terms, the classifier, the look for campaigns
    assert folded.misses <= 1


def test_a_caption_with_tags_is_read_once_more_without_them(everybody_asks: None) -> None:
    normalise._recent_readings.cache_clear()
    text_item("t-1", CAPTIONS["plain"] + " #bread")
    assert normalise._recent_readings.cache_info().misses == 2
