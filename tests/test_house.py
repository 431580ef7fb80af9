"""The house: what its contracts cannot say about imports, and that the picture and the walk are those of the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.places import ROOT

sys.path.insert(0, str(ROOT / "tools"))
import draw_house
import house

#: A statement that names a table of another app than the feed's.
_FOREIGN_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:moderation|policies|console|auth)_", re.IGNORECASE)


def _imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _strings(file: Path) -> Iterator[str]:
    nodes = ast.walk(ast.parse(file.read_text()))
    return (node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_no_files_import_each_other_also_not_behind_type_checking() -> None:
    assert house.circles(ROOT) == []


def test_the_feed_writes_no_sql_over_tables_of_others() -> None:
    found = {
        file.name for file in (ROOT / "feed").glob("*.py") for text in _strings(file) if _FOREIGN_TABLE.search(text)
    }
    assert found == set()


def test_detection_knows_no_database() -> None:
    files = sorted((ROOT / "moderation" / "detection").rglob("*.py"))
    assert len(files) > 40
    assert [file.name for file in files if any(name.startswith("django.db") for name in _imports(file))] == []


def test_no_test_imports_another_test_or_a_benchmark() -> None:
    bad = re.compile(r"^benchmarks|\.test_|\.conftest")
    found = {
        f"{file.name}: {name}" for file in (ROOT / "tests").rglob("*.py") for name in _imports(file) if bad.search(name)
    }
    assert found == set()


@pytest.mark.parametrize("app", ["moderation"])
def test_few_files_lie_at_the_top_of_an_app(app: str) -> None:
    assert house.n_top_level(ROOT, app) <= 8


def test_lines_of_python_can_be_read() -> None:
    assert [line for line in house.long_lines(ROOT) if ".py:" in line] == []


def test_the_walk_of_an_upload_is_short_and_its_files_are_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:policies|moderation|feed|console|tools|tests)/[\w/]+\.py)`", page)
    assert [name for name in named if not (ROOT / name).exists()] == []
    rooms, returns = house.walk(ROOT) or (99, 99)
    assert rooms <= 10
    assert returns <= 3


def test_the_picture_is_that_of_the_code() -> None:
    assert draw_house.OUT.read_text() == draw_house.draw(), "run python tools/draw_house.py"


def test_the_sandboxs_worker_starts_without_django() -> None:
    code = "import sys, moderation.detection.media.sandbox_worker; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_what_is_written_about_a_file_names_one_that_is_there() -> None:
    files = [file for app in house.APPS for file in (ROOT / app).rglob("*.py")]
    names = {file.name for file in files} | {"manage.py"}
    written = {(file.name, name) for file in files for name in re.findall(r"(?<![\w/.])(\w+\.py)\b", file.read_text())}
    assert {one for one in written if one[1] not in names} == set()
