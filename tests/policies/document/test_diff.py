"""What one version says otherwise than another, as sentences: a table of changes, and what must hold of any diff."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from policies.document.diff import SECTIONS, Change, diff_documents
from policies.document.place_names import REGION_NAMES, language_name, region_name
from policies.document.regions import REGIONS
from policies.document.schema import parse_document
from tests.support.policy_builders import seed_document, small_document

Document = dict[str, Any]


def base(document: Document, category: str) -> dict[str, Any]:
    """Return the first row of a category."""
    return next(row for row in document["thresholds"] if row["category"] == category)


def changed(change: Callable[[Document], object]) -> tuple[Change, ...]:
    """Return how the seeded policy differs from itself after a change."""
    before = seed_document(2)
    after = copy.deepcopy(before)
    change(after)
    return diff_documents(parse_document(before), parse_document(after))


def german_hate(document: Document) -> dict[str, Any]:
    return next(row for row in document["thresholds"] if row.get("market") == "DE" and row["category"] == "hate")


#: What is changed, the sentence that tells it, and whether it is stricter.
TABLE: list[tuple[Callable[[Document], object], str, bool | None]] = [
    (lambda d: german_hate(d).update(block=0.8), "Hate in Germany: block from 0.80 (was 0.85).", True),
    (lambda d: german_hate(d).update(block=0.925), "Hate in Germany: block from 0.925 (was 0.85).", False),
    (lambda d: base(d, "harassment").update(restrict_18=0.55), "Harassment: only 18 and over from 0.55 (was never).", True),
    (lambda d: base(d, "spam_scam").pop("block"), "Spam and scams: block never (was 0.97).", False),
    (
        lambda d: d["thresholds"].append({"category": "drugs", "language": "fr", "escalate": 0.5}),
        "Drugs and regulated goods in French: escalate from 0.50 (new).",
        None,
    ),
    (
        lambda d: d["thresholds"].append({"category": "drugs", "band": "16_17", "block": 0.9}),
        "Drugs and regulated goods, offered to 16 and over: block from 0.90 (new).",
        True,
    ),
    (lambda d: d["thresholds"].remove(german_hate(d)), "Hate in Germany: removed (was: only 16 and over from 0.30, only 18 and over from 0.40, escalate from 0.45, block from 0.85).", None),
    (lambda d: (d["detectors"]["video"]["hold"].remove("vision"), d["detectors"]["video"].setdefault("not_used", []).append("vision")), "Detector vision for video items: not used (was required, hold when it is missing).", False),
    (lambda d: d["age_rules"].append({"kind": "video", "market": "FR", "min_age": 16, "reason": "a law"}), "Video items in France: 16 and over, because a law (new).", True),
    (lambda d: d["territories"][0]["regions"].append("QA"), "Drugs and regulated goods, where not shown: from 0.30 not in the United Arab Emirates, Indonesia, Malaysia, Qatar, Saudi Arabia, Singapore, because local law on the promotion of drugs (was from 0.30 not in the United Arab Emirates, Indonesia, Malaysia, Saudi Arabia, Singapore, because local law on the promotion of drugs).", True),
    (lambda d: d["territories"][0].update(at=0.4, regions=["QA"]), "Drugs and regulated goods, where not shown: from 0.40 not in Qatar, because local law on the promotion of drugs (was from 0.30 not in the United Arab Emirates, Indonesia, Malaysia, Saudi Arabia, Singapore, because local law on the promotion of drugs).", None),
    (lambda d: d["territories"].clear(), "Drugs and regulated goods, where not shown: removed (was: from 0.30 not in the United Arab Emirates, Indonesia, Malaysia, Saudi Arabia, Singapore, because local law on the promotion of drugs).", False),
    (lambda d: d["clauses"]["hate"][1].update(name="Slurs"), "Clause hate-slur for Hate: “Slurs”, by default block (was “Slur”, by default block).", None),
    (lambda d: d["standings"].update(strained="escalate"), "Creators whose standing is strained: at least escalate (was nothing by itself).", True),
    (lambda d: d.update(unknown_language="clear"), "Items whose language is unknown: nothing by itself (was at least escalate).", False),
    (lambda d: d["banks"].update(drugs="block"), "A match in a bank for Drugs and regulated goods: at least block (was at least escalate).", True),
    (lambda d: d["banks"].pop("drugs"), "A match in a bank for Drugs and regulated goods: removed (was: at least escalate).", False),
    (lambda d: d["terms"]["starter"].append({"text": "blue banana", "category": "hate", "score": 0.7}), "Term “blue banana” for Hate, list starter: score 0.7 (new).", True),
    (lambda d: d["terms"]["starter"].append({"text": "damn fine", "category": "profanity", "language": "en", "exception": True}), "Exception “damn fine” in English for Strong language, list starter: shields what it covers (new).", False),
    (lambda d: d["terms"]["starter"].remove(next(t for t in d["terms"]["starter"] if t["text"] == "damn")), "Term “damn” in English for Strong language, list starter: removed (was: score 0.45).", False),
    (lambda d: d["terms"]["starter"][0].update(score=0.6), "Term “damn” in English for Strong language, list starter: score 0.6 (was score 0.45).", True),
    (lambda d: d["routing"][0].update(sla_minutes=10), "Child safety: to queue child-safety, severity 5, within 10 minutes (was to queue child-safety, severity 5, within 15 minutes).", None),
    (lambda d: d["routing"].insert(0, d["routing"].pop(1)), "Order in which the rules are asked: Self-harm and suicide; Child safety;", None),
    (lambda d: d["categories"]["hate"].update(guideline="Ask who is meant."), "Guideline for Hate: “Ask who is meant.” (was “Attacks on people", None),
    (lambda d: d.update(title="Another"), "Title: “Another” (was “The models count”).", None),
    (lambda d: d.update(change_note=""), "Change note: removed (was: “The speech and vision models", None),
]  # fmt: skip


@pytest.mark.parametrize(("change", "sentence", "stricter"), TABLE, ids=[row[1][:60] for row in TABLE])
def test_it_tells_a_change_in_one_sentence(
    change: Callable[[Document], object], sentence: str, stricter: bool | None
) -> None:
    [told] = changed(change)
    assert told.sentence.startswith(sentence) if len(sentence) < 80 else told.sentence == sentence
    assert told.stricter is stricter


def test_every_section_has_a_row_in_the_table() -> None:
    told = {one.section for change, _, _ in TABLE for one in changed(change)}
    assert told == set(SECTIONS)


def test_it_says_nothing_of_two_that_say_the_same() -> None:
    before = parse_document(seed_document(1))
    shuffled = seed_document(1)
    shuffled["thresholds"].reverse()
    shuffled["terms"]["starter"].reverse()
    shuffled |= {"number": 99, "key": "other"}
    assert diff_documents(before, parse_document(shuffled)) == ()


def test_it_tells_a_category_that_is_new_or_gone() -> None:
    with_one, with_two = small_document(), small_document()
    del with_one["categories"]["drugs"]
    with_one["thresholds"] = with_one["thresholds"][:1]
    one, two = parse_document(with_one), parse_document(with_two)
    new = {change.sentence for change in diff_documents(one, two)}
    gone = {change.sentence for change in diff_documents(two, one)}
    assert "Category Drugs: severity 3 (new)." in new
    assert "Category Drugs: removed (was: in force)." in gone


def test_each_direction_is_the_other_turned_round() -> None:
    one, two = parse_document(seed_document(1)), parse_document(seed_document(2))
    there = {(c.section, c.subject, c.old, c.new) for c in diff_documents(one, two)}
    back = {(c.section, c.subject, c.new, c.old) for c in diff_documents(two, one)}
    assert there == back != set()


def test_sections_come_in_their_order() -> None:
    changes = diff_documents(parse_document(seed_document(1)), parse_document(seed_document(2)))
    order = [list(SECTIONS).index(change.section) for change in changes]
    assert order == sorted(order)


def test_every_country_has_a_name() -> None:
    assert set(REGION_NAMES) == REGIONS
    assert all(name.strip() == name != "" for name in REGION_NAMES.values())
    assert (region_name("DE"), region_name("??"), language_name("pt"), language_name("zh"), language_name("qqq")) == (
        "Germany", "??", "Portuguese", "Chinese", "qqq",
    )  # fmt: skip
