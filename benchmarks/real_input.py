"""Sends everything real that the public data sets offer through the HTTP API and checks what comes of each.

`python benchmarks/real_input.py`, while `make demo` runs (or with --url and --key for another deployment). A known clip
goes into a hash bank first; then clips, pictures, recordings and captions are submitted, and withdrawn at the end. Exits 1
where a check fails.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.real_captions import Text, real_captions  # noqa: E402 - this file is also run as a script
from benchmarks.real_sound import recording_clip  # noqa: E402
from console.demo.client import Answer, Client  # noqa: E402

BANK = "benchmark-known-clips"
KNOWN, SAME, OTHER = "chair-orig-22-sd-bar.mp4", "chair-20-sd-bar.mp4", "doorknob-hd-no-bar.mp4"
MAX_BITS = 16  # between decoders; the match threshold is 31
DEEP_WAIT_SECONDS = 900
N_SENDERS = 4


@dataclass(frozen=True)
class Upload:
    """One thing to submit."""

    group: str
    external_id: str
    kind: str
    caption: str = ""
    language: str = ""
    creator: str = "real-input"
    media: Path | None = None


@dataclass
class Outcome:
    """What came of one upload: the first answer, and where it stood in the end."""

    upload: Upload
    first: Answer
    last: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """The outcome in the end; `4xx` for an explained refusal; `?` for anything else, which is a failure."""
        if self.first.is_ok:
            return str(self.last.get("outcome") or "?")
        body = self.first.body
        explained = isinstance(body, dict) and body.get("type") and (body.get("detail") or body.get("errors"))
        return "4xx" if 400 <= self.first.status < 500 and explained else "?"


# --- what there is --------------------------------------------------------------------------------------------------


def media_uploads(data: Path, work: Path) -> Iterator[Upload]:
    """Yield clips, pictures and recordings: recordings once as they are, and once as a clip with a still."""
    for path in sorted((data / "tmk_sample_videos").glob("*.mp4")):
        yield Upload(
            "clips", f"real-clip-{path.stem}", "video", "A clip of a chair, a door or a pattern.", "en", media=path
        )
    pictures = data / "pdq_vectors"
    for path in sorted(p for p in pictures.rglob("*") if p.suffix in {".jpg", ".jpeg", ".png"}):
        name = "-".join(path.relative_to(pictures).with_suffix("").parts)
        yield Upload(
            "pictures", f"real-picture-{name}", "image", "A picture of a bridge or a street.", "en", media=path
        )
    for path in sorted(p for p in (data / "speech_clips").rglob("*") if p.suffix in {".wav", ".flac", ".aiff", ".raw"}):
        name = f"{path.parent.name}-{path.stem}"
        yield Upload("recordings as they are", f"real-sound-{name}", "video", "Only sound.", media=path)
        clip = recording_clip(path, work / f"{name}.mp4")
        yield Upload("recordings with a still", f"real-speech-{name}", "video", "Somebody speaks.", media=clip)


def caption_upload(n: int, text: Text) -> Upload:
    """Return a caption as an upload; many creators, since real captions do not come from one."""
    return Upload(
        "captions",
        f"real-text-{text.source}-{n:04d}",
        "text",
        text.words[:4000],
        text.language,
        f"real-{text.source}-{n % 400}",
    )


# --- sending ----------------------------------------------------------------------------------------------------------


def submit(client: Client, upload: Upload) -> Answer:
    """Submit one upload. Its id carries its number only: a repeat of this benchmark is a repeat of the upload."""
    fields = {
        "external_id": upload.external_id,
        "kind": upload.kind,
        "caption": upload.caption,
        "creator": upload.creator,
    }
    fields |= {"language": upload.language} if upload.language else {}
    if upload.media:
        return client.post_form("/api/v1/items", fields, {"media": upload.media})
    return client.post_json("/api/v1/items", fields)


def submit_all(url: str, key: str, uploads: Sequence[Upload]) -> list[Outcome]:
    """Submit with a few senders at once, each with a connection of its own."""

    def send(part: Sequence[Upload]) -> list[Outcome]:
        client = Client(url, key, timeout_seconds=120)
        return [Outcome(upload, submit(client, upload)) for upload in part]

    with ThreadPoolExecutor(N_SENDERS) as pool:
        parts = pool.map(send, [uploads[n::N_SENDERS] for n in range(N_SENDERS)])
        return [outcome for part in parts for outcome in part]


def settle(client: Client, outcomes: list[Outcome]) -> None:
    """Ask for each accepted item until the slow models are done with it, or the time is up."""
    waiting = [o for o in outcomes if o.first.is_ok]
    end = time.monotonic() + DEEP_WAIT_SECONDS
    while waiting and time.monotonic() < end:
        for outcome in waiting:
            outcome.last = client.item(outcome.upload.external_id).body or {}
        waiting = [o for o in waiting if o.last.get("deep") == "queued"]
        if waiting:
            print(f"\r{len(waiting)} wait for the slow models ...   ", end="", flush=True)
            time.sleep(2)
    print("\r\033[K", end="")


def withdraw_all(url: str, key: str, outcomes: Sequence[Outcome]) -> int:
    """Withdraw what was accepted: other people's words have no place in a demo's feed. Returns how many."""
    accepted = [o.upload.external_id for o in outcomes if o.first.is_ok]

    def send(part: Sequence[str]) -> int:
        client = Client(url, key)
        return sum(client.withdraw(external_id).is_ok for external_id in part)

    with ThreadPoolExecutor(N_SENDERS) as pool:
        return sum(pool.map(send, [accepted[n::N_SENDERS] for n in range(N_SENDERS)]))


# --- checking ---------------------------------------------------------------------------------------------------------


def check_decided(outcomes: Sequence[Outcome]) -> list[str]:
    """Everything ends in a decision or in a 4xx that says why."""
    bad = [f"{o.upload.external_id}: {o.first.why()}" for o in outcomes if o.verdict == "?"]
    late = [o.upload.external_id for o in outcomes if o.last.get("deep") in {"queued", "failed"}]
    return bad + [f"{name}: the deep pass did not finish" for name in late]


def frame_matches(client: Client, stem: str) -> list[dict[str, Any]]:
    """Return where frames of a clip matched the bank, of all its decisions."""
    history = client.get(f"/api/v1/items/real-clip-{stem}/history").body
    findings = [f for decision in history.get("decisions", []) for f in decision["findings"]]
    return [f["where"] for f in findings if f["detector"] == "frames" and f["where"].get("bank") == BANK]


def check_frames(client: Client) -> list[str]:
    """The other copy of the known clip is found through its frames; another clip is not."""
    same, other = frame_matches(client, Path(SAME).stem), frame_matches(client, Path(OTHER).stem)
    if same:
        nearest = min(same, key=lambda where: where["distance"])
        print(f"{SAME}: known clip in its frames, nearest {nearest['distance']} bits at {nearest['frame_ms']} ms")
    print(f"{OTHER}: {'matched, wrongly' if other else 'no match, as it should be'}")
    return ([] if same else [f"{SAME} was not found through its frames"]) + ([f"{OTHER} was matched"] if other else [])


def check_hashes(data: Path) -> list[str]:
    """Our PDQ hashes are the published ones: exact where those are, within MAX_BITS between decoders elsewhere."""
    os.environ.setdefault("ENVIRONMENT", "test")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    from moderation.detection.hashes.pdq import hamming
    from moderation.detection.media.stills import picture_of

    bad = []
    print(f"\n{'picture':<44} {'bits':>4} {'limit':>5} {'quality':>7}  published quality")
    for row in json.loads((data / "known_hashes.json").read_text()):
        picture, _ = picture_of(data / row["file"], role="media", sha256="0" * 64)
        value, quality = picture.pdq or ("0" * 64, 0)
        bits, limit = hamming(value, row["pdq"]), 0 if row["hamming"] == 0 else MAX_BITS
        print(f"{row['file'][-44:]:<44} {bits:>4} {limit:>5} {quality:>7}  {row.get('quality', '-')}")
        if bits > limit:
            bad.append(f"{row['file']}: {bits} bits from the published hash, allowed {limit}")
    return bad


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the counts by group and verdict."""
    verdicts = ["CLEAR", "RESTRICT", "ESCALATE", "HOLD", "BLOCK", "4xx", "?"]
    lines = [f"{'what':<26} {'n':>5} " + " ".join(f"{v:>8}" for v in verdicts)]
    for group in dict.fromkeys(o.upload.group for o in outcomes):
        counts = Counter(o.verdict for o in outcomes if o.upload.group == group)
        lines.append(f"{group:<26} {counts.total():>5} " + " ".join(f"{counts[v]:>8}" for v in verdicts))
    return "\n".join(lines)


# --- the run ----------------------------------------------------------------------------------------------------------


def bank_known_clip(data: Path, var: Path) -> None:
    """Put the frames of the known clip into a bank, before anything is submitted."""
    environment = dict(os.environ)
    if "DATABASE_URL" not in environment:
        from console.demo.embedded import servers_in

        secret = (var / "secret_key").read_text()
        environment |= {
            **servers_in(var).environment(),
            "ENVIRONMENT": "demo",
            "SECRET_KEY": secret,
            "VAR_DIR": str(var),
        }
    clip = data / "tmk_sample_videos" / KNOWN
    command = [sys.executable, str(ROOT / "manage.py"), "banks_add_media", BANK, str(clip), "--category", "spam_scam"]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"The known clip could not be put into a bank: {done.stderr.strip().splitlines()[-1:]}")
    print(done.stdout.strip())


def options_of(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what is not given comes from var/demo.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--var", type=Path, default=Path(os.environ.get("VAR_DIR") or ROOT / "var"))
    parser.add_argument("--url")
    parser.add_argument("--key")
    parser.add_argument("--captions", type=int, default=2_000)
    parser.add_argument("--keep", action="store_true", help="leave what was submitted in the feed")
    options = parser.parse_args(arguments)
    if not (options.url and options.key):
        try:
            demo = json.loads((options.var / "demo.json").read_text())
        except OSError:
            parser.error("no var/demo.json: start `make demo` first, or give --url and --key")
        options.url, options.key = options.url or demo["url"], options.key or demo["api_key"]
    if not options.data.is_dir():
        parser.error(f"{options.data} is not there; --data says where the data sets are")
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run it all; 1 where a check failed."""
    options = options_of(arguments)
    client, started = Client(options.url, options.key), time.monotonic()
    bank_known_clip(options.data, options.var)
    with tempfile.TemporaryDirectory(prefix="gh-real-") as folder:
        texts = real_captions(options.data, options.captions)
        uploads = list(media_uploads(options.data, Path(folder)))
        uploads += [caption_upload(n, text) for n, text in enumerate(texts)]
        outcomes = submit_all(options.url, options.key, uploads)
    print(f"{len(outcomes)} submitted in {time.monotonic() - started:.0f} s")
    settle(client, outcomes)
    print(f"All settled after {time.monotonic() - started:.0f} s\n")
    print(table(outcomes))
    for why, n in Counter(o.first.why() for o in outcomes if o.verdict == "4xx").most_common():
        print(f"  refused {n}: {why}")
    print()
    failures = check_decided(outcomes) + check_frames(client) + check_hashes(options.data / "pdq_vectors")
    if not options.keep:
        print(f"\n{withdraw_all(options.url, options.key, outcomes)} withdrawn again; their record stays.")
    print("\n" + ("\n".join(f"FAILED {f}" for f in failures) or "All checks passed."))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
