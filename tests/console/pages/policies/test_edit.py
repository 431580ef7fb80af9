"""The editor of a draft: every section, what is refused and where, nothing typed lost, two editors at once."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from console.pages.policies.sections import SECTIONS
from policies.document.stored import document_of
from policies.models import Approval
from policies.services.versions import version_submit
from tests.support import policy_scenes as policies
from tests.support import scenes
from tests.support.policy_scenes import form_of, row_where, save
from tests.support.sign_in import signed_in

ALL = [section.slug for section in SECTIONS]


@pytest.fixture
def editor(ready: None) -> Client:
    return signed_in(scenes.person("policy-editor"))


@pytest.mark.parametrize("section", ALL)
def test_a_section_sent_back_untouched_changes_nothing(editor: Client, section: str) -> None:
    before = document_of(policies.draft())
    response = save(editor, 2, section, form_of(editor, 2, section))
    assert (response.status_code, response.url) == (302, reverse("policy_edit", args=[2, section]))
    assert document_of(policies.draft()) == before
    assert Approval.objects.filter(version=policies.draft(), verb="edit").count() == 0


@pytest.mark.parametrize("section", ALL)
def test_a_section_needs_few_queries(
    editor: Client, section: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(12):
        assert editor.get(reverse("policy_edit", args=[2, section])).status_code == 200


def test_a_threshold_is_changed_and_told(editor: Client) -> None:
    data = form_of(editor, 2, "thresholds")
    i = row_where(data, category="hate", market="DE")
    response = editor.post(
        reverse("policy_save", args=[2, "thresholds"]), data | {f"row-{i}-block": "0.8"}, follow=True
    )
    assert "Hate in Germany: block from 0.80 (was 0.85)." in response.content.decode()
    assert policies.draft().thresholds.get(category="hate", market="DE").block_at == 0.8


def test_a_row_is_added_and_another_taken_away(editor: Client) -> None:
    data = form_of(editor, 2, "thresholds")
    new = row_where(data, category="")
    data |= {f"row-{new}-category": "drugs", f"row-{new}-language": "FR", f"row-{new}-block": "0.9"}
    data[f"row-{row_where(data, category='hate', market='DE')}-DELETE"] = "on"
    assert save(editor, 2, "thresholds", data).status_code == 302
    assert policies.draft().thresholds.get(category="drugs", language="fr").block_at == 0.9
    assert not policies.draft().thresholds.filter(category="hate", market="DE").exists()


#: Section, which row, what is typed over it, and what the answer says.
WRONG: list[tuple[str, dict[str, str], dict[str, str], str]] = [
    ("thresholds", {"category": "hate", "market": "DE"}, {"escalate": "0.99"}, "above “block” at 0.85"),
    ("thresholds", {"category": "hate", "market": "DE"}, {"block": "1.5"}, "less than or equal to 1"),
    ("thresholds", {"category": "hate", "market": "DE"}, {"block": "much"}, "Write a number from 0 to 1"),
    ("thresholds", {"category": "hate", "market": "DE"}, {"market": "UK"}, "the United Kingdom is GB"),
    ("thresholds", {"category": "hate", "market": "DE"}, {"market": "Germany"}, "is not a country code"),
    ("thresholds", {"category": "hate", "market": "DE"}, {"language": "german"}, "is not a language code"),
    ("thresholds", {"category": ""}, {"category": "hate", "market": "DE", "block": "0.9"}, "There is a row for this category"),
    ("thresholds", {"category": ""}, {"block": "0.9"}, "This field is required"),
    ("detectors", {"detector": "text"}, {"video": "perhaps"}, "is not one of the available choices"),
    ("clauses", {"key": "hate-slur"}, {"key": "Hate slur"}, "small letters, digits and hyphens"),
    ("clauses", {"key": "hate-slur"}, {"key": "hate-attack"}, "There is a clause of this key already"),
    ("clauses", {"key": "hate-slur"}, {"outcome": "restrict"}, "Say to whom it is restricted"),
    ("ages", {"market": ""}, {"kind": "video", "min_age": "16"}, "Say why; creators are told."),
    ("territories", {"category": "drugs"}, {"regions": "DE, ZZ"}, "is not the code of a country"),
    ("territories", {"category": "drugs"}, {"at": ""}, "This field is required"),
    ("territories", {"category": ""}, {"category": "drugs", "at": "0.5", "regions": "DE"}, "put the countries together"),
    ("banks", {"category": "child_safety"}, {"outcome": "hold"}, "A child-safety match must block."),
    ("routing", {"queue": "hate", "category": "hate"}, {"position": "55"}, "Nothing reaches this rule"),
    ("routing", {"queue": "general"}, {"category": "hate", "language": "nl"}, "The last rule must match everything."),
    ("routing", {"queue": "hate-german"}, {"queue": "Hate (German)"}, "small letters, digits and hyphens"),
    ("routing", {"queue": "hate-german"}, {"severity": "6"}, "less than or equal to 5"),
]  # fmt: skip


@pytest.mark.parametrize(("section", "row", "typed", "words"), WRONG)
def test_what_contradicts_itself_is_refused_beside_the_field(
    editor: Client, section: str, row: dict[str, str], typed: dict[str, str], words: str
) -> None:
    before, data = document_of(policies.draft()), form_of(editor, 2, section)
    i = row_where(data, **row)
    response = save(editor, 2, section, data | {f"row-{i}-{name}": value for name, value in typed.items()})
    page = response.content.decode()
    assert response.status_code == 422
    assert words in page.replace("&#x27;", "'")
    assert "Nothing was saved." in page
    assert section == "detectors" or all(f'value="{value}"' in page for value in typed.values()), (
        "what was typed is still there"
    )
    assert document_of(policies.draft()) == before


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("no language", "Begin each sentence with its language"),
        ("de: Eins.\nde: Zwei.", "is there twice"),
        (" ", "Write at least one sentence"),
    ],
)
def test_sentences_that_cannot_be_are_refused_and_stay_typed(editor: Client, typed: str, words: str) -> None:
    before, data = document_of(policies.draft()), form_of(editor, 2, "clauses")
    i = row_where(data, key="hate-slur")
    response = save(editor, 2, "clauses", data | {f"row-{i}-sentences": typed})
    page = response.content.decode()
    assert response.status_code == 422
    assert words in page
    assert typed in page
    assert document_of(policies.draft()) == before


def test_a_version_needs_its_title(editor: Client) -> None:
    data = form_of(editor, 2, "words") | {"row-0-title": " ", "row-0-change_note": "A long note that must not be lost."}
    response = save(editor, 2, "words", data)
    assert response.status_code == 422
    assert "A long note that must not be lost." in response.content.decode()


def test_a_base_row_cannot_be_taken_away(editor: Client) -> None:
    data = form_of(editor, 2, "thresholds")
    i = row_where(data, category="drugs", market="")
    save(editor, 2, "thresholds", data | {f"row-{i}-DELETE": "on"})
    assert policies.draft().thresholds.filter(category="drugs", market="").exists()
    response = save(editor, 2, "thresholds", data | {f"row-{i}-market": "FR"})
    assert response.status_code == 422
    assert "has no row without market" in response.content.decode()


def test_two_editors_meet(editor: Client) -> None:
    other = signed_in(scenes.person("policy-editor", "editor-2"))
    mine, theirs = form_of(editor, 2, "thresholds"), form_of(other, 2, "thresholds")
    i = row_where(mine, category="hate", market="DE")
    assert save(other, 2, "thresholds", theirs | {f"row-{i}-block": "0.9"}).status_code == 302
    response = save(editor, 2, "thresholds", mine | {f"row-{i}-block": "0.7"})
    page = response.content.decode()
    assert response.status_code == 409
    assert "Somebody else changed this part" in page
    assert "Hate in Germany: block from 0.70 (was 0.90)." in page
    assert f'name="row-{i}-block" value="0.7"' in page
    assert policies.draft().thresholds.get(category="hate", market="DE").block_at == 0.9
    # Saving once more, having seen it, is a choice.
    again = page[page.index('name="expected" value="') :].split('"')[3]
    assert save(editor, 2, "thresholds", mine | {f"row-{i}-block": "0.7", "expected": again}).status_code == 302
    assert policies.draft().thresholds.get(category="hate", market="DE").block_at == 0.7


def test_a_refusal_does_not_hide_that_somebody_else_saved(editor: Client) -> None:
    """The form of a 422 keeps what was seen first; else mending a typing error would overwrite the other's work."""
    other = signed_in(scenes.person("policy-editor", "editor-2"))
    mine, theirs = form_of(editor, 2, "banks"), form_of(other, 2, "banks")
    i, k = row_where(mine, category="drugs"), row_where(mine, category="child_safety")
    save(other, 2, "banks", theirs | {f"row-{i}-outcome": "block"})
    page = save(editor, 2, "banks", mine | {f"row-{k}-outcome": "nonsense"}).content.decode()
    kept = page[page.index('name="expected" value="') :].split('"')[3]
    assert kept == mine["expected"]
    assert save(editor, 2, "banks", mine).status_code == 409


def test_htmx_is_sent_on_after_saving(editor: Client) -> None:
    data = form_of(editor, 2, "ages")
    response = save(editor, 2, "ages", data, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == reverse("policy_edit", args=[2, "ages"])


def test_only_drafts_and_sections_that_exist_are_edited(editor: Client) -> None:
    assert editor.get(reverse("policy_edit", args=[1, "thresholds"])).status_code == 404
    assert editor.get(reverse("policy_edit", args=[2, "weather"])).status_code == 404
    data = form_of(editor, 2, "thresholds")
    version_submit(actor=policies.draft().author, version=policies.draft())
    assert save(editor, 2, "thresholds", data).status_code == 404
