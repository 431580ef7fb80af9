"""What should stand, from the rules alone: the strictest of what the lists of now say of the content, and what people decided.

Knows nothing of findings, decisions, versions of detectors, views, messages or the order of anything but people's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.choices import Outcome, Standing


@dataclass
class Thing:
    """One upload: what it is made of, and what people and its platform said of it.

    `read` holds words that stand in its picture, which machines know once they have looked (`examined`).
    """

    creator: str
    words: frozenset[str]
    read: frozenset[str] = frozenset()
    file: str = ""
    examined: bool = True
    withdrawn: bool = False
    campaign: str = ""
    person: tuple[Outcome, frozenset[str]] | None = None  # what they decided, and the hard evidence on their page


@dataclass
class InForce:
    """The lists of now. Everything in them blocks, but an escalating term; a campaign holds for people until they decide."""

    blocking: set[str] = field(default_factory=set)  # terms, of people or of the version, and domains
    escalating: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    standings: dict[str, Standing] = field(default_factory=dict)
    floors: dict[str, Outcome] = field(default_factory=dict)


def hard_on(thing: Thing, lists: InForce) -> frozenset[str]:
    """Return the hard evidence there is on a thing now."""
    seen = thing.words | (thing.read if thing.examined else frozenset())
    return frozenset((seen & (lists.blocking | lists.escalating)) | ({thing.file} & lists.files))


def by_machines(thing: Thing, lists: InForce) -> Outcome:
    """Return what machines must say."""
    hard = hard_on(thing, lists)
    said = [Outcome.CLEAR, lists.floors.get(thing.campaign, Outcome.CLEAR)]
    said += [Outcome.BLOCK if mark not in lists.escalating else Outcome.ESCALATE for mark in hard]
    said += [Outcome.HOLD] * (not thing.examined)
    said += [Outcome.HOLD] * (lists.standings.get(thing.creator) == Standing.SUSPENDED)
    return max(said)


def stands(thing: Thing, lists: InForce) -> Outcome:
    """Return what must stand now."""
    if thing.withdrawn:
        return Outcome.BLOCK
    machines = by_machines(thing, lists)
    if thing.person is None:
        return machines
    decided, seen = thing.person
    is_new = bool(hard_on(thing, lists) - seen)
    return Outcome.HOLD if is_new and machines > decided and decided != Outcome.BLOCK else decided
