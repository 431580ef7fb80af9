"""Speech weights: named exactly, fetched in as many tries as it takes, and used only when they are what was pinned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import huggingface_hub.constants
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from moderation.detection.model_store import ModelInvalid, Source, pull, read_source, verify
from moderation.detection.speech.loading import STARTER, WEIGHTS, version_of
from tests.support.model_server import ModelServer, model_server

CONTENT = bytes(range(256)) * 8_192  # 2 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    monkeypatch.setattr(
        huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 100_000
    )  # what is lost of a part that broke off
    with model_server({"model.pt": CONTENT}) as server:
        yield server


def at(shelf: ModelServer, tmp_path: Path, sha256: str = SHA256) -> Source:
    return source_of(f"{shelf.url}/some/model.pt#{sha256}", tmp_path)


def source_of(setting: str, folder: Path) -> Source:
    return read_source(WEIGHTS, setting, folder)


def test_nothing_set_is_the_starter(tmp_path: Path) -> None:
    assert source_of("", tmp_path).path == STARTER
    assert version_of(STARTER).startswith("whisper-starter-") or not STARTER.is_file()


def test_a_name_of_whispers_is_a_pinned_address(tmp_path: Path) -> None:
    source = source_of("large-v3", tmp_path)
    assert source.path == tmp_path / "whisper" / "large-v3.pt"
    assert str(source.origin).startswith("https://")
    assert len(source.sha256) == 64
    assert source.sha256 in str(source.origin)


def test_a_name_that_whisper_does_not_know_is_refused_with_those_it_does(tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="large-v3"):
        source_of("enormous", tmp_path)


@pytest.mark.parametrize(
    "setting",
    ["https://example.org/a.pt", "https://example.org/a.pt#abc", "ftp://example.org/a.pt#" + "a" * 64,
     "https://example.org/#" + "a" * 64],
)  # fmt: skip
def test_an_address_without_a_whole_checksum_is_refused(setting: str, tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="SHA-256"):
        source_of(setting, tmp_path)


def test_a_pull_that_breaks_off_goes_on_where_it_stopped(shelf: ModelServer, tmp_path: Path) -> None:
    source = at(shelf, tmp_path)
    shelf.breaks_after = 500_000
    with pytest.raises(ModelInvalid, match="goes on from there"):
        pull(source)
    assert not source.is_present
    shelf.mend()
    assert pull(source) == version_of(source.path)
    assert source.path.read_bytes() == CONTENT
    assert shelf.asked == [("model.pt", None), ("model.pt", "bytes=500000-"), ("model.pt", "bytes=500000-")]
    pull(source)
    assert len(shelf.asked) == 3, "what is there is not fetched again"


def test_a_server_without_ranges_sends_all_again(shelf: ModelServer, tmp_path: Path) -> None:
    source = at(shelf, tmp_path)
    source.path.parent.mkdir()
    source.path.with_name("model.pt.part").write_bytes(b"x" * 1_000)
    shelf.knows_ranges = False
    pull(source)
    assert source.path.read_bytes() == CONTENT


def test_a_download_that_was_whole_but_not_yet_named_is_used(shelf: ModelServer, tmp_path: Path) -> None:
    source = at(shelf, tmp_path)
    source.path.parent.mkdir()
    source.path.with_name("model.pt.part").write_bytes(CONTENT)
    pull(source)
    assert source.is_present


def test_something_else_than_was_pinned_is_removed(shelf: ModelServer, tmp_path: Path) -> None:
    source = at(shelf, tmp_path, "0" * 64)
    with pytest.raises(ModelInvalid, match="differs"):
        pull(source)
    assert not list(source.path.parent.iterdir())


@pytest.mark.slow  # the library tries five times
def test_without_a_network_it_says_where_to_put_the_file(tmp_path: Path) -> None:
    source = source_of(f"http://127.0.0.1:9/model.pt#{SHA256}", tmp_path)
    with pytest.raises(ModelInvalid, match=str(source.path)):
        pull(source)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    source = source_of(f"https://example.org/model.pt#{SHA256}", tmp_path)
    with pytest.raises(ModelInvalid, match="models pull"):
        verify(source)
    source.path.parent.mkdir()
    source.path.write_bytes(b"other")
    with pytest.raises(ModelInvalid, match="differs"):
        verify(source)


def test_the_command_pulls_lists_and_verifies(shelf: ModelServer, tmp_path: Path, settings: Settings) -> None:
    settings.WHISPER_MODEL_PATH, settings.MODELS_FOLDER = f"{shelf.url}/some/model.pt#{SHA256}", str(tmp_path)
    out = StringIO()
    call_command("models", "list", "speech", stdout=out)
    assert "absent" in out.getvalue()
    call_command("models", "pull", "speech", stdout=out)
    call_command("models", "verify", "speech", stdout=out)
    assert out.getvalue().count("whisper-model-") == 2


def test_the_command_has_nothing_to_pull_for_the_starter(settings: Settings) -> None:
    settings.WHISPER_MODEL_PATH = ""
    with pytest.raises(CommandError, match="nothing to pull"):
        call_command("models", "pull", "speech")


def test_the_command_leaves_out_speech_that_is_off(settings: Settings) -> None:
    settings.WHISPER_MODEL_PATH = "off"
    out = StringIO()
    call_command("models", "list", "speech", stdout=out)
    assert out.getvalue() == ""
