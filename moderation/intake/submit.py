"""Taking an upload in: judge it on the path, then store item, decision, findings, clearance, job and promises at once.

Idempotent by external id and content hash, and files are deduplicated by SHA-256: the same submission again is the item that
stands, the same bytes again are the file that stands. The caller has checked and stored the files; nothing here reads a request.
"""

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from moderation.audit.log import audit_write
from moderation.db.inserts import Lookup, row_add, rows_together
from moderation.db.statements import columns_of, row_of, run
from moderation.decisions.record import decision_on_arrival, is_version_outdated, job_on_arrival
from moderation.detection.ensemble import CanMatter, Run
from moderation.detection.language import detect
from moderation.detection.media.storage import content_lock, is_stored
from moderation.detection.types import Picture, Result, Subject
from moderation.exceptions import ItemConflict, JudgementOverdue, MediaGone
from moderation.files.keys import is_rekeyed, object_remove_unused
from moderation.intake.admission import admission_control
from moderation.intake.preflight import Before, before_upload
from moderation.items.queries import item_exists
from moderation.live.campaigns import LiveCampaign, campaign_like
from moderation.live.detectors import nothing_to_look_at
from moderation.live.onpath import onpath_begin
from moderation.models import CampaignMember, Creator, Item, MediaFile
from moderation.models.item import DeepState
from moderation.outbox.backpressure import rank_of
from moderation.outbox.promise import TOPIC_EXAMINE, TOPIC_REEXAMINE, message_on_arrival
from moderation.verdict.judge import could_change, judge, may_join, under_floor
from moderation.verdict.judgement import Context, Judgement
from moderation.verdict.list_ages import is_overdue
from moderation.verdict.metrics import verdict_total
from policies.choices import DEEP_DETECTORS, Band, ItemKind, Outcome, Standing
from policies.decision.compiled import CompiledPolicy
from policies.errors import PolicyUnavailable
from policies.live import invalidate, policy_for

_FILE = """
    INSERT INTO moderation_mediafile
        (key, created_at, sha256, storage_key, mime, n_bytes, width, height, duration_ms, pdq, pdq_quality)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    ON CONFLICT (sha256) DO UPDATE SET sha256 = EXCLUDED.sha256
    RETURNING id, storage_key
"""
_FILE_OF = "SELECT id FROM moderation_mediafile WHERE sha256 = %s"
_CREATOR = """
    INSERT INTO moderation_creator (key, created_at, external_id, display_name, region, standing)
    VALUES (%s, %s, %s, %s, %s, %s)
    ON CONFLICT (external_id) DO UPDATE SET external_id = EXCLUDED.external_id
    RETURNING {columns}
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
        """SHA-256 over all that makes two submissions the same, by which a repeated one is deduplicated."""
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


@dataclass(frozen=True, slots=True)
class Begun:
    """An upload whose words are being judged while its files are checked. `run` is None where its id is taken already.

    `campaign` is the live one that its caption is like.
    """

    before: Before
    policy: CompiledPolicy
    language: str
    context: Context
    campaign: LiveCampaign | None
    run: Run | None
    at: float = field(default_factory=time.monotonic)  # before any list was read

    @property
    def is_overdue(self) -> bool:
        """Whether its lists were read too long ago for its verdict to be stored; see `list_ages`."""
        return is_overdue(self.at)


def item_begin(submission: Submission, now: datetime | None = None, *, turn: ExitStack | None = None) -> Begun:
    """Start to judge an upload by its words; its files may still be missing. Changes nothing.

    Args:
        turn: what the upload takes its turn in, until it is closed: one that a campaign holds lets others go first.

    Raises:
        policies.errors.PolicyUnavailable: no policy can decide, so nothing is taken.
    """
    campaign = campaign_like(submission.caption)
    if turn is not None:
        turn.enter_context(admission_control.wait_for_turn() if _is_held_by(campaign) else admission_control.go_first())
    at = time.monotonic()
    before = before_upload(external_id=submission.external_id, creator=submission.creator, now=now or timezone.now())
    if before.creator and before.creator.standing == Standing.GOOD:
        campaign = None  # what only looks like a wave joins it through a person; its page names it
    policy = policy_for(submission.creator)
    language = detect(submission.caption)[0]
    context = _context(submission, language, before.creator)
    begun = Begun(before, policy, language, context, campaign, None, at)
    if before.is_taken:
        return begun
    words = _words(submission, language, before)
    return replace(begun, run=onpath_begin(words, policy, can_matter=_can_matter(begun, submission.kind)))


def _is_held_by(campaign: LiveCampaign | None) -> bool:
    return campaign is not None and campaign.floor.holds


def _can_matter(begun: Begun, kind: ItemKind) -> CanMatter:
    """Return what says whether a costly detector may change what happens to the upload now."""
    absent = nothing_to_look_at(kind)
    floor = begun.campaign.floor if begun.campaign else None

    def can_matter(detector: str, known: Sequence[Result]) -> bool:
        # Deep detectors count as pending while it is asked what could still change the verdict.
        return could_change(detector, [*known, *absent], begun.context, begun.policy, floor=floor)

    return can_matter


def item_submit(
    *, actor: str, submission: Submission, begun: Begun | None = None, now: datetime | None = None
) -> Submitted:
    """Judge and store an upload.

    1. an identical submission was taken before: that item is the answer,
    2. detectors run outside any transaction, under their deadline,
    3. one transaction stores everything, or nothing,
    4. a twin that was quicker wins; this call answers as a repeat would,
    5. the version was replaced meanwhile, or judging took too long: once more, by what is in force now.

    Args:
        begun: what `item_begin` started for the same upload, by a caller that had files to check meanwhile.

    Raises:
        ItemConflict: the external id belongs to an item with other content.
        MediaGone: a file of the upload was removed before its row was written: store it again, and submit again.
        policies.errors.PolicyUnavailable: no policy can decide, so nothing is taken.
    """
    now = now or timezone.now()
    for _ in range(_MAX_TRIES):
        begun = begun if begun and not begun.is_overdue else item_begin(submission, now)
        if begun.run is None:
            return Submitted(_existing(submission), is_new=False)
        item = _judge_and_store(actor, submission, begun, begun.run, now)
        if item:
            return Submitted(item, is_new=True)
        begun = None
        invalidate()
    raise PolicyUnavailable("the policy version keeps changing, or judging takes too long; send the upload again")


def _judge_and_store(actor: str, submission: Submission, begun: Begun, run: Run, now: datetime) -> Item | None:
    """Return the new item; None where a twin was quicker, the version does not decide any more, or it took too long."""
    policy = begun.policy
    results = run.finish(_subject(submission, begun.language, begun.before))
    judgement = judge([*results, *nothing_to_look_at(submission.kind)], begun.context, policy)
    campaign = begun.campaign if may_join(judgement, policy) else None
    judgement = under_floor(judgement, campaign.floor if campaign else None, policy)
    try:
        item = _store(actor, submission, begun, judgement, now, campaign)
    except JudgementOverdue:
        return None
    except IntegrityError as error:
        if not is_version_outdated(error) and not item_exists(submission.external_id):
            raise
        return None
    verdict_total.labels(judgement.outcome.name, judgement.decided_by).inc()
    return item


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
    for upload in submission.uploads.values():
        if is_rekeyed(MediaFile.objects.values_list("storage_key", flat=True).get(sha256=upload.sha256)):
            object_remove_unused(key=upload.storage_key, sha256=upload.sha256)
    return item


def _words(submission: Submission, language: str, before: Before) -> Subject:
    """Return what detectors may look at before the files are checked."""
    return Subject(submission.kind, submission.caption, language, submission.region, history=before.history)


def _subject(submission: Submission, language: str, before: Before) -> Subject:
    uploads = submission.uploads
    return replace(
        _words(submission, language, before),
        file_hashes={role: file.sha256 for role, file in uploads.items()},
        pictures=tuple(file.picture for file in uploads.values() if file.picture),
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
    begun: Begun,
    judgement: Judgement,
    now: datetime,
    campaign: LiveCampaign | None,
) -> Item:
    policy, language = begun.policy, begun.language
    needs_deep = needs_deep_pass(policy, submission.kind)
    creator = begun.before.creator or _creator(submission)
    item = Item(
        pk=begun.before.item_pk,
        external_id=submission.external_id,
        kind=submission.kind,
        caption=submission.caption,
        creator=creator,
        language_claimed=submission.language,
        language_detected="" if language == "und" else language,
        region=submission.region,
        duration_ms=submission.duration_ms,
        audience_claim=submission.audience,
        content_hash=submission.content_hash,
        deep_state=DeepState.QUEUED if needs_deep else DeepState.NOT_NEEDED,
        created_at=now,
    )
    with rows_together():
        stored = _media_files(submission)
        decision_on_arrival(
            item=item,
            decision_pk=begun.before.decision_pk,
            files={f"{role}_id": Lookup(_FILE_OF, sha256) for role, sha256 in _hashes(submission).items()},
            judgement=judgement,
            policy=policy,
            now=now,
        )
        audit_write(
            actor=actor,
            action="item.submitted",
            object_type="item",
            object_key=item.external_id,
            outcome=judgement.outcome.name,
        )
        if campaign:
            row_add(CampaignMember(campaign_id=campaign.pk, item=item, creator_id=item.creator_id, joined_at=now))
        _promise(item, judgement, needs_deep, can_wait=_is_held_by(campaign))
    keys = {}
    for role, row in stored.items():
        pk, keys[role] = row.fetchone()
        setattr(item, f"{role}_id", pk)
    _still_stored(keys)
    _forget_twins(submission, keys)
    job_on_arrival(item=item, judgement=judgement, policy=policy, now=now)
    if begun.is_overdue:  # asked here, where the transaction has its id: whoever waits for that then finds the item
        raise JudgementOverdue("Judging the upload took too long.")
    return item


def _promise(item: Item, judgement: Judgement, needs_deep: bool, *, can_wait: bool) -> None:
    """Promise what is left to do: the deep pass, or another try at what was missing on the path.

    Args:
        can_wait: a campaign holds the item; what was left out is asked when its wave is over, or people decided on it.
    """
    now = item.created_at
    is_missing = judgement.outcome == Outcome.HOLD and judgement.decided_by.startswith("missing.")
    if needs_deep:
        message_on_arrival(topic=TOPIC_EXAMINE, item=item, rank_at=rank_of(item.creator, now), available_at=now)
    elif is_missing or judgement.awaits_detector:  # what was left out is asked so that simulations see whole evidence
        later = now + timedelta(minutes=settings.CAMPAIGN_EXAMINE_AFTER_MINUTES if can_wait else 0)
        message_on_arrival(topic=TOPIC_REEXAMINE, item=item, rank_at=now, available_at=later)


def needs_deep_pass(policy: CompiledPolicy, kind: ItemKind) -> bool:
    """Return whether the policy uses any deep detector for this kind."""
    return any(policy.counts(detector, int(kind)) for detector in DEEP_DETECTORS)


def _creator(submission: Submission) -> Creator:
    """Return the row of somebody new: made here, or by another upload of theirs in the same moment."""
    new = Creator(external_id=submission.creator, display_name=submission.creator, region=submission.region)
    values = [new.key, new.created_at, new.external_id, new.display_name, new.region, new.standing]
    return row_of(Creator, run(_CREATOR.format(columns=columns_of(Creator)), values).fetchone())


def _hashes(submission: Submission) -> Mapping[str, str | None]:
    """Return the content of each role; None where there is no file."""
    uploads = submission.uploads
    return {role: uploads[role].sha256 if role in uploads else None for role in ("media", "cover")}


def _media_files(submission: Submission) -> Mapping[str, CursorWrapper]:
    """Make the row of each file where its content is new; return the statements, by role, whose answer is its key.

    One statement a file whether its content is new or not; the row of known content stays as it is. Before them a shared lock
    on each content, until the end of the transaction: whoever removes a file holds it alone.
    """
    # In one order everywhere: two uploads of the same two files cannot wait for each other.
    uploads = sorted(submission.uploads.items(), key=lambda pair: pair[1].sha256)
    for _, upload in uploads:
        run("SELECT pg_advisory_xact_lock_shared(%s)", [content_lock(upload.sha256)])
    return {role: run(_FILE, _file_values(upload)) for role, upload in uploads}


def _still_stored(keys: Mapping[str, str]) -> None:
    """Look once more, now that nobody can remove them: an upload that failed meanwhile may have taken its files, ours, along.

    Raises:
        MediaGone: one was removed.
    """
    if not all(is_stored(key) for key in keys.values()):
        raise MediaGone("A file was removed while the upload was judged; send it again.")


def _forget_twins(submission: Submission, keys: Mapping[str, str]) -> None:
    """Remove, on commit, what this upload stored of content that was known and had been moved to another key."""
    for role, upload in submission.uploads.items():
        if keys[role] != upload.storage_key:
            transaction.on_commit(partial(object_remove_unused, key=upload.storage_key, sha256=upload.sha256))


def _file_values(upload: UploadedMedia) -> tuple[Any, ...]:
    pdq, quality = _pdq_of(upload.picture)
    file = (upload.sha256, upload.storage_key, upload.mime, upload.n_bytes, upload.width, upload.height)
    return (uuid4(), timezone.now(), *file, upload.duration_ms, pdq, quality)


def _pdq_of(picture: Picture | None) -> tuple[str, int | None]:
    return picture.pdq if picture and picture.pdq else ("", None)
