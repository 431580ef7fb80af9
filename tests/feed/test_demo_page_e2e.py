"""The demo's feed page in a real browser: every word can be read on every picture, light and dark, wide and narrow."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.cache import cache
from PIL import Image

from console.demo.views import N_GROUNDS
from console.identity.roles import roles_sync
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.browser import page as page  # the fixture
from tests.support.browser import pytestmark as pytestmark  # when to skip
from tests.support.clearances import cleared

#: WCAG 1.4.3 for text below 24 px.
ENOUGH = 4.5
#: Whatever shows words on a card, with the colour that they are written in, and where.
_WORDS = """
    card => [...card.querySelectorAll('.words, .chip, .byline strong, .byline p, .proof, .byline a')].map(element => {
        const range = document.createRange();
        range.selectNodeContents(element);
        const { x, y, width, height } = range.getBoundingClientRect();
        const colour = getComputedStyle(element).color;
        element.style.color = 'transparent';
        element.style.textShadow = 'none';
        element.style.textDecorationColor = 'transparent';
        return { box: [x, y, x + width, y + height], colour, words: element.textContent.trim() };
    })
"""
#: Nothing moves any more once a card is shown: what is measured and what is photographed lie at one place.
_SHOW = """
    card => {
        card.parentElement.style.scrollSnapType = 'none';
        card.scrollIntoView({ block: 'start', behavior: 'instant' });
        card.closest('.phone').scrollIntoView({ block: 'nearest', behavior: 'instant' });
    }
"""


def _light(rgb: Sequence[float]) -> float:
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(colour: str, ground: Sequence[int]) -> float:
    red, green, blue, *rest = (float(part) for part in colour[colour.index("(") + 1 : -1].replace("/", ",").split(","))
    alpha = rest[0] if rest else 1.0
    ink = [alpha * v + (1 - alpha) * g for v, g in zip((red, green, blue), ground, strict=True)]
    dark, bright = sorted((_light(ink), _light(ground)))
    return (bright + 0.05) / (dark + 0.05)


def _picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (360, 640), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def feed(page: Any, follow: Callable[[], None]) -> Any:
    """Return a page on which a white, a grey and a black picture are shown, and a text on each ground."""
    cache.clear()
    roles_sync()
    scenes.person("reviewer")
    for n, colour in enumerate(("white", "grey", "black")):
        media = scenes.stored(_picture(colour), mime="image/png", width=360, height=640)
        cleared(f"{colour}-picture", creator=f"painter-{n}", kind=ItemKind.IMAGE, media=media)
    for n in range(N_GROUNDS):
        cleared(f"words-{n}", creator=f"writer-{n}")
    follow()
    page.goto("/demo/feed")
    page.fill("#id_login", "reviewer-1")
    page.fill("#id_password", scenes.PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_selector(".card")
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_every_word_on_every_card_can_be_read(feed: Any, scheme: str, width: int) -> None:
    feed.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    feed.set_viewport_size({"width": width, "height": 850})
    cards = feed.query_selector_all(".card")
    assert len(cards) == 3 + N_GROUNDS
    grounds = {name for card in cards for name in (card.get_attribute("class") or "").split() if "ground" in name}
    assert len(grounds) == N_GROUNDS
    poor = []
    for card in cards:
        card.evaluate(_SHOW)
        card.wait_for_element_state("stable")
        written = card.evaluate(_WORDS)
        assert len(written) >= 4
        with Image.open(io.BytesIO(feed.screenshot())) as shot:
            seen = shot.convert("RGB")
        for words in written:
            part = seen.crop(tuple(round(v) for v in words["box"]))
            found = {
                ground for _, ground in part.getcolors(part.width * part.height) or [] if isinstance(ground, tuple)
            }
            assert found, words
            least = min(_contrast(words["colour"], ground) for ground in found)
            if least < ENOUGH:
                poor.append((card.get_attribute("data-id"), words["words"], round(least, 2)))
    assert poor == []
