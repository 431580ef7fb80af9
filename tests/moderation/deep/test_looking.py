"""A clip whose picture alone breaks policy is kept for people at the right second; its harmless twin is cleared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from PIL import Image

from console.identity.roles import roles_sync
from moderation.detection.media.storage import save_upload
from moderation.detection.vision.detector import VisionDetector
from moderation.detection.vision.model import CHECKPOINT, STARTER
from moderation.detection.vision.prompts import CategoryPrompts, Prompts
from moderation.intake.submit import Submission, UploadedMedia, item_submit
from moderation.live import onpath
from moderation.models import ClipEmbedding, DetectorResult, Finding, FrameEmbedding, Item, OutboxMessage
from moderation.prompts import service as prompts
from moderation.tasks import item_examine
from policies import live as live_policies
from policies.choices import ItemKind
from policies.document import stored as documents
from policies.management.commands.policy_seed import SEEDS
from policies.services import versions as version_services
from tests.support import scenes
from tests.support.clips import clip
from training.vision.scenes import draw_scene

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(not (STARTER / CHECKPOINT).exists(), reason="the starter model is not here"),
]


@pytest.fixture(autouse=True)
def _policy_that_looks(settings: Any) -> None:
    """Put a version in force that asks the vision model of clips."""
    settings.VISION_MODEL_PATH = ""
    call_command("policy_seed", verbosity=0)
    roles_sync()
    author, approver = scenes.person("policy-editor"), scenes.person("policy-approver")
    document = documents.load_yaml((SEEDS / "v1.yaml").read_text(encoding="utf-8"), SEEDS)
    document["detectors"]["video"]["not_used"].remove("vision")
    document["detectors"]["video"]["hold"].append("vision")
    document["number"], document["title"] = 9, "Looks as well"
    version = version_services.version_create(actor=author, document=document, number=9)
    version_services.version_submit(actor=author, version=version, note="looks")
    version_services.version_approve(actor=approver, version=version, note="yes")
    version_services.version_activate(actor=approver, version=version, note="yes")
    live_policies.invalidate()
    onpath.forget()


def drawing(name: str, seed: int) -> Image.Image:
    return draw_scene(seed, name=name, alone=True, size=(320, 240))[0]


def examined(path: Path, name: str) -> Item:
    """Return an item of a clip after its deep pass."""
    with path.open("rb") as file:
        stored = save_upload(file)
    media = UploadedMedia(stored.sha256, stored.key, "video/mp4", stored.n_bytes, 320, 240, 8_000)
    item = item_submit(
        actor="api:test",
        submission=Submission(
            external_id=name, kind=ItemKind.VIDEO, caption="A walk by the river", creator="mira", language="en",
            region="GB", duration_ms=8_000, audience=None, media=media, cover=None,
        ),
    ).item  # fmt: skip
    item_examine(str(OutboxMessage.objects.get(item=item, state="pending").key))
    item.refresh_from_db()
    return item


def test_a_clip_that_shows_a_weapon_goes_to_people_at_the_right_second_and_its_twin_is_cleared(tmp_path: Path) -> None:
    around = [drawing("mountains", 1), drawing("cat", 2), drawing("house", 3), drawing("flower", 4)]
    shown = [around[0], drawing("gun", 15), drawing("gun", 15), *around[1:]]
    twin = [around[0], drawing("hair dryer", 12), drawing("hair dryer", 12), *around[1:]]
    held = examined(clip(tmp_path / "a.mp4", shown, seconds_each=1.3), "shows-a-weapon")
    cleared = examined(clip(tmp_path / "b.mp4", twin, seconds_each=1.3), "harmless-twin")
    finding = Finding.objects.filter(item=held, detector="vision", category="violence").latest("pk")
    assert held.state == "held"
    assert held.current_decision is not None
    assert held.current_decision.decided_by == "escalate.violence"
    assert abs(finding.where["frame_ms"] - 1_300) <= 1_000
    assert abs(finding.where["until_ms"] - 3_900) <= 1_000
    assert cleared.state == "restricted", cleared.current_decision  # 13 and over: nobody listened to it
    assert held.media is not None
    assert FrameEmbedding.objects.filter(sha256=held.media.sha256).count() >= 6
    assert ClipEmbedding.objects.count() == 2


def test_other_prompts_judge_the_same_clip_anew_without_opening_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clip(tmp_path / "c.mp4", [drawing("umbrella", 21), drawing("umbrella", 22)], seconds_each=2.0)
    first = examined(path, "first")
    assert first.state == "restricted"
    editor, approver = scenes.person("policy-editor", "e2"), scenes.person("policy-approver", "a2")
    now = first.created_at
    draft = prompts.prompt_set_draft(actor=editor, title="No umbrellas", source=None, now=now)
    asked = Prompts(
        {"violence": CategoryPrompts(("an umbrella", "a rain umbrella"))}, ("a cat", "a house", "mountains", "a flower")
    )
    prompts.prompt_set_write(
        actor=editor, number=draft.number, title="", note="", prompts=asked, seen_at=draft.edited_at, now=now
    )
    prompts.prompt_set_publish(actor=approver, number=draft.number, now=now)
    monkeypatch.setattr(VisionDetector, "run", lambda *_: pytest.fail("looked at again"))
    examined(path, "second")
    versions = DetectorResult.objects.filter(detector="vision").order_by("pk").values_list("version", "payload")
    assert len(versions) == 2
    assert versions[0][0] != versions[1][0]
    assert versions[1][0].endswith(asked.digest)
    assert set(versions[1][1]["scores"]) == {"violence"}
