"""The words of each item, for the search of items: written by triggers alone, from the caption and from what was read and heard."""

import pgtrigger
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models

from policies.triggers import no_truncate

#: Letters kept of what was read, and of what was said: a feature film's dialogue has some 50,000.
KEPT_LETTERS = 60_000


class ItemText(models.Model):
    """What can be searched of one item. `words` has the caption with weight A, what was read with B, what was said with C.

    `gatehouse_search_text` says what of a text counts: without case, accents and signs, each sign of a script without spaces
    a word of its own.
    """

    item = models.OneToOneField("moderation.Item", on_delete=models.PROTECT, primary_key=True, related_name="texts")
    read = models.TextField(blank=True)
    said = models.TextField(blank=True)
    words = SearchVectorField()

    class Meta:
        indexes = [
            # items_matching. Without the list of pending entries: whoever found it full would have to empty it, on the upload path.
            GinIndex(fields=["words"], name="moderation_itemtext_words", fastupdate=False),
        ]
        triggers = [pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete), no_truncate()]

    def __str__(self) -> str:
        return f"words of item {self.item_id}"


#: A new item's words: its caption, and what is known already of a file that came before.
FIRST_WORDS = "PERFORM gatehouse_item_texts(ARRAY[NEW.id]); RETURN NULL;"
#: What a detector read or heard in a file is of every item that shows it.
MORE_WORDS = """
    PERFORM gatehouse_item_texts(array_agg(i.id)) FROM moderation_item i JOIN moderation_mediafile f ON f.id = i.media_id
    WHERE f.sha256 = NEW.sha256 HAVING count(*) > 0;
    RETURN NULL;
"""
#: Detectors whose results are words.
DETECTORS_OF_WORDS = ("ocr", "speech")
