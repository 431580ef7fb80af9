"""Weights: named exactly, fetched in as many tries as it takes, and loaded only when every hash that is known of them is right."""

from __future__ import annotations

import base64
import hashlib
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
from django.core.management import CommandError, call_command

from moderation.detection.model_store import (
    SUMS,
    Hub,
    ModelAbsent,
    ModelInvalid,
    Source,
    Weights,
    is_off,
    locate,
    pull,
    read_source,
    sha256_of,
    verify,
    write_sums,
)
from moderation.detection.ocr.detector import OcrDetector
from moderation.detection.ocr.loading import WEIGHTS as OCR
from moderation.detection.ocr.loading import load_reader
from moderation.detection.speech.detector import SpeechDetector
from moderation.detection.speech.loading import WEIGHTS as SPEECH
from moderation.detection.speech.loading import load as load_speech
from moderation.detection.speech.vad import WEIGHTS as VAD
from moderation.detection.text.loading import WEIGHTS as TEXT
from moderation.detection.text.loading import load as load_text
from moderation.detection.vision.detector import VisionDetector
from moderation.detection.vision.loading import WEIGHTS as VISION
from moderation.detection.vision.loading import load_model
from moderation.detection.vision.prompts import read_prompts
from tests.support.model_server import ModelServer, model_server

MODEL = bytes(range(256)) * 8_192  # 2 MB
SHA256 = hashlib.sha256(MODEL).hexdigest()
REVISION = "a" * 40
#: A kind of model of three files, whatever is in them.
THING = Weights(
    name="thing", setting="THING_PATH", shipped="/nowhere", licence="none", version=lambda path: f"thing-{path.name}",
    pinned="model.bin", files=("model.bin", "config.json", "tokenizer*"),
)  # fmt: skip
FILES = {"model.bin": MODEL, "config.json": b"{}", "tokenizer.json": b"[1]" * 1_000, "README.md": b"not wanted",
         "tokenizer/more.json": b"not at the top"}  # fmt: skip
ALL = {"model.bin", "config.json", "tokenizer.json", SUMS}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    """A model hub with one repository."""
    with model_server(FILES) as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )  # fmt: skip
        monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 100_000)
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return read_source(THING, f"hub:owner/name@{REVISION}#{SHA256}", tmp_path)


def names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


# --- names ------------------------------------------------------------------------------------------------------------


def test_a_setting_means_what_ships_a_path_a_package_or_a_pinned_revision(tmp_path: Path) -> None:
    assert read_source(THING, "", tmp_path) == Source(THING, Path("/nowhere"))
    assert read_source(THING, "/models/mine", tmp_path) == Source(THING, Path("/models/mine"))
    found = read_source(THING, f"hub:owner/name@{REVISION}#{SHA256}", tmp_path)
    assert found == Source(THING, tmp_path / "owner--name-aaaaaaaaaaaa", Hub("owner/name", REVISION), SHA256)
    assert read_source(OCR, "", tmp_path).path.name == "models"


@pytest.mark.parametrize(
    ("weights", "setting", "says"),
    [
        (THING, "hub:owner/name", "full 40-digit revision"),
        (THING, "hub:owner/name@main#" + SHA256, "full 40-digit revision"),
        (THING, f"hub:owner/name@{REVISION}", "full 40-digit revision"),
        (THING, f"https://example.org/model.bin#{SHA256}", "hub:owner/name"),
        (THING, "package:nothing", "package:DISTRIBUTION/PATH"),
        (SPEECH, f"hub:owner/name@{REVISION}#{SHA256}", "one file"),
        (SPEECH, f"https://example.org/model.bin#{SHA256}", "SHA-256"),
    ],
)
def test_what_is_not_pinned_or_not_for_this_kind_is_refused(
    weights: Weights, setting: str, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelInvalid, match=says):
        read_source(weights, setting, tmp_path)


def test_off_and_nothing_shipped_leave_a_model_out_unless_policies_need_it() -> None:
    assert is_off(THING, " OFF ")
    assert is_off(THING, "")
    assert not is_off(THING, "/models/mine")
    assert not is_off(VISION, "")
    assert not is_off(TEXT, "off")


def test_what_ships_has_the_versions_that_stored_findings_name() -> None:
    # Another version makes every stored result stale: change these only together with weights.
    vision = Source(VISION, Path(VISION.shipped))
    assert load_text(read_source(TEXT, "", Path())).version == "text-85e7563e52aa"
    assert SpeechDetector("").version == "whisper-starter-9bbe233bca25-s1-r2"
    assert VisionDetector(vision, read_prompts(vision.path)).version == "starter-93aebaa7e81a-pfe6cc058"
    assert OcrDetector().version == "rapidocr-1.4.4-6"


@pytest.mark.parametrize("weights", [TEXT, SPEECH, VAD, VISION, OCR], ids=lambda weights: weights.name)
def test_what_ships_is_whole_and_says_its_licence(weights: Weights) -> None:
    assert verify(read_source(weights, "", Path()))
    assert weights.licence


# --- a hub ------------------------------------------------------------------------------------------------------------


def test_a_revision_is_fetched_with_what_is_wanted_of_it_and_nothing_else(hub: ModelServer, source: Source) -> None:
    with pytest.raises(ModelAbsent, match=r"THING_PATH.*models pull thing"):
        locate(source)
    assert pull(source) == f"thing-{source.path.name}"
    assert names(source.path) == ALL
    assert {name: (source.path / name).read_bytes() for name in ALL - {SUMS}} == {n: FILES[n] for n in ALL - {SUMS}}
    assert hub.asked[-1][0] == "model.bin", "the pinned file comes last"
    n_asked = len(hub.asked)
    pull(source)
    assert len(hub.asked) == n_asked, "what is there and whole is not fetched again"


def test_a_pull_that_breaks_off_leaves_nothing_that_loads_and_goes_on_from_there(
    hub: ModelServer, source: Source
) -> None:
    hub.breaks_after = 500_000
    with pytest.raises(ModelInvalid, match="goes on from there"):
        pull(source)
    assert (source.path / "model.bin.part").stat().st_size == 500_000
    with pytest.raises(ModelAbsent):
        locate(source)
    hub.mend()
    hub.asked.clear()
    pull(source)
    assert hub.asked == [("model.bin", "bytes=500000-")]
    assert names(source.path) == ALL


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json"])
def test_a_file_that_changed_is_not_loaded_and_the_next_pull_mends_it(
    name: str, hub: ModelServer, source: Source
) -> None:
    pull(source)
    (source.path / name).write_bytes(b"other")
    with pytest.raises(ModelInvalid, match=rf"{name}.*SHA-256 differs.*models pull thing"):
        locate(source)
    hub.asked.clear()
    pull(source)
    assert hub.asked == [(name, None)]
    assert (source.path / name).read_bytes() == FILES[name]


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json"])
def test_something_else_than_was_listed_or_pinned_is_removed(name: str, hub: ModelServer, source: Source) -> None:
    listing = hub.listing()
    hub.listing = lambda: listing  # type: ignore[method-assign]
    hub.files[name] = bytes(len(FILES[name]))
    with pytest.raises(ModelInvalid, match="differs"):
        pull(source)
    assert not source.is_present
    assert f"{name}.part" not in names(source.path)


def test_a_repository_without_the_pinned_file_is_no_model(hub: ModelServer, source: Source) -> None:
    del hub.files["model.bin"]
    with pytest.raises(ModelInvalid, match=r"has no model\.bin"):
        pull(source)


def test_two_pulls_do_not_write_into_one_file(hub: ModelServer, source: Source) -> None:
    import fcntl
    import os

    source.path.mkdir()
    other = os.open(source.path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    with pytest.raises(ModelInvalid, match="Another pull"):
        pull(source)
    os.close(other)
    assert pull(source)


def test_a_token_for_the_hub_goes_to_no_other_server(
    hub: ModelServer, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_made_up")
    pull(source)
    assert hub.tokens == {"Bearer hf_made_up"}
    hub.tokens.clear()
    hub.files["own.pt"] = MODEL
    pull(read_source(SPEECH, f"{hub.url}/some/own.pt#{SHA256}", tmp_path))
    assert hub.tokens == {""}


def test_files_that_were_copied_by_hand_need_no_network(tmp_path: Path, source: Source) -> None:
    source.path.mkdir()
    for name in ("model.bin", "config.json"):
        (source.path / name).write_bytes(FILES[name])
    assert pull(source) == verify(source)


# --- folders and packages ---------------------------------------------------------------------------------------------


def test_a_folder_is_held_to_the_sums_beside_it(tmp_path: Path) -> None:
    source = Source(THING, tmp_path)
    (tmp_path / "model.bin").write_bytes(b"mine")
    assert locate(source) == tmp_path
    write_sums(tmp_path, {"model.bin": sha256_of(tmp_path / "model.bin")})
    assert locate(source) == tmp_path
    (tmp_path / "model.bin").write_bytes(b"his!")
    with pytest.raises(ModelInvalid, match="is not the file that is listed"):
        locate(source)
    (tmp_path / "model.bin").unlink()
    with pytest.raises(ModelAbsent, match="lacks model"):
        locate(source)
    (tmp_path / SUMS).write_text("not a sum\n")
    with pytest.raises(ModelInvalid, match=SUMS):
        locate(source)


def test_of_single_files_only_their_own_lines_count(tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(b"a")
    write_sums(tmp_path, {"a.pt": sha256_of(tmp_path / "a.pt"), "b.pt": "0" * 64})
    assert locate(Source(SPEECH, tmp_path / "a.pt"))
    (tmp_path / "b.pt").write_bytes(b"b")
    with pytest.raises(ModelInvalid, match=r"b\.pt"):
        locate(Source(SPEECH, tmp_path / "b.pt"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed distribution that brings a model; returns where its files lie."""
    site = tmp_path / "site"
    place, info = site / "made_up" / "weights", site / "made_up_weights-1.0.dist-info"
    place.mkdir(parents=True)
    info.mkdir()
    (place / "model.bin").write_bytes(MODEL)
    digest = base64.urlsafe_b64encode(hashlib.sha256(MODEL).digest()).rstrip(b"=").decode()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: made-up-weights\nVersion: 1.0\n")
    (info / "RECORD").write_text(
        f"made_up/weights/model.bin,sha256={digest},{len(MODEL)}\nmade_up_weights-1.0.dist-info/RECORD,,\n"
    )
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    return place


def test_files_of_a_package_are_held_to_its_record(package: Path, tmp_path: Path) -> None:
    source = read_source(THING, "package:made-up-weights/made_up/weights", tmp_path)
    assert locate(source) == package
    with pytest.raises(ModelInvalid, match="nothing to pull"):
        pull(source)
    (package / "model.bin").write_bytes(b"other")
    with pytest.raises(ModelInvalid, match="install made-up-weights again"):
        locate(source)
    (package / "model.bin").unlink()
    with pytest.raises(ModelAbsent, match="lacks"):
        locate(source)


def test_what_no_record_names_is_not_loaded(package: Path, tmp_path: Path) -> None:
    (package.parent / "other").mkdir()
    with pytest.raises(ModelInvalid, match="names no files"):
        locate(read_source(THING, "package:made-up-weights/made_up/other", tmp_path))
    record = package.parents[1] / "made_up_weights-1.0.dist-info" / "RECORD"
    record.write_text("made_up/weights/model.bin,,\n")
    with pytest.raises(ModelInvalid, match="no SHA-256"):
        locate(read_source(THING, "package:made-up-weights/made_up/weights", tmp_path))


def test_a_package_that_is_not_installed_is_absent(tmp_path: Path) -> None:
    with pytest.raises(ModelAbsent, match="install no-such-weights again"):
        locate(read_source(THING, "package:no-such-weights/x", tmp_path))


# --- what loads -------------------------------------------------------------------------------------------------------


def copied(weights: Weights, folder: Path) -> Source:
    """Return a copy of what ships, pinned as if it came from elsewhere to something else than it is."""
    place = Path(weights.shipped)
    for file in (place if weights.pinned else place.parent).iterdir():
        if file.is_file():
            (folder / file.name).write_bytes(file.read_bytes())
    return Source(weights, folder if weights.pinned else folder / place.name, None, "0" * 64)


@pytest.mark.parametrize(
    ("weights", "load"),
    [(TEXT, load_text), (VISION, load_model), (SPEECH, lambda source: load_speech(source, "cpu"))],
    ids=["text", "vision", "speech"],
)
def test_no_loader_takes_what_is_not_the_pinned_one_or_half(weights: Weights, load: Any, tmp_path: Path) -> None:
    source = copied(weights, tmp_path)
    with pytest.raises(ModelInvalid, match="not the pinned one"):
        load(source)
    source.main.write_bytes(source.main.read_bytes()[:-1])
    with pytest.raises(ModelInvalid, match="SHA-256 differs"):
        load(Source(weights, source.path, None, "1" * 64))


def test_a_manifest_that_leaves_out_a_file_is_no_text_model(tmp_path: Path) -> None:
    import json

    copied(TEXT, tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    del manifest["files"]["ngrams.npz"]
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelInvalid, match=r"no SHA-256 of ngrams\.npz"):
        load_text(Source(TEXT, tmp_path))


def test_the_reader_of_pictures_is_not_loaded_from_a_damaged_package(monkeypatch: pytest.MonkeyPatch) -> None:
    from moderation.detection import model_store

    monkeypatch.setattr(model_store, "sha256_of", lambda _: "0" * 64)
    load_reader.cache_clear()
    with pytest.raises(ModelInvalid, match="install rapidocr-onnxruntime again"):
        load_reader(31)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_lists_each_as_it_is_and_verifies_all_before_it_fails(tmp_path: Path, settings: Any) -> None:
    settings.VISION_MODEL_PATH, settings.WHISPER_MODEL_PATH = str(tmp_path), "off"
    settings.TEXT_MODEL_PATH = str(tmp_path / "none")
    out = StringIO()
    call_command("models", "list", stdout=out)
    text, vad, vision, ocr = out.getvalue().splitlines()
    assert "silero" in vad
    assert "MIT" in vad
    assert "not usable: TEXT_MODEL_PATH" in text
    assert "not usable" in vision
    assert "rapidocr-" in ocr
    assert "Apache-2.0" in ocr
    out = StringIO()
    with pytest.raises(CommandError, match=r"(?s)TEXT_MODEL_PATH.*VISION_MODEL_PATH"):
        call_command("models", "verify", stdout=out)
    assert [line.split()[0].rstrip(":") for line in out.getvalue().splitlines()] == ["vad", "ocr"]


def test_the_command_pulls_a_text_model_from_the_hub(hub: ModelServer, tmp_path: Path, settings: Any) -> None:
    shipped = Path(TEXT.shipped)
    hub.files = {file.name: file.read_bytes() for file in shipped.iterdir() if file.is_file()}
    pin = hashlib.sha256(hub.files["manifest.json"]).hexdigest()
    settings.TEXT_MODEL_PATH, settings.MODELS_FOLDER = f"hub:owner/name@{REVISION}#{pin}", str(tmp_path)
    out = StringIO()
    call_command("models", "list", "text", stdout=out)
    assert "absent: run `manage.py models pull text`" in out.getvalue()
    call_command("models", "pull", "text", stdout=out)
    call_command("models", "verify", "text", stdout=out)
    assert out.getvalue().count("text-85e7563e52aa") == 2
