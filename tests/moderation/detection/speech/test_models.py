"""Speech weights: named exactly, fetched in as many tries as it takes, and used only when they are what was pinned."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from moderation.detection.speech.loading import STARTER, SpeechModelInvalid, speech_source, verify, version_of
from moderation.detection.speech.pulling import pull

CONTENT = bytes(range(256)) * 8_192  # 2 MB
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Shelf:
    """A server of one file. `breaks_after`: it hangs up after so many bytes of an answer; `ranges`: what was asked."""

    content: bytes = CONTENT
    breaks_after: int | None = None
    knows_ranges: bool = True
    ranges: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    held = Shelf()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            held.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and held.knows_ranges else 0
            if start >= len(held.content):
                self.send_error(416)
                return
            part = held.content[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            self.wfile.write(part[: held.breaks_after])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    held.url = f"http://127.0.0.1:{server.server_port}/some/model.pt"
    yield held
    server.shutdown()
    server.server_close()


def test_nothing_set_is_the_starter(tmp_path: Path) -> None:
    assert speech_source("", tmp_path).file == STARTER
    assert version_of(STARTER).startswith("whisper-starter-") or not STARTER.is_file()


def test_a_name_of_whispers_is_a_pinned_address(tmp_path: Path) -> None:
    source = speech_source("large-v3", tmp_path)
    assert source.file == tmp_path / "whisper" / "large-v3.pt"
    assert source.url.startswith("https://")
    assert len(source.sha256) == 64
    assert source.sha256 in source.url


def test_a_name_that_whisper_does_not_know_is_refused_with_those_it_does(tmp_path: Path) -> None:
    with pytest.raises(SpeechModelInvalid, match="large-v3"):
        speech_source("enormous", tmp_path)


@pytest.mark.parametrize(
    "setting",
    ["https://example.org/a.pt", "https://example.org/a.pt#abc", "ftp://example.org/a.pt#" + "a" * 64,
     "https://example.org/#" + "a" * 64],
)  # fmt: skip
def test_an_address_without_a_whole_checksum_is_refused(setting: str, tmp_path: Path) -> None:
    with pytest.raises(SpeechModelInvalid, match="SHA-256"):
        speech_source(setting, tmp_path)


def test_a_pull_that_breaks_off_goes_on_where_it_stopped(shelf: Shelf, tmp_path: Path) -> None:
    source = speech_source(f"{shelf.url}#{SHA256}", tmp_path)
    shelf.breaks_after = 500_000
    with pytest.raises(SpeechModelInvalid, match="goes on from there"):
        pull(source)
    assert not source.is_present
    shelf.breaks_after = None
    assert pull(source) == version_of(source.file)
    assert source.file.read_bytes() == CONTENT
    assert shelf.ranges == [None, "bytes=500000-"]
    pull(source)
    assert len(shelf.ranges) == 2, "what is there is not fetched again"


def test_a_server_without_ranges_sends_all_again(shelf: Shelf, tmp_path: Path) -> None:
    source = speech_source(f"{shelf.url}#{SHA256}", tmp_path)
    source.file.parent.mkdir()
    source.file.with_name("model.pt.part").write_bytes(b"x" * 1_000)
    shelf.knows_ranges = False
    pull(source)
    assert source.file.read_bytes() == CONTENT


def test_a_download_that_was_whole_but_not_yet_named_is_used(shelf: Shelf, tmp_path: Path) -> None:
    source = speech_source(f"{shelf.url}#{SHA256}", tmp_path)
    source.file.parent.mkdir()
    source.file.with_name("model.pt.part").write_bytes(CONTENT)
    pull(source)
    assert source.is_present


def test_something_else_than_was_pinned_is_removed(shelf: Shelf, tmp_path: Path) -> None:
    source = speech_source(f"{shelf.url}#{'0' * 64}", tmp_path)
    with pytest.raises(SpeechModelInvalid, match="differs"):
        pull(source)
    assert not list(source.file.parent.iterdir())


def test_without_a_network_it_says_where_to_put_the_file(tmp_path: Path) -> None:
    source = speech_source(f"http://127.0.0.1:9/model.pt#{SHA256}", tmp_path)
    with pytest.raises(SpeechModelInvalid, match=str(source.file)):
        pull(source)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    source = speech_source(f"https://example.org/model.pt#{SHA256}", tmp_path)
    with pytest.raises(SpeechModelInvalid, match="models pull"):
        verify(source)
    source.file.parent.mkdir()
    source.file.write_bytes(b"other")
    with pytest.raises(SpeechModelInvalid, match="differs"):
        verify(source)


def test_the_command_pulls_lists_and_verifies(shelf: Shelf, tmp_path: Path, settings) -> None:
    settings.WHISPER_MODEL_PATH, settings.MODELS_FOLDER = f"{shelf.url}#{SHA256}", str(tmp_path)
    out = StringIO()
    call_command("models", "list", "speech", stdout=out)
    assert "absent" in out.getvalue()
    call_command("models", "pull", "speech", stdout=out)
    call_command("models", "verify", "speech", stdout=out)
    assert out.getvalue().count("whisper-model-") == 2


def test_the_command_has_nothing_to_pull_for_the_starter(settings) -> None:
    settings.WHISPER_MODEL_PATH = ""
    with pytest.raises(CommandError, match="nothing to pull"):
        call_command("models", "pull", "speech")


def test_the_command_leaves_out_speech_that_is_off(settings) -> None:
    settings.WHISPER_MODEL_PATH = "off"
    out = StringIO()
    call_command("models", "list", "speech", stdout=out)
    assert out.getvalue() == ""
