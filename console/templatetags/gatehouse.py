"""How the console writes times, durations, outcomes and sizes."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.pages.evidence import clock, reason_words, rule_words, where_words
from console.pages.labels import action_name, detector_name, language_label, rule_name
from console.pages.titles import title_of
from moderation.banks.lookup import differing
from moderation.gate.media_urls import Part, reviewer_url
from moderation.items.visibility import item_hides_media
from moderation.models import Item
from policies.choices import Outcome

register = template.Library()

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"))


@register.filter
def span(seconds: float | None) -> str:
    """Return a duration in its two largest units: `2 h 5 min`; a dash for none."""
    if seconds is None:
        return "–"
    rest, words = int(max(seconds, 0)), []
    for size, name in _STEPS:
        n, rest = divmod(rest, size)
        if n:
            words.append(f"{n} {name}")
    return " ".join(words[:2]) or f"{int(max(seconds, 0))} s"


@register.filter
def minutes(n: int) -> str:
    """Return a number of minutes as a duration."""
    return span(n * 60)


@register.filter
def when(moment: datetime | None) -> str | SafeString:
    """Return a moment as a time element: relative to read, exact on hover and for machines."""
    if moment is None:
        return "–"
    seconds = (timezone.now() - moment).total_seconds()
    words = f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"
    exact = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact, words)


@register.filter
def stamp(moment: datetime | None) -> str | SafeString:
    """Return a moment as an exact time element, for logs."""
    if moment is None:
        return "–"
    return format_html('<time datetime="{}">{}</time>', moment.isoformat(), moment.strftime("%d %b %H:%M:%S"))


@register.filter
def outcome(value: int | None) -> str | SafeString:
    """Return an outcome as a badge: word, sign and colour."""
    if value is None:
        return format_html('<span class="badge">{}</span>', "Undecided")
    known = Outcome(value)
    return format_html('<span class="badge o{}">{}</span>', known.value, known.label)


@register.filter
def state(item: Any) -> SafeString:
    """Return an item's state as a badge; that its clearance has run out where that is known."""
    if item.is_expired(timezone.now()):
        return format_html('<span class="badge late">{}</span>', "Expired")
    return format_html('<span class="badge s-{}">{}</span>', item.state, item.get_state_display())


@register.filter
def item_title(item: Item) -> str:
    """Return what an item is called: its first words, never its id."""
    return title_of(item)


@register.filter
def thumb_url(item: Item) -> str:
    """Return where an item's thumbnail is; empty where it has no picture, or where nobody is shown any of it."""
    has_picture = (item.media_id or item.cover_id) and not item_hides_media(item)
    return reviewer_url(item.key, Part.THUMB) if has_picture else ""


@register.filter
def severity(value: int) -> SafeString:
    """Return severity 1 to 5 as five blocks, with the number for those who do not see them."""
    blocks = format_html_join(
        "",
        '<rect x="{}" y="0" width="7" height="8" rx="1.5" class="{}"/>',
        ((i * 9, "on" if i < value else "") for i in range(5)),
    )
    top = " top" if value >= 4 else ""
    return format_html(
        '<svg class="sev{}" viewBox="0 0 43 8" role="img" aria-label="Severity {} of 5">{}</svg>', top, value, blocks
    )


@register.filter
def duration(milliseconds: int | None) -> str:
    """Return the length of a clip as m:ss.t; a dash for none."""
    return "–" if milliseconds is None else clock(milliseconds)


@register.filter
def seconds(milliseconds: int) -> str:
    """Return a place in a clip in seconds, as players and scripts read it."""
    return f"{milliseconds / 1_000:.3f}".rstrip("0").rstrip(".")


@register.filter
def where(value: dict[str, Any]) -> str:
    """Return where something was found, in words."""
    return where_words(value or {})


@register.filter
def pretty(value: Any) -> str:
    """Return JSON that people can read."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


@register.filter
def category_name(slug: str, names: dict[str, str]) -> str:
    """Return the name of a category; its slug where the name is not known."""
    return names.get(slug, slug)


@register.filter
def because(rule: str, names: dict[str, str]) -> str:
    """Return a rule's name as a sentence."""
    return rule_words(rule, names)


@register.filter
def reason(value: dict[str, Any], names: dict[str, str]) -> str:
    """Return one stored reason of a decision as a sentence."""
    return reason_words(value, names)


@register.filter
def decided(rule: str, names: dict[str, str]) -> str:
    """Return what decided, or why somebody was asked, in a few words."""
    return rule_name(rule, names)


@register.filter
def detector(slug: str) -> str:
    """Return what people call a detector."""
    return detector_name(slug)


@register.filter
def act(action: str) -> str:
    """Return what was done, as the audit log names it, in words."""
    return action_name(action)


@register.filter
def spoken(tag: str) -> str:
    """Return the name of a language, with its tag."""
    return language_label(tag)


@register.filter
def plain(code: str) -> str:
    """Return a machine name as words: `missing.text` becomes `missing: text`."""
    return code.replace(".", ": ").replace("_", " ")


@register.filter
def is_among(key: object, keys: Collection[str]) -> bool:
    """Return whether a public key is one of those that are given as text."""
    return str(key) in keys


@register.filter
def answer_about(words: dict[str, bool], entry: str) -> bool | None:
    """Return what this person said of a match with an entry; None where they said nothing yet."""
    return words.get(entry) if words else None


@register.filter
def of_entry(items: dict[str, list[Item]], entry: str) -> list[Item]:
    """Return the items that an entry of a bank met, out of those of all."""
    return items.get(str(entry), [])


@register.filter
def bits(value: str) -> str:
    """Return the set bits of a 256-bit hash as the path of a 16 x 16 drawing, row by row from the top left."""
    on = (i for i, bit in enumerate(f"{int(value, 16):0256b}") if bit == "1")
    return "".join(f"M{i % 16} {i // 16}h1v1h-1z" for i in on)


@register.filter
def differing_bits(value: str, other: str) -> str:
    """Return the bits in which two hashes differ, as such a path."""
    return bits(differing(value, other))


@register.filter
def audit_value(value: object) -> str:
    """Return a value of an audit row as people read it: yes and no, lists with commas, what something was and is."""
    if isinstance(value, dict):
        if set(value) == {"was", "is"}:
            return f"{audit_value(value['was'])} → {audit_value(value['is'])}"
        return ", ".join(f"{name} {audit_value(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list):
        return ", ".join(audit_value(part) for part in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value in (None, "") else str(value)
