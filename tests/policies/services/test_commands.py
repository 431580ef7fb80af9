"""The commands that seed, load, export and import policies."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from policies.models import PolicyVersion, Term
from tests.support.policy_builders import seed_policy


@pytest.fixture
def seeded(db: Any) -> None:
    call_command("policy_seed", stdout=io.StringIO())


def output_of(*command: str) -> str:
    out = io.StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


def test_it_seeds_an_active_version_and_a_draft(seeded: None) -> None:
    assert dict(PolicyVersion.objects.values_list("number", "state")) == {1: "active", 2: "draft"}
    assert PolicyVersion.objects.get(number=1).digest == seed_policy(1).digest


def test_it_seeds_with_people_who_cannot_sign_in(seeded: None) -> None:
    first = PolicyVersion.objects.get(number=1)
    assert first.author != first.approver
    assert not any(user.is_active or user.has_usable_password() for user in User.objects.all())


def test_it_seeds_once(seeded: None) -> None:
    assert "there already" in output_of("policy_seed")
    assert PolicyVersion.objects.count() == 2


def test_it_exports_what_it_can_import(seeded: None, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(output_of("policy_export"), encoding="utf-8")
    assert "Policy 3 created" in output_of("policy_import", str(path), "--author", "policy-author")
    version = PolicyVersion.objects.get(number=3)
    assert (version.state, version.termlists.get().terms.count()) == ("draft", len(seed_policy(1).terms))
    exported = output_of("policy_export", "-n", "3")
    assert exported.split("unknown_language")[1] == path.read_text().split("unknown_language")[1]


@pytest.mark.parametrize(
    "arguments", [("policy_export", "-n", "99"), ("policy_import", "nowhere.yaml", "--author", "policy-author")]
)
def test_it_says_what_is_not_there(seeded: None, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError):
        call_command(*arguments)


def test_it_says_which_field_of_an_import_is_wrong(seeded: None, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("number: 3\ntitle: x\n", encoding="utf-8")
    with pytest.raises(CommandError, match="categories: is missing"):
        call_command("policy_import", str(path), "--author", "policy-author")
    with pytest.raises(CommandError, match="no user"):
        call_command("policy_import", str(path), "--author", "nobody")


def test_it_loads_terms_into_a_draft(seeded: None, tmp_path: Path) -> None:
    path = tmp_path / "wave.txt"
    path.write_text("# an abuse wave\nblue banana\ngreen banana\n", encoding="utf-8")
    plain = ("--category", "hate", "--score", "0.8", "--language", "en")
    assert "2 terms" in output_of("terms_load", str(path), "-n", "2", "--list", "wave", *plain)
    term = Term.objects.get(text="blue banana")
    assert (term.list.name, term.score, term.language, term.list.version.number) == ("wave", 0.8, "en", 2)


def test_it_loads_no_terms_into_a_published_version(seeded: None, tmp_path: Path) -> None:
    path = tmp_path / "wave.csv"
    path.write_text("text,category,outcome\nblue banana,hate,block\n", encoding="utf-8")
    with pytest.raises(CommandError, match="cannot change"):
        call_command("terms_load", str(path), "-n", "1", "--list", "wave")
    assert "1 terms" in output_of("terms_load", str(path), "-n", "2", "--list", "wave")


def test_it_says_which_term_is_wrong(seeded: None, tmp_path: Path) -> None:
    path = tmp_path / "wave.txt"
    path.write_text("fine words\na\n", encoding="utf-8")
    with pytest.raises(CommandError, match=r"terms\.wave\[1\]\.text"):
        call_command("terms_load", str(path), "-n", "2", "--list", "wave", "--category", "hate", "--score", "0.8")
    assert not Term.objects.filter(list__name="wave").exists()
