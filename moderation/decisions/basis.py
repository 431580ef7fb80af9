"""What a person is shown of an item or a campaign and names in their verdict, so that a page that was overtaken decides nothing.

A basis is read before or with the first of the page: what changes while the rest is read differs from it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from moderation.items.floor_queries import floor_of
from moderation.items.queries import BASIS_RELATIONS, basis_columns
from moderation.items.visibility import NOBODY, Person, campaigns_visible, members_visible
from moderation.models import Campaign, CampaignBystander, Finding, Item
from moderation.models.decision import PERSON_STAGES, DecisionStage
from moderation.verdict.evidence_codec import unpack
from moderation.verdict.judge import digest_of, hard_keys
from policies.choices import Outcome
from policies.models import Category

#: In place of a decision's key, where none was made yet.
UNDECIDED = "undecided"
_NOTHING = "0"
_TOKEN = re.compile(rf"([0-9a-f-]{{36}}|{UNDECIDED})(?:-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+))?")
_CAMPAIGN_TOKEN = re.compile(r"([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)")
_BYSTANDER_TOKEN = re.compile(rf"([0-9a-f]+)-([0-9a-f]+)-([0-9a-f]+)-([0-9a-f-]{{36}}|{UNDECIDED})")


@dataclass(frozen=True, slots=True)
class Basis:
    """What a verdict on an item is given on.

    Attributes:
        decision: public key of the decision that stands, or UNDECIDED.
        n_reports: reports there are that the person may know of.
        hard: what machines found since that decision and it does not know: category to least Outcome. Where a person
            decided, later findings need not change the decision.
        floor: digest of the floor of the item's campaign; "0" where it belongs to none.
        campaign: public key of that campaign, or "".
        hard_by: pieces of hard evidence that pages show and the decision does not name, in order.
    """

    decision: str
    n_reports: int = 0
    hard: Mapping[str, int] = field(default_factory=dict)
    floor: str = _NOTHING
    campaign: str = ""
    hard_by: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, str, str, str]:
        """What the token is made of; whatever differs was not on the page."""
        return self.decision, f"{self.n_reports:x}", self._hard_part, self.floor

    @property
    def has_later_evidence(self) -> bool:
        """True where there is hard evidence that the decision does not know."""
        return bool(self.hard or self.hard_by)

    @property
    def later_categories(self) -> list[str]:
        """The categories of that evidence."""
        return sorted({*self.hard, *(piece.partition(":")[0] for piece in self.hard_by)})

    @property
    def _hard_part(self) -> str:
        """The digest of the hard evidence on the page: the outcome of each category, and the pieces (words, hashes) that ask for it.

        Outcomes alone do not tell two words of a category apart; pieces alone do not tell that one asks for more than it did.
        """
        return _short({"levels": self.hard, "pieces": self.hard_by}) if self.has_later_evidence else _NOTHING

    @property
    def token(self) -> str:
        """What the page carries as `expected_decision`: the decision's key, and more where there is more to see."""
        return self.decision if self.parts[1:] == (_NOTHING,) * 3 else "-".join(self.parts)


def parts_of(token: str) -> tuple[str, str, str, str] | None:
    """Return the parts of a token as `Basis.parts`; None where it is none, so that it names nothing."""
    found = _TOKEN.fullmatch(token)
    return (found[1], found[2] or _NOTHING, found[3] or _NOTHING, found[4] or _NOTHING) if found else None


def _short(value: Mapping[str, Any]) -> str:
    return digest_of(value)[:12]


def basis_of(reader: Person = NOBODY, /, **key: object) -> Basis | None:
    """Return what a person's verdict on an item is given on: in one statement, or two where hard evidence is stored.

    Args:
        reader: whose verdict; what is hidden from them is no part of it. Whoever is not named may know of nothing hidden.
        key: what the item is looked up by, such as `pk` or `jobs__key`.
    """
    items = Item.objects.select_related("current_decision", *BASIS_RELATIONS)
    item = items.annotate(**basis_columns(reader)).filter(**key).first()
    return basis_from(item) if item else None


def basis_from(item: Item) -> Basis:
    """Return the same from an item that pages read, with BASIS_RELATIONS and `basis_columns`: one look at the database."""
    decision, member, stored = item.current_decision, _of(item, "campaign_member"), _of(item, "stored_evidence")
    member = None if member and member.left_out_at else member
    evidence: Mapping[str, Any] = decision.evidence if decision else {}
    return Basis(
        decision=str(decision.key) if decision else UNDECIDED,
        n_reports=getattr(item, "n_reports"),  # noqa: B009 # a column of the query
        hard=_find_since(bytes(stored.cells), evidence.get("hard", {})) if stored else {},
        floor=_short(floor_of(member.campaign).as_evidence()) if member else _NOTHING,
        campaign=str(member.campaign.key) if member else "",
        hard_by=tuple(sorted({*hard_keys(_hard_findings_shown(item))} - {*evidence.get("hard_by", ())})),
    )


def _hard_findings_shown(item: Item) -> list[Finding]:
    """Return the hard findings that pages show, of which the item's row has all that tells them apart."""
    return [Finding(**row) for row in getattr(item, "hard_shown")]  # noqa: B009 # a column of the query


def _of(item: Item, relation: str) -> Any:
    """Return what select_related found; None where there is none."""
    return getattr(item, relation, None)


def _find_since(cells: bytes, known: Mapping[str, int]) -> dict[str, int]:
    """Return the hard evidence among an item's stored findings that its decision does not know."""
    levels: dict[int, int] = {}
    for cell in unpack(cells):
        code, hard = int(cell["category"]), int(cell["hard"])
        levels[code] = max(levels.get(code, 0), hard)
    found = {code: level for code, level in levels.items() if level}
    if not found:
        return {}
    slugs = dict(Category.objects.filter(pk__in=found).values_list("pk", "slug"))
    by_slug = {slugs[code]: level for code, level in sorted(found.items()) if code in slugs}
    return {slug: level for slug, level in by_slug.items() if level > known.get(slug, 0)}


# --- what hard evidence a person has seen ------------------------------------------------------------------------


def evidence_seen(item: Item, basis: Basis) -> dict[str, Any]:
    """Return the evidence that a person's decision stores: of the decision that they named, and what their page showed besides.

    All of it is in the token of `basis`, and nothing else: what came since the page is read by nobody here.
    `hard_by` in it lists the pieces of hard evidence: one that is not among them is new to that person.
    """
    before = item.current_decision
    if before is None:
        return {}
    evidence = dict(before.evidence)
    if basis.hard:
        evidence["hard"] = {**evidence.get("hard", {}), **basis.hard}
    seen = {*evidence.get("hard_by", ()), *basis.hard_by}
    return evidence | ({"hard_by": sorted(seen)} if seen else {})


# --- campaigns ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CampaignBasis:
    """What a decision on a campaign is given on.

    Attributes:
        newest: digest of the member that joined last, of those that the person may know of.
        n_members: members there are that the person may know of.
        floor: digest of the campaign's floor, and of who decides it.
        decided: digest of the newest decision that tells a member apart: a person's, a block or a withdrawal of its own; and of
            how many people left out.
    """

    newest: str
    n_members: int
    floor: str
    decided: str

    @property
    def token(self) -> str:
        """What the page carries as `expected_decision`."""
        return f"{self.newest}-{self.n_members:x}-{self.floor}-{self.decided}"


def campaign_parts_of(token: str) -> tuple[str, int, str, str] | None:
    """Return newest member, number of members, floor and decisions that a campaign's token names; None where it is none."""
    found = _CAMPAIGN_TOKEN.fullmatch(token)
    return (found[1], int(found[2], 16), found[3], found[4]) if found else None


def campaigns_with_basis(reader: Person) -> QuerySet[Campaign]:
    """Return the campaigns a person may know of with what `campaign_basis_from` reads: one look at the database."""
    decision = "members__item__current_decision"
    by_people = Q(**{f"{decision}__stage__in": (*PERSON_STAGES, DecisionStage.WITHDRAWAL)})
    blocked = Q(**{f"{decision}__outcome": Outcome.BLOCK}) & ~Q(**{f"{decision}__stage": DecisionStage.CAMPAIGN})
    known = members_visible(reader, of="members__")
    return campaigns_visible(reader).annotate(
        n_members=Count("members", filter=known),
        newest_member=Max("members__pk", filter=known),
        newest_own=Max(f"{decision}_id", filter=known & (by_people | blocked)),
        n_left_out=Count("members", filter=known & Q(members__left_out_at__isnull=False)),
    )


def campaign_basis_from(campaign: Campaign) -> CampaignBasis:
    """Return what a decision is given on, from a campaign of `campaigns_with_basis`."""
    newest, n_members, own = (getattr(campaign, name) for name in ("newest_member", "n_members", "newest_own"))
    apart = {"newest": own} | ({"left_out": n} if (n := getattr(campaign, "n_left_out")) else {})  # noqa: B009 # likewise
    floor = {**floor_of(campaign).as_evidence(), "is_for_seniors": campaign.is_for_seniors}
    return CampaignBasis(
        newest=_short({"newest": newest}),
        n_members=n_members,
        floor=_short(floor),
        decided=_short(apart) if own or n else _NOTHING,
    )


def campaign_basis_of(campaign: Campaign, reader: Person = NOBODY) -> CampaignBasis:
    """Return what a person's decision on a campaign that they may know of is given on now."""
    return campaign_basis_from(campaigns_with_basis(reader).get(pk=campaign.pk))


@dataclass(frozen=True, slots=True)
class BystanderBasis:
    """What adding an item to a campaign is given on: what the campaign does to its members, and what stands of the item.

    Not who joined since: what a campaign is about is fixed when it is opened, and a live wave grows every few seconds.

    Attributes:
        floor, decided: as in `CampaignBasis`.
        n_reports: reports there are of the item.
        decision: public key of the item's decision that stands, or UNDECIDED.
    """

    floor: str
    decided: str
    n_reports: int
    decision: str

    @property
    def token(self) -> str:
        """What the page carries as `expected_decision` beside the item."""
        return f"{self.floor}-{self.decided}-{self.n_reports:x}-{self.decision}"


def bystander_basis_from(campaign: CampaignBasis, bystander: CampaignBystander) -> BystanderBasis:
    """Return what adding is given on, from a row of `bystanders_of`."""
    decision, n_reports = (getattr(bystander, name) for name in ("decision_key", "n_reports"))
    return BystanderBasis(campaign.floor, campaign.decided, n_reports, str(decision) if decision else UNDECIDED)


def bystander_basis_of(token: str) -> BystanderBasis | None:
    """Return what a token names; None where it is none."""
    found = _BYSTANDER_TOKEN.fullmatch(token)
    return BystanderBasis(found[1], found[2], int(found[3], 16), found[4]) if found else None
