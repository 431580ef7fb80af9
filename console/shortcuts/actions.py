"""Every action of the console that has a key, with the key it has until a person chooses another. No ORM.

A template names an action by its first key (`data-key="r"`), which therefore means one thing everywhere; the script asks
what a person's own key stands for. First keys need no AltGr on a European keyboard, but for the brackets, which have buttons.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.choices import Outcome


@dataclass(frozen=True, slots=True)
class Action:
    """One action; `slug` is what a person's own keys are stored under."""

    slug: str
    key: str
    label: str
    group: str


_EVERYWHERE, _DECIDING, _JOB, _MEDIA, _OTHER = "Everywhere", "Deciding", "On a job", "Media", "On other pages"
ACTIONS: tuple[Action, ...] = (
    Action("help", "?", "Show all keys", _EVERYWHERE),
    Action("go", "g", "Go to a page: then the letter of the page", _EVERYWHERE),
    Action("search", "/", "Search", _EVERYWHERE),
    Action("claim", "c", "Claim the next job", _EVERYWHERE),
    Action("back", "j", "Back to the job you hold", _EVERYWHERE),
    Action("undo", "u", "What you decided last, to take it back", _EVERYWHERE),
    Action("clear", "k", "Clear (okay)", _DECIDING),
    Action("restrict", "l", "Restrict (limit)", _DECIDING),
    Action("block", "b", "Block", _DECIDING),
    Action("seniors", "x", "Pass to seniors", _DECIDING),
    Action("decide", "n", "Decide and take the next job, as Enter does", _DECIDING),
    Action("discard", "z", "Discard your draft", _JOB),
    Action("give_back", "r", "Give the job back; on a simulation, replay", _JOB),
    Action("skip", "s", "Skip, and say why", _JOB),
    Action("ask", "a", "Ask a senior", _JOB),
    Action("shift_end", "e", "End of shift: hand over what you hold", _JOB),
    Action("help_message", "h", "Send the creator a help message", _JOB),
    Action("duty_lead", "d", "Tell the duty lead", _JOB),
    Action("warn", "y", "Warn the creator", _JOB),
    Action("sharp", "v", "Show the media sharp", _MEDIA),
    Action("colour", "o", "Show the media in colour", _MEDIA),
    Action("sound", "m", "Let the sound be heard", _MEDIA),
    Action("play", "p", "Play or pause, as the space bar does: from the worst moment", _MEDIA),
    Action("worst", "f", "To the worst moment", _MEDIA),
    Action("frame_back", ",", "A frame back", _MEDIA),
    Action("frame_on", ".", "A frame on", _MEDIA),
    Action("slower", "-", "Slower", _MEDIA),
    Action("faster", "+", "Faster", _MEDIA),
    Action("loop", "q", "Play in a loop", _MEDIA),
    Action("mark_from", "[", "Mark where the part that breaks the rule begins", _MEDIA),
    Action("mark_until", "]", "Mark where it ends", _MEDIA),
    Action("campaigns", "w", "From the queues to the campaigns, and on to the first", _OTHER),
    Action("threshold", "t", "Veil the words; on a simulation, to the threshold", _OTHER),
)
BY_SLUG: Mapping[str, Action] = {action.slug: action for action in ACTIONS}
#: The first keys of the outcomes that people choose, beside their digits.
OUTCOME_KEYS: Mapping[int, str] = {
    int(outcome): BY_SLUG[slug].key
    for outcome, slug in (
        (Outcome.CLEAR, "clear"),
        (Outcome.RESTRICT, "restrict"),
        (Outcome.BLOCK, "block"),
        (Outcome.ESCALATE, "seniors"),
    )
}


def keys_of(chosen: Mapping[str, str]) -> dict[str, str]:
    """Return slug -> key of every action, with what a person chose in the place of the first keys."""
    return {action.slug: chosen.get(action.slug, action.key) for action in ACTIONS}


def fault_of(key: str) -> str:
    """Return what is wrong with a key that somebody wants, as a sentence; empty where nothing is."""
    if len(key) != 1 or not key.isprintable() or key.isspace():
        return "Write one character that your keyboard has."
    if key.isdigit():
        return "Digits choose clauses and outcomes; take another character."
    return ""


def clashes_in(keys: Mapping[str, str]) -> dict[str, str]:
    """Return slug -> sentence for each action whose key an earlier one of the list has."""
    taken: dict[str, str] = {}
    clashes = {}
    for slug, key in keys.items():
        if key in taken:
            clashes[slug] = (
                f"“{key}” is already the key of “{BY_SLUG[taken[key]].label}”. Give one of the two another key."
            )
        taken.setdefault(key, slug)
    return clashes
