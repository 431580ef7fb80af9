"""Moving the files of restricted items to keys that nobody knows, and the record of who looks at them.

The database promises the move with each decision in a child-safety category, whoever writes it (`Decision`'s trigger).
"""

from collections.abc import Iterator

import structlog
from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.crypto import salted_hmac

from moderation.audit.log import audit_write
from moderation.detection.media.storage import RESTRICTED_FOLDER, content_lock, copy_stored, key_of
from moderation.models import DerivedFile, Item, MediaFile, OutboxMessage
from moderation.outbox.messages import message_done
from moderation.outbox.promise import TOPIC_REKEY, message_add

log = structlog.get_logger(__name__)
_Row = MediaFile | DerivedFile


def media_rekey(message: OutboxMessage) -> None:
    """Move the files of a restricted item, and what was made of them, to keys of their own. Safe to repeat.

    Other items of the same content go on: they name the row of the file, never its key, and their own clearance decides.
    For each file:

    1. copy it to a key that only this message and the secret give, so that another try writes the same copy,
    2. point the row to it, and note the old key with the message, in one transaction,
    3. remove the old object, unless another row still names it; a try after a crash removes what is noted.
    """
    item = message.item
    for file in _files_of(item):
        _move(message, file)
        # After the file's own row: what is made of it from now on is promised by whoever makes it (`rekey_late`).
        for made in file.derived.exclude(storage_key=""):
            _move(message, made)
        object_remove_unused(key=key_of(file.sha256), sha256=file.sha256)  # brought back by an upload of the same bytes
    message.refresh_from_db(fields=["payload"])
    for key, sha256 in message.payload.get("left", {}).items():
        object_remove_unused(key=key, sha256=sha256)
    with transaction.atomic():
        if item is not None:
            audit_write(actor="system", action="media.rekeyed", object_type="item", object_key=item.external_id)
        message_done(message=message, now=timezone.now())


def _files_of(item: Item | None) -> Iterator[MediaFile]:
    keys = [item.media_id, item.cover_id] if item else []
    yield from MediaFile.objects.filter(pk__in=[key for key in keys if key]).order_by("pk")


def _move(message: OutboxMessage, row: _Row) -> None:
    old = row.storage_key
    if is_rekeyed(old):
        return
    new = _secret_key(message, row)
    try:
        copy_stored(old, new)
    except FileNotFoundError:
        log.warning("rekey_found_no_file", sha256=row.sha256)
        return
    with transaction.atomic():
        _lock_content(row.sha256)
        moved = type(row).objects.filter(pk=row.pk, storage_key=old).update(storage_key=new)
        if moved:
            noted = OutboxMessage.objects.select_for_update().get(pk=message.pk)
            noted.payload["left"] = {**noted.payload.get("left", {}), old: row.sha256}
            noted.save(update_fields=["payload"])
    if not moved:  # it was swept, or somebody else moved it
        object_remove_unused(key=new, sha256=row.sha256)


def is_rekeyed(key: str) -> bool:
    """Return whether a file lies where restricted ones do."""
    return key.startswith(f"{RESTRICTED_FOLDER}/")


def _secret_key(message: OutboxMessage, row: _Row) -> str:
    name = f"{message.key}/{row._meta.model_name}/{row.pk}"
    digest = salted_hmac("moderation.media_keys", name, algorithm="sha256").hexdigest()
    return f"{RESTRICTED_FOLDER}/{digest[:2]}/{digest}"


def _lock_content(sha256: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [content_lock(sha256)])


@transaction.atomic
def object_remove_unused(*, key: str, sha256: str) -> None:
    """Remove a stored object that no row names, alone with its content: an upload that is about to name it goes first."""
    _lock_content(sha256)
    if not any(model.objects.filter(sha256=sha256, storage_key=key).exists() for model in (MediaFile, DerivedFile)):
        default_storage.delete(key)


def rekey_late(file: MediaFile) -> None:
    """Promise to move what was just made of a file, where the file itself was moved meanwhile; its row is written already."""
    key = MediaFile.objects.values_list("storage_key", flat=True).get(pk=file.pk)
    item = Item.objects.filter(Q(media=file) | Q(cover=file)).order_by("pk").first() if is_rekeyed(key) else None
    if item is not None:
        message_add(topic=TOPIC_REKEY, item=item)
