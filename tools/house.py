"""Measures the house: `python tools/house.py [FOLDER]` counts what makes a behaviour easy or hard to find by its name.

Only text is read, nothing is imported, so that it measures any checkout.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

APPS = ("policies", "moderation", "feed", "console")
SUBJECTS = ("campaign", "bank", "prompt", "simulation", "rollout", "emergency")
#: Places where a subject may be besides its own folder.
BESIDE = frozenset({"models", "pages", "management", "migrations", "templates"})
TERMS = ("vad", "hallucination", "back-?pressure", "sandbox", "dedup", "ttl", "admission")
MAX_COLUMNS = 140
#: Past participles that do not end in -ed and stand where a verb should, as in `found` or `taken_apart`.
IRREGULAR = frozenset(
    [
        "begun",
        "bound",
        "brought",
        "built",
        "caught",
        "chosen",
        "cut",
        "drawn",
        "felt",
        "found",
        "given",
        "gone",
        "got",
        "grown",
        "heard",
        "held",
        "hid",
        "hidden",
        "kept",
        "known",
        "laid",
        "left",
        "lent",
        "lost",
        "made",
        "meant",
        "met",
        "paid",
        "put_off",
        "said",
        "seen",
        "sent",
        "shown",
        "shut",
        "slept",
        "sold",
        "spent",
        "spoken",
        "spread",
        "stood",
        "taken",
        "thought",
        "told",
        "torn",
        "understood",
        "undone",
        "withdrawn",
        "won",
        "worn",
        "written",
    ]
)
#: Words that end in -ed and are no participles, or are names of things.
NO_PARTICIPLES = frozenset(
    {"embed", "feed", "need", "seed", "speed", "exceed", "proceed", "fed", "shed", "indeed", "unfed", "weed"}
)
WALK = re.compile(r"^\d+\. `([\w/]+\.py)`", re.MULTILINE)


def python_files(root: Path) -> Iterator[Path]:
    """Yield the product's Python files, without migrations."""
    for app in APPS:
        yield from (
            f for f in sorted((root / app).rglob("*.py")) if "migrations" not in f.parts and "training" not in f.parts
        )


def n_top_level(root: Path, app: str) -> int:
    """Return how many modules lie directly in an app's folder."""
    return sum(1 for file in (root / app).glob("*.py") if file.name != "__init__.py")


def folders_of(root: Path, subject: str) -> list[str]:
    """Return the folders, below the apps, with a file that carries a subject's name or lies in a folder of its name."""
    found = set()
    for file in python_files(root):
        parts = file.relative_to(root).parts
        if not BESIDE & set(parts) and any(re.search(rf"(^|_){subject}s?(_|\.|$)", part) for part in parts[1:]):
            found.add("/".join(parts[:-1]))
    return sorted(found)


def imports_of(file: Path, root: Path, known: dict[str, Path]) -> set[Path]:
    """Return the files of ours that a file imports, also those hidden behind TYPE_CHECKING or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else name.rpartition(".")[0] for name in names]
        found |= {known[name] for name in names if name in known}
    return found - {file}


def circles(root: Path) -> list[list[str]]:
    """Return groups of files that import each other, each group once (strongly connected components, by Tarjan)."""
    files = list(python_files(root))
    known = {}
    for file in files:
        parts = file.relative_to(root).with_suffix("").parts
        known[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    graph = {file: imports_of(file, root, known) for file in files}
    index: dict[Path, int] = {}
    low: dict[Path, int] = {}
    stack: list[Path] = []
    found = []

    def visit(file: Path) -> None:
        index[file] = low[file] = len(index)
        stack.append(file)
        for other in graph[file]:
            if other not in index:
                visit(other)
                low[file] = min(low[file], low[other])
            elif other in stack:
                low[file] = min(low[file], index[other])
        if low[file] == index[file]:
            group = stack[stack.index(file) :]
            del stack[stack.index(file) :]
            if len(group) > 1:
                found.append(sorted(str(one.relative_to(root)) for one in group))

    sys.setrecursionlimit(10_000)
    for file in files:
        if file not in index:
            visit(file)
    return found


def is_participle(name: str) -> bool:
    """Whether a function is named after a state instead of an act: `decided`, `found_near`, `taken_apart`.

    Properties, predicates (`is_`, `has_`) and names of a thing with what was done to it (`rows_written`) are not counted.
    """
    first = name.strip("_").split("_")[0]
    return first in IRREGULAR or (first.endswith("ed") and first not in NO_PARTICIPLES and len(first) > 3)


def participles(root: Path) -> list[str]:
    """Return the functions that are named by a participle, as file:name."""
    found = []
    for file in python_files(root):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and is_participle(node.name):
                decorators = {ast.unparse(d) for d in node.decorator_list}
                if not decorators & {"property", "cached_property", "functools.cached_property"}:
                    found.append(f"{file.relative_to(root)}:{node.name}")
    return found


def long_lines(root: Path) -> list[str]:
    """Return the lines of Python and templates that are too long to read, as file:number."""
    templates = sorted((root / "templates").rglob("*.html"))
    return [
        f"{file.relative_to(root)}:{number}"
        for file in (*python_files(root), *templates)
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if len(line) > MAX_COLUMNS
    ]


def hits(root: Path, term: str) -> int:
    """Return in how many lines of the product's Python a word of the field occurs, names of files included."""
    pattern = re.compile(rf"(?<![a-z]){term}", re.IGNORECASE)
    texts = (str(file.relative_to(root)) + "\n" + file.read_text() for file in python_files(root))
    return sum(1 for text in texts for line in text.splitlines() if pattern.search(line))


def walk(root: Path) -> tuple[int, int] | None:
    """Return how many rooms (folders) an upload's walk enters and how often it comes back to one; None where none is written."""
    page = (root / "docs" / "architecture.md").read_text() if (root / "docs" / "architecture.md").exists() else ""
    _, _, rest = page.partition("## The walk of an upload")
    rooms = [str(Path(file).parent) for file in WALK.findall(rest.partition("\n## ")[0])]
    if not rooms:
        return None
    entered = [room for i, room in enumerate(rooms) if i == 0 or room != rooms[i - 1]]
    return len(set(entered)), len(entered) - len(set(entered))


def main(root: Path) -> None:
    """Print the table; `-v` lists what was counted."""
    is_long = "-v" in sys.argv
    for app in APPS:
        print(f"files at the top of {app:<36}{n_top_level(root, app):>6}")
    for subject in SUBJECTS:
        folders = folders_of(root, subject)
        print(f"folders that hold {subject:<38}{len(folders):>6}   {', '.join(folders)}")
    for name, found in (
        ("circles of files", [" <-> ".join(group) for group in circles(root)]),
        ("functions named by a participle", participles(root)),
        (f"lines over {MAX_COLUMNS} columns", long_lines(root)),
    ):
        print(f"{name:<56}{len(found):>6}", *(found if is_long else []), sep="\n  " if is_long else "")
    for term in TERMS:
        print(f"hits of {term.replace('-?', '-'):<48}{hits(root, term):>6}")
    found_walk = walk(root)
    print(
        "an upload's walk: "
        + ("not written" if found_walk is None else f"{found_walk[0]} rooms, {found_walk[1]} returns")
    )


if __name__ == "__main__":
    main(Path(next((a for a in sys.argv[1:] if not a.startswith("-")), ".")).resolve())
