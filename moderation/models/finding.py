"""What detectors found, and the cache of what slow detectors made of a file."""

import pgtrigger
from django.db import models
from django.db.models import Q

from moderation.models.base import append_only
from moderation.models.search import DETECTORS_OF_WORDS, MORE_WORDS
from policies.choices import DETECTORS, Outcome
from policies.triggers import no_truncate


class Finding(models.Model):
    """One detector's calibrated probability for one category, with where; cited by the decision that used it first."""

    decision = models.ForeignKey("moderation.Decision", on_delete=models.PROTECT, related_name="findings")
    item = models.ForeignKey("moderation.Item", on_delete=models.PROTECT, related_name="findings")
    detector = models.CharField(max_length=20)
    detector_version = models.CharField(max_length=120)
    category = models.CharField(max_length=40)
    score = models.FloatField()
    hard = models.PositiveSmallIntegerField(choices=Outcome.choices, null=True)
    where = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="moderation_finding_score_range", condition=Q(score__gte=0, score__lte=1)),
            models.CheckConstraint(name="moderation_finding_detector_known", condition=Q(detector__in=DETECTORS)),
        ]
        indexes = [
            # matches_collect: the newest matches of hash banks
            models.Index(
                fields=["created_at"],
                name="moderation_finding_matches",
                condition=Q(detector__in=["hashes", "frames"]),
            ),
        ]
        triggers = [append_only(), no_truncate()]

    def __str__(self) -> str:
        return f"{self.detector}: {self.category} {self.score:.2f}"


class DetectorResult(models.Model):
    """What one version of one detector made of one file; policy-free, so that it can be used again for ever."""

    class Status(models.TextChoices):
        """How the run ended."""

        OK = "ok", "Ran"
        NOT_APPLICABLE = "not_applicable", "Nothing to look at"
        MISSING = "missing", "No answer"

    sha256 = models.CharField(max_length=64)
    detector = models.CharField(max_length=20)
    version = models.CharField(max_length=120)
    status = models.CharField(max_length=16, choices=Status.choices)
    why = models.CharField(max_length=20, blank=True)
    payload = models.JSONField(default=dict)
    seconds = models.FloatField(default=0.0)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sha256", "detector", "version"], name="moderation_detectorresult_one_per_version"
            ),
            models.CheckConstraint(
                name="moderation_detectorresult_detector_known", condition=Q(detector__in=DETECTORS)
            ),
            models.CheckConstraint(
                name="moderation_detectorresult_why_missing",
                condition=Q(status="missing", why__gt="") | (~Q(status="missing") & Q(why="")),
            ),
        ]
        triggers = [
            pgtrigger.Trigger(
                name="has_words",
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__detector__in=DETECTORS_OF_WORDS),
                func=MORE_WORDS,
            ),
        ]

    def __str__(self) -> str:
        return f"{self.detector} of {self.sha256[:12]}"
