"""Vectors of frames are kept once; what looks alike is found, and never in the restricted partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from moderation.detection.types import Finding
from moderation.detection.vision.model import Vectors
from moderation.live.frame_vectors import FrameVectors
from moderation.models import ClipEmbedding, FrameEmbedding, Item
from moderation.prompts import queries as prompt_queries
from moderation.prompts.queries import clip_vectors, frames_found, items_alike
from policies.choices import ItemKind
from tests.support import scenes

MODEL = "tiny-0123456789ab"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ready(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes.policy_ready()
    monkeypatch.setattr(prompt_queries, "model_in_use", lambda: MODEL)


def unit(*values: float) -> Vectors:
    vector = np.array([*values, *[0.0] * (8 - len(values))], dtype=np.float32)
    return vector / np.linalg.norm(vector)


def looked_at(name: str, vectors: Sequence[Vectors], model: str = MODEL, **kwargs: Any) -> Item:
    """Return an item whose frames were embedded."""
    media = scenes.stored(name.encode() * 20)
    item = scenes.item_judged(name, kind=ItemKind.VIDEO, media=media, duration_ms=9_000, **kwargs)
    FrameVectors().save(media.sha256, model, [i * 1_000 for i in range(len(vectors))], np.stack(vectors))
    return item


def test_frames_come_back_as_they_were_kept_and_saving_twice_changes_nothing() -> None:
    vectors = np.stack([unit(1, 2), unit(0, 1)])
    for _ in range(2):
        FrameVectors().save("ab" * 32, MODEL, [0, 500], vectors)
    kept = FrameVectors().load("ab" * 32, MODEL)
    assert kept is not None
    assert kept[0] == [0, 500]
    assert np.allclose(kept[1], vectors, atol=1e-6)
    assert FrameVectors().load("ab" * 32, "other") is None
    clip = ClipEmbedding.objects.get()
    assert clip.n_frames == 2
    assert np.linalg.norm(np.asarray(clip.vector)) == pytest.approx(1, abs=1e-5)


def test_kept_vectors_never_change() -> None:
    FrameVectors().save("ab" * 32, MODEL, [0], np.stack([unit(1)]))
    for rows in (FrameEmbedding.objects.all(), ClipEmbedding.objects.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.update(model="other")
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete()
    with pytest.raises(DatabaseError), transaction.atomic():
        FrameEmbedding.objects.create(sha256="no hash", model=MODEL, ms=0, vector=unit(1))
    with pytest.raises(DatabaseError), transaction.atomic():
        ClipEmbedding.objects.create(sha256="cd" * 32, model=MODEL, n_frames=0, vector=unit(1))


def test_a_sentence_finds_the_nearest_frame_of_each_item() -> None:
    one = looked_at("one", [unit(0, 1), unit(1, 0.1), unit(1, 0.5)])
    two = looked_at("two", [unit(1, 1)])
    looked_at("other-model", [unit(1)], model="other-model-000000")
    found = frames_found(scenes.person("policy-editor"), unit(1), model=MODEL)
    assert [(f.item.pk, f.ms) for f in found] == [(one.pk, 1_000), (two.pk, 0)]
    assert found[0].similarity == pytest.approx(0.995, abs=0.001)
    assert np.allclose(found[0].vector, unit(1, 0.1), atol=1e-5)


def test_items_that_look_alike_come_by_likeness_and_the_same_footage_is_told() -> None:
    item = looked_at("one", [unit(1, 0.02)])
    near, far = looked_at("near", [unit(1, 0.05)]), looked_at("far", [unit(1, 1.2)])
    found = items_alike(scenes.person("reviewer"), item)
    assert found is not None
    assert [(a.item.pk, a.is_near_duplicate) for a in found] == [(near.pk, True), (far.pk, False)]
    duplicates = items_alike(scenes.person("reviewer", "r2"), item, at_least=prompt_queries.NEAR_DUPLICATE)
    assert [a.item.pk for a in duplicates or ()] == [near.pk]


def test_an_upload_of_the_same_file_is_alike_and_one_that_was_not_looked_at_is_unknown() -> None:
    item = looked_at("one", [unit(1)])
    again = scenes.item_judged("again", kind=ItemKind.VIDEO, media=item.media)
    found = items_alike(scenes.person("reviewer"), item)
    assert [a.item.pk for a in found or ()] == [again.pk]
    plain = scenes.item_judged("plain", kind=ItemKind.VIDEO, media=scenes.stored(b"never seen" * 9))
    assert items_alike(scenes.person("reviewer", "r2"), plain) is None
    assert items_alike(scenes.person("reviewer", "r3"), scenes.item_judged("words")) is None


@pytest.mark.parametrize("role", ["reviewer", "senior", "policy-editor"])
def test_the_restricted_partition_never_shows(role: str) -> None:
    item = looked_at("one", [unit(1)])
    opaque = scenes.OPAQUE
    finding = Finding("terms", "1", "child_safety", 0.5, {"field": "caption", "text": opaque})
    looked_at("hidden", [unit(1)], caption=f"{opaque} and more", findings=[finding])
    user = scenes.person(role)
    assert items_alike(user, item) == []
    assert [f.item.pk for f in frames_found(user, unit(1), model=MODEL)] == [item.pk]


def test_ranking_gets_vectors_of_what_was_looked_at() -> None:
    item, plain = looked_at("one", [unit(1, 0), unit(0, 1)]), scenes.item_judged("words")
    vectors = clip_vectors([item.pk, plain.pk], model=MODEL)
    assert list(vectors) == [item.pk]
    assert np.allclose(vectors[item.pk], unit(1, 1), atol=1e-5)


@pytest.mark.django_db(transaction=True)
def test_the_index_is_made_used_and_dropped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from moderation.management.commands import vision_index

    monkeypatch.setattr(vision_index, "model_in_use", lambda: MODEL)
    rng = np.random.default_rng(4)
    for i in range(30):
        FrameVectors().save(f"{i:064x}", MODEL, [0], np.stack([unit(*rng.normal(size=8))]))
    call_command("vision_index")
    with connection.cursor() as cursor:
        cursor.execute("SET enable_seqscan = off")
        cursor.execute("SET enable_sort = off")
        cursor.execute(
            "EXPLAIN SELECT sha256 FROM moderation_clipembedding WHERE model = %s "
            "ORDER BY vector::vector(8) <=> %s::vector(8) LIMIT 5",
            [MODEL, str([1.0] + [0.0] * 7)],
        )
        plan = "\n".join(row[0] for row in cursor.fetchall())
        cursor.execute("RESET enable_seqscan")
        cursor.execute("RESET enable_sort")
    assert "Index Scan" in plan
    assert "0123456789ab" in plan
    call_command("vision_index", "--drop")
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_indexes WHERE indexname LIKE '%%0123456789ab'")
        assert cursor.fetchone() == (0,)
