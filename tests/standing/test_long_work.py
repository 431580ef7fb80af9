"""What changes while a worker is at its work: long work decides by the prompts, the standing and the lists of its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from django.utils import timezone

from moderation.deep import examine
from moderation.detection.types import Result
from moderation.detection.vision.detector import VisionDetector
from moderation.live.detectors import deep_detectors
from moderation.live.lists import ListsChanged
from moderation.models import DetectorResult, OutboxMessage, PromptSet
from moderation.models.decision import DecisionStage
from moderation.models.lists import ListKind
from moderation.rejudge import list_changes
from moderation.rejudge import service as rejudge
from moderation.rejudge.list_changes import TOPIC_LOOK, TOPIC_SETTLE, list_change_settle, list_changed
from moderation.rejudge.list_scan import contents_of
from moderation.rollout.activation import activation_start, activations_resume
from moderation.verdict.judge import judge
from moderation.verdict.list_ages import JUDGEMENT_MAX_SECONDS
from policies import live as live_policies
from policies.choices import Standing
from tests.support.rolling import approved
from tests.support.world import World

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING: frozenset[str] = frozenset()
#: What each set of prompts sees in every file, beside nothing.
SEES = {1: (), 2: ("violence",), 3: ()}


class Looking(VisionDetector):
    """Sees what the set in force makes it see."""

    def __init__(self) -> None:
        active = PromptSet.objects.filter(state="active").first()
        self.set = active.number if active else 1
        super().__init__("fake", None, None)  # type: ignore[arg-type]  # some source: no model is loaded

    @property
    def version(self) -> str:
        return f"fake-p{self.set}"

    def result_from_kept(self, sha256: str) -> Result:
        told = {
            "score": 0.99, "peak": 0.99, "held": 0.99, "peak_ms": 0, "start_ms": 0, "until_ms": 0, "n_seen": 1,
            "prompt": "x",
        }  # fmt: skip
        scores = dict.fromkeys(SEES[self.set], told)
        return Result("vision", self.version, payload={"version": self.version, "n_frames": 1, "scores": scores})

    def run(self, clip: Any) -> Result:
        return self.result_from_kept("")


@pytest.fixture
def looking(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Return a world whose version asks what is shown, with the first set of prompts in force."""
    real = deep_detectors

    def detectors() -> Any:
        return tuple(Looking() if detector.name == "vision" else detector for detector in real())

    monkeypatch.setattr(examine, "deep_detectors", detectors)
    monkeypatch.setattr(rejudge, "deep_detectors", detectors)
    activation_start(actor=world.stage.approver, version=approved(_asks_what_is_shown), now=timezone.now())
    live_policies.invalidate()
    while not activations_resume(budget_seconds=60):
        pass
    publish(world, 1)
    return world


def _asks_what_is_shown(document: dict[str, Any]) -> None:
    for uses in document["detectors"].values():
        if "vision" in uses["not_used"] and "ocr" in uses["hold"]:
            uses["not_used"].remove("vision")
            uses["hold"].append("vision")


def publish(world: World, number: int) -> None:
    """Put a set in force, as `prompt_set_publish` does, and do both looks that this promises."""
    now, by = timezone.now(), world.stage
    with transaction.atomic():
        PromptSet.objects.filter(state="active").update(state="retired")
        PromptSet.objects.create(
            number=number, title=str(number), author=by.author, edited_at=now, created_at=now, publisher=by.approver,
            published_at=now, digest=f"{number}" * 8, state="active",
        )  # fmt: skip
        list_changed(kind=ListKind.PROMPTS, subject={"set": number}, now=now)
    settled(world)


def settled(world: World) -> None:
    """Do both looks of all changes so far."""
    world.look()
    for message in OutboxMessage.objects.filter(topic=TOPIC_SETTLE, state__in=["pending", "sent"]):
        list_change_settle(message)


def suspend(world: World) -> None:
    """Suspend a creator, and do both looks that this promises."""
    world.standing("ada", Standing.SUSPENDED)
    settled(world)


def once(real: Callable[..., Any], meanwhile: Callable[[], object]) -> Callable[..., Any]:
    """Return a function after whose first call something else happens."""
    calls: list[int] = []

    def called(*args: Any, **kwargs: Any) -> Any:
        made = real(*args, **kwargs)
        if not calls:
            calls.append(1)
            meanwhile()
        return made

    return called


def uploaded(world: World, file: str = "") -> str:
    world.upload("ada", NOTHING, file)
    return list(world.things)[-1]


# --- the deep pass -------------------------------------------------------------------------------------------------


def test_a_deep_pass_that_outlasts_a_suspension_does_not_clear_the_upload(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uploaded(world, "plain")
    monkeypatch.setattr(examine, "_look", once(examine._look, lambda: suspend(world)))
    world.examine(name)
    assert world.item(name).state == "held"
    world.check()


def test_a_deep_pass_that_outlasts_the_end_of_a_suspension_does_not_go_on_holding_the_upload(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploaded(world)  # or there would be nobody to suspend
    suspend(world)
    name = uploaded(world, "plain")

    def trust() -> None:
        world.standing("ada", Standing.NEW)
        settled(world)

    monkeypatch.setattr(examine, "_look", once(examine._look, trust))
    world.examine(name)
    assert world.item(name).state == "cleared"
    world.check()


@pytest.mark.parametrize(("before", "after", "state"), [(1, 2, "blocked"), (2, 3, "cleared")])
def test_a_deep_pass_that_outlasts_a_publication_of_prompts_decides_by_the_new_ones(
    looking: World, monkeypatch: pytest.MonkeyPatch, before: int, after: int, state: str
) -> None:
    if before != 1:
        publish(looking, before)
    name = uploaded(looking, "plain")
    assert looking.item(name).state == "held"
    monkeypatch.setattr(examine, "_look", once(examine._look, lambda: publish(looking, after)))
    looking.examine(name)
    decision = looking.item(name).current_decision
    assert decision
    assert decision.evidence["versions"]["vision"] == f"fake-p{after}"
    assert looking.item(name).state == state
    assert DetectorResult.objects.filter(detector="vision", version=f"fake-p{after}").exists()


def test_a_deep_pass_decides_by_the_prompts_that_are_published_while_it_judges(
    looking: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uploaded(looking, "plain")
    monkeypatch.setattr(examine, "judge", once(judge, lambda: publish(looking, 2)))
    looking.examine(name)
    assert looking.item(name).state == "blocked"


def test_a_deep_pass_that_prompts_keep_changing_under_is_tried_again_later(
    looking: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = uploaded(looking, "plain")
    real = examine._look

    def always_of_before(*args: Any) -> Any:
        results = real(*args)
        assert results is not None
        return [replace(result, version="another") for result in results]

    monkeypatch.setattr(examine, "_look", always_of_before)
    with pytest.raises(ListsChanged):
        looking.examine(name)
    assert looking.item(name).state == "held"


# --- judging again -------------------------------------------------------------------------------------------------


def test_items_of_a_batch_are_judged_by_the_standing_of_now(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    name = uploaded(world)
    monkeypatch.setattr(rejudge, "contents_of", once(contents_of, lambda: suspend(world)))
    rejudge.items_judge_again(item_pks=[world.item(name).pk], stage=DecisionStage.LISTS)
    assert world.item(name).state == "held"
    world.check()


def test_an_item_whose_creators_standing_changes_while_it_is_judged_is_judged_by_the_new_one(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict is refused for its mark; the second try must not go on with the creator of the first."""
    world.upload("ada", frozenset({"zorblax"}), "")
    world.term("zorblax")

    def standing_alone() -> None:
        with mock.patch.object(world, "look"):
            world.standing("ada", Standing.SUSPENDED)
        connection.close()

    def meanwhile() -> None:
        other = threading.Thread(target=standing_alone)  # by a connection of its own, which rolls nothing back
        other.start()
        other.join(30)

    monkeypatch.setattr(rejudge, "judge", once(judge, meanwhile))
    with mock.patch.object(world, "look"):
        world.term("zorblax")
    withdrawn = OutboxMessage.objects.filter(topic=TOPIC_LOOK, state="pending").earliest("pk")
    list_changes.list_change_look(withdrawn)
    assert world.item(next(iter(world.things))).state == "held"
    world.look()
    world.check()


def test_items_of_a_batch_are_judged_by_what_machines_have_seen_since_it_was_read(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deep pass ends while a look goes through its batch: the look does not put back what was known before it."""
    name = uploaded(world, "plain")
    item = world.item(name)
    monkeypatch.setattr(rejudge, "contents_of", once(contents_of, lambda: world.examine(name)))
    rejudge.items_judge_again(item_pks=[item.pk], stage=DecisionStage.LISTS)
    assert world.item(name).state == "cleared"
    world.check()


def test_a_look_that_began_before_a_publication_of_prompts_goes_on_by_the_new_ones(
    looking: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the first of two batches is judged, prompts are published, and their own looks are done."""
    names = [uploaded(looking, "plain") for _ in range(2)]
    for name in names:
        looking.examine(name)
    real = rejudge.items_judge_again
    monkeypatch.setattr(list_changes, "_BATCH", 1)
    meanwhile = once(real, lambda: publish(looking, 2))
    monkeypatch.setattr(list_changes, "items_judge_again", lambda **options: meanwhile(**options))
    looking.standing("ada", Standing.GOOD)
    assert [looking.item(name).state for name in names] == ["blocked", "blocked"]


@pytest.mark.parametrize("is_mild", [True, False])
def test_one_who_judges_again_never_goes_on_with_prompts_of_long_ago(
    looking: World, monkeypatch: pytest.MonkeyPatch, is_mild: bool
) -> None:
    """Also what they would make stricter is stored soon, or judged anew: nobody looks at it a third time."""
    before, after, state = (1, 2, "blocked") if is_mild else (2, 3, "cleared")
    if before != 1:
        publish(looking, before)
    name = uploaded(looking, "plain")
    looking.examine(name)
    judges = rejudge.Judge()
    publish(looking, after)
    assert looking.item(name).state == state
    later = time.monotonic() + JUDGEMENT_MAX_SECONDS + 1
    monkeypatch.setattr("moderation.verdict.list_ages.time.monotonic", lambda: later)
    pks = [looking.item(name).pk]
    rejudge.items_judge_again(item_pks=pks, stage=DecisionStage.LISTS, judge_with=judges)
    assert looking.item(name).state == state


def test_a_verdict_by_lists_that_were_read_too_long_ago_is_not_stored(world: World) -> None:
    name = uploaded(world)
    judges = rejudge.Judge()
    old = judges.mark.read_at - JUDGEMENT_MAX_SECONDS - 1
    judges.mark = replace(judges.mark, read_at=old)
    pks = [world.item(name).pk]
    rejudge.items_judge_again(item_pks=pks, stage=DecisionStage.LISTS, judge_with=judges)
    assert judges.mark.read_at > old, "they were not read again"
