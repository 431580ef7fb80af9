"""Keeping the vectors of frames and clips, so that other prompts and near-duplicate search cost no second look."""

from collections.abc import Sequence

import numpy as np
from django.db import transaction

from moderation.detection.vision.model import Vectors
from moderation.models import ClipEmbedding, FrameEmbedding


class FrameVectors:
    """The store that the vision detector is given."""

    def load(self, sha256: str, model: str) -> tuple[list[int], Vectors] | None:
        """Return the times (ms) and unit vectors (n, d) of a file's frames; None where this model has not looked at it."""
        rows = FrameEmbedding.objects.filter(sha256=sha256, model=model).order_by("ms").values_list("ms", "vector")
        times, vectors = [ms for ms, _ in rows], [vector for _, vector in rows]
        return (times, np.asarray(vectors, dtype=np.float32)) if times else None

    @transaction.atomic
    def save(self, sha256: str, model: str, times_ms: Sequence[int], vectors: Vectors) -> None:
        """Keep the frames of a file and their mean. What is there stays: the same file and model give the same vectors."""
        FrameEmbedding.objects.bulk_create(
            [
                FrameEmbedding(sha256=sha256, model=model, ms=ms, vector=vector)
                for ms, vector in dict(zip(times_ms, vectors, strict=True)).items()
            ],
            ignore_conflicts=True,
        )
        mean = vectors.mean(axis=0)
        ClipEmbedding.objects.bulk_create(
            [ClipEmbedding(sha256=sha256, model=model, n_frames=len(vectors), vector=mean / np.linalg.norm(mean))],
            ignore_conflicts=True,
        )
