"""Policy editors write prompts, try what they find, and somebody else puts them in force."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from moderation.detection.model_store import Source
from moderation.detection.vision.loading import WEIGHTS, load_model
from moderation.detection.vision.model import CHECKPOINT, STARTER
from moderation.detection.vision.prompts import CategoryPrompts, Prompts
from moderation.live import prompts as live_prompts
from moderation.live.frame_vectors import FrameVectors
from moderation.models import PromptSet
from moderation.prompts import queries as prompt_queries
from moderation.prompts import service as prompts
from policies.choices import ItemKind
from tests.support import scenes
from tests.support.sign_in import signed_in

HTMX = {"HX-Request": "true"}
KNIVES = Prompts({"violence": CategoryPrompts(("a knife",), ("a spoon",))}, ("a cat",))
needs_starter = pytest.mark.skipif(not (STARTER / CHECKPOINT).exists(), reason="the starter model is not here")


@pytest.fixture
def editor(ready: None) -> User:
    return scenes.person("policy-editor")


@pytest.fixture
def writing(editor: User) -> Client:
    return signed_in(editor)


@pytest.fixture
def draft(editor: User) -> PromptSet:
    now = timezone.now()
    made = prompts.prompt_set_draft(actor=editor, title="Knives", source=None, now=now)
    return prompts.prompt_set_write(
        actor=editor, number=made.number, title="Knives", note="", prompts=KNIVES, seen_at=made.edited_at, now=now
    )


def written(draft: PromptSet, **fields: str) -> dict[str, str]:
    values = {"title": "Knives", "note": "n", "harmless": "a cat\n\na  dog\na cat", "harmful_violence": "a knife\na sword",
              "harmless_violence": "a spoon", "seen_at": draft.edited_at.isoformat()}  # fmt: skip
    return {**values, **fields}


def save(client: Client, draft: PromptSet, **fields: str) -> Any:
    return client.post(reverse("prompt_save", args=[draft.number]), written(draft, **fields))


def test_a_new_draft_opens_as_a_form(writing: Client) -> None:
    response = writing.post(reverse("prompt_draft"), follow=True)
    assert 'name="harmful_violence"' in response.content.decode()
    assert "Prompts 1" in writing.get(reverse("prompt_list")).content.decode()


def test_a_draft_is_stored_as_written_one_prompt_a_line(writing: Client, draft: PromptSet) -> None:
    assert save(writing, draft).status_code == 302
    stored = live_prompts.prompts_of_set(draft)
    assert stored == Prompts({"violence": CategoryPrompts(("a knife", "a sword"), ("a spoon",))}, ("a cat", "a dog"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": ""}, "Give the set a title"),
        ({"harmful_violence": ""}, "needs a harmful prompt as well"),
        ({"harmful_violence": "", "harmless_violence": ""}, "Write at least one harmful prompt"),
        ({"harmless": "", "harmless_violence": ""}, "without them everything looks harmful"),
        ({"harmless": "A Knife"}, "stands on both sides"),
        ({"harmful_drugs": "x" * 201}, "models read no more"),
        ({"seen_at": "yesterday"}, "this page is too old"),
    ],
)
def test_what_cannot_be_used_comes_back_with_the_reason_and_what_was_typed(
    writing: Client, draft: PromptSet, fields: dict[str, str], sentence: str
) -> None:
    response = save(writing, draft, **{"note": "kept words", **fields})
    page = response.content.decode()
    assert response.status_code == 422
    assert sentence in page
    assert "kept words" in page
    assert live_prompts.prompts_of_set(draft) == KNIVES


def test_two_editors_do_not_overwrite_each_other(writing: Client, draft: PromptSet) -> None:
    other = signed_in(scenes.person("policy-editor", "other"))
    assert save(other, draft, note="first").status_code == 302
    response = save(writing, draft, note="second")
    assert response.status_code == 409
    assert "Somebody changed this draft" in response.content.decode()
    draft.refresh_from_db()
    assert draft.note == "first"


def test_somebody_else_puts_it_in_force(writing: Client, draft: PromptSet) -> None:
    page = writing.get(reverse("prompt_page", args=[draft.number])).content.decode()
    assert "Somebody else who may approve policies" in page
    assert writing.post(reverse("prompt_publish", args=[draft.number])).status_code == 403
    approver = signed_in(scenes.person("policy-approver"))
    assert "Put in force" in approver.get(reverse("prompt_page", args=[draft.number])).content.decode()
    approver.post(reverse("prompt_publish", args=[draft.number]))
    assert live_prompts.prompts_in_force() == KNIVES
    page = writing.get(reverse("prompt_page", args=[draft.number])).content.decode()
    assert "New draft from this set" in page
    assert 'name="harmful_violence"' not in page


def test_an_approver_does_not_approve_their_own(ready: None) -> None:
    approver = signed_in(scenes.person("policy-approver"))
    approver.post(reverse("prompt_draft"))
    number = PromptSet.objects.get().number
    response = approver.post(reverse("prompt_publish", args=[number]), follow=True)
    assert "Somebody else has to put your prompts in force" in response.content.decode()
    assert PromptSet.objects.get().is_draft


def test_a_draft_is_discarded_once(writing: Client, draft: PromptSet) -> None:
    url = reverse("prompt_discard", args=[draft.number])
    assert writing.post(url).status_code == 302
    assert not PromptSet.objects.exists()
    assert writing.post(url).status_code == 404
    assert writing.get(url).status_code == 405


def test_a_used_set_cannot_be_saved_over(writing: Client, draft: PromptSet) -> None:
    prompts.prompt_set_publish(actor=scenes.person("policy-approver"), number=draft.number, now=timezone.now())
    assert save(writing, draft).status_code == 409


def test_trying_needs_words_and_a_model(writing: Client, draft: PromptSet) -> None:
    url = reverse("prompt_try", args=[draft.number])
    assert writing.get(url, {"text": " "}).status_code == 422
    response = writing.get(url, {"text": "a knife"})
    assert response.status_code == 503
    assert "No vision model is in use" in response.content.decode()


def test_pages_need_few_queries(
    writing: Client, draft: PromptSet, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for url in (reverse("prompt_list"), reverse("prompt_page", args=[draft.number])):
        writing.get(url)
        with django_assert_max_num_queries(12):
            writing.get(url)


@needs_starter
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_prompt_shows_what_it_finds_with_the_sets_own_verdict(
    writing: Client, draft: PromptSet, settings: Any, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    from training.vision.scenes import draw_scene

    settings.VISION_MODEL_PATH = ""
    vision = load_model(Source(WEIGHTS, STARTER))
    for name in ("knife", "cat", "spoon"):
        media = scenes.stored(name.encode() * 40)
        scenes.item_judged(f"shows-{name}", kind=ItemKind.VIDEO, media=media, duration_ms=3_000)
        drawn = [draw_scene(i, name=name, alone=True)[0] for i in range(3)]
        FrameVectors().save(media.sha256, vision.version, [0, 1_000, 2_000], vision.embed(drawn))
    url = reverse("prompt_try", args=[draft.number])
    with django_assert_max_num_queries(12):
        page = writing.get(url, {"text": "a sharp knife"}).content.decode()
    assert page.index("shows-knife") < min(page.index("shows-cat"), page.index("shows-spoon"))
    assert "this set says Violence" in page
    fragment = writing.get(url, {"text": "a cat"}, headers=HTMX).content.decode()
    assert fragment.lstrip().startswith("<section")
    assert fragment.index("shows-cat") < fragment.index("shows-knife")
    measured = writing.get(reverse("prompt_page", args=[draft.number])).content.decode()
    assert "How sure each category is" in measured


def test_what_looks_alike_is_listed_and_what_was_not_looked_at_is_said(
    browser: Client, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    monkeypatch.setattr(prompt_queries, "model_in_use", lambda: "m-1")
    items = []
    for i in range(3):
        media = scenes.stored(f"clip {i}".encode() * 20)
        items.append(scenes.item_judged(f"clip-{i}", kind=ItemKind.VIDEO, media=media))
        if i < 2:
            FrameVectors().save(media.sha256, "m-1", [0], np.eye(4, dtype=np.float32)[:1])
    with django_assert_max_num_queries(12):
        page = browser.get(reverse("item_alike", args=[items[0].key])).content.decode()
    assert "clip-1" in page
    assert "most likely the same footage" in page
    assert "clip-2" not in page
    assert "Not looked at yet" in browser.get(reverse("item_alike", args=[items[2].key])).content.decode()
    assert (
        reverse("item_alike", args=[items[0].key])
        in browser.get(reverse("item_page", args=[items[0].key])).content.decode()
    )
