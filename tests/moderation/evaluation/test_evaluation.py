"""Labelled files in, reports out; texts in, scores out; and clear words where a file is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from moderation.detection.model_store import Hub, ModelInvalid, Source, read_source
from moderation.detection.text import CATEGORIES
from moderation.detection.text.loading import WEIGHTS
from moderation.detection.text.model import SHIPPED
from moderation.evaluation.labelled import LabelsInvalid, read_labelled
from moderation.evaluation.scoring import LineInvalid, TextEnsemble, score_file

PROUD: list[dict[str, object]] = [
    {"text": f"proud muslim mum of {n}, baking again", "labels": [], "slice": "identity_proud"} for n in range(2, 12)
]
LABELLED: list[dict[str, object]] = [
    {"text": "our walk by the river this morning", "labels": "", "language": "en", "slice": "everyday"},
    {"text": "you are all vermin and should be thrown out of this country", "labels": "hate", "language": "en"},
    {
        "text": "send me 100 dollars and i send you 1000 back, guaranteed profit",
        "labels": ["spam_scam"],
        "language": "en",
    },
    *PROUD,
]


def jsonl(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


# --- labelled files --------------------------------------------------------------------------------------------------


def test_named_labels_say_yes_and_all_others_no(tmp_path: Path) -> None:
    found = read_labelled(jsonl(tmp_path / "a.jsonl", LABELLED))
    assert found[1].labels == {c: float(c == "hate") for c in CATEGORIES}
    assert (found[0].is_unsafe, found[1].is_unsafe) == (False, True)


def test_a_column_per_category_may_be_empty_where_nobody_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("text,hate,violence,language\nhello,1,,de\nbye,0,0.2,\n")
    first, second = read_labelled(path)
    assert (dict(first.labels), first.language) == ({"hate": 1.0}, "de")
    assert (dict(second.labels), second.is_unsafe) == ({"hate": 0.0, "violence": 0.2}, None)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.txt", "x", "jsonl, .csv or .tsv"),
        ("a.jsonl", "{no", "line 1: no JSON"),
        ("a.jsonl", "[1]", "line 1: an object"),
        ("a.jsonl", '{"labels": ""}', "record 1: there is no text"),
        ("a.jsonl", '{"text": "x", "labels": "rude"}', "'rude' is no category"),
        ("a.csv", "text,colour\nx,red\n", "neither `labels` nor a column"),
        ("a.csv", "text,hate\nx,2\n", "from 0 to 1"),
        ("a.csv", "text,hate\nx,much\n", "from 0 to 1"),
    ],
)
def test_a_file_that_is_wrong_says_where_and_what(tmp_path: Path, name: str, content: str, says: str) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(LabelsInvalid, match=says):
        read_labelled(path)


# --- manage.py evaluate ------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_it_writes_a_report_as_html_and_json(tmp_path: Path) -> None:
    call_command("policy_seed", verbosity=0)
    path = jsonl(tmp_path / "test.jsonl", LABELLED)
    call_command("evaluate", str(path), "--validation", str(path), "--out", str(tmp_path / "out"), verbosity=0)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    whole = report["systems"][0]
    assert report["n"] == len(LABELLED)
    assert set(whole["categories"]) == set(CATEGORIES)
    assert {"fair", "escalate", "block", "chosen"} <= set(whole["categories"]["hate"]["at"])
    assert whole["slices"]["identity_proud"]["n"] == 10
    assert report["facts"]["latency_ms_one_thread"]["p95"] > 0
    html = (tmp_path / "out" / "report.html").read_text()
    assert "<svg" in html
    assert "identity_proud" in html


@pytest.mark.django_db
def test_it_names_what_is_wrong_and_writes_nothing(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "test.jsonl", [{"text": "x", "labels": "rude"}])
    with pytest.raises(CommandError, match="'rude' is no category"):
        call_command("evaluate", str(path), "--out", str(tmp_path / "out"))
    with pytest.raises(CommandError, match="share"):
        call_command("evaluate", str(path), "--recall", "0", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


# --- manage.py score ---------------------------------------------------------------------------------------------------


def test_it_scores_every_line_in_order(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"id": "a", "text": "you are all vermin and should be thrown out of this country"},
        {"id": 2, "text": "our walk by the river this morning", "language": "en"},
        {"id": "c", "text": "", "language": "fr"},
    ]
    source, target = jsonl(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl"
    call_command("score", "--jsonl", str(source), "--out", str(target), verbosity=0)
    found = [json.loads(line) for line in target.read_text().splitlines()]
    assert [row["id"] for row in found] == ["a", 2, "c"]
    assert [row["language"] for row in found] == ["en", "en", "fr"]
    assert all(tuple(row["scores"]) == CATEGORIES and all(0 <= p <= 1 for p in row["scores"].values()) for row in found)
    assert found[0]["scores"]["hate"] > 0.5 > found[1]["scores"]["hate"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{no\n", "Line 1 is no JSON"),
        ('{"id": 1, "text": "x"}\n{"id": 2}\n', "Line 2 must be"),
        ('"x"\n', "Line 1 must be"),
    ],
)
def test_a_line_that_is_wrong_is_named_and_nothing_is_left(tmp_path: Path, content: str, says: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(content)
    with pytest.raises(LineInvalid, match=says):
        score_file(TextEnsemble.load(Source(WEIGHTS, SHIPPED)), source, target)
    assert list(tmp_path.iterdir()) == [source]
    with pytest.raises(CommandError, match=says):
        call_command("score", "--jsonl", str(source), "--out", str(target))


def test_the_score_of_a_text_does_not_depend_on_its_neighbours() -> None:
    classifier = TextEnsemble.load(Source(WEIGHTS, SHIPPED)).classifier
    texts = ["a walk", "you are vermin", "a much longer text about the garden and what grows there " * 20]
    together = classifier.scores_of(texts, ["en"] * 3)
    alone = [classifier.scores_of([t], ["en"])[0] for t in texts]
    for one, all_ in zip(alone, together, strict=True):
        assert abs(one - all_).max() < 0.1  # eight-bit activations are scaled per run


# --- which model -------------------------------------------------------------------------------------------------------


def test_the_setting_names_the_shipped_model_a_folder_or_a_pinned_revision(tmp_path: Path) -> None:
    assert read_source(WEIGHTS, "", tmp_path).folder == SHIPPED
    assert read_source(WEIGHTS, "/models/mine", tmp_path) == Source(WEIGHTS, Path("/models/mine"))
    revision, digest = "a" * 40, "b" * 64
    found = read_source(WEIGHTS, f"hub:someone/text@{revision}#{digest}", tmp_path)
    assert (found.origin, found.sha256) == (Hub("someone/text", revision), digest)
    assert found.folder == tmp_path / "someone--text-aaaaaaaaaaaa"


@pytest.mark.parametrize("setting", ["hub:someone/text", "hub:someone/text@main#" + "b" * 64, "hub:x/y@" + "a" * 40])
def test_a_revision_that_can_move_is_refused(setting: str, tmp_path: Path) -> None:
    with pytest.raises(ModelInvalid, match="full 40-digit revision"):
        read_source(WEIGHTS, setting, tmp_path)


def test_a_damaged_model_is_refused_by_name(tmp_path: Path, settings: object) -> None:
    for file in SHIPPED.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    settings.TEXT_MODEL_PATH = str(tmp_path)  # type: ignore[attr-defined]
    call_command("models", "verify", verbosity=0)
    (tmp_path / "ngrams.npz").write_bytes(b"other")
    with pytest.raises(CommandError, match=r"ngrams\.npz is not the file"):
        call_command("models", "verify")
    (tmp_path / "ngrams.npz").unlink()
    with pytest.raises(CommandError, match=r"lacks ngrams\.npz"):
        call_command("models", "verify")
    with pytest.raises(CommandError, match="nothing to pull"):
        call_command("models", "pull")
