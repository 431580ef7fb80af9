"""Random uploads as detectors see them, and their evidence in the store: what a simulation must agree with intake about."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User

from moderation.decisions.evidence import evidence_keep
from moderation.detection.types import WHY_MISSING, Finding, Missing, Result
from moderation.models import Creator, Decision, Item
from moderation.models.decision import DecisionStage
from moderation.verdict.judge import judge
from moderation.verdict.judgement import Context, Judgement
from policies.choices import DETECTORS, ItemKind, Outcome
from policies.decision.compile import compile_document
from policies.decision.compiled import CompiledPolicy
from policies.models import Category, PolicyVersion
from tests.support.policy_builders import seed_document

#: A category that findings name and no policy has.
STRANGE = "loud_noise"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARKETS = ("DE", "GB", "BR", "FR", "", "gb", "X1")
LANGUAGES = ("en", "de", "tr", "es", "und", "", "de-AT", "not a tag")
#: Who reads texts that the text detectors then judge.
READERS = ("ocr", "speech")


def policies() -> list[CompiledPolicy]:
    """Return versions that differ in everything a batch depends on: categories, detectors, markets, languages."""
    documents = [seed_document(1), seed_document(1), seed_document(1), seed_document(2)]
    documents[1]["thresholds"] += [
        {"category": "hate", "market": "BR", "block": 0.99},
        {"category": "hate", "language": "tr", "restrict_13": 0.1, "block": 0.5},
        {"category": "violence", "band": "13_15", "restrict_16": 0.1},
    ]
    documents[1]["unknown_language"] = "escalate"
    _forget_category(documents[2], "drugs")
    for kind in documents[2]["detectors"].values():
        _use_no_more(kind, "links", "ocr", "text")
    return [compile_document({**document, "number": i + 1}) for i, document in enumerate(documents)]


def _forget_category(document: dict[str, Any], category: str) -> None:
    del document["categories"][category]
    document["banks"].pop(category, None)
    document["clauses"] = {key: row for key, row in document["clauses"].items() if key != category}
    for section in ("thresholds", "territories", "routing"):
        document[section] = [row for row in document[section] if row.get("category") != category]
    document["terms"] = {}


def _use_no_more(uses: dict[str, list[str]], *detectors: str) -> None:
    for names in (uses["hold"], uses["escalate"]):
        names[:] = [name for name in names if name not in detectors]
    uses["not_used"] = sorted({*uses["not_used"], *detectors})


@dataclass(frozen=True)
class Case:
    """One upload: what each detector answered, and the context."""

    results: tuple[Result, ...]
    context: Context

    def under(self, policy: CompiledPolicy) -> Judgement:
        """Return what intake decides."""
        return judge(self.results, self.context, policy)


def random_case(rng: random.Random, policies: Sequence[CompiledPolicy]) -> Case:
    """Return an upload with much in it that is rare in life."""
    categories = [*policies[0].categories, STRANGE]
    cuts = [float(cut) for policy in policies for cut in policy.thresholds.reshape(-1) if cut <= 1]
    asked = [d for d in DETECTORS if rng.random() < 0.97]
    results = tuple(_result(rng, detector, categories, cuts) for detector in asked)
    context = Context(
        kind=rng.choice([*ItemKind.values, 7]) if rng.random() < 0.05 else rng.choice(ItemKind.values),
        market=rng.choice(MARKETS),
        language=rng.choice(LANGUAGES),
        claim=rng.choice([None, 0, 1, 2, 3]),
        standing=rng.choice([None, 0, 0, 0, 1, 2, 3]),
    )
    return Case(results, context)


def _result(rng: random.Random, detector: str, categories: Sequence[str], cuts: Sequence[float]) -> Result:
    if rng.random() < 0.06:
        return Result(detector, "1", missing=Missing(detector, rng.choice(WHY_MISSING)))
    found = tuple(_finding(rng, detector, categories, cuts) for _ in range(rng.choice([0, 0, 1, 2])))
    return Result(detector, "1", found, not_applicable=not found and rng.random() < 0.2)


def _finding(rng: random.Random, carrier: str, categories: Sequence[str], cuts: Sequence[float]) -> Finding:
    by = rng.choice(["terms", "text"]) if carrier in READERS else carrier
    where = {"source": carrier} if by != carrier else {}
    category = rng.choice(categories[:-1]) if rng.random() < 0.995 else categories[-1]
    score = rng.choice(cuts) if rng.random() < 0.1 else rng.random() ** rng.choice([1, 4, 20])
    hard = rng.choice(list(Outcome)[1:]) if rng.random() < 0.004 else None
    return Finding(by, "1", category, score, where, hard=hard)


def keep(cases: Sequence[Case], recorded_under: Sequence[CompiledPolicy], prefix: str = "stored-") -> list[Judgement]:
    """Store the cases as intake would have under the given versions; return what it would have decided."""
    for policy in recorded_under:
        for slug in policy.categories:
            Category.objects.get_or_create(
                slug=slug,
                defaults={
                    "name": slug, "severity": policy.severities[slug],
                    "is_child_safety": slug in policy.child_safety,
                },
            )  # fmt: skip
    items = _items(len(cases), prefix)
    judgements = [case.under(policy) for case, policy in zip(cases, recorded_under, strict=True)]
    decisions = _decisions(items, judgements)
    for item, decision, judgement, policy in zip(items, decisions, judgements, recorded_under, strict=True):
        evidence_keep(item=item, decision=decision, judgement=judgement, policy=policy, is_final=True)
    return judgements


def _items(n: int, prefix: str) -> list[Item]:
    creator, _ = Creator.objects.get_or_create(external_id="maker")
    return Item.objects.bulk_create(
        Item(
            external_id=f"{prefix}{i}", kind=ItemKind.TEXT, creator=creator, created_at=NOON + timedelta(minutes=i),
            content_hash=hashlib.sha256(f"{prefix}{i}".encode()).hexdigest(),
        )
        for i in range(n)
    )  # fmt: skip


def _decisions(items: Sequence[Item], judgements: Sequence[Judgement]) -> list[Decision]:
    author, _ = User.objects.get_or_create(username="author")
    version, _ = PolicyVersion.objects.get_or_create(number=1, defaults={"title": "First", "author": author})
    return Decision.objects.bulk_create(
        Decision(
            item=item, outcome=j.outcome, min_age=j.min_age if j.outcome == Outcome.RESTRICT else 0,
            territories_blocked=list(j.territories) if j.outcome == Outcome.RESTRICT else [], stage=DecisionStage.ACTIVATION,
            decided_by=j.decided_by, category=j.category, evidence=j.evidence, evidence_digest=j.digest,
            policy_version=version, created_at=item.created_at,
        )
        for item, j in zip(items, judgements, strict=True)
    )  # fmt: skip
