"""What was made from a stored file: for reviewers (contact sheet, waveform, preview, thumbnail) and for other workers (samples)."""

from django.db import models
from django.db.models import Q

from moderation.models.item import MediaFile


class DerivedFile(models.Model):
    """One thing made from one file by one version of the code; it can always be made again.

    `data`: for a sheet `{"columns", "width", "height", "times": [ms, ...]}` (one cell a time, row by row); for a waveform
    `{"peaks": hexadecimal, two digits each 0..255, "duration_ms", "is_silent"}`, which needs no file; for a preview or a
    thumbnail `{"width", "height"}`.
    """

    class Kind(models.TextChoices):
        """What it is for."""

        SHEET = "sheet", "Contact sheet"
        WAVEFORM = "waveform", "Waveform"
        PREVIEW = "preview", "Preview that browsers play"
        SAMPLES = "samples", "Frames and sound for other workers"
        THUMB = "thumb", "Thumbnail for lists"

    file = models.ForeignKey(MediaFile, on_delete=models.PROTECT, related_name="derived")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    version = models.CharField(max_length=20)
    sha256 = models.CharField(max_length=64, blank=True)
    storage_key = models.CharField(max_length=200, blank=True)
    mime = models.CharField(max_length=64, blank=True)
    n_bytes = models.PositiveBigIntegerField(default=0)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["file", "kind", "version"], name="moderation_derivedfile_one_each"),
            models.CheckConstraint(
                name="moderation_derivedfile_kind_known",
                condition=Q(kind__in=["sheet", "waveform", "preview", "samples", "thumb"]),
            ),
            models.CheckConstraint(
                name="moderation_derivedfile_stored_whole",
                condition=Q(sha256="", storage_key="", n_bytes=0)
                | Q(sha256__regex=r"^[0-9a-f]{64}$", storage_key__gt="", n_bytes__gt=0),
            ),
        ]
        indexes = [
            models.Index(fields=["sha256"], name="moderation_derivedfile_sha256"),  # the media view
            # samples_sweep: what no worker will fetch any more
            models.Index(fields=["created_at"], name="moderation_derivedfile_samples", condition=Q(kind="samples")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.file_id}"
