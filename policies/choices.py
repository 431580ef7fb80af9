"""The closed vocabularies shared by every layer: outcomes, audience bands, item kinds, stages, creator standings.

Numbers are stored in rows and arrays; never renumber one.
"""

from django.db import models


class Outcome(models.IntegerChoices):
    """What a verdict says, ordered from most to least permissive: the larger number wins."""

    CLEAR = 0, "Clear"
    RESTRICT = 1, "Restrict"
    ESCALATE = 2, "Escalate"
    HOLD = 3, "Hold"
    BLOCK = 4, "Block"

    @property
    def is_servable(self) -> bool:
        """True where a clearance may follow; everything else has no exposure at all."""
        return self <= Outcome.RESTRICT


class Band(models.IntegerChoices):
    """Audience bands, youngest first. Unknown age is UNDER_13."""

    UNDER_13 = 0, "Under 13"
    TEEN_13_15 = 1, "13 to 15"
    TEEN_16_17 = 2, "16 to 17"
    ADULT = 3, "Adult"


#: The API's names of the bands, in Band order.
BAND_KEYS: tuple[str, ...] = ("under_13", "13_15", "16_17", "adult")
#: Youngest age in years that belongs to each band, in Band order; the only values a `min_age` may take.
BAND_MIN_AGES: tuple[int, ...] = (0, 13, 16, 18)


class ItemKind(models.IntegerChoices):
    """What an upload mainly is."""

    VIDEO = 0, "Video"
    IMAGE = 1, "Image"
    TEXT = 2, "Text"


#: The API's names of the kinds, in ItemKind order.
KIND_KEYS: tuple[str, ...] = ("video", "image", "text")


class Stage(models.TextChoices):
    """Where a detector runs: while the uploader waits, or afterwards."""

    ON_PATH = "on_path", "On the upload path"
    DEEP = "deep", "After the upload"


class Standing(models.IntegerChoices):
    """How far a creator is trusted, best first; a worse standing never makes a verdict more permissive."""

    GOOD = 0, "Good"
    NEW = 1, "New"
    STRAINED = 2, "Strained"
    SUSPENDED = 3, "Suspended"


#: Every detector the product knows, in a fixed order: columns of `missing` follow it.
DETECTORS: tuple[str, ...] = ("hashes", "terms", "text", "links", "history", "frames", "ocr", "speech", "vision")
DEEP_DETECTORS: frozenset[str] = frozenset({"frames", "ocr", "speech", "vision"})


def band_of_age(age: float | None) -> Band:
    """Return the band of an age in years; None, NaN or anything outside 0..120 is the youngest band."""
    if age is None or not 0 <= age <= 120:
        return Band.UNDER_13
    return Band(max(i for i, floor in enumerate(BAND_MIN_AGES) if age >= floor))


# Queues that are there whatever a version's routing rules say.

#: Held items that no machine could finish.
UNEXAMINED_QUEUE = "unexamined"
#: The partition of child safety, which no rule can widen.
RESTRICTED_QUEUE = "child-safety"
#: Decisions to be made over an earlier one.
SENIOR_QUEUE = "seniors"
#: What reports alone say is child safety: for the partition's people, while the item stays where it is.
REPORTED_QUEUE = "child-safety-reports"
#: Queues of the partition, whatever the database says of them.
PARTITION_QUEUES = (RESTRICTED_QUEUE, REPORTED_QUEUE)
