"""How somebody looks at media: what is kept of the veils on the job page."""

from django.conf import settings
from django.db import models
from django.db.models import Q

#: The weakest blur (px) and grey (%) that still veil, and the strongest; sound in percent.
BLUR_PX, GREY_PERCENT, VOLUME_PERCENT = (6, 40), (20, 100), (5, 100)


class ViewingChoice(models.Model):
    """One person's veils for one category of jobs; who has no row sees media blurred, grey and muted.

    Their own, shown to nobody else; updated in place and no act on anybody, so no audit.
    """

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_index=False)
    category = models.CharField(max_length=40, blank=True, help_text="Slug; empty: jobs of no category.")
    is_sharp = models.BooleanField(default=False)
    is_colour = models.BooleanField(default=False)
    has_sound = models.BooleanField(default=False)
    veils_words = models.BooleanField(default=False)
    blur = models.PositiveSmallIntegerField(default=26, help_text="Pixels.")
    grey = models.PositiveSmallIntegerField(default=100, help_text="Percent.")
    volume = models.PositiveSmallIntegerField(default=60, help_text="Percent.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["person", "category"], name="moderation_viewing_once"),
            models.CheckConstraint(name="moderation_viewing_blur_veils", condition=Q(blur__range=BLUR_PX)),
            models.CheckConstraint(name="moderation_viewing_grey_veils", condition=Q(grey__range=GREY_PERCENT)),
            models.CheckConstraint(name="moderation_viewing_volume_range", condition=Q(volume__range=VOLUME_PERCENT)),
        ]

    def __str__(self) -> str:
        return f"{self.person_id}: {self.category or 'no category'}"
