"""Takes away, one at a time, the lines that hold invariants 1 to 7 and 10, and insists that a test fails each time.

`python tools/mutants.py [NAME]`. Works on a copy; the tests are those named here, so that a mutant that survives says which
promise nobody checks. Prints a table and exits 1 when one survives.
"""

from __future__ import annotations

import shlex
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
    # 10 bytes follow the clearance
    Mutant("10 the gate is not asked for bytes", "console/views/media.py",
           "if ticket is None or file is None or not _is_cleared(ticket, file):", "if ticket is None or file is None:",
           "tests/console/test_media_clearance.py -k 'restriction_above or expires'"),
    Mutant("10 bytes are asked for as an adult", "console/views/media.py",
           "gate.current().why_not(file.item_id, ticket.viewer, now)",
           'gate.current().why_not(file.item_id, gate.Viewer(gate.Band.ADULT, "FR"), now)',
           "tests/console/test_media_clearance.py -k 'leaves_it or random or gate_does'"),
    Mutant("10 an answer under way goes on", "moderation/media/sending.py",
           "if not self._left or not self.may_go_on():", "if not self._left:",
           "tests/console/test_media_clearance.py -k under_way"),
    Mutant("10 what a browser keeps is not asked for", "console/views/media.py",
           '_ASK_AGAIN = "private, no-cache"', '_ASK_AGAIN = "private, max-age=600"', "tests/console/test_media.py -k keeps"),
    Mutant("10 an address lives for ever", "moderation/media_urls.py",
           "return ticket if now < ticket.ends_at else None", "return ticket", "tests/console/test_media.py -k lives"),
    Mutant("10 anybody signs an address", "moderation/media_urls.py",
           "return any(hmac.compare_digest(mac, _mac(says, str(secret))) for secret in secrets)", "return True",
           "tests/console/test_media.py -k letter"),
    Mutant("10 people load what they may not open", "console/access.py",
           "if item is None or not (may(user, EXPLORE) or _holds_job_of(user, item)):", "if item is None:",
           "tests/console/test_media_reviewers.py -k lease"),
    Mutant("10 restricted bytes go to every reviewer", "console/access.py",
           "item = selectors.items_search(user).filter(key=key).first()\n    if item is None or not (",
           "item = Item.objects.filter(key=key).first()\n    if item is None or not (",
           "tests/console/test_media_reviewers.py -k partition_only"),
    Mutant("10 restricted files stay where they were", "moderation/migrations/0021_move_restricted_media.py",
           "AND c.is_child_safety) THEN", "AND false) THEN", "tests/moderation/test_media_keys.py -k whoever"),
    Mutant("10 a moved file leaves its old object", "moderation/services/media_keys.py",
           'for key, sha256 in message.payload.get("left", {}).items():', "for key, sha256 in ():",
           "tests/moderation/test_media_keys.py -k each_file"),
    Mutant("10 an object that a twin names is removed", "moderation/services/media_keys.py",
           "if not any(model.objects.filter(sha256=sha256, storage_key=key).exists() for model in (MediaFile, DerivedFile)):",
           "if True:", "tests/moderation/test_media_keys.py -k another_row"),
    Mutant("10 an upload brings moved bytes back", "moderation/services/intake.py",
           "if keys[role] != upload.storage_key:", "if False:", "tests/moderation/test_media_keys.py -k same_bytes"),
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
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *shlex.split(mutant.tests)]
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
