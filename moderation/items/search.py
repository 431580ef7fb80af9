"""Finding items by words: of their captions, of what is read in their pictures, and of what is said in them.

PostgreSQL's full text with the `simple` configuration, since uploads come in all languages: each word that is asked for has to
be the beginning of a word that is there. No extension is needed. Nothing is counted for anybody, and whoever asks gets only
what they may know of: the caller hands in the visible items.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import BooleanField, DateTimeField, Exists, F, Func, OuterRef, Q, QuerySet, TextField, Value
from django.db.models.functions import Left

from moderation.db.statements import run
from moderation.items.visibility import Person, may_know
from moderation.models import Creator, Item, ItemText
from moderation.models.item import language_column

#: Words of a search that count, as in `gatehouse_search_query`; more make no search narrower that a person means.
MAX_WORDS = 8
#: So many matches are taken by primary key and put in order. More are so frequent that the newest few are soon found by going
#: through the newest items.
_FEW = 3_000
#: Newest first as well, but not by the index of moments: going through all items by it is the wrong way to few of them.
_BY_TIME = Func(F("created_at"), template="(%(expressions)s + interval '0')", output_field=DateTimeField()).desc()
#: Of a longer text only the beginning is shown to a person who searched.
_TOLD_LETTERS = 10_000

_MATCHES = "SELECT * FROM gatehouse_items_with(%s, %s, %s)"
# One step through the index for each language, not one for each item.
_LANGUAGES = """
    WITH RECURSIVE used AS (
        (SELECT coalesce(nullif(language_detected, ''), split_part(lower(language_claimed), '-', 1)) AS language
         FROM moderation_item WHERE %(all)s OR NOT is_restricted ORDER BY 1 LIMIT 1)
        UNION ALL
        SELECT (SELECT coalesce(nullif(language_detected, ''), split_part(lower(language_claimed), '-', 1))
                FROM moderation_item
                WHERE coalesce(nullif(language_detected, ''), split_part(lower(language_claimed), '-', 1)) > used.language
                    AND (%(all)s OR NOT is_restricted)
                ORDER BY 1 LIMIT 1)
        FROM used WHERE used.language IS NOT NULL
    ) SELECT language FROM used WHERE language <> ''
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where words may stand: its name in an address, in words, and the weights of `ItemText.words` that it covers."""

    slug: str
    title: str
    weights: str


PLACES = (
    Place("", "Anywhere", ""),
    Place("caption", "In the caption", "A"),
    Place("picture", "Read in the picture", "B"),
    Place("sound", "Said in the sound", "C"),
)
_WEIGHTS = {place.slug: place.weights for place in PLACES}


def items_matching(items: QuerySet[Item], text: str, place: str = "") -> QuerySet[Item]:
    """Return those of some items that hold every word of a text, that have it as their id, or whose creator has.

    Where the words stand in more than _FEW items, or in many of the newest, they alone count: an id is no such word.

    Args:
        place: the slug of one of PLACES; another than "" asks for words only.
    """
    weights = _WEIGHTS[place]
    found = [pk for (pk,) in run(_MATCHES, [text, weights, _FEW + 1]).fetchall()]
    if len(found) > _FEW or None in found:
        return items.filter(Exists(ItemText.objects.filter(_holds(text, weights), item=OuterRef("pk"))))
    condition = Q(pk__in=found)
    if not place:
        creators = Creator.objects.filter(external_id=text).values_list("pk", flat=True)
        condition |= Q(external_id=text) | Q(creator__in=list(creators))
    return items.filter(condition).order_by(_BY_TIME, "-pk")


def _holds(text: str, weights: str) -> Func:
    query = Func(Value(text), Value(weights), function="gatehouse_search_query", output_field=TextField())
    return Func(F("words"), query, template="(%(expressions)s)", arg_joiner=" @@ ", output_field=BooleanField())


def items_in_language(items: QuerySet[Item], language: str) -> QuerySet[Item]:
    """Return those of some items that are taken to be in a language; see `language_column`."""
    return items.alias(in_language=language_column()).filter(in_language=language)


def languages_used(reader: Person) -> list[str]:
    """Return the language tags of the items that a person may know of, in order."""
    return [language for (language,) in run(_LANGUAGES, {"all": may_know(reader)}).fetchall()]


def texts_of(items: Iterable[Item]) -> dict[int, tuple[str, str]]:
    """Return what was read and what was said in each of these items, by primary key."""
    rows = ItemText.objects.filter(item__in=[item.pk for item in items])
    told = rows.values_list("item_id", Left("read", _TOLD_LETTERS), Left("said", _TOLD_LETTERS))
    return {pk: (read, said) for pk, read, said in told}
