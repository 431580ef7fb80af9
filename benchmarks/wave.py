"""An abuse wave beside normal uploads, over real HTTP: one campaign, one decision, and normal uploads keep their latency.

Normal uploads (a caption with a cover) come at a fixed rate all the time. Between two quiet stretches, near-identical captions with
spelling changes come on top for two minutes, from many creators, while the watch runs as it does in a worker; before them,
as many different captions, to tell the cost of a wave from that of any crowd. What was left out on the path for the wave is
then made up for by one worker, beside normal uploads still (without waiting for its time). Then a person decides once. Both
senders and both servers share the machine, so the rise in latency also holds the work of the wave itself.
"""

from __future__ import annotations

import http.client
import itertools
import json
import queue
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.onpath import _WORDS, N_ITEMS, _bodies, _Client
from console.demo.embedded import servers_in
from tests.support.live import Live, live_service
from tests.support.wave import CALL, respelled

N_WAVE = 5_000
WAVE_SECONDS = 120
N_WAVE_CREATORS = 2_000
NORMAL_PER_SECOND = 10
#: Before the wave, and once more when all is over: the machine's speed drifts, and a wave takes two minutes.
QUIET_SECONDS = 60
CROWD_SECONDS = 30
READING_SECONDS = 30
WATCH_SECONDS = 5.0
_N_SENDERS = 16


def watch(seconds: float) -> None:
    """Look for campaigns as the worker does, for so long. Runs in a child."""
    import django

    django.setup()
    from django.utils import timezone

    from moderation.campaigns.watch import campaigns_watch

    end, times = time.monotonic() + seconds, []
    while time.monotonic() < end:
        began = time.monotonic()
        campaigns_watch(now=timezone.now())
        times.append(time.monotonic() - began)
        time.sleep(max(0.0, WATCH_SECONDS - times[-1]))
    sys.stdout.write(json.dumps({"longest": max(times), "mean": sum(times) / len(times)}))


def read(seconds: float) -> None:
    """Read what was left out on the path, for so long, as a worker does that has the tasks already. Runs in a child."""
    import django

    django.setup()
    from moderation.models import OutboxMessage
    from moderation.outbox.promise import TOPIC_REEXAMINE
    from moderation.tasks import item_reexamine

    left_out = OutboxMessage.objects.filter(topic=TOPIC_REEXAMINE, item__external_id__startswith="wave-")
    keys = [str(key) for key in left_out.order_by("available_at").values_list("key", flat=True)]
    item_reexamine(keys[0])  # loads the model
    began, n = time.monotonic(), 0
    while time.monotonic() < began + seconds and n + 1 < len(keys):
        n += 1
        item_reexamine(keys[n])
    sys.stdout.write(json.dumps({"left_out": len(keys), "per_second": n / (time.monotonic() - began)}))


def decide() -> None:
    """Decide every open campaign as one person, give the decision to all members, and print what stands. Runs in a child."""
    import django

    django.setup()
    from django.contrib.auth.models import Group, User
    from django.utils import timezone

    from moderation.campaigns.service import campaign_apply, campaign_confirm, campaign_decide
    from moderation.campaigns.watch import campaigns_watch
    from moderation.decisions.basis import campaign_basis_of
    from moderation.models import Campaign, CampaignMember, Item, Job, WideAct
    from policies.choices import Outcome

    campaigns_watch(now=timezone.now())
    person = User.objects.create_user("bench-reviewer")
    second = User.objects.create_user("bench-second")  # a wave is wide
    for one in (person, second):
        one.groups.add(Group.objects.get(name="reviewer"))
    of_wave = Item.objects.filter(external_id__startswith="wave-")
    open_jobs = Job.objects.filter(item__in=of_wave, state__in=["open", "leased"]).count()
    began, n_decisions = time.monotonic(), 0
    for campaign in Campaign.objects.filter(state="open"):
        campaign_decide(
            actor=person, campaign_key=str(campaign.key), expected_decision=campaign_basis_of(campaign).token,
            outcome=Outcome.BLOCK, category="spam_scam",
            note="One call by many accounts.", min_age=0, territories=(), now=timezone.now(),
        )  # fmt: skip
        for act in WideAct.objects.filter(state="waiting"):
            campaign_confirm(actor=second, act_key=str(act.key), now=timezone.now())
        campaign.refresh_from_db()
        n_decisions += 1
        campaign_apply(campaign=campaign)
    found = {
        "campaigns": Campaign.objects.count(),
        "decisions": n_decisions,
        "jobs": open_jobs,
        "members": CampaignMember.objects.filter(item__in=of_wave).count(),
        "strangers": CampaignMember.objects.exclude(item__in=of_wave).count(),
        "served": of_wave.filter(state__in=["cleared", "restricted"]).count(),
        "apply_seconds": time.monotonic() - began,
    }
    sys.stdout.write(json.dumps(found))


def _paced(rate: float, seconds: float, work: Callable[[], Callable[[int], None]]) -> None:
    """Call the senders' work at fixed times, whatever the answers do; each sender makes its own by `work()`."""
    due: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    def sender() -> None:
        send = work()
        while (n := due.get()) is not None:
            send(n)

    threads = [threading.Thread(target=sender) for _ in range(_N_SENDERS)]
    for thread in threads:
        thread.start()
    start = time.perf_counter()
    for n in range(int(rate * seconds)):
        time.sleep(max(0.0, start + n / rate - time.perf_counter()))
        due.put(n)
    for _ in threads:
        due.put(None)
    for thread in threads:
        thread.join()


def _normal(live: Live, bodies: Iterator[bytes], seconds: float) -> list[float]:
    """Send normal uploads at their rate; return the server's time of each in ms."""
    prepared = list(itertools.islice(bodies, int(NORMAL_PER_SECOND * seconds)))
    times: list[float] = []

    def work() -> Callable[[int], None]:
        client = _Client(live)
        return lambda n: times.append(client.send(prepared[n])[1])

    _paced(NORMAL_PER_SECOND, seconds, work)
    return times


def _ordinary(rng: random.Random) -> str:
    return " ".join(rng.choices(_WORDS, k=12)) + f" {rng.randrange(10**6)}"


def _send_captions(live: Live, name: str, captions: Sequence[str], seconds: float, failures: list[int]) -> None:
    """Send captions without a picture, evenly over the time, from many creators."""

    def work() -> Callable[[int], None]:
        # As little work of its own as can be, since it shares the machine.
        connection = http.client.HTTPConnection(live.url.removeprefix("http://"), timeout=60)
        headers = {"Content-Type": "application/json", **live.authorization()}

        def send(n: int) -> None:
            fields = {
                "external_id": f"{name}-{n}", "kind": "text", "creator": f"{name}-c-{n % N_WAVE_CREATORS}",
                "caption": captions[n], "language": "en", "region": "DE",
            }  # fmt: skip
            connection.request("POST", "/api/v1/items", json.dumps(fields).encode(), headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 201:
                failures.append(answer.status)

        return send

    _paced(len(captions) / seconds, seconds, work)


def _beside(live: Live, bodies: Iterator[bytes], name: str, captions: Sequence[str], seconds: float) -> list[float]:
    """Send normal uploads while captions come on top; return the server's time of each normal one in ms."""
    failures: list[int] = []
    others = threading.Thread(target=_send_captions, args=(live, name, captions, seconds, failures))
    others.start()
    times = _normal(live, bodies, seconds)
    others.join()
    if failures:
        raise RuntimeError(f"{len(failures)} uploads were refused: {sorted(set(failures))}")
    return times


def _child(live: Live, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", f"from benchmarks import wave; {code}"],
        env=dict(live.environment), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def _answer(child: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = child.communicate(timeout=600)
    if child.returncode:
        raise RuntimeError("a child of the wave benchmark failed, see above")
    return dict(json.loads(out.splitlines()[-1]))


def _measured(live: Live) -> dict[str, dict[str, Any]]:
    bodies = _bodies()
    for body in itertools.islice(bodies, 40):
        _Client(live).send(body)
    rng = random.Random(5)
    watcher = _child(live, f"wave.watch({QUIET_SECONDS + CROWD_SECONDS + WAVE_SECONDS + 10})")
    n_crowd = N_WAVE * CROWD_SECONDS // WAVE_SECONDS
    times = {
        "alone": _normal(live, bodies, QUIET_SECONDS),
        "crowd": _beside(live, bodies, "crowd", [_ordinary(rng) for _ in range(n_crowd)], CROWD_SECONDS),
        "during": _beside(live, bodies, "wave", [respelled(CALL, rng) for _ in range(N_WAVE)], WAVE_SECONDS),
    }
    watched = _answer(watcher)
    reader = _child(live, f"wave.read({READING_SECONDS})")
    time.sleep(5)
    times["reading"] = _normal(live, bodies, READING_SECONDS - 5)
    was_read = _answer(reader)
    times["alone"] += _normal(live, bodies, QUIET_SECONDS)
    return _rows(times, watched, was_read, _answer(_child(live, "wave.decide()")))


def _rows(
    times: dict[str, list[float]], watched: dict[str, Any], was_read: dict[str, Any], found: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    rows = {
        "wave_campaigns": _row(found["campaigns"], "campaigns", "1", found["campaigns"] == 1),
        "wave_decisions": _row(found["decisions"], "by people", "1", found["decisions"] == 1),
        "wave_jobs": _row(found["jobs"], "jobs of its items", "0", found["jobs"] == 0),
        "wave_members": _row(found["members"], f"of {N_WAVE}", ">= 98%", found["members"] >= 0.98 * N_WAVE),
        "wave_strangers": _row(found["strangers"], "normal uploads", "0", found["strangers"] == 0),
        "wave_served": _row(found["served"], "still served", "<= 2%", found["served"] <= 0.02 * N_WAVE),
        "wave_apply": _row(found["apply_seconds"], "s for all members", None, None),
        "wave_watch_mean": _row(watched["mean"], f"s every {WATCH_SECONDS:.0f} s", None, None),
        "wave_watch_longest": _row(watched["longest"], "s", None, None),
        "wave_left_out": _row(was_read["left_out"], "not read by the classifier on the path", None, None),
        "wave_read_rate": _row(was_read["per_second"], "/s read afterwards, by one worker", None, None),
    }
    words = {"alone": f"ms at {NORMAL_PER_SECOND}/s", "crowd": "ms, as many strangers", "during": "ms beside the wave",
             "reading": "ms beside the reading"}  # fmt: skip
    targets = {("during", 95): 25, ("during", 99): 50}
    for name, percent in itertools.product(times, (50, 95, 99)):
        value, target = float(np.percentile(times[name], percent)), targets.get((name, percent))
        met = None if target is None else value <= target
        rows[f"wave_{name}_p{percent}"] = _row(value, words[name], f"<= {target}" if target else None, met)
    kept = rows["wave_during_p95"]["value"] / rows["wave_alone_p95"]["value"]
    rows["wave_kept_p95"] = _row(kept, "of the time alone", "<= 1.2", kept <= 1.2)
    return rows


def _row(value: float, unit: str, target: str | None, met: bool | None) -> dict[str, Any]:
    return {"value": round(float(value), 2), "unit": unit, "target": target, "met": met}


def run(*, workers: int = 2, threads: int = 4) -> dict[str, dict[str, Any]]:
    """Measure against a service of its own; return the rows."""
    with tempfile.TemporaryDirectory(prefix="gh-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        servers = servers_in(folder / "servers")
        servers.start()
        try:
            with live_service({**servers.environment()}, folder, workers=workers, threads=threads) as live:
                code = f"from benchmarks.onpath import fill; fill({N_ITEMS})"
                subprocess.run(
                    [sys.executable, "-c", code], env={**live.environment, **servers.environment()}, check=True
                )
                return _measured(live)
        finally:
            servers.stop()


if __name__ == "__main__":
    print(json.dumps(run(), indent=2))
