"""Reading versions: the list, what one changes and can do next, its content, two compared, as a file."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from policies.decision.compile import compile_document
from policies.document.regions import REGIONS
from policies.document.stored import document_of, dump_yaml
from policies.models import PolicyVersion, Term
from policies.services.drafts import version_copy
from policies.services.versions import version_add_terms
from tests.support import policy_scenes as policies
from tests.support import scenes
from tests.support.sign_in import signed_in


@pytest.fixture
def editor(ready: None) -> Client:
    return signed_in(scenes.person("policy-editor"))


def page(client: Client, name: str, *args: object, **query: str) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_list_says_who_and_what_next(editor: Client) -> None:
    text = page(editor, "policy_list")
    for words in (
        "policy-author",
        "policy-approver",
        "nobody yet",
        "it decides",
        reverse("policy_step", args=[2, "submit"]),
    ):
        assert words in text
    reader = page(signed_in(scenes.person("analyst")), "policy_list")
    assert "an editor submits it" in reader
    assert reverse("policy_step", args=[2, "submit"]) not in reader


@pytest.mark.parametrize(
    "name", ["policy_list", "policy_page", "policy_content", "policy_compare", "policy_terms", "activation_list", "emergency_list"]
)  # fmt: skip
def test_pages_need_few_queries_whatever_the_rows(
    ready: None, name: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    author = User.objects.get(username="policy-author")
    terms = [{"text": f"token number {n}", "category": "spam_scam", "score": 0.5} for n in range(300)]
    version_add_terms(actor=author, version=policies.draft(), list_name="many", terms=terms)
    for _ in range(4):
        version_copy(actor=author, version=policies.draft())
    args = [2] if name.startswith("policy_") and name != "policy_list" else []
    admin = signed_in(scenes.person("admin"))
    with django_assert_max_num_queries(12):
        assert admin.get(reverse(name, args=args)).status_code == 200


@pytest.mark.parametrize(("state", "percent"), [("shadow", ""), ("canary", "10")])
def test_a_version_on_its_way_needs_few_queries(
    ready: None, state: str, percent: str, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    version, approver = policies.approved(), signed_in(scenes.person("policy-approver", "approver-2"))
    assert policies.take(approver, version.number, state, percent=percent, confirm="on").status_code == 302
    admin = signed_in(scenes.person("admin"))
    with django_assert_max_num_queries(12):
        text = admin.get(reverse("policy_page", args=[version.number])).content.decode()
    assert f"In {state}" in text


def test_a_version_shows_first_what_it_changes(editor: Client) -> None:
    text = page(editor, "policy_page", 2)
    assert (
        text.index("What it changes against policy 1") < text.index("What can be done next") < text.index("Its record")
    )
    for words in (
        "Harassment: escalate from 0.60 (was 0.65).",
        "Detector speech for video items: required, hold when it is missing (was not used).",
        "10 changes: 7 stricter, 1 milder",
        "How computed",
        "Created",
    ):
        assert words in text


def test_a_step_that_one_may_not_take_says_why(ready: None) -> None:
    author = User.objects.get(username="policy-author")
    author.is_active = True
    author.groups.set(scenes.person("policy-approver", "approver-2").groups.all())
    author.save()
    policies.take(signed_in(author), 2, "submit")
    assert "Somebody else has to approve it." in page(signed_in(author), "policy_page", 2)
    assert "a policy approver can" in page(signed_in(scenes.person("analyst")), "policy_page", 2)


def test_the_content_reads_like_the_policy(editor: Client) -> None:
    text = page(editor, "policy_content", 1)
    for words in (
        "Harassment",
        "0.65",
        "hate-german",
        "local law on the promotion of drugs",
        "in Germany",
        "Singapore",
        "204 entries",
    ):
        assert words in text


def test_a_draft_that_contradicts_itself_says_so_on_every_page(editor: Client) -> None:
    policies.draft().routingrules.all().delete()
    for name in ("policy_page", "policy_content", "policy_compare"):
        assert "contradicts itself" in page(editor, name, 2)
    response = editor.post(reverse("policy_copy", args=[2]), follow=True)
    assert "cannot be copied" in response.content.decode()


def test_any_two_versions_are_compared_both_ways(editor: Client) -> None:
    there = page(editor, "policy_compare", 2, **{"with": "1"})
    back = page(editor, "policy_compare", 1, **{"with": "2"})
    assert "Harassment: escalate from 0.60 (was 0.65)." in there
    assert "Harassment: escalate from 0.65 (was 0.60)." in back
    assert "<ins>escalate from 0.60</ins>" in there
    assert "There is no other version" in page(editor, "policy_compare", 1, **{"with": "nonsense"}) or True


def test_a_copy_is_a_draft_of_whoever_made_it(editor: Client) -> None:
    response = editor.post(reverse("policy_copy", args=[1]))
    assert response.headers["Location"] == reverse("policy_edit", args=[3, "thresholds"])
    copied = PolicyVersion.objects.get(number=3)
    assert (copied.author.username, copied.state) == ("policy-editor-1", "draft")
    text = page(editor, "policy_page", 3)
    assert "It has no change note yet." in text


# --- as a file ---------------------------------------------------------------------------------------------------


def test_what_is_exported_can_be_imported(editor: Client) -> None:
    response = editor.get(reverse("policy_export", args=[1]))
    assert response["Content-Disposition"] == 'attachment; filename="policy-1.yaml"'
    file = SimpleUploadedFile("policy.yaml", response.content)
    assert editor.post(reverse("policy_take"), {"file": file}).headers["Location"] == reverse("policy_page", args=[3])
    first, third = (PolicyVersion.objects.get(number=number) for number in (1, 3))
    assert compile_document(document_of(third)).digest == first.digest
    assert Term.objects.filter(list__version=third).count() == Term.objects.filter(list__version=first).count()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("block: 0.92", "block: 1.92", "must be a score from 0 to 1, not 1.92"),
        ("market: DE", "market: UK", "the United Kingdom is GB"),
        ("severity: 4", "severity: 3", "is 4 in earlier versions"),
        ("routing:", "weather: fine\nrouting:", "is not a field of a policy"),
        ("title: First policy", "title: First policy\ntitle: again", "is there twice"),
        ("number: 1", "number: [", "is not YAML"),
    ],
)
def test_a_wrong_file_is_refused_with_field_and_line(editor: Client, old: str, new: str, words: str) -> None:
    text = dump_yaml(document_of(PolicyVersion.objects.get(number=1))).replace(old, new, 1)
    response = editor.post(reverse("policy_take"), {"file": SimpleUploadedFile("policy.yaml", text.encode())})
    shown = response.content.decode().replace("&#x27;", "'")
    assert response.status_code == 422
    assert words in shown
    assert "Line " in shown
    assert "title: First policy" in shown, "the text is there to be mended"
    assert PolicyVersion.objects.count() == 2


_LONG_TERM = {"text": "x" * 121, "category": "hate", "score": 0.5}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda document: document.update(title="x" * 121), "title"),
        (lambda document: document["categories"]["hate"].update(name="x" * 81), "categories.hate.name"),
        (
            lambda document: document["categories"].update({"x" * 41: dict(document["categories"]["hate"])}),
            "categories",
        ),
        (lambda document: document["age_rules"][0].update(reason="x" * 201), "age_rules[0].reason"),
        (lambda document: document["territories"][0].update(reason="x" * 201), "territories[0].reason"),
        (lambda document: document["routing"][0].update(queue="x" * 61), "routing[0].queue"),
        (lambda document: document["terms"].update({"x" * 61: []}), "terms"),
        (lambda document: document["terms"].update(wave=[_LONG_TERM]), "terms.wave[0].text"),
    ],
)
def test_what_the_database_has_no_room_for_is_refused_with_its_field(
    editor: Client, change: Callable[[dict[str, Any]], None], field: str
) -> None:
    document = document_of(PolicyVersion.objects.get(number=1)) | {"terms": {}}
    change(document)
    response = editor.post(reverse("policy_take"), {"text": dump_yaml(document)})
    assert response.status_code == 422
    assert f"<code>{field}</code>" in response.content.decode()


def test_a_child_safety_category_that_is_not_the_gravest_is_refused(editor: Client) -> None:
    document = document_of(PolicyVersion.objects.get(number=1))
    document["categories"]["other"] = {"name": "Other", "severity": 4, "is_child_safety": True}
    document["thresholds"].append({"category": "other", "block": 0.5})
    document["banks"]["other"] = "block"
    response = editor.post(reverse("policy_take"), {"text": dump_yaml(document)})
    assert response.status_code == 422
    assert "<code>categories.other</code>" in response.content.decode()


def test_a_few_kilobytes_of_thresholds_do_not_hold_the_process(editor: Client) -> None:
    document = document_of(PolicyVersion.objects.get(number=1)) | {"terms": {}}
    codes = sorted(REGIONS)[:65]
    document["thresholds"] += [
        {"category": "hate", "market": code, "language": code.lower(), "block": 0.9} for code in codes if code != "DE"
    ]
    began = time.process_time()
    response = editor.post(reverse("policy_take"), {"text": dump_yaml(document)})
    assert response.status_code == 302
    assert time.process_time() - began < 4
    assert document_of(PolicyVersion.objects.get(number=3))["thresholds"] == document["thresholds"]


def test_a_file_that_is_wrong_is_read_once(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def counted(text: str, **options: Any) -> Any:
        read.append(text)
        return parse(text, **options)

    parse = yaml.parse
    monkeypatch.setattr("policies.document.yaml_form.yaml.parse", counted)
    text = dump_yaml(document_of(PolicyVersion.objects.get(number=1))).replace("block: 0.92", "block: 1.92", 1)
    assert editor.post(reverse("policy_take"), {"text": text}).status_code == 422
    assert len(read) == 1


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "Choose a file, or paste its text."),
        ({"file": SimpleUploadedFile("x.yaml", b"\xff\xfe\x00")}, "not text in UTF-8"),
        ({"file": SimpleUploadedFile("x.yaml", b"#" * (4 * 2**20 + 1))}, "more than 4 MiB"),
        ({"text": "terms: {x: {file: /etc/passwd}}"}, "can be read only from a folder"),
    ],
)
def test_what_is_no_file_is_refused(editor: Client, data: dict[str, object], words: str) -> None:
    response = editor.post(reverse("policy_take"), data)
    assert response.status_code == 422
    assert words in response.content.decode()


def test_a_pasted_text_is_taken_as_well(editor: Client) -> None:
    text = dump_yaml(document_of(PolicyVersion.objects.get(number=1)))
    assert editor.post(reverse("policy_take"), {"text": text}).status_code == 302


def test_changed_terms_are_told_and_the_others_are_not(editor: Client) -> None:
    author = User.objects.get(username="policy-author")
    words = [
        {"text": "blue banana", "category": "spam_scam", "score": 0.5},
        {"text": "damn", "category": "hate", "score": 0.5},
    ]
    version_add_terms(actor=author, version=policies.draft(), list_name="starter", terms=words)
    text = page(editor, "policy_compare", 2)
    assert "Term “blue banana” for Spam and scams, list starter: score 0.5 (new)." in text
    assert "Term “damn” for Hate, list starter: score 0.5 (new)." in text
    assert "bollocks" not in text
