"""Every page of the console over a million items and jobs: queries and server time of each, and of searching.

Each request is whole, from session to rendered page, as an administrator, who may open all of them; pages whose own work is a
model's or a simulation's have benchmarks of their own. GATEHOUSE_BENCH_ITEMS sets another number of items.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import quantiles
from typing import Any

from console.demo.embedded import servers_in

N_ITEMS = int(os.environ.get("GATEHOUSE_BENCH_ITEMS", "1000000"))
N_TIMES, N_SEARCHES = 20, 12
MAX_QUERIES, PAGE_MS, SEARCH_MS = 12, 100, 300
#: Ranks of the words that are searched for: in almost every text, in some, in very few.
_RANKS = {"common": (0, 1, 2), "frequent": (40, 90, 200), "rare": (20_000, 35_000, 49_000)}
ROOT = Path(__file__).resolve().parent.parent
Rows = dict[str, dict[str, Any]]


def run() -> Rows:
    """Return the measured rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as folder:
        root = Path(folder)
        root.chmod(0o711)
        servers = servers_in(root, fsync=False)
        servers.start()
        try:
            settings = {"ENVIRONMENT": "test", "DJANGO_SETTINGS_MODULE": "console.settings"}
            environment = {**os.environ, **settings, **servers.environment()}
            code = "import benchmarks.pages as pages; pages.measure()"
            done = subprocess.run(
                [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE
            )
            rows: Rows = json.loads(done.stdout.splitlines()[-1])
            return rows
        finally:
            servers.stop()


def measure() -> None:
    """Fill the database and ask for every page; print the rows as JSON."""
    import django

    django.setup()
    from django.conf import settings

    settings.ALLOWED_HOSTS = ["*"]
    client, person = _prepare()
    rows = {**_pages(client, person), **_searches(client), **_filters(client)}
    sys.stdout.write(json.dumps(rows) + "\n")


def _prepare() -> tuple[Any, Any]:
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.test import Client
    from django.utils import timezone

    from console.identity.session_life import session_begin
    from moderation.banks.service import bank_upsert
    from moderation.review.leases import job_claim
    from policies.choices import Outcome
    from policies.models import PolicyVersion
    from policies.services.drafts import version_copy
    from tests.support.fill_pages import fill_pages

    for command in ("migrate", "policy_seed", "roles_sync"):
        call_command(command, verbosity=0)
    began = time.perf_counter()
    fill_pages(os.environ["DATABASE_OWNER_URL"], N_ITEMS)
    print(f"filled {N_ITEMS:,} items in {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    person = User.objects.create_user("bench-admin")
    person.groups.add(Group.objects.get(name="admin"))
    bank_upsert(actor=person, slug="bench", category="violence", outcome=Outcome.BLOCK)
    version_copy(actor=person, version=PolicyVersion.objects.get(number=1))
    job_claim(actor=person, now=timezone.now())
    client = Client()
    client.force_login(person)
    session = client.session
    session_begin(session)
    session.save()
    return client, person


def _pages(client: Any, person: Any) -> Rows:
    from tests.support.console_pages import page_addresses

    rows: Rows = {}
    slowest, most = 0.0, 0
    for name, url in page_addresses(person, "admin"):
        p95, n_queries = _asked(client, [url] * N_TIMES)
        label = f"page_{name.replace(' ', '_')}"
        rows[label] = _row(p95, "ms, p95", PAGE_MS)
        rows[f"{label}_queries"] = _row(n_queries, "queries", MAX_QUERIES)
        slowest, most = max(slowest, p95), max(most, n_queries)
    rows["pages_slowest"] = _row(slowest, "ms, p95", PAGE_MS)
    rows["pages_most_queries"] = _row(most, "queries", MAX_QUERIES)
    return rows


def _searches(client: Any) -> Rows:
    """Search for words of each frequency, alone, in twos and threes, in each place."""
    from tests.support.fill_pages import vocabulary

    words = vocabulary()
    kinds = {name: [words[rank] for rank in ranks] for name, ranks in _RANKS.items()}
    kinds |= {
        "two_common": [f"{words[0]} {words[1]}", f"{words[1]} {words[3]}"],
        "common_and_rare": [f"{words[0]} {words[20_000]}", f"{words[30_000]} {words[1]}"],
        "three": [f"{words[5]} {words[50]} {words[500]}", f"{words[2]} {words[9]} {words[80]}"],
        "never_together": [f"{words[45_000]} {words[46_000]}", f"{words[300]} {words[44_000]}"],
        "nothing": ["qqqq", "xyzzy quux"],
    }
    rows: Rows = {}
    for kind, asked in kinds.items():
        for where in ("", "caption", "picture", "sound"):
            urls = [f"/items/?q={text.replace(' ', '+')}&where={where}" for text in asked]
            p95, _ = _asked(client, (urls * N_SEARCHES)[: max(N_SEARCHES, 2 * len(urls))])
            rows[f"search_{kind}_{where or 'anywhere'}"] = _row(p95, "ms, p95", SEARCH_MS)
    rows["search_slowest"] = _row(max(row["value"] for row in rows.values()), "ms, p95", SEARCH_MS)
    return rows


def _filters(client: Any) -> Rows:
    """Ask for what is rare and what is frequent, alone and beside words."""
    from tests.support.fill_pages import vocabulary

    common = vocabulary()[0]
    asked = {
        "state_blocked": "state=blocked", "rare_category": "category=dangerous_acts", "rare_language": "language=sw",
        "frequent_language": "language=en", "outcome_hold": "outcome=3", "old_days": "until=2026-06-01",
        "common_word_rare_category": f"q={common}&category=dangerous_acts",
        "common_word_rare_language": f"q={common}&language=sw", "nothing_at_all": "category=self_harm",
        "many": f"q={common}&state=held&language=de&category=hate",
    }  # fmt: skip
    rows: Rows = {}
    for name, query in asked.items():
        p95, _ = _asked(client, [f"/items/?{query}"] * N_SEARCHES)
        rows[f"filter_{name}"] = _row(p95, "ms, p95", SEARCH_MS)
    return rows


def _asked(client: Any, urls: list[str]) -> tuple[float, int]:
    """Return the 95th percentile of the requests' times in ms, and the most queries that one of them made.

    The first of them is not counted: a process reads policies, templates and plans once.
    """
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        _get(client, urls[0])
        client_queries = len(queries)
        _get(client, urls[-1])
        n_queries = len(queries) - client_queries
    times = []
    for url in urls[1:]:
        began = time.perf_counter()
        _get(client, url)
        times.append(1_000 * (time.perf_counter() - began))
    return quantiles(times, n=20)[18], n_queries


def _get(client: Any, url: str) -> None:
    response = client.get(url)
    if response.status_code != 200:
        raise RuntimeError(f"{url} answered {response.status_code}")


def _row(value: float, unit: str, limit: int) -> dict[str, Any]:
    return {"value": round(value, 1), "unit": unit, "target": f"<= {limit}", "met": value <= limit}


if __name__ == "__main__":
    for name, measured in run().items():
        print(name, measured)
