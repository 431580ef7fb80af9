"""What a verdict on a stored item depends on besides evidence."""

from moderation.models import Item
from moderation.verdict.judgement import Context


def context_of(item: Item) -> Context:
    """Return what a verdict on an item depends on besides evidence, as things stand now."""
    return Context(
        kind=item.kind,
        market=item.region,
        language=item.language,
        claim=item.audience_claim,
        standing=item.creator.standing,
    )
