"""Reads around looking: the prompts in force, frames that a sentence finds, items that look alike. Nothing here changes anything."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import AbstractUser
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet

from moderation.detection.vision.model import Vectors
from moderation.items.queries import items_restricted, items_search
from moderation.live.prompts import model_in_use
from moderation.models import ClipEmbedding, FrameEmbedding, Item, PromptSet

#: A cosine from here on means the same footage, cut or encoded anew (measured: docs/deep.md).
NEAR_DUPLICATE = 0.97
#: So many times more neighbours are read than are shown: some belong to items that the reader may not know of.
_READ_MORE = 8
_MAX_READ = 400


# --- prompts -------------------------------------------------------------------------------------------------------


def prompt_sets() -> QuerySet[PromptSet]:
    """Return the sets, newest first."""
    return PromptSet.objects.select_related("author", "publisher").order_by("-number")


# --- neighbours ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FoundFrame:
    """A stored frame near a sentence: its item, time (ms), cosine in [-1, 1] and unit vector (d,)."""

    item: Item
    ms: int
    similarity: float
    vector: Vectors


@dataclass(frozen=True, slots=True)
class AlikeItem:
    """An item that looks like another: cosine of the two clips in [-1, 1]."""

    item: Item
    similarity: float

    @property
    def is_near_duplicate(self) -> bool:
        """Whether it is most likely the same footage."""
        return self.similarity >= NEAR_DUPLICATE


def frames_found(user: AbstractUser, vector: Vectors, *, model: str, n: int = 24) -> list[FoundFrame]:
    """Return the stored frames nearest to a unit vector, nearest first, the best frame of each item.

    Only of items that the user may know of. The restricted partition never shows, whoever asks.
    """
    rows = _nearest(FrameEmbedding, vector, model=model, n=min(n * _READ_MORE, _MAX_READ))
    best: dict[str, tuple[int, float, Vectors]] = {}
    for sha256, ms, distance, found in rows:
        best.setdefault(sha256, (ms, 1.0 - distance, found))
    items = _items_by_file(user, best)
    frames = [FoundFrame(items[sha256], *of) for sha256, of in best.items() if sha256 in items]
    return frames[:n]


def items_alike(user: AbstractUser, item: Item, *, n: int = 24, at_least: float = -1.0) -> list[AlikeItem] | None:
    """Return the items that look most like one, the likest first; None where that one was not looked at.

    Args:
        at_least: the smallest cosine; NEAR_DUPLICATE finds the same footage only.

    Only items that the user may know of. The restricted partition never shows, whoever asks.
    """
    model = model_in_use()
    if model is None or item.media is None:
        return None
    own = ClipEmbedding.objects.filter(sha256=item.media.sha256, model=model).values_list("vector", flat=True).first()
    if own is None:
        return None
    vector = np.asarray(own, dtype=np.float32)
    rows = _nearest(ClipEmbedding, vector, model=model, n=min(n * _READ_MORE, _MAX_READ))
    near = {sha256: 1.0 - distance for sha256, _, distance, _ in rows if 1.0 - distance >= at_least}
    visible = _findable(user).filter(media__sha256__in=near).exclude(pk=item.pk)[: n * _READ_MORE]
    alike = [AlikeItem(other, near[other.media.sha256]) for other in visible if other.media]
    return sorted(alike, key=lambda found: -found.similarity)[:n]


def clip_vectors(item_ids: Iterable[int], *, model: str) -> dict[int, Vectors]:
    """Return the clip's unit vector (d,) of each of these items that the model has looked at, for ranking by looks."""
    files = dict(Item.objects.filter(pk__in=list(item_ids), media__isnull=False).values_list("pk", "media__sha256"))
    rows = ClipEmbedding.objects.filter(model=model, sha256__in=set(files.values())).values_list("sha256", "vector")
    vectors = {sha256: np.asarray(vector, dtype=np.float32) for sha256, vector in rows}
    return {pk: vectors[sha256] for pk, sha256 in files.items() if sha256 in vectors}


def _findable(user: AbstractUser) -> QuerySet[Item]:
    return items_search(user).exclude(Exists(items_restricted().filter(pk=OuterRef("pk"))))


def _items_by_file(user: AbstractUser, files: Iterable[str]) -> dict[str, Item]:
    """Return the newest visible item of each file."""
    items = _findable(user).filter(media__sha256__in=list(files)).order_by("created_at", "pk")
    return {item.media.sha256: item for item in items if item.media}


def _nearest(
    table: type[FrameEmbedding] | type[ClipEmbedding], vector: Vectors, *, model: str, n: int
) -> list[tuple[str, int, float, Vectors]]:
    """Return (sha256, ms, cosine distance, vector) of the nearest rows, by the model's index where `vision_index` made one.

    The cast to the model's own width is what makes the index's expression; the search goes on past rows of other models.
    """
    columns = "sha256, ms" if table is FrameEmbedding else "sha256, 0"
    width = len(vector)
    literal = "[" + ",".join(f"{x:.7g}" for x in vector.tolist()) + "]"
    sql = (
        f"SELECT {columns}, vector::vector({width}) <=> %s::vector({width}) AS distance, vector::text "  # noqa: S608
        f"FROM {table._meta.db_table} WHERE model = %s ORDER BY vector::vector({width}) <=> %s::vector({width}) LIMIT %s"
    )
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL hnsw.ef_search = 200")
        cursor.execute(sql, [literal, model, literal, n])
        rows = cursor.fetchall()
    return [(sha256, ms, float(distance), _parse(text)) for sha256, ms, distance, text in rows]


def _parse(text: str) -> Vectors:
    return np.fromstring(text.strip("[]"), dtype=np.float32, sep=",")
