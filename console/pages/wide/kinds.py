"""What the pages of wide acts know of each kind: how far it reaches now, who does it, and where its subject is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from moderation.banks.radius import bank_radius
from moderation.banks.requests import bank_ratio_confirm
from moderation.campaigns.service import campaign_confirm, campaign_radius, campaign_undo_confirm
from moderation.models import Campaign, HashBank, WideAct
from moderation.models.wide_act import WideKind
from moderation.rollout.radius import version_radius
from moderation.rollout.requests import activation_confirm
from moderation.wide.radius import Radius
from policies.choices import Outcome
from policies.models import PolicyVersion


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of act.

    Attributes:
        weigh: returns what it reaches now.
        confirm: does it, in the name of the second person.
        address: where what it is done to can be looked at.
        words: what would be done, as a sentence.
        protects: what helps where it turns out to be a mistake.
    """

    weigh: Callable[[WideAct], Radius]
    confirm: Callable[[User, str], object]
    address: Callable[[WideAct], str]
    words: Callable[[WideAct], str]
    protects: str


CAMPAIGN_PROTECTS = (
    "It is a floor: nothing is cleared by it. It can be undone as one on the campaign’s page, and then each member is judged by "
    "what is in force at that moment; members can be left out before, and overturned one by one after."
)
UNDO_PROTECTS = (
    "Nothing is served because of it: each member is judged by the terms, banks and version of now, and what people decided on "
    "single members stays."
)
VERSION_PROTECTS = (
    "The former version stays one step away: rolling back decides every stored item again by it. What people decided stays as it "
    "is. Before activating, a canary can try the version on a share of creators and takes itself back."
)
TERM_PROTECTS = (
    "It only restricts. It can be taken back by its author and rejected by an approver; what held it is then judged again. Unless "
    "somebody else confirms it, it ends by itself."
)
BANK_PROTECTS = (
    "A part of the bank can be switched on first, as a canary. A hash that suddenly matches many creators holds uploads for people "
    "instead of blocking them. Switched back, what it stopped is judged again."
)


def _campaign(act: WideAct) -> Campaign:
    return Campaign.objects.get(key=act.subject)


def _to_campaign(act: WideAct) -> str:
    return reverse("campaign_page", args=[act.subject])


def _version(act: WideAct) -> PolicyVersion:
    return PolicyVersion.objects.get(number=int(act.subject))


def _to_version(act: WideAct) -> str:
    return reverse("policy_page", args=[act.subject])


KINDS: Mapping[str, Kind] = {
    WideKind.CAMPAIGN: Kind(
        lambda act: campaign_radius(_campaign(act)),
        lambda user, key: campaign_confirm(actor=user, act_key=key, now=timezone.now()),
        _to_campaign,
        lambda act: f"{Outcome(act.act['outcome']).label}: a whole campaign, and what still joins it",
        CAMPAIGN_PROTECTS,
    ),
    WideKind.CAMPAIGN_UNDO: Kind(
        lambda act: campaign_radius(_campaign(act)),
        lambda user, key: campaign_undo_confirm(actor=user, act_key=key, now=timezone.now()),
        _to_campaign,
        lambda act: "Undo a campaign’s decision for all its members",
        UNDO_PROTECTS,
    ),
    WideKind.ACTIVATION: Kind(
        lambda act: version_radius(_version(act)).radius,
        lambda user, key: activation_confirm(actor=user, act_key=key, now=timezone.now()),
        _to_version,
        lambda act: f"Put policy {act.subject} in force for everybody",
        VERSION_PROTECTS,
    ),
    WideKind.ROLLBACK: Kind(
        lambda act: version_radius(_version(act)).radius,
        lambda user, key: activation_confirm(actor=user, act_key=key, now=timezone.now()),
        _to_version,
        lambda act: f"Roll back to policy {act.subject}",
        VERSION_PROTECTS,
    ),
    WideKind.BANK: Kind(
        lambda act: bank_radius(HashBank.objects.get(slug=act.subject)).radius,
        lambda user, key: bank_ratio_confirm(actor=user, act_key=key, now=timezone.now()),
        lambda act: reverse("bank_page", args=[act.subject]),
        lambda act: f"Switch bank {act.subject} from {act.act['before']:.0%} to {act.act['ratio']:.0%}",
        BANK_PROTECTS,
    ),
}
