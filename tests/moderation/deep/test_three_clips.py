"""End to end with the starter models: of four clips, one says, one writes and one shows what policy forbids, each alone.

Each is kept for people for exactly that reason at the right second. The fourth, their harmless twin, is cleared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from console.identity.roles import roles_sync
from moderation.detection.media.storage import save_upload
from moderation.detection.speech.loading import STARTER as SPEECH_STARTER
from moderation.detection.vision.model import CHECKPOINT
from moderation.detection.vision.model import STARTER as VISION_STARTER
from moderation.intake.submit import Submission, UploadedMedia, item_submit
from moderation.live import onpath
from moderation.models import Finding, Item, OutboxMessage
from moderation.tasks import item_examine
from policies import live as live_policies
from policies.choices import Band, ItemKind
from policies.document import stored as documents
from policies.management.commands.policy_seed import SEEDS
from policies.services import versions as version_services
from tests.support import scenes
from tests.support.clips import clip
from tests.support.decisions import decision_of
from tests.support.spoken import Samples, spoken
from training.vision.scenes import draw_scene

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(
        not (SPEECH_STARTER.is_file() and (VISION_STARTER / CHECKPOINT).is_file()), reason="the starters are not here"
    ),
]

SIZE = (640, 480)
#: The pictures of every clip, two seconds each: the third may show something else, on the fourth stands something written.
PICTURES = ("mountains", "cat", "house", "flower")
SHOWN_AT, WRITTEN_AT = 4_000, 6_000
HARMLESS = spoken("harmless")


@pytest.fixture(autouse=True)
def _the_second_policy(settings: Any) -> None:
    """Put the seeded draft in force, under which speech, text in the picture and the picture itself are all required."""
    settings.VISION_MODEL_PATH = settings.WHISPER_MODEL_PATH = ""
    roles_sync()
    author, approver = scenes.person("policy-editor"), scenes.person("policy-approver")
    document = documents.load_yaml((SEEDS / "v2_draft.yaml").read_text(encoding="utf-8"), SEEDS)
    version = version_services.version_create(actor=author, document=document, number=1)
    version_services.version_submit(actor=author, version=version, note="the models count")
    version_services.version_approve(actor=approver, version=version, note="yes")
    version_services.version_activate(actor=approver, version=version, note="yes")
    live_policies.invalidate()
    onpath.forget()


def picture(name: str, seed: int, words: str = "") -> Image.Image:
    """Return a drawing, with words on a plate below it."""
    image = draw_scene(seed, name=name, alone=True, size=SIZE)[0]
    if words:
        draw = ImageDraw.Draw(image)
        draw.rectangle((0, 400, SIZE[0], SIZE[1]), fill="white")
        draw.text((20, 415), words, fill="black", font=ImageFont.load_default(36))
    return image


def examined(
    folder: Path, name: str, *, sound: Samples = HARMLESS, words: str = "Summer at the river", shows: str = ""
) -> Item:
    """Return the item of a clip after its deep pass."""
    pictures = [picture(thing, seed) for seed, thing in enumerate(PICTURES, 1)]
    pictures[2] = picture(shows or PICTURES[2], 15)
    pictures[3] = picture(PICTURES[3], 4, words)
    path = clip(folder / f"{name}.mp4", pictures, seconds_each=2.0, sound=sound)
    with path.open("rb") as file:
        stored = save_upload(file)
    media = UploadedMedia(stored.sha256, stored.key, "video/mp4", stored.n_bytes, *SIZE, 8_000)
    item = item_submit(
        actor="api:test",
        submission=Submission(
            external_id=name, kind=ItemKind.VIDEO, caption="A walk by the river", creator="mira", language="en",
            region="GB", duration_ms=8_000, audience=Band.UNDER_13, media=media, cover=None,
        ),
    ).item  # fmt: skip
    assert item.state == "held"
    item_examine(str(OutboxMessage.objects.get(item=item, state="pending").key))
    item.refresh_from_db()
    return item


def reasons(item: Item) -> set[tuple[str, str]]:
    """Return which detector found what from where, of all that is worth a person's time."""
    found = Finding.objects.filter(decision=item.current_decision, score__gte=0.5)
    return {(f.category, f.where.get("source", f.detector)) for f in found}


def test_what_is_said_alone_is_found_at_its_second(tmp_path: Path) -> None:
    item = examined(tmp_path, "said", sound=spoken("threat"))
    assert (item.state, decision_of(item).decided_by) == ("held", "escalate.violence")
    assert reasons(item) == {("violence", "speech")}
    at = [f.where for f in Finding.objects.filter(decision=item.current_decision, category="violence", score__gte=0.75)]
    assert any(abs(w["start_ms"] - 3_700) <= 1_000 and abs(w["end_ms"] - 6_200) <= 1_000 for w in at), at


def test_what_is_written_alone_is_found_at_its_second(tmp_path: Path) -> None:
    item = examined(tmp_path, "written", words="buy drugs here cheap and fast")
    assert (item.state, decision_of(item).decided_by) == ("held", "escalate.drugs")
    assert {source for category, source in reasons(item) if category == "drugs"} == {"ocr"}
    at = [f.where for f in Finding.objects.filter(decision=item.current_decision, category="drugs", score__gte=0.7)]
    assert any(abs(w["frame_ms"] - WRITTEN_AT) <= 1_000 for w in at), at


def test_what_is_shown_alone_is_found_at_its_second(tmp_path: Path) -> None:
    item = examined(tmp_path, "shown", shows="gun")
    assert (item.state, decision_of(item).decided_by) == ("held", "escalate.violence")
    assert reasons(item) == {("violence", "vision")}
    found = Finding.objects.filter(decision=item.current_decision, detector="vision", category="violence").latest("pk")
    assert abs(found.where["frame_ms"] - SHOWN_AT) <= 1_000


def test_the_harmless_twin_is_cleared(tmp_path: Path) -> None:
    item = examined(tmp_path, "twin")
    assert (item.state, decision_of(item).min_age) == ("cleared", 0), decision_of(item).reasons
    assert not decision_of(item).evidence["missing"]
