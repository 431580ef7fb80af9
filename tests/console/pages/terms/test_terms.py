"""The terms of a version: search and pages, the tester, and in a draft adding, changing, removing and files."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from policies.models import Term
from policies.services.drafts import term_token
from policies.services.versions import version_add_terms
from tests.support import policy_scenes as policies
from tests.support import scenes
from tests.support.sign_in import signed_in

WORD = {"list_name": "wave", "text": "blue banana", "category": "hate", "means": "score", "score": "0.7"}


@pytest.fixture
def editor(ready: None) -> Client:
    return signed_in(scenes.person("policy-editor"))


def add(client: Client, **changes: str) -> Any:
    return client.post(reverse("term_put", args=[2]), WORD | changes)


def stored() -> Term:
    return Term.objects.select_related("list").get(list__version=policies.draft(), list__name="wave")


def test_terms_are_found_by_list_category_and_part(editor: Client) -> None:
    add(editor)
    url = reverse("policy_terms", args=[2])
    text = editor.get(url, {"q": "BANANA", "list": "wave", "category": "hate"}).content.decode()
    assert "blue banana" in text
    assert "damn" not in text
    assert "No term matches" in editor.get(url, {"q": "no such word"}).content.decode()
    fragment = editor.get(url, {"q": "banana"}, headers={"HX-Request": "true"}).content.decode()
    assert "blue banana" in fragment
    assert "<html" not in fragment


def test_pages_follow_each_other_without_gaps(
    ready: None, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    terms = [{"text": f"token {n:03}", "category": "spam_scam", "score": 0.5} for n in range(120)]
    version_add_terms(
        actor=User.objects.get(username="policy-author"), version=policies.draft(), list_name="many", terms=terms
    )
    client, url, seen = signed_in(scenes.person("analyst")), reverse("policy_terms", args=[2]) + "?list=many", []
    while url:
        with django_assert_max_num_queries(12):
            response = client.get(url)
        found = response.context["page"]
        seen += [term.text for term in found.rows]
        url = f"{reverse('policy_terms', args=[2])}?{found.next_query}" if found.next_query else ""
    assert seen == [f"token {n:03}" for n in range(120)]
    assert client.get(reverse("policy_terms", args=[2]), {"after": "nonsense"}).status_code == 200


def test_a_term_is_added_changed_and_removed(editor: Client) -> None:
    assert add(editor, inside_words="on", language="EN").url == reverse("policy_terms", args=[2])
    term = stored()
    assert (term.score, term.whole_word, term.language) == (0.7, False, "en")
    form = editor.get(reverse("term_page", args=[2, term.key])).content.decode()
    assert 'value="blue banana"' in form
    data = WORD | {"means": "block", "score": "", "expected": term_token(term)}
    assert editor.post(reverse("term_save", args=[2, term.key]), data).status_code == 302
    assert (stored().score, stored().outcome) == (None, 4)
    editor.post(reverse("term_drop", args=[2, term.key]), {"expected": term_token(stored())})
    assert not Term.objects.filter(key=term.key).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"text": "a"}, "would match nearly everything"),
        ({"text": "the"}, "only common words"),
        ({"text": "hate.*"}, "written like a pattern"),
        ({"text": ""}, "This field is required"),
        ({"score": ""}, "Write the score that the term alone gives"),
        ({"score": "7"}, "less than or equal to 1"),
        ({"means": "block"}, "Leave the score empty"),
        ({"category": "weather"}, "is not one of the available choices"),
        ({"language": "german"}, "is not a language code"),
        ({"list_name": "My List"}, "small letters, digits and hyphens"),
    ],
)
def test_a_wrong_term_is_refused_beside_its_field(editor: Client, changes: dict[str, str], words: str) -> None:
    response = add(editor, **changes)
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Term.objects.filter(list__name="wave").exists()


def test_a_term_that_is_there_already_is_refused(editor: Client) -> None:
    add(editor)
    response = add(editor)
    assert response.status_code == 422
    assert "in this list already" in response.content.decode()


def test_two_editors_of_one_term_meet(editor: Client) -> None:
    add(editor)
    term = stored()
    seen = {"expected": term_token(term)}
    other = signed_in(scenes.person("policy-editor", "editor-2"))
    other.post(reverse("term_save", args=[2, term.key]), WORD | {"score": "0.9"} | seen)
    response = editor.post(reverse("term_save", args=[2, term.key]), WORD | {"score": "0.2"} | seen)
    page = response.content.decode()
    assert response.status_code == 409
    assert "somebody else changed this term" in page
    assert "score 0.90" in page
    assert 'value="0.2"' in page
    gone = editor.post(reverse("term_drop", args=[2, term.key]), seen, follow=True)
    assert "is still there" in gone.content.decode()
    assert stored().score == 0.9
    assert editor.post(reverse("term_save", args=[2, term.key]), WORD | {"text": "the"} | seen).status_code == 409


def test_a_file_is_taken_whole_or_not_at_all(editor: Client) -> None:
    url, good = reverse("terms_take", args=[2]), "text,category,score\nblue banana,hate,0.7\ngreen banana,hate,0.6\n"
    file = SimpleUploadedFile("wave.csv", good.encode())
    response = editor.post(url, {"file-list_name": "wave", "file-file": file}, follow=True)
    assert "2 terms are in list wave." in response.content.decode()
    bad = good + "a,hate,0.5\n"
    response = editor.post(url, {"file-list_name": "other", "file-text": bad})
    page = response.content.decode()
    assert response.status_code == 422
    assert "terms.other[2].text" in page
    assert "green banana,hate,0.6" in page, "what was sent is there to be mended"
    assert not Term.objects.filter(list__name="other").exists()
    assert editor.post(url, {"file-list_name": "wave"}).status_code == 422


@pytest.mark.parametrize("length", [121, 3_000, 20_000])
def test_a_term_that_is_too_long_is_refused_before_anything_looks_at_it(editor: Client, length: int) -> None:
    half = length // 2  # opening brackets and bars without an end, which a search for patterns took minutes over
    text = f"text,category,score\nzorblat{'(' * half}{'|' * half},hate,0.5\n"
    began = time.process_time()
    response = editor.post(reverse("terms_take", args=[2]), {"file-list_name": "wave", "file-text": text})
    assert response.status_code == 422
    assert "more than 120" in response.content.decode()
    assert time.process_time() - began < 3


def test_nothing_is_changed_in_a_published_version(editor: Client) -> None:
    term = Term.objects.filter(list__version__number=1).first()
    assert term is not None
    assert editor.post(reverse("term_put", args=[1]), WORD).status_code == 404
    for name in ("term_save", "term_drop"):
        assert editor.post(reverse(name, args=[1, term.key]), WORD).status_code == 404
    assert editor.get(reverse("term_page", args=[1, term.key])).status_code == 404
    assert editor.get(reverse("term_page", args=[2, term.key])).status_code == 404
    assert "cannot change any more" in editor.get(reverse("policy_terms", args=[1])).content.decode()


# --- the tester --------------------------------------------------------------------------------------------------


def try_text(client: Client, text: str, **more: Any) -> Any:
    return client.post(reverse("terms_tried", args=[2]), {"try-text": text, "try-language": "en"}, **more)


def test_a_text_is_marked_where_terms_match(ready: None) -> None:
    reader = signed_in(scenes.person("analyst"))
    response = try_text(reader, "What a d4mn shame", headers={"HX-Request": "true"})
    page = response.content.decode()
    assert response.status_code == 200
    assert "<mark>d4mn</mark>" in page
    assert "what a damn shame" in page
    assert "score 0.45" in page
    assert "<html" not in page


def test_a_text_shows_which_exception_shields_it(ready: None) -> None:
    reader = signed_in(scenes.person("analyst"))
    page = try_text(reader, "that was a damn good pie").content.decode()
    assert '<mark class="shielded" title="shielded by an exception">damn</mark>' in page
    assert "“damn good pie”" in page
    assert "No term matches." in page
    assert "<html" in page, "without htmx the whole page answers"


def test_a_text_is_escaped_and_may_be_refused(ready: None) -> None:
    reader = signed_in(scenes.person("analyst"))
    assert "<script>alert" not in try_text(reader, "<script>alert(1)</script> damn").content.decode()
    assert try_text(reader, "").status_code == 422
    assert try_text(reader, "x" * 4_001).status_code == 422
