"""What a word or phrase would touch of what is stored, before it is put in force. Reads only."""

from moderation.emergency.rules import form_of
from moderation.models import Item
from moderation.rejudge.list_subjects import concerned_by_term
from moderation.rejudge.look_ahead import look_ahead
from moderation.wide.radius import ListRadius
from policies.choices import Outcome


def term_radius(*, text: str, category: str, language: str, outcome: Outcome) -> ListRadius:
    """Return which stored items hold a term, and which hold its letters and are not matched."""
    letters = form_of(text).replace(" ", "")

    def is_near(item: Item) -> bool:
        return bool(letters) and letters in item.caption.casefold().replace(" ", "")

    found = look_ahead(concerned_by_term(" ".join(text.split()), category, language, outcome), is_near)
    return ListRadius.of(found.hits, found.near, found.n_looked_at, is_whole=found.is_whole)
