"""What changed between the page that somebody decided on and now, in plain words. Pure functions over what the page has read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from console.pages.evidence import Mark, mark_of
from moderation.decisions.basis import (
    UNDECIDED,
    Basis,
    BystanderBasis,
    CampaignBasis,
    bystander_basis_of,
    campaign_parts_of,
    parts_of,
)
from moderation.models import Decision, Finding
from moderation.models.decision import DecisionStage
from moderation.verdict.judge import hard_keys

_OUTDATED = "This page is outdated: it does not say which decision it showed."
_BY_STAGE = {
    DecisionStage.WITHDRAWAL: "The platform withdrew this item while you looked at it.",
    DecisionStage.CAMPAIGN: "This item was decided with its campaign while you looked at it.",
    DecisionStage.EMERGENCY: "An emergency term decided this item while you looked at it.",
    DecisionStage.ACTIVATION: "A new policy version decided this item while you looked at it.",
    DecisionStage.DEEP: "The slow models decided this item again while you looked at it.",
    DecisionStage.REVIEW: "Somebody decided this item while you looked at it.",
    DecisionStage.SENIOR: "Somebody decided this item while you looked at it.",
    DecisionStage.UNDONE: "Somebody took their decision on this item back while you looked at it.",
}


@dataclass(frozen=True, slots=True)
class Changed:
    """What a person's page did not show.

    Attributes:
        lead: the change that weighs most, as a sentence.
        decisions: public keys of the decisions made since.
        standing: the decision that stands now, where it is another one.
        known: marks of the findings that the page showed; None where nobody knows.
        n_reports: reports that came since, the newest ones.
        is_hard: machines found hard evidence that changed no decision.
        is_campaign: the item joined a campaign, or the campaign's floor is another.
    """

    lead: str
    decisions: Collection[str]
    standing: Decision | None
    known: Collection[Mark] | None
    n_reports: int
    is_hard: bool
    is_campaign: bool


def describe_changes(token: str, now: Basis, trail: Sequence[Decision]) -> Changed | None:
    """Return what changed on an item since a page carried `token`; None where nothing did.

    Args:
        trail: all decisions on the item with their findings, oldest first.
    """
    if token == now.token:
        return None
    parts = parts_of(token)
    at = next((i for i, d in enumerate(trail) if parts and str(d.key) == parts[0]), -1)
    if parts is None or (at < 0 and parts[0] != UNDECIDED):
        return Changed(_OUTDATED, (), trail[-1] if trail else None, None, 0, now.has_later_evidence, False)
    since, there = trail[at + 1 :], now.parts
    n_reports = max(now.n_reports - int(parts[1], 16), 0)
    is_hard, is_campaign = parts[2] != there[2] and now.has_later_evidence, parts[3] != there[3]
    known = [f for f in state_at(trail[: at + 1]) if not (is_hard and {*hard_keys([f])} & {*now.hard_by})]
    return Changed(
        lead=_lead(since, n_reports, is_hard=is_hard, is_campaign=is_campaign),
        decisions=frozenset(str(decision.key) for decision in since),
        standing=since[-1] if since else None,
        known=frozenset(mark_of(finding) for finding in known),
        n_reports=n_reports,
        is_hard=is_hard,
        is_campaign=is_campaign,
    )


def state_at(trail: Sequence[Decision]) -> list[Finding]:
    """Return the findings that a page shows now whose newest decision is the last of these. Some may have come since."""
    return next((list(d.findings.all()) for d in reversed(trail) if d.findings.all()), [])


def _lead(since: Sequence[Decision], n_reports: int, *, is_hard: bool, is_campaign: bool) -> str:
    if since:
        stage, by = DecisionStage(since[-1].stage), since[-1].decided_by
        if by == "new_hard_evidence" or (by.startswith("hard.") and stage == DecisionStage.DEEP):
            return "New hard evidence decided this item while you looked at it."
        return _BY_STAGE.get(stage, "Machines decided this item again while you looked at it.")
    if is_hard:
        return "Machines found hard evidence while you looked at it."
    if n_reports:
        return "Somebody reported this item while you looked at it."
    if is_campaign:
        return "The item's campaign changed while you looked at it."
    return _OUTDATED


@dataclass(frozen=True, slots=True)
class CampaignChanged:
    """What a person's page of a campaign did not show.

    Attributes:
        n_joined: members that joined since.
        is_floor: its floor, or who decides it, is another.
        is_decided: a member was decided by itself: by a person, by hard evidence, or withdrawn.
        is_item: the item that was to be added has another decision.
        n_reports: reports of that item that came since.
    """

    lead: str
    n_joined: int = 0
    is_floor: bool = False
    is_decided: bool = False
    is_item: bool = False
    n_reports: int = 0


def campaign_changed_since(token: str, now: CampaignBasis) -> CampaignChanged | None:
    """Return what changed on a campaign since a page carried `token`; None where nothing did."""
    if token == now.token:
        return None
    parts = campaign_parts_of(token)
    if parts is None:
        return CampaignChanged("This page is outdated: it does not say what it showed of the campaign.")
    n_joined = max(now.n_members - parts[1], 0)
    is_floor, is_decided = parts[2] != now.floor, parts[3] != now.decided
    return CampaignChanged(_campaign_lead(n_joined, is_floor), n_joined, is_floor, is_decided)


_FLOOR_CHANGED = "Somebody decided this campaign while you looked at it, or passed it on."
_MEMBER_DECIDED = "A member of this campaign was decided by itself, or left out of it, while you looked at it."


def _campaign_lead(n_joined: int, is_floor: bool) -> str:
    if is_floor:
        return _FLOOR_CHANGED
    if n_joined:
        return f"{n_joined} more caption{'' if n_joined == 1 else 's'} joined while you looked at it."
    return _MEMBER_DECIDED


def bystander_changed_since(token: str, now: BystanderBasis) -> CampaignChanged:
    """Return what changed on a campaign, or on an item beside it, since a page carried `token` for adding that item."""
    shown = bystander_basis_of(token)
    if shown is None:
        return CampaignChanged("This page is outdated: it does not say what it showed of the item.")
    is_floor, is_decided = shown.floor != now.floor, shown.decided != now.decided
    is_item, n_reports = shown.decision != now.decision, max(now.n_reports - shown.n_reports, 0)
    leads = (
        (is_floor, _FLOOR_CHANGED),
        (is_item, "The item was decided again while you looked at it."),
        (n_reports, "Somebody reported the item while you looked at it."),
        (True, _MEMBER_DECIDED),
    )
    lead = next(words for is_so, words in leads if is_so)
    return CampaignChanged(lead, 0, is_floor, is_decided, is_item, n_reports)


def read_typed(data: Mapping[str, str], outcomes: Mapping[str, str], names: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return what somebody had typed into a decision that was not recorded, as names and values, to be read and copied.

    Args:
        data: the form as it was sent.
        outcomes: the values of its outcomes -> their labels.
    """
    said = [
        ("Outcome", outcomes.get(data.get("outcome", ""), "")),
        ("Policy", names.get(data.get("category", ""), "")),
        ("Only for", f"{age} and over" if (age := data.get("min_age", "")) in {"13", "16", "18"} else ""),
        ("Not in", data.get("territories", "").strip()[:800]),
        ("Breaks the rule from", data.get("span_from", "").strip()[:12]),
        ("until", data.get("span_until", "").strip()[:12]),
        ("Why", data.get("note", "").strip()[:2_000]),
        ("Your answer", data.get("answer", "").strip()[:2_000]),
        ("Your question", data.get("question", "").strip()[:2_000]),
        ("A word for the next", data.get("skip_note", "").strip()[:400]),
    ]
    return [(name, value) for name, value in said if value]
