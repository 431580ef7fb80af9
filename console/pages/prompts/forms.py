"""What people may write about prompts: one sentence a line. The service checks again; forms say it kindly and in place."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms

from moderation.detection.vision.prompts import CategoryPrompts, Prompts, PromptsInvalid

_ROWS = 6


class LinesField(forms.CharField):
    """Sentences, one a line; empty lines and repeats are left out."""

    widget = forms.Textarea(attrs={"rows": _ROWS, "spellcheck": "false"})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=20_000, strip=True, **kwargs)

    def clean(self, value: Any) -> tuple[str, ...]:
        """Return the lines, in order."""
        text = super().clean(value)
        return tuple(dict.fromkeys(" ".join(line.split()) for line in text.splitlines() if line.strip()))


class PromptSetForm(forms.Form):
    """A draft: its title and note, and per category the harmful sentences and their harmless look-alikes."""

    title = forms.CharField(max_length=120, error_messages={"required": "Give the set a title that others recognise."})
    note = forms.CharField(
        required=False, max_length=2_000, widget=forms.Textarea(attrs={"rows": 2}), label="What changed"
    )
    harmless = LinesField(label="Harmless for every category")
    seen_at = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, names: Mapping[str, str], **kwargs: Any) -> None:
        """Take the categories as slug -> name."""
        super().__init__(*args, **kwargs)
        self.names = names
        for slug, name in names.items():
            self.fields[f"harmful_{slug}"] = LinesField(label=f"{name}: harmful")
            self.fields[f"harmless_{slug}"] = LinesField(label=f"{name}: harmless look-alikes")

    @staticmethod
    def initial_of(title: str, note: str, prompts: Prompts, seen_at: datetime | None) -> dict[str, str]:
        """Return what the form of a set starts with."""
        start = {"title": title, "note": note, "harmless": "\n".join(prompts.harmless)}
        start["seen_at"] = seen_at.isoformat() if seen_at else ""
        for slug, sides in prompts.categories.items():
            start[f"harmful_{slug}"] = "\n".join(sides.harmful)
            start[f"harmless_{slug}"] = "\n".join(sides.harmless)
        return start

    def pairs(self) -> list[tuple[str, forms.BoundField, forms.BoundField]]:
        """Return (name, harmful, harmless) per category; those that have prompts first."""
        rows = [(name, self[f"harmful_{slug}"], self[f"harmless_{slug}"]) for slug, name in self.names.items()]
        return sorted(rows, key=lambda row: not (row[1].value() or row[2].value()))

    def clean_seen_at(self) -> datetime:
        """Return when the draft was last changed as its writer saw it."""
        try:
            return datetime.fromisoformat(self.cleaned_data["seen_at"])
        except ValueError:
            raise forms.ValidationError("Open the draft again; this page is too old.") from None

    def clean(self) -> dict[str, Any]:
        """Check the prompts as a whole."""
        data = self.cleaned_data
        if not self.errors:
            try:
                self.prompts().check()
            except PromptsInvalid as error:
                self.refuse(error)
        return data

    def refuse(self, error: PromptsInvalid) -> None:
        """Say beside the field what is wrong with its prompts."""
        where = f"harmful_{error.field}" if error.field in self.names else error.field
        if where == "harmful":
            where = next(name for name in self.fields if name.startswith("harmful_"))
        self.add_error(where if where in self.fields else None, str(error))

    def prompts(self) -> Prompts:
        """Return the prompts as they were written."""
        data = self.cleaned_data
        sides = {slug: CategoryPrompts(data[f"harmful_{slug}"], data[f"harmless_{slug}"]) for slug in self.names}
        return Prompts({slug: of for slug, of in sides.items() if of.harmful or of.harmless}, data["harmless"])


class TryForm(forms.Form):
    """A sentence to look for in the frames that are stored."""

    text = forms.CharField(
        max_length=200, label="Prompt", error_messages={"required": "Write what to look for, such as “a knife”."}
    )
