"""What should stand, from the rules alone: the strictest of what the lists of now say of the content, and what people decided.

Knows nothing of findings, decisions, versions of detectors, views, messages or the order of anything but people's words.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from policies.choices import Outcome, Standing

#: An outcome, and the age from which it serves: the larger is the stricter.
Said = tuple[Outcome, int]
#: What a person decided, and the hard evidence on their page.
Word = tuple[Said, frozenset[str]]
#: What a restricting term asks for.
RESTRICTED: Said = (Outcome.RESTRICT, 18)


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
    person: Word | None = None
    before: list[Word | None] = field(default_factory=list)  # what people had said earlier, the last one last
    is_reported: bool = False  # and no person has decided since

    def decided(self, word: Word) -> None:
        """Take a person's decision in place of what stood."""
        self.before.append(self.person)
        self.person, self.is_reported = word, False

    def taken_back(self) -> None:
        """Forget the last decision of a person: what they or others had said before it holds again, or nothing."""
        self.person = self.before.pop()


@dataclass
class InForce:
    """The lists of now. All in them blocks, but some terms are milder; a campaign holds for people until they decide."""

    blocking: set[str] = field(default_factory=set)  # terms, of people or of the version, and domains
    escalating: set[str] = field(default_factory=set)
    restricting: set[str] = field(default_factory=set)
    files: set[str] = field(default_factory=set)
    standings: dict[str, Standing] = field(default_factory=dict)
    floors: dict[str, Outcome] = field(default_factory=dict)


def hard_on(thing: Thing, lists: InForce) -> frozenset[str]:
    """Return the hard evidence there is on a thing now."""
    seen = thing.words | (thing.read if thing.examined else frozenset())
    return frozenset((seen & (lists.blocking | lists.escalating | lists.restricting)) | ({thing.file} & lists.files))


def asked_by(mark: str, lists: InForce) -> Said:
    """Return what a piece of hard evidence asks for at least."""
    if mark in lists.restricting:
        return RESTRICTED
    return (Outcome.ESCALATE if mark in lists.escalating else Outcome.BLOCK), 0


def by_machines(thing: Thing, lists: InForce) -> Said:
    """Return what machines must say."""
    said = [Outcome.CLEAR, lists.floors.get(thing.campaign, Outcome.CLEAR)]
    said += [Outcome.HOLD] * (not thing.examined)
    said += [Outcome.HOLD] * (lists.standings.get(thing.creator) == Standing.SUSPENDED)
    return max([(max(said), 0), *(asked_by(mark, lists) for mark in hard_on(thing, lists))])


def stands(thing: Thing, lists: InForce) -> Said:
    """Return what must stand now: what a person decided, unless hard evidence that they did not see asks for more."""
    if thing.withdrawn:
        return Outcome.BLOCK, 0
    machines = by_machines(thing, lists)
    if thing.person is None:
        return machines
    decided, seen = thing.person
    is_new = bool(hard_on(thing, lists) - seen)
    return (Outcome.HOLD, 0) if is_new and machines > decided else decided


def waits_for_people(thing: Thing, outcome: Outcome) -> bool:
    """Whether a thing with this outcome must be in a queue: somebody reported it, or it is held against a person's word."""
    is_held = thing.person is not None and outcome == Outcome.HOLD
    return is_held or (thing.is_reported and outcome != Outcome.BLOCK)
