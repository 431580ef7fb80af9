"""How long an activation takes, and whether anything that the new version blocks is served once it is reported done.

100,000 items, a million with BENCH_FULL=1. One process activates, as a worker does; this one is a feed node: its gate follows,
and from the moment that the activation is done it looks for items that the version does not clear.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from console.demo.embedded import servers_in

Rows = dict[str, dict[str, Any]]
ROOT = Path(__file__).resolve().parent.parent
#: BENCH_FULL=1 asks for the size that the target speaks of; it takes minutes to fill.
N_ITEMS = 1_000_000 if os.environ.get("BENCH_FULL") else 100_000
#: After the activation is done, the gate is watched for so long.
WATCH_SECONDS = 3.0
_WORK = """
import django
django.setup()
import time
from moderation.rollout.activation import activations_resume
while not activations_resume():
    time.sleep(0.5)
"""


def _row(value: float, unit: str, limit: float | None) -> dict[str, Any]:
    target = None if limit is None else f"<= {limit:g}"
    return {"value": round(value, 3), "unit": unit, "target": target, "met": None if limit is None else value <= limit}


def run() -> Rows:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root, fsync=False)
        servers.start()
        try:
            os.environ.update(
                {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings", **servers.environment()}
            )
            return _measure()
        finally:
            servers.stop()


def _measure() -> Rows:
    import django

    django.setup()
    from django.core.management import call_command

    from moderation.gate import door as gate
    from tests.support.fill_evidence import fill_evidence

    call_command("migrate", verbosity=0)
    call_command("policy_seed", verbosity=0)
    fill_evidence(os.environ["DATABASE_OWNER_URL"], N_ITEMS)
    followed = gate.Gate()
    followed.start()
    assert followed.wait_for_view(120)
    rows = _activated("activation", followed, _stricter)
    rows |= _activated("rollback", followed, None)
    followed.stop()
    return rows


def _activated(name: str, followed: Any, edit: Any) -> Rows:
    """Activate a version made by `edit`, or roll back to the first; return what it took."""
    from django.utils import timezone

    from moderation.models import Activation
    from moderation.rollout.activation import activation_start
    from policies.models import PolicyVersion

    version = _approved(edit) if edit else PolicyVersion.objects.get(number=1)
    began = time.perf_counter()
    started = activation_start(actor=_people()[1], version=version, note="measured", now=timezone.now())
    worker = subprocess.Popen([sys.executable, "-c", _WORK], cwd=ROOT, stderr=subprocess.DEVNULL)
    while not Activation.objects.filter(pk=started.pk, state="done").exists():
        assert worker.poll() in {None, 0}, "the worker broke"
        time.sleep(0.02)
    seconds = time.perf_counter() - began
    n_served = _served_though_blocked(followed, version)
    worker.wait()
    done = Activation.objects.get(pk=started.pk)
    changed = done.n_blocked + done.n_escalated + done.n_narrowed + done.n_widened
    size = f"{N_ITEMS // 1_000}k" if N_ITEMS < 1_000_000 else f"{N_ITEMS // 1_000_000}m"
    return {
        f"{name}_{size}": _row(seconds, "s", 60),
        f"{name}_{size}_changed": _row(100 * changed / N_ITEMS, "% of items", None),
        f"{name}_{size}_revoked": _row(done.n_revoked, "items", None),
        f"{name}_{size}_served_though_not_cleared": _row(n_served, "items", 0),
    }


def _served_though_blocked(followed: Any, version: Any) -> int:
    """Return how many items the gate ever admitted after the end that the version, asked anew, does not clear."""
    import numpy as np

    seen: list[Any] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set():
            if not followed.is_stale:
                seen.append(followed.list_granted()[0])
            time.sleep(0.05)

    watcher = threading.Thread(target=watch)
    watcher.start()
    banned = _not_cleared(version)
    time.sleep(WATCH_SECONDS)
    ended.set()
    watcher.join()
    assert seen, "the gate was stale all the time"
    return len(np.unique(np.concatenate([np.intersect1d(ids, banned) for ids in seen])))


def _not_cleared(version: Any) -> Any:
    """Return the keys of items that the version's own verdict does not serve, less those that people decided."""
    import numpy as np

    from moderation.evidence.store import evidence_chunks
    from moderation.models import Item
    from policies.decision.decide import decide
    from policies.live import compile_version

    policy = compile_version(version)
    parts = [p.item_pk[decide(p.batch_for(policy), policy).outcome > 1] for p in evidence_chunks()]
    people = Item.objects.filter(current_decision__actor__isnull=False).values_list("pk", flat=True)
    return np.setdiff1d(np.concatenate(parts), np.fromiter(people, np.int64))


def _stricter(document: dict[str, Any]) -> None:
    """Lower the thresholds of all categories: about one item in twenty is treated otherwise."""
    for row in document["thresholds"]:
        for level, by in (("escalate", 0.35), ("restrict_18", 0.1), ("restrict_16", 0.05), ("block", 0.1)):
            if row.get(level) is not None:
                row[level] = round(max(row[level] - by, 0.05), 2)
        _in_order(row)


def _in_order(row: dict[str, Any]) -> None:
    least = 0.0
    for level in ("restrict_13", "restrict_16", "restrict_18", "escalate", "block"):
        if row.get(level) is not None:
            row[level] = least = max(row[level], least)


def _people() -> tuple[Any, Any]:
    from django.contrib.auth.models import User

    return tuple(User.objects.get_or_create(username=name)[0] for name in ("bench-editor", "bench-approver"))  # type: ignore[return-value]


def _approved(edit: Any) -> Any:
    from policies.document.stored import document_of
    from policies.models import PolicyVersion
    from policies.services.versions import version_approve, version_create, version_submit

    author, approver = _people()
    document = dict(document_of(PolicyVersion.objects.get(number=1)))
    edit(document)
    version = version_create(actor=author, document=document)
    version_submit(actor=author, version=version)
    return version_approve(actor=approver, version=version)


if __name__ == "__main__":
    for name, row in run().items():
        print(f"{name:44} {row['value']:>12} {row['unit']:<12} target {row['target']} met {row['met']}")
