"""The files of texts written for this project."""

import csv
from collections.abc import Iterator
from pathlib import Path

from moderation.detection.text import CATEGORIES
from moderation.evaluation.labelled import Example

CORPUS = Path(__file__).parent / "corpus"
HELDOUT = Path(__file__).parent / "heldout"
#: What a written line may say of itself besides `violation`; each is harmless in its file's category.
SLICES = frozenset({
    "violation", "news", "education", "counter_speech", "quoting", "help_seeking", "recovery", "figurative", "homonym",
    "identity_neutral", "identity_proud", "reclaimed", "name", "everyday", "question", "fiction", "review", "sports", "cooking",
    "games", "negated", "object", "group_other",
})  # fmt: skip
FORMS = frozenset({"caption", "comment", "spoken", "message", "story"})


def none_of_all() -> dict[str, float]:
    """Return the labels of a harmless text."""
    return dict.fromkeys(CATEGORIES, 0.0)


def written(folder: Path) -> Iterator[Example]:
    """Yield the texts of a folder of files `<category>.<language>.tsv`.

    Raises:
        ValueError: a line that is not four fields, or an unknown label, slice or form; with file and line.
    """
    for path in sorted(folder.glob("*.tsv")):
        category, language, _ = path.name.split(".")
        with path.open(encoding="utf-8", newline="\n") as lines:
            for n, row in enumerate(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), 1):
                yield _example(row, category, language, f"{path.name}:{n}", folder.name)


def _example(row: list[str], category: str, language: str, place: str, source: str) -> Example:
    if len(row) != 4:
        raise ValueError(f"{place}: a line has four fields (labels, slice, form, text), this one has {len(row)}.")
    found, kind, form, text = row
    labels = [] if found == "-" else found.split(",")
    unknown = [label for label in labels if label not in CATEGORIES]
    if unknown or kind not in SLICES or form not in FORMS or not text.strip():
        raise ValueError(f"{place}: unknown label, slice or form, or no text: {found!r} {kind!r} {form!r}.")
    return Example(text, none_of_all() | dict.fromkeys(labels, 1.0), language, f"{source}/{category}", kind)


__all__ = ["CORPUS", "HELDOUT", "Example", "none_of_all", "written"]
