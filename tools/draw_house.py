"""Draws docs/house.svg from the code: apps and their subjects by layer, with how many files each has and what it imports.

`python tools/draw_house.py`; `--check` exits 1 where the drawing is not that of the code. The layers are import-linter's.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "house.svg"
WIDTH, ROW, BOX_HEIGHT, PAD, LABEL = 1180, 48, 40, 8, 96
#: What the picture leaves out: files that only name a folder, and stored history.
_LEFT_OUT = frozenset({"migrations", "__pycache__"})


def rows() -> list[tuple[str, list[str]]]:
    """Return the layers from the top: the app, and its folders (or, for a small app, the app itself)."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    inside = next(c["layers"] for c in contracts if c["name"].startswith("Inside moderation"))
    moderation = [
        [name.removeprefix("moderation.") for name in re.split(r"[|:\s]+", layer.strip())] for layer in inside
    ]
    policies = [
        ["services"],
        ["queries", "live"],
        ["models"],
        ["replay", "statistics"],
        ["decision"],
        ["document"],
        ["choices"],
    ]
    console = [["demo", "management"], ["pages", "api", "edge"], ["identity"]]
    feed = [["api"], ["pipeline"], ["index", "sources", "scorers", "filters", "hydrators"]]
    apps = {"console": console, "feed": feed, "moderation": moderation, "policies": policies}
    return [(app, layer) for app, layers in apps.items() for layer in layers]


def files_of(app: str, name: str) -> list[Path]:
    """Return the Python files of a folder of an app, or its one file of that name."""
    place = ROOT / app / name
    if place.is_dir():
        return [f for f in sorted(place.rglob("*.py")) if not _LEFT_OUT & set(f.parts) and f.name != "__init__.py"]
    return [f for f in [place.with_suffix(".py")] if f.exists()]


def imports(app: str, name: str) -> Counter[str]:
    """Return how many imports the files of a subject have of each other subject, as app.name."""
    found: Counter[str] = Counter()
    for file in files_of(app, name):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and node.module.split(".")[0] in {"console", "feed", "moderation", "policies"}
            ):
                parts = [*node.module.split("."), node.names[0].name][:2]
                found[".".join(parts)] += 1
    del found[f"{app}.{name}"]
    return found


def draw() -> str:
    """Return the drawing: a row a layer, a box a subject, its title telling what it imports."""
    lines, y, last = [], PAD, ""
    for app, layer in rows():
        if app != last:
            lines.append(f'<text class="app" x="{PAD}" y="{y + 25}">{app}</text>')
            last = app
        width = (WIDTH - LABEL - PAD * (len(layer) + 1)) / len(layer)
        for i, name in enumerate(layer):
            x = LABEL + PAD + i * (width + PAD)
            n, seen = len(files_of(app, name)), imports(app, name)
            says = ", ".join(f"{other} ({count})" for other, count in seen.most_common()) or "nothing of ours"
            lines.append(
                f"<g><title>{escape(f'{app}.{name} imports {says}')}</title>"
                f'<rect class="{app}" x="{x:.0f}" y="{y}" width="{width:.0f}" height="{BOX_HEIGHT}" rx="6"/>'
                f'<text x="{x + width / 2:.0f}" y="{y + 18}">{escape(name)}</text>'
                f'<text class="n" x="{x + width / 2:.0f}" y="{y + 33}">{n} file{"" if n == 1 else "s"}</text></g>'
            )
        y += ROW
    return _HEAD.format(width=WIDTH, height=y) + "\n".join(lines) + "\n</svg>\n"


_HEAD = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="house">
<title id="house">The house from above: each row may import the rows below it. Drawn by tools/draw_house.py.</title>
<style>
text {{ font: 13px system-ui, sans-serif; text-anchor: middle; fill: #1b1f24 }}
text.app {{ font-weight: 600; text-anchor: start; fill: #57606a }}
text.n {{ font-size: 11px; fill: #57606a }}
rect {{ stroke: #8c959f }}
.console {{ fill: #ddf4ff }} .feed {{ fill: #dafbe1 }} .moderation {{ fill: #fff8c5 }} .policies {{ fill: #fbefff }}
@media (prefers-color-scheme: dark) {{ text.app, text.n {{ fill: #8c959f }} text.n {{ fill: #57606a }} }}
</style>
"""


if __name__ == "__main__":
    drawn = draw()
    if "--check" in sys.argv:
        sys.exit(0 if OUT.exists() and OUT.read_text() == drawn else f"{OUT} is old: run python tools/draw_house.py")
    OUT.write_text(drawn)
