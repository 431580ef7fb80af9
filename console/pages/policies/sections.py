"""The sections of a draft's editor: for each its form, its rows from a document, and a document's part from its rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.formsets import BaseFormSet

from console.pages.policies import forms as policy_forms
from console.pages.policies.forms import RowForm, sentence_of
from policies.choices import DETECTORS, KIND_KEYS
from policies.document.clauses import clauses_in
from policies.document.schema import STANDING_KEYS
from policies.errors import PolicyError

Data = Mapping[str, Any]
Rows = Sequence[RowForm]
# Django's own class cannot be subscripted while it runs.
if TYPE_CHECKING:
    _Base = BaseFormSet[RowForm]
else:
    _Base = BaseFormSet
_ROW = re.compile(r"\w+\[(\d+)\](?:\.(\w+))?")


@dataclass(frozen=True, slots=True)
class Section:
    """One page of the editor. `key` is the document's, `blank` how many empty rows it offers; 0 where rows are fixed."""

    slug: str
    key: str
    title: str
    intro: str
    form: type[RowForm]
    rows: Callable[[Data], list[dict[str, Any]]]
    value: Callable[[Rows], dict[str, Any]]
    blank: int = 0
    order: Callable[[RowForm], float] | None = None
    is_table: bool = True


class RowSet(_Base):
    """The rows of a section, some of which may be taken away or are still empty."""

    order: Callable[[RowForm], float] | None = None

    def rows_to_keep(self) -> list[RowForm]:
        """Return the forms of the rows that are to be there afterwards, in order."""
        n = self.initial_form_count()
        stay = [form for form in self.forms if not getattr(form, "cleaned_data", {}).get("DELETE")]
        kept = [form for form in stay if form in self.forms[:n] or form.has_changed()]
        return sorted(kept, key=self.order) if self.order else kept

    def add_fields(self, form: RowForm, index: int | None) -> None:
        """Offer to take a row away, unless the section needs it."""
        super().add_fields(form, index)
        if form.label:
            form.fields.pop("DELETE", None)

    def clean(self) -> None:
        """Refuse rows that are there twice, at the later one."""
        seen: set[tuple[object, ...]] = set()
        for form in self.rows_to_keep() if not any(self.errors) else ():
            key = tuple(form.cleaned_data.get(name) for name in form.unique)
            if key and key in seen:
                form.add_error(form.unique[0] if not form.label else None, form.doubled)
            seen.add(key)

    def place(self, error: PolicyError) -> None:
        """Put a service's refusal beside the field that it names; above the rows where it names none."""
        found, kept = _ROW.match(error.field), self.rows_to_keep()
        sentence = sentence_of(error)
        if found and int(found[1]) < len(kept):
            form = kept[int(found[1])]
            name = found[2] if found[2] in form.fields and not form.fields[found[2]].widget.is_hidden else None
            form.add_error(name, sentence)
        else:
            where = {form.initial.get("category"): form for form in kept}.get(error.field.rpartition(".")[2])
            if where is not None and "outcome" in where.fields:
                where.add_error("outcome", sentence)
            else:
                self.non_form_errors().append(sentence)


def row_set(section: Section, document: Data, data: Data | None = None) -> RowSet:
    """Return the rows of a section as forms: those of a document, or what was typed over them."""
    made: type[RowSet] = forms.formset_factory(  # type: ignore[assignment]
        section.form, formset=RowSet, extra=section.blank, can_delete=bool(section.blank), max_num=2_000
    )
    names = {slug: row["name"] for slug, row in document["categories"].items()}
    found = made(data, initial=section.rows(document), prefix="row", form_kwargs={"categories": names})
    found.order = section.order
    return found


def section_of(slug: str) -> Section | None:
    """Return a section by the name that it has in addresses."""
    return next((section for section in SECTIONS if section.slug == slug), None)


def _threshold_rows(document: Data) -> list[dict[str, Any]]:
    """Return the base rows, the gravest category first, then the others by category and place."""
    categories = list(document["categories"])
    rows = [
        {
            key: f"{value:.2f}" if isinstance(value, float) and round(value, 2) == value else value
            for key, value in row.items()
        }
        | ({"label": document["categories"][row["category"]]["name"]} if _is_base(row) else {})
        for row in document["thresholds"]
    ]
    return sorted(
        rows,
        key=lambda row: (
            not _is_base(row),
            categories.index(row["category"]),
            row.get("market", ""),
            row.get("language", ""),
        ),
    )


def _is_base(row: Data) -> bool:
    return not (row.get("market") or row.get("language") or row.get("band"))


def _detector_rows(document: Data) -> list[dict[str, Any]]:
    used = {
        (kind, name): use
        for kind, uses in document["detectors"].items()
        for use, names in uses.items()
        for name in names
        if use != "not_known"  # somebody has to say
    }
    return [
        {"detector": name, "label": name, **{kind: used.get((kind, name), "") for kind in KIND_KEYS}}
        for name in DETECTORS
    ]


def _detector_value(rows: Rows) -> dict[str, Any]:
    uses: dict[str, dict[str, list[str]]] = {kind: {"hold": [], "escalate": [], "not_used": []} for kind in KIND_KEYS}
    for row in rows:
        for kind in KIND_KEYS:
            uses[kind][row.cleaned_data[kind]].append(row.cleaned_data["detector"])
    return {"detectors": uses}


def _creator_rows(document: Data) -> list[dict[str, Any]]:
    standings = dict.fromkeys(STANDING_KEYS, "clear") | document["standings"]
    return [{**standings, "unknown_language": document["unknown_language"]}]


def _creator_value(rows: Rows) -> dict[str, Any]:
    data = rows[0].cleaned_data
    return {"standings": {name: data[name] for name in STANDING_KEYS}, "unknown_language": data["unknown_language"]}


def _category_rows(document: Data, field: str, values: Data) -> list[dict[str, Any]]:
    return [
        {"category": slug, "label": row["name"], field: values.get(slug, "")}
        for slug, row in document["categories"].items()
    ]


def _territory_rows(document: Data) -> list[dict[str, Any]]:
    return [row | {"regions": ", ".join(row["regions"])} for row in document["territories"]]


def _route_rows(document: Data) -> list[dict[str, Any]]:
    return [{"position": position * 10, **row} for position, row in enumerate(document["routing"], start=1)]


def _route_value(rows: Rows) -> dict[str, Any]:
    routes = [row.document() for row in rows]
    return {"routing": [{k: v for k, v in route.items() if k != "position"} for route in routes]}


def _clause_rows(document: Data) -> list[dict[str, Any]]:
    """Return the clauses of all categories, the gravest first, their sentences a line each."""
    return [
        {"category": slug, "position": position, **row, "sentences": _lines_of(row["sentences"])}
        for slug in document["categories"]
        for position, row in enumerate(document["clauses"].get(slug, []), start=1)
    ]


def _lines_of(sentences: Mapping[str, str]) -> str:
    return "\n".join(f"{code}: {sentences[code]}" for code in sorted(sentences))


def _clause_value(rows: Rows) -> dict[str, Any]:
    said = [row.document() for row in rows]
    return {"clauses": clauses_in({k: v for k, v in row.items() if k != "position"} for row in said)}


def _position(form: RowForm) -> float:
    """Return where a routing rule goes; one without a position stays behind."""
    position = getattr(form, "cleaned_data", {}).get("position")
    return float("inf") if position is None else float(position)


def _plain(key: str) -> Callable[[Rows], dict[str, Any]]:
    return lambda rows: {key: [row.document() for row in rows]}


SECTIONS: tuple[Section, ...] = (
    Section(
        "thresholds", "thresholds", "Thresholds",
        "The score, a probability from 0 to 1, from which each consequence follows; the strictest that is reached counts. "
        "An empty field means never. A row for a market or a language takes the place of the category's first row there; "
        "one for an audience only ever adds.",
        policy_forms.ThresholdForm, _threshold_rows, _plain("thresholds"), blank=2,
    ),
    Section(
        "detectors", "detectors", "Detectors",
        "What must have answered before an item can be cleared, and what follows while it has not. A detector that is not "
        "used counts neither by what it finds nor by being missing.",
        policy_forms.DetectorForm, _detector_rows, _detector_value,
    ),
    Section(
        "ages", "age_rules", "Age rules",
        "A minimum age that follows from the kind of item and the market alone, whatever it shows.",
        policy_forms.AgeForm, lambda document: list(document["age_rules"]), _plain("age_rules"), blank=2,
    ),
    Section(
        "territories", "territories", "Territories",
        "Countries in which an item is not shown once a category reaches a score. Elsewhere nothing follows from this.",
        policy_forms.TerritoryForm, _territory_rows, _plain("territories"), blank=2,
    ),
    Section(
        "creators", "standings", "Creators and language",
        "The least that follows from the creator's standing, and from a language that nobody can tell, before anything is "
        "known of the item.",
        policy_forms.CreatorsForm, _creator_rows, _creator_value, is_table=False,
    ),
    Section(
        "banks", "banks", "Banks",
        "What a match against a bank of known pictures or clips means at least. A bank may be stricter. A match for child "
        "safety always blocks.",
        policy_forms.BankForm, lambda document: _category_rows(document, "outcome", document["banks"]),
        lambda rows: {"banks": {r.cleaned_data["category"]: r.cleaned_data["outcome"] for r in rows if r.cleaned_data["outcome"]}},
    ),
    Section(
        "routing", "routing", "Routing",
        "Which queue takes an escalated item. Rules are asked in order, and the first that matches wins; the last one has to "
        "match everything. Severity goes from 1, a nuisance, to 5, a life.",
        policy_forms.RouteForm, _route_rows, _route_value, blank=2, order=_position,
    ),
    Section(
        "guidelines", "categories", "Guidelines",
        "What reviewers read beside an item of the category. It reaches them when this version becomes active.",
        policy_forms.GuidelineForm,
        lambda document: _category_rows(document, "guideline", {s: row["guideline"] for s, row in document["categories"].items()}),
        lambda rows: {row.cleaned_data["category"]: row.cleaned_data["guideline"] for row in rows}, is_table=False,
    ),
    Section(
        "clauses", "clauses", "Clauses",
        "What each category forbids, one by one: reviewers choose a clause by its digit, and its creator is told the sentence, in "
        "their own language where it is written in it. A help message blames nobody, and no decision rests on it.",
        policy_forms.ClauseForm, _clause_rows, _clause_value, blank=2, order=_position,
    ),
    Section(
        "words", "words", "Title and note",
        "What the version is called, and why it is made. A version needs a change note before it can be submitted.",
        policy_forms.WordsForm,
        lambda document: [{"title": document["title"], "change_note": document["change_note"]}],
        lambda rows: dict(rows[0].cleaned_data), is_table=False,
    ),
)  # fmt: skip
