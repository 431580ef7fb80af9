"""The guard of a canary: counts what it decides beside its control, and takes it back by itself where it surely differs."""

from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from prometheus_client import Counter

from moderation.audit.log import audit_write
from moderation.models import CanaryTally, RollbackNotice
from moderation.models.activation import ActivationKind
from moderation.rollout.activation import activation_begin
from moderation.rollout.queries import CanaryReport, canary_report, canary_since
from moderation.rollout.rules import RateCheck
from policies.errors import PolicyError
from policies.live import invalidate, rollout
from policies.models import Approval, PolicyVersion, VersionState
from policies.services.versions import system_user, version_retire, version_stage

log = structlog.get_logger(__name__)

CANARY_ROLLBACKS = Counter("canary_rollbacks_total", "Canaries that their guard took back", ["rate"])
#: Decisions younger than this are left for the next look: their transactions may still run.
_SETTLE = timedelta(seconds=10)
#: Any number that no other lock uses; two guards must not count the same stretch.
_LOCK = 7_201_552
# A machine's final verdict on an item: of the path where nothing deep follows, else of the deep pass.
_FINAL = "(d.stage = 'on_path' AND i.deep_state = 'not_needed' OR d.stage = 'deep' AND i.deep_state <> 'not_needed')"
_TALLY = f"""
    INSERT INTO moderation_canarytally
        (version_id, is_canary, since_at, until_at, n, n_blocked, n_escalated, n_held, n_final, n_overturned)
    SELECT %(canary)s, arm.is_canary, %(since)s, %(until)s, made.n, made.blocked, made.escalated, made.held, made.final,
        undone.n
    FROM (VALUES (true, %(canary)s), (false, %(active)s)) AS arm(is_canary, version)
    CROSS JOIN LATERAL (
        SELECT count(*) AS n, count(*) FILTER (WHERE d.outcome = 4) AS blocked,
            count(*) FILTER (WHERE d.outcome = 2) AS escalated, count(*) FILTER (WHERE d.outcome = 3) AS held,
            count(*) FILTER (WHERE d.outcome IN (0, 1, 4)) AS final
        FROM moderation_decision d JOIN moderation_item i ON i.id = d.item_id
        WHERE d.policy_version_id = arm.version AND d.created_at >= %(since)s AND d.created_at < %(until)s AND {_FINAL}
    ) made
    CROSS JOIN LATERAL (
        SELECT count(*) AS n FROM moderation_decision p
        JOIN moderation_decision d ON d.id = p.supersedes_id
        WHERE p.created_at >= %(since)s AND p.created_at < %(until)s AND p.actor_id IS NOT NULL
          AND d.policy_version_id = arm.version AND d.actor_id IS NULL AND d.created_at >= %(began)s
          AND d.outcome IN (0, 1, 4) AND (d.outcome < 2) <> (p.outcome < 2)
          AND NOT EXISTS (SELECT FROM moderation_decision u WHERE u.supersedes_id = p.id AND u.stage = 'undone')
    ) undone
"""  # noqa: S608  (the parts are the constants above)


def canary_guard(*, now: datetime) -> RollbackNotice | None:
    """Look at the canary, if there is one, and take it back where it surely differs from its control.

    1. one that cannot be read decides nothing for its creators: it is taken back,
    2. count what was decided since the last look,
    3. compare every rate; the first alarm takes it back.
    """
    version = PolicyVersion.objects.filter(state=VersionState.CANARY).first()
    if version is None:
        return None
    invalidate()
    if rollout().canary is None:
        return canary_roll_back(version=version, rate="unreadable", detail="its rows cannot be compiled", now=now)
    canary_count(version=version, now=now)
    report = canary_report(version)
    alarm = next((check for check in report.checks if check.is_alarm), None) if report else None
    if report is None or alarm is None:
        return None
    numbers = _numbers(report, alarm)
    return canary_roll_back(version=version, rate=alarm.name, detail=alarm.sentence, now=now, numbers=numbers)


@transaction.atomic
def canary_count(*, version: PolicyVersion, now: datetime) -> None:
    """Count the final verdicts of both arms since the last count, up to a few seconds ago.

    Concurrency: one at a time, by an advisory lock; each stretch begins where the one before it ended.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
    began = canary_since(version)
    active = PolicyVersion.objects.filter(state=VersionState.ACTIVE).values_list("pk", flat=True).first()
    last = CanaryTally.objects.filter(version=version, since_at__gte=began).order_by("-until_at").first()
    since, until = last.until_at if last else began, now - _SETTLE
    if active is None or until <= since:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TALLY, {"canary": version.pk, "active": active, "since": since, "until": until, "began": began})


@transaction.atomic
def canary_roll_back(
    *, version: PolicyVersion, rate: str, detail: str, now: datetime, numbers: dict[str, object] | None = None
) -> RollbackNotice | None:
    """Take a canary back, without a person: it goes to shadow, where it is seen and decides nothing.

    1. move it, on the record as the guard's act; None where a person was quicker,
    2. what it decided is decided again under the active version, 3. say so: notice, audit, metric, log.
    """
    actor = system_user()
    try:
        version = _move(version, f"{rate}: {detail}", now)
    except PolicyError:
        return None
    notice = RollbackNotice.objects.create(
        version=version,
        rate=rate,
        detail=f"Policy {version.number} was taken back: {detail}"[:300],
        numbers=numbers or {},
    )
    activation_begin(actor=actor, kind=ActivationKind.CANARY_END, only_version=version, now=now)
    audit_write(
        actor="system", action="canary.rolled_back", object_type="policy_version", object_key=version.key, rate=rate,
        numbers=numbers or {},
    )  # fmt: skip
    CANARY_ROLLBACKS.labels(rate).inc()
    log.error("canary_rolled_back", version=version.number, rate=rate, detail=detail)
    return notice


def _move(version: PolicyVersion, note: str, now: datetime) -> PolicyVersion:
    """Return the version in shadow; where there is no room for another shadow, retired."""
    actor = system_user()
    current = PolicyVersion.objects.select_for_update(no_key=True).get(pk=version.pk)
    if current.state != VersionState.CANARY:
        raise PolicyError("state", "it is not in canary any more")
    try:
        return version_stage(
            actor=actor, version=current, state=VersionState.SHADOW, note=note, verb=Approval.Verb.GUARD
        )
    except PolicyError:
        return version_retire(actor=actor, version=current, note=note, now=now)


def _numbers(report: CanaryReport, alarm: RateCheck) -> dict[str, object]:
    comparison = alarm.comparison
    bounds = (comparison.low, comparison.high) if comparison else (None, None)
    return {
        "percent": report.percent,
        "control_rate": alarm.control_rate,
        "canary_rate": alarm.canary_rate,
        "n_control": alarm.n_control,
        "n_canary": alarm.n_canary,
        "low": bounds[0],
        "high": bounds[1],
        "margin": alarm.margin,
    }
