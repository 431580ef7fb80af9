"""A detector is added by its class and its line in live/detectors.py: it is asked, its findings are stored and decided on, and without
its answer nothing is cleared.

The two added here have names that no release knows, so the test also does what the migration of such a release does.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from moderation.deep.examine import item_examine
from moderation.detection.media.storage import save_upload
from moderation.emergency.service import emergency_term_add
from moderation.intake.submit import Submission, UploadedMedia, item_submit
from moderation.live import detectors, onpath
from moderation.models import DetectorResult, EmergencyTerm, Finding, Item, ItemEvidence, OutboxMessage
from moderation.models.decision import DecisionStage
from moderation.rejudge import list_subjects
from moderation.rejudge.service import items_judge_again
from moderation.verdict.judge import replay
from policies import live as live_policies
from policies.choices import DEEP_DETECTORS, DETECTORS, ItemKind, Outcome, Stage
from policies.errors import PolicyError
from policies.services.versions import version_activate, version_approve, version_create, version_submit
from tests.support import scenes
from tests.support.decisions import decision_of
from tests.support.new_detectors import HURRY, Palette, Tempo, bring
from tests.support.people import ready, text_item
from tests.support.policy_builders import seed_document


def test_each_name_has_one_detector_which_says_where_it_runs() -> None:
    onpath_names = [entry.declares.name for entry in detectors.ON_PATH]
    deep_names = [entry.declares.name for entry in detectors.DEEP]
    assert sorted([*onpath_names, *deep_names]) == sorted(DETECTORS)
    assert frozenset(deep_names) == DEEP_DETECTORS
    assert {entry.declares.stage for entry in detectors.ON_PATH} == {Stage.ON_PATH}
    assert {entry.declares.stage for entry in detectors.DEEP} == {Stage.DEEP}


@pytest.fixture
def installed(db: Any) -> Iterator[None]:
    """Yield an installation, and leave nothing in memory that knows of what a test brought."""
    ready()
    yield
    _afresh()


@pytest.fixture
def added(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bring two detectors; the version in force was published before."""
    bring(monkeypatch)
    _afresh()


def _afresh() -> None:
    live_policies.invalidate()
    onpath.forget()


@pytest.fixture
def asked(added: None) -> None:
    """Put a version in force that asks them."""
    ask()


def ask() -> None:
    """Put a version in force that asks them: without the first it escalates, without the second it holds."""
    author, approver = scenes.person("policy-editor"), scenes.person("policy-approver")
    version = version_create(actor=author, document=_document("escalate", "hold"))
    version_submit(actor=author, version=version)
    version_activate(actor=approver, version=version_approve(actor=approver, version=version))
    _afresh()


def _document(tempo: str, palette: str) -> dict[str, Any]:
    document = seed_document(1)
    for kind, uses in document["detectors"].items():
        uses[tempo].append(Tempo.name)
        uses[palette if kind == "image" else "not_used"].append(Palette.name)
    return document


def picture(external_id: str, colour: tuple[int, int, int]) -> Item:
    """Submit a picture of one colour, and do what a worker does."""
    data = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(data, "PNG")
    data.seek(0)
    stored = save_upload(data)
    media = UploadedMedia(stored.sha256, stored.key, "image/png", stored.n_bytes, 64, 64)
    submission = Submission(
        external_id=external_id, kind=ItemKind.IMAGE, caption="Baking bread with my grandmother", creator="mira",
        language="en", region="GB", duration_ms=None, audience=None, media=media, cover=None,
    )  # fmt: skip
    item = item_submit(actor="api:test", submission=submission).item
    assert item.state == "held"
    item_examine(OutboxMessage.objects.get(item=item, state="pending"))
    return Item.objects.select_related("current_decision").get(pk=item.pk)


RED, GREY = (200, 20, 20), (90, 90, 90)


# --- on the path ---------------------------------------------------------------------------------------------------


def test_one_on_the_path_is_asked_and_what_it_finds_is_stored_and_decided_on(asked: None) -> None:
    item = text_item("t-1", f"Baking bread with my grandmother, {HURRY}")
    assert (item.state, decision_of(item).decided_by) == ("blocked", "block.violence")
    found = Finding.objects.get(decision=item.current_decision, detector="tempo")
    assert (found.detector_version, found.category, found.score) == ("tempo-1", "violence", 0.97)
    assert decision_of(item).evidence["versions"]["tempo"] == "tempo-1"
    assert text_item("t-2").state == "cleared"


def test_without_its_answer_nothing_is_cleared(asked: None) -> None:
    item = text_item("t-1", "Baking bread with my grandmother, zzbrokenzz")
    assert (item.state, decision_of(item).decided_by) == ("held", "missing.tempo")
    assert decision_of(item).evidence["missing"]["tempo"] == "failed"


def test_a_process_that_does_not_have_it_clears_nothing(asked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "ON_PATH", detectors.ON_PATH[:-1])
    onpath.forget()
    item = text_item("t-1")
    assert (item.state, decision_of(item).evidence["missing"]["tempo"]) == ("held", "pending")


# --- after the upload ----------------------------------------------------------------------------------------------


def test_a_deep_one_is_asked_once_a_file_and_what_it_finds_is_stored_and_decided_on(asked: None) -> None:
    red, grey = picture("red", RED), picture("grey", GREY)
    assert (red.state, decision_of(red).decided_by) == ("blocked", "block.violence")
    found = Finding.objects.get(decision=red.current_decision, detector="palette")
    assert (found.score, found.where["source"]) == (0.97, "palette")
    assert grey.state == "cleared"
    assert [row.payload["is_red"] for row in DetectorResult.objects.filter(detector="palette").order_by("pk")] == [
        True,
        False,
    ]
    assert (picture("red-again", RED).state, Palette.n_runs) == ("blocked", 2)


def test_without_the_deep_ones_answer_nothing_is_cleared(asked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Palette, "is_blind", True)
    item = picture("grey", GREY)
    assert (item.state, decision_of(item).decided_by) == ("held", "missing.palette")
    assert decision_of(item).evidence["missing"]["palette"] == "unsupported"


def test_a_worker_that_does_not_have_the_deep_one_clears_nothing(asked: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "DEEP", detectors.DEEP[:-1])
    item = picture("grey", GREY)
    assert (item.state, decision_of(item).evidence["missing"]["palette"]) == ("held", "pending")


def test_a_new_term_is_looked_for_in_what_it_kept(asked: None) -> None:
    item = picture("grey", GREY)
    term = emergency_term_add(
        actor=scenes.person("policy-approver", "on-call"), text="zzcrimsonzz", category="violence",
        outcome=Outcome.BLOCK, note="a test", now=timezone.now(),
    )  # fmt: skip
    concerned = list_subjects._by_term({"term": str(EmergencyTerm.objects.get(pk=term.pk).key)})
    assert concerned([Item.objects.select_related("media", "cover").get(pk=item.pk)]) == [item.pk]
    items_judge_again(item_pks=[item.pk], stage=DecisionStage.EMERGENCY)
    item.refresh_from_db()
    assert item.state == "blocked"
    assert Finding.objects.filter(decision=item.current_decision, detector="terms", where__source="palette").exists()


# --- versions and evidence of before ---------------------------------------------------------------------------------


def test_a_version_of_before_decides_as_it_was_published(added: None) -> None:
    policy = live_policies.active_policy()
    assert not policy.counts("tempo", ItemKind.TEXT)
    item = text_item("t-1", f"Baking bread with my grandmother, {HURRY}")
    assert item.state == "cleared"
    assert Finding.objects.filter(decision=item.current_decision, detector="tempo").exists()


def test_a_draft_has_to_say_whether_it_is_used(added: None) -> None:
    author = scenes.person("policy-editor")
    document = seed_document(1)
    for uses in document["detectors"].values():
        uses["not_known"] = [Tempo.name, Palette.name]
    version = version_create(actor=author, document=document)
    with pytest.raises(PolicyError, match="does not say whether 'tempo' is used"):
        version_submit(actor=author, version=version)


def test_evidence_of_before_is_not_taken_for_an_answer(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    item = text_item("t-1")
    bring(monkeypatch)
    ask()
    judgement = replay(decision_of(item).evidence, live_policies.active_policy())
    assert (item.state, judgement.outcome, judgement.decided_by) == ("cleared", Outcome.ESCALATE, "missing.tempo")
    assert ItemEvidence.objects.get(item=item).missing >> len(DETECTORS) - 2 == 3
