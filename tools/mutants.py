"""Takes away, one at a time, the lines that hold invariants 1 to 7, and insists that a test fails each time.

`python tools/mutants.py [NAME]`. Works on a copy; the tests are those named here, so that a mutant that survives says which
promise nobody checks. Prints a table and exits 1 when one survives.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Mutant:
    """One line taken away: `old` becomes `new` in `file`, and `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


MUTANTS = (
    # 1 deny by absence
    Mutant("1 a late detector counts as silent", "moderation/ensemble.py",
           'return _missing(detector, "late", "no answer within the deadline")',
           "return Result(detector.name, detector.version)", "tests/moderation/test_ensemble.py"),
    Mutant("1 a detector that never ran is not missing", "moderation/judge.py",
           'why = dict.fromkeys(DETECTORS, "pending")', "why: dict[str, str] = {}",
           "tests/moderation/test_deep_pass.py -k held_and_then_cleared"),
    Mutant("1 a stale gate still admits", "moderation/gate.py",
           'why = "stale" if is_stale else self._why_not(item_id, viewer, at)', "why = self._why_not(item_id, viewer, at)",
           "tests/moderation/test_gate_rules.py tests/moderation/test_gate_follow.py"),
    Mutant("1 an unknown age is an adult", "policies/choices.py",
           "return Band.UNDER_13", "return Band.ADULT", "tests/feed tests/moderation/test_gate_rules.py -k age"),
    # 2 monotone
    Mutant("2 the least restrictive rule wins", "policies/decide.py",
           "np.maximum(rank, policy.context_rank.take(context), out=rank)",
           "np.minimum(rank, policy.context_rank.take(context), out=rank)",
           "tests/policies/test_decide_properties.py tests/policies/test_golden_corpus.py"),
    Mutant("2 fusion keeps the last score", "moderation/fusion.py",
           "scores[i] = max(scores[i], finding.score)", "scores[i] = finding.score", "tests/moderation/test_fusion.py"),
    # 3 one door
    Mutant("3 anybody makes a Cleared token", "moderation/gate.py",
           'if mint is not _MINT:\n            raise TypeError("Only the gate makes Cleared tokens.")', "pass",
           "tests/moderation/test_gate_rules.py"),
    Mutant("3 the serialiser takes anything", "moderation/gate.py",
           'if type(token) is not Cleared or getattr(token, "_seal", None) is not _MINT:', "if False:",
           "tests/moderation/test_gate_rules.py tests/feed"),
    # 4 a decision is for ever
    Mutant("4 evidence is stored without its hard part", "moderation/judge.py",
           '"hard": hard,', '"hard": {},', "tests/moderation/test_decisions.py"),
    Mutant("4 decisions may be changed", "moderation/migrations/0001_create_record.py",
           "operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_1e4fd'",
           "operation='DELETE', pgid='pgtrigger_append_only_1e4fd'",
           "tests/moderation/test_decisions.py -k history"),
    Mutant("4 a clearance may go beyond its decision", "moderation/migrations/0001_create_record.py",
           "d.outcome <= 1", "d.outcome <= 9", "tests/moderation/test_decisions.py -k beyond"),
    # 5 nothing is lost
    Mutant("5 no promise of a deep pass", "moderation/services/intake.py",
           "message_on_arrival(topic=TOPIC_EXAMINE, item=item, rank_at=rank_of(item.creator, now), available_at=now)", "pass", "tests/moderation/test_deep_pass.py -k held_and_then_cleared"),
    Mutant("5 a message is done when it begins", "moderation/services/outbox.py",
           "row.state = State.DEAD if is_dead else State.PENDING", "row.state = State.DONE",
           "tests/moderation/test_deep_pass.py -k dead_letter"),
    Mutant("5 an expired lease stays", "moderation/services/jobs.py",
           "lease_expires_at__lte=now)", "lease_expires_at__lte=now - timedelta(days=999))",
           "tests/moderation/test_jobs.py -k expired"),
    # 6 one job, one reviewer
    Mutant("6 claims do not lock", "moderation/services/jobs.py",
           "LIMIT 1 FOR UPDATE SKIP LOCKED", "LIMIT 1", "tests/moderation/test_jobs.py -k many_claims"),
    Mutant("6 anybody decides with the token", "moderation/services/jobs.py",
           "and job.lease_holder_id == actor.pk", "", "tests/moderation/test_jobs.py -k another_persons"),
    # 7 revocation is fast and ordered
    Mutant("7 the gate follows from the newest transaction", "moderation/gate_source.py",
           '_XMIN = "pg_snapshot_xmin(', '_XMIN = "pg_snapshot_xmax(',
           "tests/moderation/test_gate_follow.py"),
    Mutant("7 the stream's next is the last row", "moderation/gate.py",
           "self._marks[0].before_xid <= (self._xmin or 0)", "True", "tests/moderation/test_gate_follow.py"),
    # who may know and do
    Mutant("who: the partition goes by a name", "moderation/migrations/0024_restrict_by_flag.py",
           "WHERE c.slug = NEW.category AND c.is_child_safety", "WHERE c.slug = NEW.category AND c.slug = \\'child_safety\\'",
           "tests/console/test_visibility.py -k decision_alone"),
    Mutant("who: everybody sees the partition", "moderation/visibility.py",
           "Item.objects.all() if may_know(user) else Item.objects.filter(is_restricted=False)", "Item.objects.all()",
           "tests/console/test_visibility.py -k no_page"),
    Mutant("who: a stranger's report hides an item", "moderation/services/reports.py",
           "job_unconfirmed if is_gravest and not item.is_restricted else job_open", "job_open", "tests/moderation/test_reports.py"),
    Mutant("who: whoever reads the feed may ask why", "feed/api/views.py",
           '{"GET": "feed:explain"}', '{"GET": "feed:read"}', "tests/feed/test_feed_api.py -k explain"),
    Mutant("who: an expired key works", "console/api/authentication.py",
           "AND (expires_at IS NULL OR expires_at > clock_timestamp())", "", "tests/console/test_keys.py -k expires"),
    Mutant("who: the old key of a rotation goes on", "console/api_keys.py",
           'old.save(update_fields=["expires_at"])', "pass", "tests/console/test_keys.py -k overlap"),
    Mutant("who: every call writes the last use", "console/api/authentication.py",
           "if key.last_used_at is not None and key.last_used_at > before:", "if False:", "tests/console/test_keys.py -k last_use"),
    Mutant("who: a session of before the second factor goes on", "console/second_factor.py",
           "if not has_shown(request, user):", "if False:", "tests/console/test_second_factor.py -k before"),
    Mutant("who: nobody needs a second factor", "console/second_factor.py",
           "if not has_one(user):", "if False:", "tests/console/test_second_factor.py -k only_the_pages"),
    Mutant("who: a page left open keeps a session", "console/session_life.py",
           "or POLL_HEADER not in request.headers", "or True", "tests/console/test_session_life.py -k by_itself"),
    Mutant("who: guessing is free while Redis is away", "console/cache.py",
           "_FORGETS if str(key).startswith(_NOT_KEPT) else self._own", "_FORGETS", "tests/console/test_redis_away.py -k guessing"),
)  # fmt: skip


def main() -> int:
    """Try every mutant; return 1 when one survives."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    survivors = 0
    with tempfile.TemporaryDirectory(prefix="gh-mutants-") as folder:
        copy = Path(folder) / "copy"
        _copy(copy)
        for mutant in MUTANTS:
            if wanted in mutant.name:
                survivors += not _is_killed(mutant, copy)
    return 1 if survivors else 0


def _copy(copy: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    files = listed.stdout.splitlines()
    for name in files:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    copy.parent.chmod(0o711)


def _is_killed(mutant: Mutant, copy: Path) -> bool:
    file = copy / mutant.file
    text = file.read_text()
    if text.count(mutant.old) < 1:
        _say(f"GONE      {mutant.name}: the line is not in {mutant.file} any more; mend this list")
        return False
    began = time.monotonic()
    file.write_text(text.replace(mutant.old, mutant.new))
    try:
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests.split()]
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False)  # noqa: S603
    finally:
        file.write_text(text)
    killer = next((line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))), "")
    is_killed = done.returncode == 1 and bool(killer)
    _say(
        f"{'killed  ' if is_killed else 'SURVIVED'}  {mutant.name}  ({time.monotonic() - began:.0f} s)  {killer[:110]}"
    )
    return is_killed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
