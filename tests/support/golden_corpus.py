"""The golden corpus of `decide`: named cases under the seeded versions, with what must come out and which rule says so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from policies.choices import Outcome
from tests.support.policy_builders import UNCONFIGURED

CLEAR, RESTRICT, ESCALATE, HOLD, BLOCK = Outcome
NO_DRUGS = ("AE", "ID", "MY", "SA", "SG")
NAN = float("nan")


@dataclass(frozen=True)
class Case:
    """One item and its verdict. `min_age` and `territories` are checked only where the item is served."""

    name: str
    outcome: Outcome
    decided_by: str
    min_age: int = 0
    territories: tuple[str, ...] = ()
    version: int = 1
    missing: tuple[str, ...] = UNCONFIGURED
    given: dict[str, Any] = field(default_factory=dict)


def case(name: str, outcome: Outcome, decided_by: str, min_age: int = 0, **given: Any) -> Case:
    """Return a case under version 1 of an English text from Britain, with no model configured."""
    territories = given.pop("territories", ())
    version = given.pop("version", 1)
    missing = given.pop("missing", UNCONFIGURED if version == 1 else ())
    return Case(name, outcome, decided_by, min_age, territories, version, missing, given)


def score(name: str, outcome: Outcome, decided_by: str, at: float, min_age: int = 0, **given: Any) -> Case:
    """Return a case in which the rule's own category has the score `at`."""
    return case(name, outcome, decided_by, min_age, scores={decided_by.split(".")[1]: at}, **given)


HARMLESS = [
    case("a harmless caption is cleared for everyone", CLEAR, "default.clear"),
    case("a harmless image is cleared for everyone", CLEAR, "default.clear", kind="image"),
    case("a harmless clip is for 13 and over while nobody listened", RESTRICT, "age.video", 13, kind="video"),
    case("a harmless clip is for everyone once it was heard", CLEAR, "default.clear", kind="video", version=2),
    case("an unknown language alone costs nothing", CLEAR, "default.clear", language="und"),
    case("an unknown market alone costs nothing", CLEAR, "default.clear", market=""),
    case("a market without rules of its own is cleared", CLEAR, "default.clear", market="BR"),
    case("a strained creator's harmless caption is cleared", CLEAR, "default.clear", standing="strained"),
    case("scores below every threshold clear", CLEAR, "default.clear", scores={"hate": 0.39, "profanity": 0.29}),
    case("models that are not used are not missed", CLEAR, "default.clear", missing=("speech", "vision", "ocr")),
    case("frames are not missed in a text", CLEAR, "default.clear", missing=("frames", "ocr")),
]
HARD = [
    case("a child-safety bank match blocks", BLOCK, "hard.child_safety", hard={"child_safety": 4}),
    case("a self-harm bank match blocks", BLOCK, "hard.self_harm", hard={"self_harm": 4}),
    case("a violence bank match blocks", BLOCK, "hard.violence", hard={"violence": 4}),
    case("a hate bank match blocks", BLOCK, "hard.hate", hard={"hate": 4}),
    case("a sexual bank match blocks", BLOCK, "hard.sexual", hard={"sexual": 4}),
    case("a dangerous-acts bank match escalates", ESCALATE, "hard.dangerous_acts", hard={"dangerous_acts": 2}),
    case("a drugs bank match escalates", ESCALATE, "hard.drugs", hard={"drugs": 2}),
    case("a spam bank match escalates", ESCALATE, "hard.spam_scam", hard={"spam_scam": 2}),
    case("a mandatory term can hold", HOLD, "hard.harassment", hard={"harassment": 3}),
    case("a mandatory restriction is for adults", RESTRICT, "hard.profanity", 18, hard={"profanity": 1}),
    case("hard evidence is named before an equal score", BLOCK, "hard.hate", hard={"hate": 4}, scores={"hate": 0.99}),
    case("a lower score does not soften hard evidence", BLOCK, "hard.hate", hard={"hate": 4}, scores={"hate": 0.0}),
    case("the gravest of two bank matches is named", BLOCK, "hard.child_safety", hard={"hate": 4, "child_safety": 4}),
    case("an outcome beyond the scale blocks", BLOCK, "hard.drugs", hard={"drugs": 200}),
]
INVALID = [
    *[
        case(f"a {slug} score that is no number holds", HOLD, f"invalid.{slug}", scores={slug: NAN})
        for slug in ("self_harm", "violence", "hate", "sexual", "dangerous_acts", "drugs", "harassment", "spam_scam")
    ],
    case("a child-safety score that is no number holds", HOLD, "invalid.child_safety", scores={"child_safety": NAN}),
    case("even strong language must be a number", HOLD, "invalid.profanity", scores={"profanity": NAN}),
    case("a negative score holds", HOLD, "invalid.hate", scores={"hate": -0.01}),
    case("a score of two counts as one and blocks", BLOCK, "block.hate", scores={"hate": 2.0}),
    case("an infinite score blocks", BLOCK, "block.hate", scores={"hate": float("inf")}),
    case("a score of two that nothing blocks holds", HOLD, "invalid.profanity", scores={"profanity": 2.0}),
    case("a finding in an unknown category holds", HOLD, "invalid.unknown_category", unlabelled=1),
    case("hard evidence in an unknown category blocks", BLOCK, "invalid.unknown_category", unlabelled=4),
]
MISSING = [
    case("without hash banks nothing is cleared", HOLD, "missing.hashes", missing=("hashes",)),
    case("without term lists nothing is cleared", HOLD, "missing.terms", missing=("terms",)),
    case("without the text classifier nothing is cleared", HOLD, "missing.text", missing=("text",)),
    case("without link checks a person looks", ESCALATE, "missing.links", missing=("links",)),
    case("without history a person looks", ESCALATE, "missing.history", missing=("history",)),
    case("a clip that nobody looked at is held", HOLD, "missing.frames", kind="video", missing=("frames",)),
    case("a clip whose writing nobody read is held", HOLD, "missing.ocr", kind="video", missing=("ocr",)),
    case("of two that are missing the stricter decides", HOLD, "missing.terms", missing=("links", "terms")),
    case("an unknown kind misses what any kind needs", HOLD, "missing.frames", kind=None, missing=("frames",)),
    case("with everything missing the first is named", HOLD, "missing.hashes", missing=("hashes", "terms", "links")),
    case("version 2 needs the text model", HOLD, "missing.text", version=2, missing=("text",)),
    case("version 2 needs ears", HOLD, "missing.speech", version=2, kind="video", missing=("speech",)),
    case("version 2 needs eyes", HOLD, "missing.vision", version=2, kind="image", missing=("vision",)),
    case("missing evidence does not hide a block", BLOCK, "block.hate", missing=("terms",), scores={"hate": 0.99}),
]
SCORES = [
    score("a hint of child harm goes to a person", ESCALATE, "escalate.child_safety", 0.10),
    score("likely child harm blocks", BLOCK, "block.child_safety", 0.90),
    score("talk near self-harm is for 13 and over", RESTRICT, "restrict_13.self_harm", 0.20, 13),
    score("talk about self-harm is for 16 and over", RESTRICT, "restrict_16.self_harm", 0.35, 16),
    score("detailed talk about self-harm is for adults", RESTRICT, "restrict_18.self_harm", 0.50, 18),
    score("likely self-harm goes to a person", ESCALATE, "escalate.self_harm", 0.60),
    score("certain encouragement of self-harm blocks", BLOCK, "block.self_harm", 0.95),
    score("mild violence is for 13 and over", RESTRICT, "restrict_13.violence", 0.35, 13),
    score("violence is for 16 and over", RESTRICT, "restrict_16.violence", 0.50, 16),
    score("strong violence is for adults", RESTRICT, "restrict_18.violence", 0.65, 18),
    score("a likely threat goes to a person", ESCALATE, "escalate.violence", 0.75),
    score("a certain threat blocks", BLOCK, "block.violence", 0.95),
    score("possible hate is for 16 and over", RESTRICT, "restrict_16.hate", 0.40, 16),
    score("more likely hate is for adults", RESTRICT, "restrict_18.hate", 0.50, 18),
    score("likely hate goes to a person", ESCALATE, "escalate.hate", 0.60),
    score("certain hate blocks", BLOCK, "block.hate", 0.92),
    score("slightly suggestive is for 13 and over", RESTRICT, "restrict_13.sexual", 0.30, 13),
    score("suggestive is for 16 and over", RESTRICT, "restrict_16.sexual", 0.40, 16),
    score("very suggestive is for adults", RESTRICT, "restrict_18.sexual", 0.55, 18),
    score("likely sexual goes to a person", ESCALATE, "escalate.sexual", 0.75),
    score("certainly sexual blocks", BLOCK, "block.sexual", 0.92),
    score("a wild stunt is for 13 and over", RESTRICT, "restrict_13.dangerous_acts", 0.35, 13),
    score("a risky stunt is for 16 and over", RESTRICT, "restrict_16.dangerous_acts", 0.45, 16),
    score("a dangerous stunt is for adults", RESTRICT, "restrict_18.dangerous_acts", 0.60, 18),
    score("a likely challenge goes to a person", ESCALATE, "escalate.dangerous_acts", 0.70),
    score("a certain challenge blocks", BLOCK, "block.dangerous_acts", 0.95),
    score("drugs in sight are for 16 and over", RESTRICT, "restrict_16.drugs", 0.40, 16, territories=NO_DRUGS),
    score("drug use is for adults", RESTRICT, "restrict_18.drugs", 0.50, 18, territories=NO_DRUGS),
    score("a likely sale goes to a person", ESCALATE, "escalate.drugs", 0.70),
    score("a certain sale blocks", BLOCK, "block.drugs", 0.95),
    score("unkind words are for 13 and over", RESTRICT, "restrict_13.harassment", 0.40, 13),
    score("cruel words are for 16 and over", RESTRICT, "restrict_16.harassment", 0.55, 16),
    score("likely harassment goes to a person", ESCALATE, "escalate.harassment", 0.65),
    score("certain harassment blocks", BLOCK, "block.harassment", 0.95),
    score("pushy advertising is for 16 and over", RESTRICT, "restrict_16.spam_scam", 0.55, 16),
    score("a likely scam goes to a person", ESCALATE, "escalate.spam_scam", 0.70),
    score("a certain scam blocks", BLOCK, "block.spam_scam", 0.97),
    score("a swear word is for 13 and over", RESTRICT, "restrict_13.profanity", 0.45, 13),
    score("heavy swearing is for 16 and over", RESTRICT, "restrict_16.profanity", 0.72, 16),
    score("swearing never blocks", RESTRICT, "restrict_16.profanity", 1.0, 16),
    score("a score on the threshold counts", ESCALATE, "escalate.hate", 0.60),
    score("a score just below the threshold does not", RESTRICT, "restrict_18.hate", 0.5999, 18),
    case(
        "the strictest of several categories decides",
        ESCALATE,
        "escalate.hate",
        scores={"hate": 0.65, "profanity": 0.9},
    ),
    case(
        "of equal levels the graver category is named", BLOCK, "block.violence", scores={"violence": 1, "spam_scam": 1}
    ),
    case(
        "the highest of several ages holds",
        RESTRICT,
        "restrict_18.violence",
        18,
        scores={"violence": 0.7, "profanity": 0.5},
    ),
]
CONTEXT = [
    score("Germany escalates hate earlier", ESCALATE, "escalate.hate", 0.50, market="DE", language="de"),
    score("Germany blocks hate earlier", BLOCK, "block.hate", 0.86, market="DE"),
    score("Germany restricts violence earlier", RESTRICT, "restrict_13.violence", 0.32, 13, market="DE"),
    score("elsewhere the same hate is only restricted", RESTRICT, "restrict_18.hate", 0.50, 18, market="FR"),
    score("an unknown market is as strict as Germany", ESCALATE, "escalate.hate", 0.50, market=""),
    score("an offer to everyone must be milder", RESTRICT, "restrict_13.profanity", 0.35, 13, claim="under_13"),
    case(
        "an offer to adults may swear a little", RESTRICT, "claim.adult", 18, claim="adult", scores={"profanity": 0.35}
    ),
    case("a claim of 13 narrows", RESTRICT, "claim.13", 13, claim="13_15"),
    case("a claim of 16 narrows", RESTRICT, "claim.16", 16, claim="16_17"),
    case("a claim of adults narrows", RESTRICT, "claim.adult", 18, claim="adult"),
    case("an unknown claim is as narrow as any", RESTRICT, "claim.adult", 18, claim=None),
    case("a claim does not buy out of a block", BLOCK, "block.sexual", claim="adult", scores={"sexual": 0.95}),
    case("a claim does not widen an age", RESTRICT, "restrict_18.hate", 18, claim="13_15", scores={"hate": 0.55}),
    case("a suspended creator is held", HOLD, "standing.suspended", standing="suspended"),
    case("an unknown standing is held", HOLD, "standing.suspended", standing=None),
    case("a suspended creator's block stays a block", BLOCK, "block.hate", standing="suspended", scores={"hate": 1.0}),
    case("a clip's age and its scores add up", RESTRICT, "restrict_16.hate", 16, kind="video", scores={"hate": 0.45}),
    case("an unknown kind is as old as a clip", RESTRICT, "age.video", 13, kind=None),
    score("a hint of drugs is not shown in some places", RESTRICT, "territory.drugs", 0.30, territories=NO_DRUGS),
    case(
        "territories stay when an age decides",
        RESTRICT,
        "restrict_18.hate",
        18,
        scores={"hate": 0.5, "drugs": 0.35},
        territories=NO_DRUGS,
    ),
    case(
        "version 2 lets a person look at an unknown language", ESCALATE, "language.unknown", version=2, language="und"
    ),
]
CORPUS: tuple[Case, ...] = (*HARMLESS, *HARD, *INVALID, *MISSING, *SCORES, *CONTEXT)
