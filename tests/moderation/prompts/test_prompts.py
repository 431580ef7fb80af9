"""Prompts are written by policy, put in force by somebody else, and never change once they were used."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, transaction
from django.utils import timezone
from pytest_django import Settings

from moderation.detection.vision.model import STARTER
from moderation.detection.vision.prompts import CategoryPrompts, Prompts, PromptsInvalid
from moderation.exceptions import PromptSetChanged
from moderation.live import prompts as live_prompts
from moderation.models import AuditEvent, Prompt, PromptSet
from moderation.prompts import service as prompts
from tests.support import scenes

pytestmark = pytest.mark.django_db

KNIVES = Prompts({"violence": CategoryPrompts(("a knife", "a sword"), ("a spoon",))}, ("a cat", "a house"))


@pytest.fixture(autouse=True)
def _ready() -> None:
    scenes.policy_ready()


@pytest.fixture
def editor() -> User:
    return scenes.person("policy-editor")


@pytest.fixture
def approver() -> User:
    return scenes.person("policy-approver")


def drafted(editor: User, of: Prompts = KNIVES) -> PromptSet:
    now = timezone.now()
    draft = prompts.prompt_set_draft(actor=editor, title="Knives", source=None, now=now)
    return prompts.prompt_set_write(
        actor=editor,
        number=draft.number,
        title="Knives",
        note="knives only",
        prompts=of,
        seen_at=draft.edited_at,
        now=now,
    )


def published(editor: User, approver: User, of: Prompts = KNIVES) -> PromptSet:
    return prompts.prompt_set_publish(actor=approver, number=drafted(editor, of).number, now=timezone.now())


def refused(**change: object) -> bool:
    """Whether the database refuses a change of the newest set, with services out of the way."""
    try:
        with transaction.atomic():
            PromptSet.objects.filter(pk=PromptSet.objects.latest("number").pk).update(**change)
    except DatabaseError:
        return True
    return False


def test_a_draft_starts_from_what_is_in_force_and_comes_back_as_written(editor: User, approver: User) -> None:
    first = published(editor, approver)
    second = prompts.prompt_set_draft(actor=editor, title="", source=None, now=timezone.now())
    assert live_prompts.prompts_of_set(second) == KNIVES
    assert (first.number, second.number, second.title) == (1, 2, "Prompts 2")


def test_publishing_puts_it_in_force_and_retires_the_one_before(editor: User, approver: User) -> None:
    first = published(editor, approver)
    other = Prompts({"drugs": CategoryPrompts(("pills",))}, ("a cat",))
    second = published(editor, approver, other)
    assert live_prompts.prompts_in_force() == other
    first.refresh_from_db()
    assert (first.state, second.state, second.digest) == ("retired", "active", other.digest)
    prompts.prompt_set_publish(actor=editor_of_approval(), number=first.number, now=timezone.now())
    assert live_prompts.prompts_in_force() == KNIVES
    actions = list(AuditEvent.objects.filter(object_type="prompts").order_by("id").values_list("action", flat=True))
    assert actions.count("prompts.published") == 3


def editor_of_approval() -> User:
    return scenes.person("policy-approver", "approver-2")


def test_the_author_cannot_put_it_in_force(approver: User) -> None:
    draft = drafted(approver)
    with pytest.raises(PermissionDenied, match="Somebody else"):
        prompts.prompt_set_publish(actor=approver, number=draft.number, now=timezone.now())
    values = {"state": "active", "publisher": approver, "published_at": timezone.now(), "digest": "0" * 8}
    assert refused(**values)


def test_people_without_the_permission_write_and_publish_nothing(editor: User) -> None:
    with pytest.raises(PermissionDenied):
        prompts.prompt_set_draft(actor=scenes.person("reviewer"), title="", source=None, now=timezone.now())
    draft = drafted(editor)
    with pytest.raises(PermissionDenied):
        prompts.prompt_set_publish(actor=scenes.person("policy-editor", "e2"), number=draft.number, now=timezone.now())


def test_two_editors_do_not_overwrite_each_other(editor: User) -> None:
    draft = drafted(editor)
    seen = draft.edited_at - timedelta(seconds=1)
    with pytest.raises(PromptSetChanged, match="Somebody changed this draft"):
        prompts.prompt_set_write(
            actor=editor, number=draft.number, title="", note="", prompts=KNIVES, seen_at=seen, now=timezone.now()
        )


@pytest.mark.parametrize(
    ("of", "field"),
    [
        (Prompts({"made_up": CategoryPrompts(("a knife",))}, ("a cat",)), "made_up"),
        (Prompts({"violence": CategoryPrompts(("a" * 201,))}, ("a cat",)), "violence"),
        (Prompts({"violence": CategoryPrompts(("a knife",))}), "harmless"),
        (Prompts({}, ("a cat",)), "harmful"),
        (Prompts({"violence": CategoryPrompts(("a knife",))}, tuple(f"thing {i}" for i in range(201))), "harmless"),
    ],
)
def test_prompts_that_cannot_be_used_are_not_stored(editor: User, of: Prompts, field: str) -> None:
    draft = drafted(editor)
    with pytest.raises(PromptsInvalid) as caught:
        prompts.prompt_set_write(
            actor=editor,
            number=draft.number,
            title="",
            note="",
            prompts=of,
            seen_at=draft.edited_at,
            now=timezone.now(),
        )
    assert caught.value.field == field
    assert live_prompts.prompts_of_set(draft) == KNIVES


def test_a_used_set_never_changes(editor: User, approver: User) -> None:
    published(editor, approver)
    assert refused(title="other")
    assert refused(digest="ffffffff")
    assert refused(state="draft", publisher=None, published_at=None, digest="")
    for change in (
        lambda: Prompt.objects.all().delete(),
        lambda: Prompt.objects.update(text="a feather"),
        lambda: Prompt.objects.create(prompt_set=PromptSet.objects.get(), is_harmful=False, text="a dog", position=99),
        lambda: PromptSet.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            change()
    assert live_prompts.prompts_in_force() == KNIVES


def test_the_database_keeps_prompts_whole(editor: User) -> None:
    draft = drafted(editor)
    for row in (
        {"is_harmful": True, "text": "a knife", "category": None},
        {"is_harmful": False, "text": "", "category": None},
        {"is_harmful": False, "text": "a cat", "category": None},
        {"is_harmful": True, "text": "a knife", "category_id": "violence"},
    ):
        with pytest.raises(DatabaseError), transaction.atomic():
            Prompt.objects.create(prompt_set=draft, position=99, **row)
    assert refused(state="active")
    assert refused(state="made-up")


def test_only_one_set_is_in_force(editor: User, approver: User) -> None:
    published(editor, approver)
    drafted(editor)
    values = {"state": "active", "publisher": approver, "published_at": timezone.now(), "digest": "0" * 8}
    assert refused(**values)


def test_a_draft_can_be_discarded_and_a_used_set_cannot(editor: User, approver: User) -> None:
    draft = drafted(editor)
    prompts.prompt_set_discard(actor=editor, number=draft.number)
    assert not PromptSet.objects.exists()
    used = published(editor, approver)
    with pytest.raises(PromptSetChanged):
        prompts.prompt_set_discard(actor=editor, number=used.number)
    with pytest.raises(PromptSetChanged):
        prompts.prompt_set_publish(actor=approver, number=used.number, now=timezone.now())


def test_without_a_set_those_that_came_with_the_model_count(settings: Settings) -> None:
    settings.VISION_MODEL_PATH = str(STARTER)
    found = live_prompts.prompts_in_force()
    assert found is not None
    assert "violence" in found.categories
    settings.VISION_MODEL_PATH = "off"
    assert live_prompts.prompts_in_force() is None
