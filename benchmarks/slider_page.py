"""How fast the page of the threshold slider answers while somebody moves it: the whole request, from session to drawn charts.

Over a filled database of 100,000 items, or a million when BENCH_FULL=1 asks for it; the engine alone is in `simulate`.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.simulate import N_STORED, Rows, _child, _row
from console.demo.embedded import servers_in

N_MOVES = 200


def run() -> Rows:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root, fsync=False)
        servers.start()
        try:
            environment = {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings", **servers.environment()}
            _child("fill", environment)
            return _child("moved", environment, module="benchmarks.slider_page")
        finally:
            servers.stop()


def moved() -> None:
    """Open the page as an editor and move the range to and fro."""
    import django

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    client, number = _editor()
    first, _ = _asked(client, number, 0.9)
    times = [_asked(client, number, round(0.7 + 0.3 * (i * 37 % N_MOVES) / N_MOVES, 3))[0] for i in range(N_MOVES)]
    cuts = quantiles(times, n=100)
    rows = {
        "slider_page_items": _row(N_STORED, "items", None),
        "slider_page_first": _row(first, "ms, evidence read and prepared", None),
        "slider_page_p50": _row(cuts[49], "ms", None),
        "slider_page_p95": _row(cuts[94], "ms", 300),
    }
    sys.stdout.write(json.dumps(rows))


def _editor() -> tuple[Any, int]:
    from django.contrib.auth.models import Group, User
    from django.test import Client

    from console.identity.roles import roles_sync
    from policies.models import PolicyVersion
    from policies.services.drafts import version_copy

    roles_sync()
    editor = User.objects.create_user("bench-editor")
    editor.groups.add(Group.objects.get(name="policy-editor"))
    draft = version_copy(actor=editor, version=PolicyVersion.objects.get(number=1))
    client = Client(headers={"HX-Request": "true", "HX-Target": "answer"})
    client.force_login(editor)
    return client, draft.number


def _asked(client: Any, number: int, place: float) -> tuple[float, Any]:
    query = {
        "category": "hate", "level": "block", "days": 90, "of": "hate/block", "slide": place, "slid_from": 0.5,
        "threshold": place,
    }  # fmt: skip
    began = time.perf_counter()
    response = client.get(f"/policies/{number}/slider", query)
    seconds = time.perf_counter() - began
    if response.status_code != 200:
        raise RuntimeError(f"the slider answered {response.status_code}")
    return 1000 * seconds, response
