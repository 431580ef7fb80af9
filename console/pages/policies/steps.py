"""What can be done next with a policy version, by whom, and what follows from it. Pure: a table and a choice from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policies.models import PolicyVersion, VersionState

EDIT = "policies.edit_versions"
APPROVE = "policies.approve_versions"


@dataclass(frozen=True, slots=True)
class Step:
    """One step in the life of a version. `follows` says what comes of it, `confirm` what the person states by a tick where
    people are affected, `note` whether a reason is needed."""

    slug: str
    title: str
    permission: str
    follows: str
    done: str
    confirm: str = ""
    note: bool = False
    percent: bool = False
    danger: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """A step that the state of a version allows; `refused` says why this person cannot take it, if so."""

    step: Step
    refused: str = ""


_REPLAY = (
    "New uploads are decided by it at once. Then every stored item is decided again on its stored evidence: what it no "
    "longer clears leaves the feed first, what it newly clears comes back, and jobs are opened for what needs a person. "
    "What people decided stays."
)
STEPS: dict[str, Step] = {
    step.slug: step
    for step in (
        Step(
            "submit", "Submit for review", EDIT,
            "Its content can never change again. Somebody who wrote no part of it reads the changes, and approves or rejects it. "
            "It decides nothing yet.",
            "Submitted. Somebody else has to approve it now.",
        ),
        Step(
            "discard", "Discard", EDIT,
            "The draft is given up. It stays in the list with its record, and can still be copied; it can never decide.",
            "Discarded.", danger=True,
        ),
        Step(
            "approve", "Approve", APPROVE,
            "Your name stands under it for good. It decides nothing yet: afterwards it can be put in shadow, in canary, or made "
            "active.",
            "Approved. It can be put in shadow, in canary, or made active.",
        ),
        Step(
            "reject", "Reject", APPROVE,
            "It is retired without ever having decided. A better one is a new draft, which can begin as a copy.",
            "Rejected.", note=True, danger=True,
        ),
        Step(
            "shadow", "Put in shadow", APPROVE,
            "It judges every upload beside the active version, and what it would have decided is recorded. Nobody is affected.",
            "In shadow: its verdicts are recorded and change nothing.",
        ),
        Step(
            "canary", "Put in canary", APPROVE,
            "It decides on the items of some creators, always the same ones, chosen by a hash of their id. Every minute its "
            "block, escalation, hold and overturn rates are compared with everybody else's; where one leaves its band, the "
            "version goes back to shadow by itself, and this console says so on every page.",
            "In canary.", percent=True, confirm="I have read the changes, and the items of these creators may be decided by them.",
        ),
        Step(
            "adjust", "Change the percentage", APPROVE,
            "Creators who are in stay in when the percentage grows. Those who leave are decided by the active version again.",
            "The percentage is changed.", percent=True,
            confirm="I have read the changes, and the items of these creators may be decided by them.",
        ),
        Step("activate", "Activate", APPROVE, _REPLAY, "Active. Stored items are being decided again.",
             confirm="I have read the changes, and every item may be decided by them."),
        Step("rollback", "Roll back to this version", APPROVE,
             "This version decides again, in one step. " + _REPLAY, "Rolled back. Stored items are being decided again.",
             note=True, confirm="Every item may be decided by this version again."),
        Step(
            "withdraw", "Take out", APPROVE,
            "It is retired without having become active. Items that it decided in canary are decided again by the active version.",
            "Taken out.", note=True, danger=True,
        ),
    )
}  # fmt: skip

_BY_STATE: dict[str, tuple[str, ...]] = {
    VersionState.DRAFT: ("submit", "discard"),
    VersionState.SHADOW: ("canary", "activate", "withdraw"),
    VersionState.CANARY: ("adjust", "activate", "shadow", "withdraw"),
    VersionState.ACTIVE: (),
}


def offers(version: PolicyVersion, *, may: Callable[[str], bool], is_writer: bool) -> list[Offer]:
    """Return the steps that the state of a version allows, with why this person cannot take one, where that is so.

    Args:
        may: whether the person has a permission.
        is_writer: whether the person wrote the version or a part of it.
    """
    return [Offer(STEPS[slug], _refusal(STEPS[slug], version, may, is_writer)) for slug in _possible(version)]


def offer_of(version: PolicyVersion, slug: str, *, may: Callable[[str], bool], is_writer: bool) -> Offer | None:
    """Return one of the offers; None where the state does not allow that step."""
    return next((offer for offer in offers(version, may=may, is_writer=is_writer) if offer.step.slug == slug), None)


def _possible(version: PolicyVersion) -> tuple[str, ...]:
    if version.state == VersionState.IN_REVIEW:
        return ("approve", "reject") if version.approver_id is None else ("shadow", "canary", "activate", "reject")
    if version.state == VersionState.RETIRED:
        return ("rollback",) if version.activated_at else ()
    return _BY_STATE[version.state]


def _refusal(step: Step, version: PolicyVersion, may: Callable[[str], bool], is_writer: bool) -> str:
    if not may(step.permission):
        who = "approver" if step.permission == APPROVE else "editor"
        return f"Your role does not include this; a policy {who} can."
    if step.slug == "approve" and is_writer:
        return "You wrote this version or a part of it. Somebody else has to approve it."
    if step.slug == "submit" and not version.change_note.strip():
        return "It has no change note yet. Write one under “Title and note”: statements of reasons cite it."
    return ""
