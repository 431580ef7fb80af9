"""Items with one score, for pages that simulate."""

from __future__ import annotations

from moderation.models import Item
from tests.support import scenes


def item(external_id: str, score: float, *, category: str = "harassment", **kwargs: object) -> Item:
    finding = scenes.hit("nobody likes you", CAPTION, score=score, category=category)
    return scenes.item_judged(external_id, caption=CAPTION, findings=[finding], **kwargs)  # type: ignore[arg-type]


CAPTION = "nobody likes you, zzq, go away"
