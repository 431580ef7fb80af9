"""Reads for rolling a version out: how a shadow agrees, how a canary does, how far an activation is, emergency terms."""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, F, IntegerField, Max, Q, QuerySet, Sum, Value, When

from moderation.items.visibility import NOBODY, Person, verdicts_visible
from moderation.models import Activation, CanaryTally, EmergencyTerm, RollbackNotice, ShadowVerdict
from moderation.rollout.rules import Counts, Limits, RateCheck, rate_checks
from policies.choices import Outcome
from policies.models import Approval, PolicyVersion, VersionState


@dataclass(frozen=True, slots=True)
class Agreement:
    """How a version in shadow agrees with what was decided, by items.

    matrix: counts[was][would], both in Outcome order
    categories: of each deciding category (that of the stricter verdict, "" for none): slug, items, agreeing items
    n_other_age: items with the same outcome and another least age, counted as agreeing in the matrix
    """

    matrix: tuple[tuple[int, ...], ...]
    categories: tuple[tuple[str, int, int], ...] = ()
    n_other_age: int = 0

    @property
    def n(self) -> int:
        """How many items."""
        return sum(map(sum, self.matrix))

    @property
    def n_agree(self) -> int:
        """Items on which both say the same."""
        return sum(self.matrix[outcome][outcome] for outcome in Outcome)


def shadow_agreement(
    version: PolicyVersion, *, now: datetime, days: int = 7, category: str = "", reader: Person = NOBODY
) -> Agreement:
    """Return how a shadow agreed with the decisions of the last days, on the items that a person may know of.

    The newest verdict on each item stands for it, so that an item that was looked at twice counts once.

    Args:
        category: keeps items that it decides.
    """
    found = verdicts_visible(reader).filter(version=version, created_at__gte=now - timedelta(days=days))
    newest = found.order_by("item_id", "-pk").distinct("item_id").values("pk")
    is_shadows = When(outcome__gte=F("decision__outcome"), then=F("category"))
    deciding = ShadowVerdict.objects.filter(pk__in=newest).annotate(
        deciding=Case(is_shadows, default=F("decision__category"))
    )
    cells = (deciding.filter(deciding=category) if category else deciding).values_list(
        "deciding", "decision__outcome", "outcome"
    )
    other_age = Count("pk", filter=~Q(min_age=F("decision__min_age")))
    rows = cells.annotate(n=Count("pk"), n_age=other_age).order_by("deciding", "decision__outcome", "outcome")
    matrix = [[0] * len(Outcome) for _ in Outcome]
    by_category: dict[str, list[int]] = {}
    n_other_age = 0
    for slug, was, would, n, n_age in rows:
        matrix[was][would] += n
        n_other_age += n_age if was == would else 0
        counts = by_category.setdefault(slug, [0, 0])
        counts[0] += n
        counts[1] += n if was == would else 0
    categories = tuple((slug, n, n_agree) for slug, (n, n_agree) in sorted(by_category.items()))
    return Agreement(tuple(map(tuple, matrix)), categories, n_other_age)


def shadow_disagreements(
    version: PolicyVersion,
    *,
    now: datetime,
    days: int = 7,
    was: int | None = None,
    would: int | None = None,
    category: str = "",
    limit: int = 50,
    reader: Person = NOBODY,
) -> list[ShadowVerdict]:
    """Return the newest verdicts that differ from the decision they stand beside and that a person may read, with item and
    decision loaded.

    Args:
        was, would: Outcome of the decision and of the shadow, to look at one cell of the table.
        category: of the shadow's verdict.
    """
    found = verdicts_visible(reader).filter(version=version, created_at__gte=now - timedelta(days=days))
    found = found.exclude(outcome=F("decision__outcome"), min_age=F("decision__min_age"))
    if was is not None:
        found = found.filter(decision__outcome=was)
    if would is not None:
        found = found.filter(outcome=would)
    if category:
        found = found.filter(category=category)
    return list(found.select_related("item", "decision").order_by("-created_at", "-pk")[:limit])


@dataclass(frozen=True, slots=True)
class CanaryReport:
    """How a canary does beside its control since it began, and what of that is an alarm."""

    version: PolicyVersion
    percent: int
    since: datetime
    control: Counts
    canary: Counts
    checks: tuple[RateCheck, ...]
    series: tuple[CanaryTally, ...] = field(default=())


def canary_limits() -> Limits:
    """Return what the settings say a canary may differ by."""
    margins = {name: permille / 1_000 for name, permille in settings.CANARY_MARGIN_PERMILLE.items()}
    return Limits(settings.CANARY_ALPHA_PERMILLE / 1_000, settings.CANARY_MIN_ITEMS, margins)


def canary_since(version: PolicyVersion) -> datetime:
    """Return when a version was put in canary the last time; its counts begin there."""
    put = Approval.objects.filter(version=version, verb=Approval.Verb.CANARY).aggregate(at=Max("at"))["at"]
    return put or version.created_at


def canary_report(version: PolicyVersion) -> CanaryReport | None:
    """Return how a canary does, by the counts that its guard made; None for a version that never was one."""
    since = canary_since(version)
    if since == version.created_at:
        return None
    tallies = CanaryTally.objects.filter(version=version, since_at__gte=since)
    sums = {name: Sum(name) for name in (f.name for f in fields(Counts))}
    rows: list[dict[str, Any]] = [dict(row) for row in tallies.values("is_canary").annotate(**sums).order_by()]
    arms = {row["is_canary"]: Counts(**{name: row[name] for name in sums}) for row in rows}
    control, canary = arms.get(False, Counts()), arms.get(True, Counts())
    checks = rate_checks(control, canary, canary_limits())
    return CanaryReport(version, version.canary_percent, since, control, canary, checks)


def rollback_notices() -> list[RollbackNotice]:
    """Return the canaries that were taken back and that nobody has acknowledged yet, the newest first. One query."""
    return list(RollbackNotice.objects.filter(acknowledged_at=None).select_related("version").order_by("-pk")[:5])


def canary_current() -> PolicyVersion | None:
    """Return the version in canary."""
    return PolicyVersion.objects.filter(state=VersionState.CANARY).first()


def activation_current() -> Activation | None:
    """Return the activation that runs, else the newest one, with the people and versions of it."""
    return activation_list().first()


def activation_age_seconds(now: datetime) -> float:
    """Return how long the activation that is under way has been; 0 without one."""
    began = Activation.objects.filter(state__in=("running", "failed")).values_list("created_at", flat=True).first()
    return (now - began).total_seconds() if began else 0.0


def activation_list() -> QuerySet[Activation]:
    """Return all activations, the newest first: one that runs is always the newest."""
    return Activation.objects.select_related("version", "former_version", "only_version", "started_by").order_by("-pk")


def emergency_terms() -> QuerySet[EmergencyTerm]:
    """Return all emergency terms: those to review first, then the confirmed ones, then the ended ones; newest first."""
    place = Case(When(state="live", then=Value(0)), When(state="confirmed", then=Value(1)), default=Value(2),
                 output_field=IntegerField())  # fmt: skip
    return EmergencyTerm.objects.select_related("author", "reviewer", "category").order_by(place, "-pk")
