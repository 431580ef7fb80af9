"""Weekly summaries of what detectors said and what people said of the same items, for the calibration page."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Func, Q

from policies.choices import DETECTORS
from policies.statistics.calibration import SCORE_EDGES

#: Bins of equal width in which scores are held against people's decisions.
N_LABEL_BINS = 10


def _has_length(field: str, n: int) -> Q:
    length = Func(F(field), function="cardinality", output_field=models.IntegerField())
    return Q(models.lookups.Exact(length, n))


class ScoreWeek(models.Model):
    """One week of one detector, category and language; language "" is all of them together.

    Working data: it is made again from decisions and findings, the last two weeks over and over.

    n_looked: items of the week for which the detector gave an answer, one in `one_in` of them counted
    histogram: of those, items by their largest score in the bins of `SCORE_EDGES`; items without a finding are in none
    label_counts, label_harmful, label_scores: items that people decided in the week, by score in N_LABEL_BINS bins; how many
        of them people acted on for this category; the sums of their scores. Items acted on for another category are left
        out: of those nobody said whether this category applies as well
    """

    begins_on = models.DateField()  # a Monday
    detector = models.CharField(max_length=20)
    category = models.CharField(max_length=40)
    language = models.CharField(max_length=8, blank=True)
    one_in = models.PositiveIntegerField(default=1)
    n_looked = models.PositiveIntegerField(default=0)
    histogram = ArrayField(models.PositiveIntegerField())
    label_counts = ArrayField(models.PositiveIntegerField())
    label_harmful = ArrayField(models.PositiveIntegerField())
    label_scores = ArrayField(models.FloatField())
    computed_at = models.DateTimeField()

    class Meta:
        constraints = [
            # Also the order in which the calibration page reads: one language, the last weeks.
            models.UniqueConstraint(
                fields=["language", "begins_on", "detector", "category"], name="moderation_scoreweek_once"
            ),
            models.CheckConstraint(name="moderation_scoreweek_detector_known", condition=Q(detector__in=DETECTORS)),
            models.CheckConstraint(name="moderation_scoreweek_monday", condition=Q(begins_on__iso_week_day=1)),
            models.CheckConstraint(name="moderation_scoreweek_counted", condition=Q(one_in__gte=1)),
            models.CheckConstraint(
                name="moderation_scoreweek_bins",
                condition=_has_length("histogram", len(SCORE_EDGES))
                & _has_length("label_counts", N_LABEL_BINS)
                & _has_length("label_harmful", N_LABEL_BINS)
                & _has_length("label_scores", N_LABEL_BINS),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.detector}: {self.category} in the week of {self.begins_on}"
