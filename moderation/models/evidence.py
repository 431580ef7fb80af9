"""The latest machine evidence of every item in a compact form, for simulations and for activations. One row an item.

What a decision rests on stays in the decision; these rows can be made again from decisions and findings.
"""

import pgtrigger
from django.db import models
from django.db.models import Q
from django.db.models.functions import Mod
from django.db.models.lookups import Exact, LessThanOrEqual

from policies.choices import DETECTORS, Band, ItemKind, Outcome, Standing
from policies.triggers import no_truncate

#: Bytes of one cell: source u1, hard u1, category u2, score f4, all little-endian.
CELL_BYTES = 8
#: More cells than any item has: sources times categories, generously.
MAX_CELLS = 4_096
#: In the columns of context: not known.
UNKNOWN = -1

# The gate's watermark idea: whoever follows reads all rows of the oldest transaction that still ran, and later ones.
_STAMP = """
    NEW.txid := pg_current_xact_id()::text::bigint;
    RETURN NEW;
"""


def _octets() -> models.Func:
    return models.Func("cells", function="octet_length", output_field=models.IntegerField())


class ItemEvidence(models.Model):
    """What the detectors found on an item and the context it is judged in, as of its last machine judgement.

    `missing` has bit i set where DETECTORS[i] gave no answer. `cells` holds one cell per source and category that was
    found; see `moderation.verdict.evidence_codec`. `floor` is the least Outcome due to the item's campaign.
    """

    item = models.OneToOneField(
        "moderation.Item", on_delete=models.PROTECT, primary_key=True, related_name="stored_evidence"
    )
    decision = models.ForeignKey("moderation.Decision", on_delete=models.PROTECT, related_name="+", db_index=False)
    # An item's creator never changes, and the upload path need not check again that it exists.
    creator = models.ForeignKey(
        "moderation.Creator", on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    txid = models.BigIntegerField()
    at = models.DateTimeField(help_text="When the item was uploaded.")
    kind = models.SmallIntegerField()
    market = models.CharField(max_length=2, blank=True)
    language = models.CharField(max_length=3, blank=True)
    claim = models.SmallIntegerField()
    standing = models.SmallIntegerField()
    missing = models.IntegerField()
    unlabelled = models.PositiveSmallIntegerField(default=0)
    floor = models.PositiveSmallIntegerField(default=0)
    is_final = models.BooleanField(default=False)
    cells = models.BinaryField(default=b"")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="moderation_itemevidence_cells_whole",
                condition=Q(Exact(Mod(_octets(), CELL_BYTES), 0))
                & Q(LessThanOrEqual(_octets(), MAX_CELLS * CELL_BYTES)),
            ),
            models.CheckConstraint(
                name="moderation_itemevidence_context_known",
                condition=Q(
                    kind__range=(UNKNOWN, max(ItemKind.values)),
                    claim__range=(UNKNOWN, max(Band.values)),
                    standing__range=(UNKNOWN, max(Standing.values)),
                ),
            ),
            models.CheckConstraint(
                name="moderation_itemevidence_market_iso", condition=Q(market="") | Q(market__regex=r"^[A-Z]{2}$")
            ),
            models.CheckConstraint(
                name="moderation_itemevidence_language_subtag",
                condition=Q(language="") | Q(language__regex=r"^[a-z]{2,3}$"),
            ),
            models.CheckConstraint(
                name="moderation_itemevidence_missing_range", condition=Q(missing__range=(0, 2 ** len(DETECTORS) - 1))
            ),
            models.CheckConstraint(
                name="moderation_itemevidence_outcomes_known",
                condition=Q(unlabelled__in=Outcome.values, floor__in=Outcome.values),
            ),
        ]
        indexes = [
            models.Index(fields=["txid"], name="moderation_evidence_tail"),  # who follows new rows
            models.Index(fields=["at"], name="moderation_evidence_period"),  # a simulation's period
        ]
        triggers = [
            pgtrigger.Trigger(
                name="stamp", when=pgtrigger.Before, operation=pgtrigger.Insert | pgtrigger.Update, func=_STAMP
            ),
            pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
            no_truncate(),
        ]

    def __str__(self) -> str:
        return f"evidence of item {self.item_id}"
