"""What tests of the deep pass share: an upload as the API makes it, and a worker's part done by hand."""

from __future__ import annotations

from pathlib import Path

from moderation import tasks
from moderation.detection.media.storage import save_upload
from moderation.intake.submit import Submission, UploadedMedia, item_submit
from moderation.models import Item, OutboxMessage
from policies.choices import ItemKind


def upload(path: Path, external_id: str = "clip-1", *, creator: str = "mira", mime: str = "video/mp4") -> Item:
    """Submit a clip that was stored."""
    with path.open("rb") as file:
        stored = save_upload(file)
    media = UploadedMedia(stored.sha256, stored.key, mime, stored.n_bytes, 320, 240, 3_000)
    submission = Submission(
        external_id=external_id, kind=ItemKind.VIDEO, caption="A walk by the river", creator=creator, language="en",
        region="GB", duration_ms=3_000, audience=None, media=media, cover=None,
    )  # fmt: skip
    return item_submit(actor="api:test", submission=submission).item


def open_messages(item: Item | None = None) -> list[OutboxMessage]:
    """Return what is promised and not done, by rank."""
    messages = OutboxMessage.objects.filter(state__in=["pending", "sent"])
    return list((messages.filter(item=item) if item else messages).order_by("rank_at", "pk"))


def work_once(message: OutboxMessage) -> None:
    """Do what a worker does with one message."""
    getattr(tasks, message.topic.rpartition(".")[2])(str(message.key))


def work_off(item: Item | None = None, limit: int = 40) -> list[str]:
    """Do all that is promised, as it comes; return the queues in that order."""
    queues: list[str] = []
    while waiting := open_messages(item):
        assert len(queues) < limit, [str(m) for m in waiting]
        queues.append(waiting[0].queue)
        work_once(waiting[0])
    return queues
