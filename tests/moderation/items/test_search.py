"""Searching items by words: where they stand, how they are spelled, how often, and by whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from moderation.items import search
from moderation.items.search import items_in_language, items_matching, languages_used
from moderation.items.visibility import items_visible
from moderation.models import DetectorResult, Item, ItemText, MediaFile
from policies.choices import ItemKind
from tests.support import scenes

ANYBODY = AnonymousUser()


@pytest.fixture(autouse=True)
def _ready(db: None) -> None:
    scenes.policy_ready()


def found(text: str, place: str = "") -> set[str]:
    items = items_matching(items_visible(ANYBODY), text, place)
    return {item.external_id for item in items}


def read_in(file: MediaFile, *lines: str, version: str = "1") -> None:
    told = [{"text": line, "words": line, "box": [0, 0, 1, 1], "ms": 0, "until_ms": 0} for line in lines]
    result(file, "ocr", {"lines": told}, version)


def said_in(file: MediaFile, *segments: str) -> None:
    told = [{"start_ms": 0, "end_ms": 900, "text": text} for text in segments]
    result(file, "speech", {"language": "en", "segments": told}, "1")


def result(file: MediaFile, detector: str, payload: dict[str, Any], version: str) -> None:
    DetectorResult.objects.create(sha256=file.sha256, detector=detector, version=version, status="ok", payload=payload)


@pytest.mark.parametrize(
    ("caption", "asked", "is_found"),
    [
        ("Pills for sale", "pills", True),
        ("Pills for sale", "PILLS sale", True),
        ("Pills for sale", "pill", True),
        ("Pills for sale", "ills", False),
        ("Pills for sale", "pills free", False),
        ("Crème brûlée à Zürich", "creme zurich", True),
        ("creme brulee", "Crème", True),
        ("don't stop", "don't", True),
        ("buy at evil-shop.example", "evil-shop", True),
        ("buy at evil shop", "evil-shop", True),
        ("a shop that is evil", "evil-shop", False),
        ("今日はいい天気です", "天気", True),
        ("今日はいい天気です", "気天", False),
        ("ขายยาถูกมาก", "ยา", True),
        ("go to it", "to", True),
        ("go tomorrow", "to", False),
        ("'; DROP TABLE x; --", "'; drop", True),
        ("anything", "' | ! & :* <->", False),
    ],
)
def test_words_are_met_as_people_write_them(caption: str, asked: str, is_found: bool) -> None:
    scenes.item_judged("one", caption=caption)
    assert found(asked) == ({"one"} if is_found else set())


def test_what_is_read_and_said_is_searched_whichever_comes_first() -> None:
    before, after = scenes.stored(b"first", mime="image/png"), scenes.stored(b"second", mime="image/png")
    read_in(before, "Call 555", "cheap pills")
    said_in(before, "meet me at the harbour")
    for name, file in (("known-file", before), ("new-file", after)):
        scenes.item_judged(name, kind=ItemKind.IMAGE, media=file, caption="a boat")
    assert found("cheap pills") == found("harbour") == {"known-file"}
    read_in(after, "cheap pills")
    said_in(after, "the harbour")
    assert found("cheap pills") == found("harbour") == {"known-file", "new-file"}
    assert found("boat pills harbour") == {"known-file", "new-file"}


def test_a_place_narrows_the_search_to_what_stands_there() -> None:
    file = scenes.stored(b"clip", mime="image/png")
    read_in(file, "pills")
    said_in(file, "harbour")
    scenes.item_judged("all", kind=ItemKind.IMAGE, media=file, caption="boat")
    where = {
        place.slug: {text for text in ("boat", "pills", "harbour") if found(text, place.slug)}
        for place in search.PLACES
    }
    assert where == {"": {"boat", "pills", "harbour"}, "caption": {"boat"}, "picture": {"pills"}, "sound": {"harbour"}}


def test_a_later_reading_takes_the_place_of_an_earlier_one() -> None:
    file = scenes.stored(b"clip", mime="image/png")
    scenes.item_judged("one", kind=ItemKind.IMAGE, media=file, caption="")
    read_in(file, "plls", version="1")
    read_in(file, "pills", version="2")
    assert (found("plls"), found("pills")) == (set(), {"one"})
    assert ItemText.objects.get().read == "pills"


@pytest.mark.parametrize("payload", [{}, {"lines": None}, {"lines": "x"}, {"lines": [7, {}, {"text": None}]}])
def test_a_result_of_another_form_stops_nothing(payload: dict[str, Any]) -> None:
    file = scenes.stored(b"clip", mime="image/png")
    scenes.item_judged("one", kind=ItemKind.IMAGE, media=file, caption="boat")
    result(file, "ocr", payload, "1")
    assert found("boat") == {"one"}


def test_ids_and_creators_are_found_whole() -> None:
    scenes.item_judged("clip-0412", creator="mira")
    assert found("clip-0412") == found("mira") == {"clip-0412"}
    assert found("mir") == set()
    assert found("mira", "caption") == set()


def test_frequent_words_find_the_same_as_rare_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(6):
        scenes.item_judged(f"clip-{n}", caption="boat" if n % 2 else "boat at the harbour")
    few = found("boat harbour")
    monkeypatch.setattr(search, "_FEW", 1)
    assert found("boat harbour") == few == {"clip-0", "clip-2", "clip-4"}


def test_the_restricted_partition_is_found_by_nobody_else() -> None:
    scenes.job_restricted("hidden-1")
    assert found(scenes.OPAQUE) == found("hidden-1") == set()
    holder = scenes.person("admin")
    assert [i.external_id for i in items_matching(items_visible(holder), scenes.OPAQUE)] == ["hidden-1"]


def test_languages_are_those_of_items_that_one_may_know_of() -> None:
    for n, (detected, claimed) in enumerate([("de", ""), ("", "pt-BR"), ("en", "fr"), ("", "")]):
        item = scenes.item_judged(f"clip-{n}", language=claimed)
        Item.objects.filter(pk=item.pk).update(language_detected=detected)
    hidden = scenes.job_restricted("hidden-1").item
    Item.objects.filter(pk=hidden.pk).update(language_detected="sw")
    assert languages_used(ANYBODY) == ["de", "en", "pt"]
    assert languages_used(scenes.person("admin")) == ["de", "en", "pt", "sw"]
    assert names(items_in_language(items_visible(ANYBODY), "pt")) == ["clip-1"]
    assert names(items_in_language(items_visible(ANYBODY), "fr")) == []


def names(items: Sequence[Item] | Any) -> list[str]:
    return [item.external_id for item in items]
