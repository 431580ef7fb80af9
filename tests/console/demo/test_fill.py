"""Filling the demo: everything goes through the public API, a refusal is named, a second run skips, people have decided some."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client as Browser
from pytest_django import Settings

from console.demo.accounts import accounts_make
from console.demo.captions import Caption
from console.demo.catalogue import Upload
from console.demo.client import Answer
from console.demo.day import cast
from console.demo.start import FILLED
from console.management.commands import demo_fill
from moderation.models import Decision, Item
from policies.choices import Outcome


class InProcess:
    """The demo's client, with Django's own test client in place of a network."""

    def __init__(self, url: str, api_key: str) -> None:
        self.browser = Browser(headers={"Authorization": f"Api-Key {api_key}"})

    def get(self, path: str, **query: str) -> Answer:
        return self._answer(self.browser.get(path, query))

    def post_json(self, path: str, document: object) -> Answer:
        return self._answer(self.browser.post(path, document, content_type="application/json"))

    def post_form(self, path: str, fields: Mapping[str, str], files: Mapping[str, Path]) -> Answer:
        opened = {name: file.open("rb") for name, file in files.items()}
        try:
            return self._answer(self.browser.post(path, {**fields, **opened}))
        finally:
            for file in opened.values():
                file.close()

    def item(self, external_id: str) -> Answer:
        return self.get(f"/api/v1/items/{external_id}")

    def _answer(self, response: Any) -> Answer:
        return Answer(response.status_code, response.json() if response.content else None)


def text(slug: str, words: str) -> Upload:
    return Upload(f"demo-{slug}", "text", Caption(slug, "en", "GB", words, "noor.outside"))


TEXTS = [
    text("text-1", "A walk along the canal."),
    text("text-2", "You will pay in blood."),
    text("text-3", "Tea and rain."),
]


@pytest.fixture
def filled(ready: None, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Upload]:
    """Return the uploads of a small demo whose files are made already; the test may change the list."""
    settings.VAR_DIR = tmp_path
    accounts_make(url="http://here", path=tmp_path / "demo.json")
    catalogue = list(TEXTS)
    folder = tmp_path / "demo-content"
    folder.mkdir()
    (folder / "bank.csv").write_text(
        f"bank,category,outcome,algorithm,value,note\nknown-scams,spam_scam,BLOCK,pdq,{'ab' * 32},x\n"
    )
    monkeypatch.setattr(demo_fill, "Client", InProcess)
    monkeypatch.setattr(demo_fill, "content_make", lambda folder, wanted, **_: None)
    monkeypatch.setattr(demo_fill, "wave_uploads", lambda folder: [])
    monkeypatch.setattr(cast, "first_copy_bank", lambda folder: 0)
    monkeypatch.setattr(demo_fill, "uploads", lambda folder: catalogue)
    monkeypatch.setattr(demo_fill, "reports_send", lambda client, reports: [])
    monkeypatch.setattr(demo_fill, "viewers_watch", lambda client, now: (0, []))
    return catalogue


def _outcomes(output: str, head: str) -> dict[str, int]:
    """Return what a line of the output says came of the uploads; which it is, is the shipped model's matter."""
    [line] = [line for line in output.splitlines() if line.startswith(head)]
    parts = (part.split() for part in line.removeprefix(head).rstrip(".").split(", "))
    return {outcome: int(n) for n, outcome in parts}


def _decided() -> dict[str, int]:
    return dict(Counter(Outcome(o).name.lower() for o in Decision.objects.values_list("outcome", flat=True)))


def test_it_submits_everything_and_says_what_came_of_it(
    filled: list[Upload], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("demo_fill")
    assert set(Item.objects.values_list("external_id", flat=True)) == {u.external_id for u in filled}
    assert _outcomes(capsys.readouterr().out, "3 uploads: ") == _decided()


def test_a_second_run_skips_and_a_forced_one_changes_nothing(
    filled: list[Upload], capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("demo_fill")
    decisions = list(Decision.objects.order_by("pk").values_list("pk", flat=True))
    call_command("demo_fill")
    assert _outcomes(capsys.readouterr().out, "The demo is filled: ") == _decided()
    call_command("demo_fill", "--again")
    assert list(Decision.objects.order_by("pk").values_list("pk", flat=True)) == decisions


def test_an_interrupted_run_is_gone_through_again(
    filled: list[Upload], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(demo_fill, "reports_send", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            call_command("demo_fill")
    assert not (tmp_path / FILLED).exists()
    call_command("demo_fill")
    assert (tmp_path / FILLED).exists()
    assert Item.objects.count() == len(filled)


def _interrupt(client: object, reports: object) -> list[str]:
    raise KeyboardInterrupt


def test_a_refused_upload_is_named_and_the_rest_goes_on(filled: list[Upload], tmp_path: Path) -> None:
    filled.insert(1, text("text-bad", ""))
    with pytest.raises(CommandError, match=r"demo-text-bad: HTTP 422: caption: .*needs a caption") as refusal:
        call_command("demo_fill")
    assert refusal.value.returncode == 1
    assert Item.objects.count() == len(TEXTS)
    assert not (tmp_path / FILLED).exists()


def test_other_content_under_a_known_id_is_named(filled: list[Upload]) -> None:
    call_command("demo_fill")
    filled[0] = text("text-1", "Other words.")
    with pytest.raises(CommandError, match="demo-text-1: HTTP 409"):
        call_command("demo_fill", "--again")


def test_a_marker_of_another_database_is_not_believed(filled: list[Upload], tmp_path: Path) -> None:
    (tmp_path / FILLED).write_text(json.dumps({"last": "demo-text-3", "summary": "made up"}))
    call_command("demo_fill")
    assert Item.objects.count() == len(filled)


def test_it_asks_for_users_first(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    with pytest.raises(CommandError, match="demo_users"):
        call_command("demo_fill")


def test_it_refuses_outside_the_demo(settings: Settings) -> None:
    settings.DEMO_ENABLED = False
    with pytest.raises(CommandError, match="DEMO_ENABLED"):
        call_command("demo_fill")
