"""People, items and jobs for the console's tests, made through the same services that make real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group, User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from console.identity.roles import ROLES, roles_sync
from moderation.decisions.basis import basis_of
from moderation.decisions.record import decision_by_machine
from moderation.detection.media.sandbox import examine
from moderation.detection.types import Finding, Missing, Result
from moderation.files.derived import views_keep
from moderation.live.lists import lists_mark
from moderation.live.onpath import text_model
from moderation.models import Creator, Decision, DerivedFile, Item, Job, MediaFile, OutboxMessage, Question
from moderation.models.decision import DecisionStage
from moderation.review.giving_back import job_ask
from moderation.review.leases import job_claim, job_decide
from moderation.verdict.judge import judge
from moderation.verdict.judgement import Context
from policies.choices import DETECTORS, ItemKind, Outcome, Standing
from policies.live import active_policy, invalidate
from tests.support.clips import clip, scene

PASSWORD = "correct-horse-battery"
#: A made-up token: what these tests do in the child-safety partition is opaque.
OPAQUE = "zzq-opaque-token"


def policy_ready() -> None:
    """Put the seeded policy in force and the roles up."""
    invalidate()
    call_command("policy_seed", verbosity=0)
    roles_sync()


def person(role: str, username: str = "") -> User:
    """Return a person of a role; "" gives somebody who can sign in and has none."""
    user = User.objects.create_user(username or f"{role or 'nobody'}-1", password=PASSWORD)
    if role:
        user.groups.add(Group.objects.get(name=role))
    return user


def people() -> dict[str, User]:
    """Return one person of every role, and one without."""
    return {role: person(role) for role in ("", *ROLES)}


def hit(
    text: str, caption: str, *, category: str = "harassment", score: float = 0.7, detector: str = "terms"
) -> Finding:
    """Return a finding of a word in a caption."""
    start = caption.index(text)
    where = {"field": "caption", "span": [start, start + len(text)], "text": text}
    return Finding(detector, "1", category, score, where)


def bank_hit(category: str, *, hard: Outcome = Outcome.BLOCK, distance: int = 3) -> Finding:
    """Return a match against a hash bank."""
    where = {"bank": "known-clips", "entry": "7c1d", "algorithm": "pdq", "distance": distance, "role": "cover"}
    return Finding("hashes", "1", category, 1.0, where, hard)


def item_judged(
    external_id: str,
    *,
    caption: str = "a walk along the canal",
    findings: Sequence[Finding] = (),
    missing: Sequence[Missing] = (),
    kind: ItemKind = ItemKind.TEXT,
    creator: str = "creator-1",
    language: str = "en",
    region: str = "GB",
    media: MediaFile | None = None,
    cover: MediaFile | None = None,
    duration_ms: int | None = None,
    now: datetime | None = None,
) -> Item:
    """Return an item that the machines have judged on these findings; every other detector found nothing."""
    now = now or timezone.now()
    maker, _ = Creator.objects.get_or_create(external_id=creator)
    item = Item.objects.create(
        external_id=external_id, kind=kind, caption=caption, creator=maker, language_claimed=language,
        language_detected=language, region=region, media=media, cover=cover, duration_ms=duration_ms,
        content_hash=hashlib.sha256(external_id.encode()).hexdigest(), created_at=now,
    )  # fmt: skip
    policy = active_policy()
    context = Context(int(kind), region, language, None, int(Standing.NEW))
    judgement = judge(_results(findings, missing), context, policy, lists=lists_mark())
    decision_by_machine(
        item=item, judgement=judgement, policy=policy, stage=DecisionStage.ON_PATH, is_final=True, now=now
    )
    return Item.objects.select_related("current_decision").get(pk=item.pk)


def judged_again(item: Item, findings: Sequence[Finding], *, stage: DecisionStage, now: datetime | None = None) -> None:
    """Let machines judge an item again, on these findings."""
    context, policy = Context(item.kind, item.region, item.language, None, int(Standing.NEW)), active_policy()
    decision_by_machine(
        item=item, judgement=judge(_results(findings, ()), context, policy), policy=policy, stage=stage, is_final=True,
        now=now or timezone.now(),
    )  # fmt: skip


def _results(findings: Sequence[Finding], missing: Sequence[Missing]) -> list[Result]:
    absent = {m.detector: m for m in missing}
    # The classifier's is the one in use: what another one saw is not judged again, but looked at again.
    model = text_model(settings.TEXT_MODEL_PATH)
    versions = {"text": model.version if model else "none"}
    return [
        Result(
            name, versions.get(name, "1"), tuple(f for f in findings if f.detector == name), missing=absent.get(name)
        )
        for name in DETECTORS
    ]


def job_open(external_id: str = "waits-1", **kwargs: object) -> Job:
    """Return an open job for an item that was escalated for harassment."""
    caption = "nobody likes you, zzq, go away"
    defaults = {"caption": caption, "findings": [hit("nobody likes you", caption)]}
    item = item_judged(external_id, **{**defaults, **kwargs})  # type: ignore[arg-type]
    return item.jobs.select_related("queue").get()


def job_restricted(external_id: str = "opaque-1") -> Job:
    """Return an open job in the restricted queue."""
    finding = Finding("terms", "1", "child_safety", 0.5, {"field": "caption", "span": [0, len(OPAQUE)], "text": OPAQUE})
    return job_open(external_id, caption=f"{OPAQUE} and more", findings=[finding], creator="creator-9")


def job_held(user: User, external_id: str = "waits-1", **kwargs: object) -> Job:
    """Return a job that a person holds a lease on."""
    job_open(external_id, **kwargs)
    job = job_claim(actor=user, now=timezone.now())
    assert job is not None
    return job


def question_answered(asker: User, senior: User) -> Question:
    """Return what somebody asked of a senior and got an answer to."""
    job = job_held(asker)
    asked = job_ask(
        actor=asker,
        job_key=str(job.key),
        lease_token=str(job.lease_token),
        question="Who is meant?",
        now=timezone.now(),
    )
    claimed = job_claim(actor=senior, now=timezone.now())
    assert claimed == job
    basis = basis_of(senior, pk=job.item_id)
    assert basis
    job_decide(
        actor=senior, job_key=str(job.key), lease_token=str(claimed.lease_token), expected_decision=basis.token,
        outcome=Outcome.CLEAR, category="", note="", min_age=0, territories=(), answer="Nobody real.", now=timezone.now(),
    )  # fmt: skip
    asked.refresh_from_db()
    return asked


def lease_over(job: Job) -> None:
    """Let a lease run out."""
    Job.objects.filter(pk=job.pk).update(lease_expires_at=timezone.now() - timedelta(seconds=1))


def dead_letter(
    item: Item | None = None, error: str = "TimeoutError: the child was killed after 60 s"
) -> OutboxMessage:
    """Return a dead letter."""
    return OutboxMessage.objects.create(
        topic="moderation.tasks.item_examine", item=item, state="dead", attempts=5, last_error=error
    )


def stored(content: bytes, *, mime: str = "video/mp4", width: int = 720, height: int = 1280) -> MediaFile:
    """Return a stored file."""
    sha256 = hashlib.sha256(content).hexdigest()
    key = f"{sha256[:2]}/{sha256}"
    if not default_storage.exists(key):
        default_storage.save(key, ContentFile(content))
    return MediaFile.objects.get_or_create(
        sha256=sha256,
        defaults={"storage_key": key, "mime": mime, "n_bytes": len(content), "width": width, "height": height},
    )[0]


def derived(
    file: MediaFile, kind: str, content: bytes = b"", *, mime: str = "", data: dict[str, object] | None = None
) -> DerivedFile:
    """Return something made from a file, stored under its own hash where it has content."""
    sha256 = hashlib.sha256(content).hexdigest() if content else ""
    key = f"derived/{sha256}" if content else ""
    if content and not default_storage.exists(key):
        default_storage.save(key, ContentFile(content))
    return DerivedFile.objects.create(
        file=file,
        kind=kind,
        version="1",
        sha256=sha256,
        storage_key=key,
        mime=mime,
        n_bytes=len(content),
        data=data or {},
    )


def filmed(folder: Path, *, sound: bool = True) -> MediaFile:
    """Return a real clip with the sheet and waveform that the confined child makes of it."""
    path = clip(folder / "filmed.mp4", [scene(n, size=(320, 568)) for n in range(8)], sound=sound)
    file = stored(path.read_bytes(), width=320, height=568)
    taken = examine(path, folder, want_audio=False)
    views_keep(file=file, taken=taken, path=path, workdir=folder)
    return file


def restrict(item: Item) -> None:
    """Decide an item as child safety, as a machine's row."""
    item.refresh_from_db()
    before = item.current_decision
    assert before is not None
    Decision.objects.create(
        item=item, outcome=4, stage="activation", decided_by="test", category="child_safety", evidence_digest="f" * 64,
        policy_version=before.policy_version, supersedes=before,
    )  # fmt: skip
