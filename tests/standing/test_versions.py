"""When another version decides: what its lists ask for reaches all that is stored, and people see what is in force."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.utils import timezone

from moderation.banks import service as banks
from moderation.db.transactions import have_ended, mark_now
from moderation.models import Activation, ListChange, OutboxMessage
from moderation.rollout import activation as service
from moderation.rollout.activation import activation_start, activations_resume
from moderation.rollout.service import canary_adjust, canary_start, version_withdraw
from policies import live as live_policies
from policies.choices import Outcome
from policies.decision.rollout import bucket_of
from policies.models import PolicyVersion
from tests.support.rolling import Edit, approved
from tests.support.world import OWN_TERM, World

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING: frozenset[str] = frozenset()


def only(world: World) -> str:
    return next(iter(world.things))


def resume() -> None:
    live_policies.invalidate()
    while not activations_resume(budget_seconds=60):
        pass


def put_in_force(world: World, edit: Edit | None = None) -> Activation:
    """Activate the first version with changes, and let stored items follow."""
    started = activation_start(actor=world.stage.approver, version=approved(edit), note="a test", now=timezone.now())
    resume()
    started.refresh_from_db()
    return started


def own_term(document: dict[str, Any]) -> None:
    name = next(iter(document["terms"]))
    document["terms"][name].append({"text": OWN_TERM, "category": "violence", "outcome": "block"})


def drugs(outcome: str) -> Edit:
    """Return an edit that asks for an outcome, at least, where a known hash of drugs is met."""

    def edit(document: dict[str, Any]) -> None:
        document["banks"]["drugs"] = outcome

    return edit


def soft_bank(world: World) -> None:
    """Put a file into a bank whose matches do what the version asks for."""
    bank = banks.bank_upsert(actor="test", slug="soft", category="drugs", outcome=Outcome.RESTRICT)
    entry = banks.NewEntry("sha256", world.stage.files["known"].sha256)
    banks.bank_add_entries(actor="test", bank=bank, entries=[entry])
    world.look()


def upload_known(world: World, creator: str) -> str:
    world.upload(creator, NOTHING, "known")
    name = list(world.things)[-1]
    world.examine(name)
    return name


# --- what known hashes lead to ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after"), [("restrict", "block"), ("escalate", "block"), ("block", "restrict")])
def test_a_version_that_asks_something_else_of_a_banks_matches_reaches_what_is_stored(
    world: World, before: str, after: str
) -> None:
    """Two versions differ in `banks` alone: what a match in a category leads to at least."""
    put_in_force(world, drugs(before))
    soft_bank(world)
    old = upload_known(world, "ada")
    was = world.item(old).state
    done = put_in_force(world, drugs(after))
    assert (done.looks_at_matches, done.looks_at_captions) == (True, False)
    wanted, found = world.item(upload_known(world, "ben")).state, world.item(old).state
    assert was != wanted
    assert found == wanted, f"the same file: stored {found} (as before, {was}), uploaded now {wanted}"


def test_what_an_overtaken_activation_did_not_get_to_is_judged_by_the_later_one(world: World) -> None:
    """The first asks for more of matches and of terms and has not begun; the second differs from it in neither."""

    def both(document: dict[str, Any]) -> None:
        own_term(document)
        drugs("block")(document)

    put_in_force(world, drugs("restrict"))
    soft_bank(world)
    matched = upload_known(world, "ada")
    world.upload("ben", frozenset({OWN_TERM}), "")
    said = list(world.things)[-1]
    activation_start(actor=world.stage.approver, version=approved(both), note="a test", now=timezone.now())
    done = put_in_force(world, both)
    assert (done.looks_at_matches, done.looks_at_captions) == (True, True)
    assert [world.item(name).state for name in (matched, said)] == ["blocked", "blocked"]


def test_an_activation_that_is_killed_before_it_judged_all_one_by_one_judges_the_rest(world: World) -> None:
    """What is written by the thousand must not let the next run pass over items of before."""

    def former(document: dict[str, Any]) -> None:
        own_term(document)
        drugs("escalate")(document)

    put_in_force(world, former)
    soft_bank(world)
    matched = upload_known(world, "ada")
    world.upload("ben", frozenset({OWN_TERM}), "")  # let go by the thousand, and has the higher key
    freed = list(world.things)[-1]
    assert [world.item(name).state for name in (matched, freed)] == ["held", "blocked"]
    activation_start(actor=world.stage.approver, version=approved(drugs("block")), note="a test", now=timezone.now())
    live_policies.invalidate()
    with mock.patch.object(service, "items_judge_again", side_effect=OSError("gone")):
        assert not activations_resume(budget_seconds=60)
    assert [world.item(name).state for name in (matched, freed)] == ["held", "held"]  # the other is to be read now
    Activation.objects.update(claimed_until=None)
    resume()
    assert world.item(matched).state == "blocked"


# --- what people see of a version's terms ----------------------------------------------------------------------------


def test_a_versions_own_term_beside_an_emergency_term_is_not_passed_over(world: World) -> None:
    """Blocked by an emergency term; a version with a second blocking term is activated; a person clears what they see."""
    world.upload("ada", frozenset({"zorblax", OWN_TERM}), "")
    name = only(world)
    world.term("zorblax")
    world.activate()
    world.open_page(name)
    shown = world.pages[-1][2]
    world.decide(Outcome.CLEAR, page=-1)
    world.check()
    assert shown == {"zorblax", OWN_TERM}


def test_a_versions_own_term_in_a_picture_beside_an_emergency_term_is_not_passed_over(world: World) -> None:
    def read(document: dict[str, Any]) -> None:
        name = next(iter(document["terms"]))
        document["terms"][name].append({"text": "quuxwort", "category": "violence", "outcome": "block"})

    world.upload("ada", frozenset({"zorblax"}), "written")
    name = only(world)
    world.examine(name)
    world.term("zorblax")
    put_in_force(world, read)
    found = world.item(name).current_decision
    assert found
    assert any("quuxwort" in key for key in found.evidence["hard_by"])


def test_an_activation_that_finds_nothing_new_in_texts_decides_nothing_anew(world: World) -> None:
    world.upload("ada", frozenset({"zorblax", OWN_TERM}), "")
    world.term("zorblax")
    world.activate()
    before = world.item(only(world)).current_decision_id
    done = put_in_force(world, own_term)
    assert world.item(only(world)).current_decision_id == before
    assert (done.n_blocked, done.n_revoked, done.n_widened) == (0, 0, 0)


# --- canaries --------------------------------------------------------------------------------------------------------


def test_what_a_person_cleared_under_a_canary_is_looked_through_when_the_canary_ends(world: World) -> None:
    """The active version has the term; the canary has not. A person confirms what the canary cleared. The canary ends."""
    world.activate()  # the version with OWN_TERM
    version = approved()  # without it
    canary_start(actor=world.stage.approver, version=version, percent=99, now=timezone.now())
    live_policies.invalidate()
    for i in range(4):
        world.upload(f"maker-{i}", frozenset({OWN_TERM}), "")
    name = next(n for n in world.things if world.item(n).state == "cleared")
    world.open_page(name)
    world.decide(Outcome.CLEAR, page=-1)
    version = PolicyVersion.objects.get(pk=version.pk)
    version_withdraw(actor=world.stage.approver, version=version, note="a test", now=timezone.now())
    resume()
    assert world.item(name).state == "held", "served, though a term in force that nobody saw blocks it"
    world.check()


def test_what_a_person_cleared_under_a_canary_that_asked_less_of_banks_is_judged_when_it_ends(world: World) -> None:
    """They saw a match that restricts; once the canary has ended it blocks, whatever version their decision names."""
    put_in_force(world, drugs("block"))
    soft_bank(world)
    version = approved(drugs("restrict"))
    canary_start(actor=world.stage.approver, version=version, percent=99, now=timezone.now())
    live_policies.invalidate()
    for i in range(4):
        upload_known(world, f"maker-{i}")
    name = next(n for n in world.things if world.item(n).state == "restricted")
    world.open_page(name)
    world.decide(Outcome.CLEAR, page=-1)
    version = PolicyVersion.objects.get(pk=version.pk)
    version_withdraw(actor=world.stage.approver, version=version, note="a test", now=timezone.now())
    resume()
    assert world.item(name).state == "held"


def in_canary(world: World, version: PolicyVersion) -> dict[str, bool]:
    """Return of each upload whether the version decides on its creator now."""
    version.refresh_from_db()
    creators = {name: world.item(name).creator.external_id for name in world.things}
    return {name: bucket_of(who, str(version.key)) < version.canary_percent for name, who in creators.items()}


def test_what_was_begun_before_a_canary_is_decided_by_it_once_it_has_settled(world: World) -> None:
    version = approved(own_term)
    world.upload("stored", frozenset({OWN_TERM}), "")
    stored = only(world)
    assert have_ended(mark_now(), wait_seconds=60), "what was judged beside a transaction is looked at again"
    for i in range(3):
        world.begin(f"maker-{i}", frozenset({OWN_TERM}), "")
    canary_start(actor=world.stage.approver, version=version, percent=99, now=timezone.now())
    live_policies.invalidate()
    world.finish()
    is_in = in_canary(world, version)
    assert any(is_in.values())
    for name in set(world.things) - {stored}:
        assert world.item(name).state == ("blocked" if is_in[name] else "cleared")
    assert world.item(stored).state == "cleared", "what was stored before a canary stays"
    assert not OutboxMessage.objects.filter(topic="moderation.tasks.list_change_look").exists()
    assert ListChange.objects.filter(kind="share", settled_at=None).count() == 0


@pytest.mark.parametrize(("before", "after"), [(1, 99), (99, 1)])
def test_what_was_begun_before_a_canarys_share_changes_is_decided_by_who_decides_now(
    world: World, before: int, after: int
) -> None:
    version = approved(own_term)
    canary_start(actor=world.stage.approver, version=version, percent=before, now=timezone.now())
    live_policies.invalidate()
    for i in range(4):
        world.begin(f"maker-{i}", frozenset({OWN_TERM}), "")
    canary_adjust(actor=world.stage.approver, version=version, percent=after, now=timezone.now())
    live_policies.invalidate()
    world.finish()
    world._reexamine()  # what the term had spared is read
    for name, is_in in in_canary(world, version).items():
        assert world.item(name).state == ("blocked" if is_in else "cleared")
