"""Taking an upload in: judge it on the path, then store item, decision, findings, clearance, job and promises at once.

The caller has checked and stored the files; nothing here reads a request.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import IntegrityError, transaction
from django.utils import timezone

from moderation.campaign_source import LiveCampaign, campaign_like
from moderation.deep.pressure import rank_of
from moderation.detectors.base import CreatorHistory, Picture, Result, Subject
from moderation.detectors.deep import nothing_to_look_at
from moderation.exceptions import ItemConflict
from moderation.judge import Context, Judgement, could_change, judge, under_floor
from moderation.language import detect
from moderation.metrics import verdict_total
from moderation.models import CampaignMember, Creator, Item
from moderation.models.item import DeepState
from moderation.onpath import onpath_run
from moderation.prepared import run
from moderation.selectors import Before, before_upload, item_exists
from moderation.services.audit import audit_write
from moderation.services.decisions import decision_on_arrival, is_version_outdated, job_on_arrival
from moderation.services.outbox import TOPIC_EXAMINE, TOPIC_REEXAMINE, message_add
from moderation.services.rows import rows_together
from policies.choices import DEEP_DETECTORS, Band, ItemKind, Outcome, Standing
from policies.compiled import CompiledPolicy
from policies.exceptions import PolicyUnavailable
from policies.selectors import invalidate, policy_for

#: The primary keys of a new item and its decision: each row names the other, and so is written once.
_KEYS = """
    SELECT nextval(pg_get_serial_sequence('moderation_item', 'id')),
           nextval(pg_get_serial_sequence('moderation_decision', 'id'))
"""
_FILE = """
    INSERT INTO moderation_mediafile
        (key, created_at, sha256, storage_key, mime, n_bytes, width, height, duration_ms, pdq, pdq_quality)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (sha256) DO UPDATE SET sha256 = EXCLUDED.sha256
    RETURNING id
"""
#: How often an upload is judged anew because the version was replaced while it was judged.
_MAX_TRIES = 3


@dataclass(frozen=True, slots=True)
class UploadedMedia:
    """A file that was checked by content and stored under its hash. `picture` is its decoded still, where it is one."""

    sha256: str
    storage_key: str
    mime: str
    n_bytes: int
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Submission:
    """An upload as the platform describes it. `language` and `region` are claims, "" when absent."""

    external_id: str
    kind: ItemKind
    caption: str
    creator: str
    language: str
    region: str
    duration_ms: int | None
    audience: Band | None
    media: UploadedMedia | None
    cover: UploadedMedia | None

    @property
    def content_hash(self) -> str:
        """SHA-256 over all that makes two submissions the same."""
        parts = [
            int(self.kind),
            self.caption,
            self.creator,
            self.language,
            self.region,
            self.duration_ms,
            self.audience,
            self.media and self.media.sha256,
            self.cover and self.cover.sha256,
        ]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def uploads(self) -> Mapping[str, UploadedMedia]:
        """The files by role."""
        return {role: file for role, file in (("media", self.media), ("cover", self.cover)) if file}


@dataclass(frozen=True, slots=True)
class Submitted:
    """The item that stands after a submission, and whether this submission made it."""

    item: Item
    is_new: bool


def item_submit(*, actor: str, submission: Submission, now: datetime | None = None) -> Submitted:
    """Judge and store an upload.

    1. an identical submission was taken before: that item is the answer,
    2. detectors run outside any transaction, under their deadline,
    3. one transaction stores everything, or nothing,
    4. a twin that was quicker wins; this call answers as a repeat would,
    5. the version was replaced meanwhile: once more, under the one that decides now.

    Raises:
        ItemConflict: the external id belongs to an item with other content.
        policies.exceptions.PolicyUnavailable: no policy can decide, so nothing is taken.
    """
    now = now or timezone.now()
    for _ in range(_MAX_TRIES):
        before = before_upload(external_id=submission.external_id, creator=submission.creator, now=now)
        if before.is_taken:
            return Submitted(_existing(submission), is_new=False)
        item = _judge_and_store(actor, submission, before, now)
        if item:
            return Submitted(item, is_new=True)
        invalidate()
    raise PolicyUnavailable("the policy version keeps changing; send the upload again")


def _judge_and_store(actor: str, submission: Submission, before: Before, now: datetime) -> Item | None:
    """Return the new item; None where a twin was quicker, or the version does not decide any more."""
    policy = policy_for(submission.creator)
    language = detect(submission.caption)[0]
    subject = _subject(submission, language, before.history)
    judgement = _judged(submission, subject, _context(submission, language, before.creator), policy)
    campaign = None if judgement.category in policy.child_safety else campaign_like(submission.caption)
    if campaign:
        judgement = under_floor(judgement, campaign.floor, policy)
    try:
        item = _store(actor, submission, language, before.creator, judgement, policy, now, campaign)
    except IntegrityError as error:
        if not is_version_outdated(error) and not item_exists(submission.external_id):
            raise
        return None
    verdict_total.labels(judgement.outcome.name, judgement.decided_by).inc()
    return item


def _judged(submission: Submission, subject: Subject, context: Context, policy: CompiledPolicy) -> Judgement:
    """Return the verdict on arrival. Deep detectors count as pending while it is asked what could still change it."""
    absent = nothing_to_look_at(submission.kind)

    def can_matter(detector: str, known: Sequence[Result]) -> bool:
        return could_change(detector, [*known, *absent], context, policy)

    return judge([*onpath_run(subject, policy, can_matter=can_matter), *absent], context, policy)


def _existing(submission: Submission) -> Item:
    """Return the item of the same id, which is there.

    Raises:
        ItemConflict: its content differs.
    """
    item = Item.objects.select_related("current_decision__policy_version").get(external_id=submission.external_id)
    if item.content_hash != submission.content_hash:
        raise ItemConflict(
            f"{submission.external_id!r} was submitted before with other content. Content never changes: "
            "use a new external_id for a new version."
        )
    return item


def _subject(submission: Submission, language: str, history: CreatorHistory) -> Subject:
    pictures = tuple(file.picture for file in submission.uploads.values() if file.picture)
    return Subject(
        kind=submission.kind,
        caption=submission.caption,
        language=language,
        region=submission.region,
        file_hashes={role: file.sha256 for role, file in submission.uploads.items()},
        pictures=pictures,
        history=history,
    )


def _context(submission: Submission, language: str, creator: Creator | None) -> Context:
    return Context(
        kind=int(submission.kind),
        market=submission.region,
        language=language if language != "und" else submission.language or "und",
        claim=None if submission.audience is None else int(submission.audience),
        standing=int(creator.standing) if creator else int(Standing.NEW),
    )


@transaction.atomic
def _store(
    actor: str,
    submission: Submission,
    language: str,
    creator: Creator | None,
    judgement: Judgement,
    policy: CompiledPolicy,
    now: datetime,
    campaign: LiveCampaign | None,
) -> Item:
    needs_deep = needs_deep_pass(policy, submission.kind)
    creator = creator or _creator(submission)
    with rows_together():
        keys = run(_KEYS)
        files = _media_files(submission)
        item_pk, decision_pk = keys.fetchone()
        item = Item(
            pk=item_pk,
            external_id=submission.external_id,
            kind=submission.kind,
            caption=submission.caption,
            creator=creator,
            language_claimed=submission.language,
            language_detected="" if language == "und" else language,
            region=submission.region,
            duration_ms=submission.duration_ms,
            audience_claim=submission.audience,
            media_id=files.get("media"),
            cover_id=files.get("cover"),
            content_hash=submission.content_hash,
            deep_state=DeepState.QUEUED if needs_deep else DeepState.NOT_NEEDED,
            created_at=now,
        )
        decision_on_arrival(item=item, decision_pk=decision_pk, judgement=judgement, policy=policy, now=now)
        audit_write(
            actor=actor,
            action="item.submitted",
            object_type="item",
            object_key=item.external_id,
            outcome=judgement.outcome.name,
        )
    if campaign:
        CampaignMember.objects.create(campaign_id=campaign.pk, item=item, creator_id=item.creator_id, joined_at=now)
    job_on_arrival(item=item, judgement=judgement, policy=policy, now=now)
    _promise(item, judgement, needs_deep)
    return item


def _promise(item: Item, judgement: Judgement, needs_deep: bool) -> None:
    """Promise what is left to do: the deep pass, or another try at what was missing on the path."""
    if needs_deep:
        message_add(topic=TOPIC_EXAMINE, item=item, rank_at=rank_of(item.creator, item.created_at))
    elif judgement.outcome == Outcome.HOLD and judgement.decided_by.startswith("missing."):
        message_add(topic=TOPIC_REEXAMINE, item=item)
    elif "skipped" in judgement.evidence["missing"].values():
        message_add(topic=TOPIC_REEXAMINE, item=item)  # so that simulations see whole evidence


def needs_deep_pass(policy: CompiledPolicy, kind: ItemKind) -> bool:
    """Return whether the policy uses any deep detector for this kind."""
    return any(policy.counts(detector, int(kind)) for detector in DEEP_DETECTORS)


def _creator(submission: Submission) -> Creator:
    return Creator.objects.get_or_create(
        external_id=submission.creator, defaults={"display_name": submission.creator, "region": submission.region}
    )[0]


def _media_files(submission: Submission) -> Mapping[str, int]:
    """Return the key of the row of each file by role, made where its content is new.

    One statement a file whether its content is new or not; the row of known content stays as it is.
    """
    # In one order everywhere: two uploads of the same two files cannot wait for each other.
    uploads = sorted(submission.uploads.items(), key=lambda pair: pair[1].sha256)
    stored = {role: run(_FILE, _file_values(upload)) for role, upload in uploads}
    return {role: row.fetchone()[0] for role, row in stored.items()}


def _file_values(upload: UploadedMedia) -> tuple[Any, ...]:
    pdq, quality = _pdq_of(upload.picture)
    file = (upload.sha256, upload.storage_key, upload.mime, upload.n_bytes, upload.width, upload.height)
    return (uuid4(), timezone.now(), *file, upload.duration_ms, pdq, quality)


def _pdq_of(picture: Picture | None) -> tuple[str, int | None]:
    return picture.pdq if picture and picture.pdq else ("", None)
