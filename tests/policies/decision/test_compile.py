"""Compiling: inconsistent documents are refused by field, and the tables mean what the rows say."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest

from policies.choices import DETECTORS, Outcome
from policies.decision.compile import compile_document
from policies.decision.decide import decide
from policies.errors import PolicyError
from tests.support.policy_builders import evidence, seed_document, seed_policy, small_document

BASE = small_document()["thresholds"]
USES = small_document()["detectors"]["text"]


def detectors(**changes: Any) -> dict[str, Any]:
    used: dict[str, Any] = small_document()["detectors"]
    return used | {"video": USES | changes}


def terms(**term: Any) -> dict[str, Any]:
    return {"wave": [{"text": "some words", "category": "hate", "score": 0.5} | term]}


CHILD = {"child_safety": {"name": "Child safety", "severity": 5, "is_child_safety": True}}
CHILD_BASE = [*BASE, {"category": "child_safety", "block": 0.5}]
ROUTE = {"queue": "general", "severity": 3, "sla_minutes": 60}

REFUSED: list[tuple[str, str, dict[str, Any]]] = [
    ("a clear above a block", "thresholds[0].escalate", {"thresholds": [{"category": "hate", "escalate": 0.9, "block": 0.5}]}),
    ("a level above a later one", "thresholds[0].restrict_13", {"thresholds": [{**BASE[0], "restrict_13": 0.6}]}),
    ("a score above one", "thresholds[0].block", {"thresholds": [{"category": "hate", "block": 1.5}]}),
    ("a score that is no number", "thresholds[0].block", {"thresholds": [{"category": "hate", "block": "high"}]}),
    ("a score that is NaN", "thresholds[0].block", {"thresholds": [{"category": "hate", "block": float("nan")}]}),
    ("a score that is a boolean", "thresholds[0].block", {"thresholds": [{"category": "hate", "block": True}]}),
    ("a misspelt level", "thresholds[0].blok", {"thresholds": [{"category": "hate", "blok": 0.5}]}),
    ("a doubled threshold row", "thresholds", {"thresholds": [*BASE, BASE[0]]}),
    ("a category without a base row", "thresholds", {"thresholds": BASE[:1]}),
    ("an override without a base row", "thresholds", {"thresholds": [BASE[0], {**BASE[1], "market": "DE"}]}),
    ("an unknown category in a threshold", "thresholds", {"thresholds": [*BASE, {"category": "vice", "block": 0.5}]}),
    ("a market in small letters", "thresholds[0].market", {"thresholds": [{**BASE[0], "market": "de"}]}),
    ("a language in capitals", "thresholds[0].language", {"thresholds": [{**BASE[0], "language": "DE"}]}),
    ("an unknown band", "thresholds[0].band", {"thresholds": [{**BASE[0], "band": "toddlers"}]}),
    ("thresholds that are no list", "thresholds", {"thresholds": {"hate": 0.5}}),
    ("an unknown detector", "detectors.video.hold", {"detectors": detectors(hold=["hashes", "nose"])}),
    ("a detector nobody mentions", "detectors.video", {"detectors": detectors(escalate=[])}),
    ("a detector used twice", "detectors.video", {"detectors": detectors(hold=["hashes", "links"])}),
    ("an unknown use", "detectors.video.maybe", {"detectors": detectors(maybe=[])}),
    ("a kind left out", "detectors.text", {"detectors": {"video": USES, "image": USES}}),
    ("an unknown kind", "detectors.sound", {"detectors": small_document()["detectors"] | {"sound": USES}}),
    ("a child-safety bank that does not exist", "banks.child_safety", {"categories": small_document()["categories"] | CHILD, "thresholds": CHILD_BASE}),
    ("a child-safety bank that holds", "banks.child_safety", {"categories": small_document()["categories"] | CHILD, "thresholds": CHILD_BASE, "banks": {"child_safety": "hold"}}),
    ("a bank that clears", "banks.hate", {"banks": {"hate": "clear"}}),
    ("a bank of an unknown category", "banks", {"banks": {"vice": "hold"}}),
    ("a standing that restricts", "standings.new", {"standings": {"new": "restrict"}}),
    ("an unknown standing", "standings", {"standings": {"famous": "hold"}}),
    ("an age that starts no band", "age_rules[0].min_age", {"age_rules": [{"min_age": 15, "reason": "x"}]}),
    ("an age without a reason", "age_rules[0].reason", {"age_rules": [{"min_age": 16, "reason": " "}]}),
    ("a doubled age rule", "age_rules", {"age_rules": [{"min_age": 16, "reason": "x"}, {"min_age": 18, "reason": "y"}]}),
    ("a territory rule for nowhere", "territories[0].regions", {"territories": [{"category": "hate", "at": 0.5, "regions": []}]}),
    ("a region with three letters", "territories[0].regions", {"territories": [{"category": "hate", "at": 0.5, "regions": ["USA"]}]}),
    ("a term of one letter", "terms.wave[0].text", {"terms": terms(text="a")}),
    ("a term of punctuation", "terms.wave[0].text", {"terms": terms(text="...")}),
    ("a short term inside words", "terms.wave[0].text", {"terms": terms(text="as", whole_word=False)}),
    ("an empty term", "terms.wave[0].text", {"terms": terms(text="  ")}),
    ("a term with no consequence", "terms.wave[0]", {"terms": terms(score=None)}),
    ("a term with two consequences", "terms.wave[0]", {"terms": terms(outcome="block")}),
    ("a term of score 0", "terms.wave[0].score", {"terms": terms(score=0)}),
    ("an exception with a score", "terms.wave[0]", {"terms": terms(exception=True)}),
    ("a term of an unknown category", "terms", {"terms": terms(category="vice")}),
    ("a term that must clear", "terms.wave[0].outcome", {"terms": terms(score=None, outcome="clear")}),
    ("a doubled term", "terms", {"terms": {"wave": terms()["wave"] * 2}}),
    ("no last route", "routing", {"routing": [ROUTE | {"category": "hate"}]}),
    ("a last route for one kind", "routing", {"routing": [ROUTE | {"kind": "video"}]}),
    ("no route at all", "routing", {"routing": []}),
    ("an SLA of nothing", "routing[0].sla_minutes", {"routing": [ROUTE | {"sla_minutes": 0}]}),
    ("a severity of six", "routing[0].severity", {"routing": [ROUTE | {"severity": 6}]}),
    ("no category", "categories", {"categories": {}, "thresholds": []}),
    ("a category in capitals", "categories", {"categories": {"Hate": {"name": "Hate", "severity": 4}}}),
    ("a flag that is a word", "categories.hate.is_mild", {"categories": {"hate": {"name": "Hate", "severity": 4, "is_mild": "no"}}}),
    ("an unknown language that blocks", "unknown_language", {"unknown_language": "block"}),
    ("a title of nothing", "title", {"title": ""}),
    ("an unknown section", "extras", {"extras": {}}),
    ("a number of zero", "number", {"number": 0}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "changes"), [pytest.param(f, c, id=name) for name, f, c in REFUSED])
def test_it_refuses_an_inconsistent_document_and_names_the_field(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(PolicyError) as refused:
        compile_document(small_document(**changes))
    assert refused.value.field == field


@pytest.mark.parametrize("section", ["number", "title", "categories", "detectors", "thresholds", "routing"])
def test_it_refuses_a_document_that_lacks_a_section(section: str) -> None:
    document = small_document()
    del document[section]
    with pytest.raises(PolicyError) as refused:
        compile_document(document)
    assert (refused.value.field, refused.value.message) == (section, "is missing")


def test_it_freezes_every_array() -> None:
    policy = seed_policy(1)
    arrays = [getattr(policy, name) for name in policy.__slots__ if isinstance(getattr(policy, name), np.ndarray)]
    assert len(arrays) > 15
    assert not any(array.flags.writeable for array in arrays)


def test_it_shares_threshold_profiles_between_contexts() -> None:
    document = small_document()
    document["thresholds"] += [{"category": "hate", "market": m, "block": 0.8} for m in ("AT", "BR", "CH", "DE", "FR")]
    policy = compile_document(document)
    # The base, the override, and the strictest of both for an unknown market.
    assert len(policy.thresholds) == 3
    assert policy.profile_of.size == 7 * 2 * 5


def test_it_counts_unlisted_markets_as_known() -> None:
    policy = seed_policy(1)
    assert policy.markets == ("DE",)
    assert [policy.market_index(m) for m in ("DE", "de", "BR", "", None, "XXX", "1A", "é!")] == [
        0,
        0,
        1,
        -1,
        -1,
        -1,
        -1,
        -1,
    ]


def test_it_reads_languages_by_their_primary_subtag() -> None:
    document = small_document()
    document["thresholds"].append({"category": "hate", "language": "de", "block": 0.8})
    policy = compile_document(document)
    given = ("de", "de-AT", "DE", "fr", "und", "", None, "x")
    assert [policy.language_index(language) for language in given] == [0, 0, 0, 1, -1, -1, -1, -1]


def test_it_gives_an_override_the_whole_row() -> None:
    document = small_document()
    document["thresholds"].append({"category": "hate", "market": "BR", "block": 0.99})
    policy = compile_document(document)
    looser = decide(evidence(policy, scores={"hate": 0.95}, market="BR"), policy)
    assert policy.rules[looser.rule[0]] == "default.clear"
    assert policy.rules[decide(evidence(policy, scores={"hate": 0.95}), policy).rule[0]] == "block.hate"
    # Nobody knows that it is Brazil: the base counts too.
    unknown = decide(evidence(policy, scores={"hate": 0.95}, market=""), policy)
    assert policy.rules[unknown.rule[0]] == "block.hate"


def test_it_takes_the_strictest_of_several_overrides() -> None:
    document = small_document()
    document["thresholds"] += [
        {"category": "hate", "market": "DE", "escalate": 0.6, "block": 0.8},
        {"category": "hate", "language": "tr", "escalate": 0.4, "block": 0.9},
    ]
    policy = compile_document(document)
    both: dict[str, Any] = {"market": "DE", "language": "tr"}
    for score, rule in ((0.4, "escalate.hate"), (0.8, "block.hate")):
        verdict = decide(evidence(policy, scores={"hate": score}, **both), policy)
        assert policy.rules[verdict.rule[0]] == rule


def test_it_does_not_let_a_band_loosen_the_base() -> None:
    document = small_document()
    document["thresholds"].append({"category": "hate", "band": "adult", "block": 1.0})
    policy = compile_document(document)
    verdict = decide(evidence(policy, scores={"hate": 0.92}, claim="adult"), policy)
    assert policy.rules[verdict.rule[0]] == "block.hate"


def test_it_requires_for_an_unknown_kind_what_any_kind_requires() -> None:
    policy = seed_policy(1)
    assert policy.counts("frames", 0)
    assert not policy.counts("frames", 2)
    assert policy.counts("frames", -1)
    assert policy.counts("frames", 99)
    assert not policy.counts("speech", -1)


def test_it_routes_by_the_first_rule_that_matches() -> None:
    policy = seed_policy(1)
    assert policy.route_of("hate", "de", 0).queue == "hate-german"
    assert policy.route_of("hate", "fr", 0).queue == "hate"
    assert policy.route_of("profanity", "fr", 0).queue == "general-video"
    assert policy.route_of("", "", 2).queue == "general"


def test_it_digests_what_decides_and_nothing_else() -> None:
    document = seed_document(1)
    same = copy.deepcopy(document) | {"number": 9, "title": "Other", "change_note": "Other", "key": "k"}
    same["categories"]["hate"]["guideline"] = "Corrected."
    same["thresholds"].reverse()
    assert compile_document(same).digest == seed_policy(1).digest
    other = copy.deepcopy(document)
    other["thresholds"][0]["block"] = 0.91
    assert compile_document(other).digest != seed_policy(1).digest
    swapped = copy.deepcopy(document)
    swapped["routing"][0], swapped["routing"][1] = swapped["routing"][1], swapped["routing"][0]
    assert compile_document(swapped).digest != seed_policy(1).digest


def test_it_names_the_kinds_whose_speech_version_two_waits_for() -> None:
    policy = seed_policy(2)
    assert [policy.counts("speech", kind) for kind in range(3)] == [True, False, False]
    assert [policy.counts("text", kind) for kind in range(3)] == [True, True, True]


def test_it_decodes_territories() -> None:
    policy = seed_policy(1)
    assert policy.territories_of(0) == ()
    assert policy.territories_of(1) == ("AE", "ID", "MY", "SA", "SG")


def test_it_handles_more_categories_than_a_byte_of_score_keys() -> None:
    categories = {f"kind_{i}": {"name": f"Kind {i}", "severity": 3} for i in range(60)}
    policy = compile_document(
        small_document(categories=categories, thresholds=[{"category": slug, "block": 0.5} for slug in categories])
    )
    for slug in ("kind_0", "kind_31", "kind_59"):
        verdict = decide(evidence(policy, scores={slug: 0.5}), policy)
        assert policy.categories[verdict.category[0]] == slug
        assert verdict.outcome[0] == Outcome.BLOCK
    assert policy.detectors == DETECTORS
