"""What somebody decided last, and whether it still stands: for themselves alone."""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractUser

from moderation.items.visibility import item_visible
from moderation.models import Decision, Item, WaitingDecision
from moderation.models.decision import DecisionStage
from moderation.models.waiting import WaitingState

#: So far back one walks.
N_ACTS = 10
_WORDS = 90


@dataclass(frozen=True, slots=True)
class Act:
    """One decision of a person, made or waiting.

    Attributes:
        key: what it is taken back by.
        words: the first words of its item; "" where the person may not know of it any more.
        due_at: when it takes effect, where it waits.
        is_open: it can be taken back.
        newer: what stands in its place, where something does.
        why: why it did not take effect.
    """

    key: str
    item: Item
    words: str
    outcome: int
    min_age: int
    territories: tuple[str, ...]
    category: str
    note: str
    at: datetime
    due_at: datetime | None = None
    is_open: bool = False
    newer: Decision | None = None
    why: str = ""

    @property
    def is_taken_back(self) -> bool:
        """True where the person took it back."""
        return not self.is_open and not self.why and (self.newer is None or self.newer.stage == DecisionStage.UNDONE)


def acts_of(person: AbstractUser) -> list[Act]:
    """Return the last decisions of a person, the newest first, in two queries."""
    waiting = WaitingDecision.objects.filter(actor_id=person.pk).exclude(state=WaitingState.APPLIED)
    made = Decision.objects.filter(actor_id=person.pk).select_related(
        "item__creator", "superseded_by__actor", "waited_as"
    )
    acts = [_waiting(person, row) for row in waiting.select_related("item__creator").order_by("-created_at")[:N_ACTS]]
    acts += [_made(person, decision) for decision in made.order_by("-pk")[:N_ACTS]]
    return sorted(acts, key=lambda act: act.at, reverse=True)[:N_ACTS]


def _waiting(person: AbstractUser, row: WaitingDecision) -> Act:
    waits = row.state == WaitingState.WAITING
    return Act(
        str(row.key), row.item, first_words(person, row.item), row.outcome, row.min_age, tuple(row.territories_blocked),
        row.category, row.note, row.created_at, due_at=row.due_at if waits else None, is_open=waits, why=row.why,
    )  # fmt: skip


def _made(person: AbstractUser, decision: Decision) -> Act:
    newer, waited = getattr(decision, "superseded_by", None), getattr(decision, "waited_as", None)
    return Act(
        str(decision.key), decision.item, first_words(person, decision.item), decision.outcome, decision.min_age,
        tuple(decision.territories_blocked), decision.category, decision.note,
        waited.created_at if waited else decision.created_at, is_open=newer is None, newer=newer,
    )  # fmt: skip


def first_words(person: AbstractUser, item: Item) -> str:
    """Return the first words of an item's caption, or what it is where it has none; "" where the person may not know of it."""
    if not item_visible(person, item):
        return ""
    words = " ".join(item.caption.split())
    if len(words) > _WORDS:
        words = words[:_WORDS].rsplit(" ", 1)[0] + " …"
    return words or f"{item.get_kind_display()} without a caption, by {item.creator.external_id}"
