"""What people may type into a draft, row by row. Services check again; forms say it kindly and beside the field."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile

from console.pages.fields import NumberField, WholeNumberField
from console.pages.policies.steps import Step
from policies.choices import BAND_KEYS, KIND_KEYS, Band, ItemKind, Outcome
from policies.document.clauses import MAX_CLAUSES
from policies.document.diff import LEVEL_WORDS
from policies.document.draft_checks import check_region
from policies.document.schema import LEVEL_KEYS, OUTCOME_KEYS, STANDING_KEYS
from policies.errors import PolicyError
from policies.models import LANGUAGE, PolicyVersion

Choices = Sequence[tuple[str, str]]
#: A line that begins a sentence: its language, and the words.
_SENTENCE = re.compile(r"\s*([a-z]{2,3}):\s*(.*)")
#: Larger files go through `manage.py`, which nobody waits for in a browser.
IMPORT_MAX_BYTES = 4 * 2**20
_ANY_KIND: Choices = [("", "Anything"), *zip(KIND_KEYS, ItemKind.labels, strict=True)]
_BANDS: Choices = [("", "any"), *zip(BAND_KEYS, Band.labels, strict=True)]
_AGES: Choices = [("13", "13 and over"), ("16", "16 and over"), ("18", "18 and over")]
_OUTCOMES = dict(zip(OUTCOME_KEYS, Outcome.labels, strict=True))


def sentence_of(error: PolicyError) -> str:
    """Return what is wrong as a sentence, for beside a field."""
    return f"{error.message[:1].upper()}{error.message[1:].rstrip('.')}."


def _outcomes(*keys: str) -> Choices:
    return [(key, _OUTCOMES[key]) for key in keys]


class RegionField(forms.CharField):
    """A country code of ISO 3166-1; empty for everywhere."""

    def __init__(self, **kwargs: Any) -> None:
        """Leave room for what people type instead of a code, so that the refusal can name it."""
        super().__init__(required=False, max_length=20, **kwargs)
        self.widget.attrs |= {"placeholder": "any", "size": 4, "autocapitalize": "characters"}

    def clean(self, value: Any) -> str:
        """Return the code in capitals."""
        code: str = super().clean(value).strip().upper()
        _region(code)
        return code


def _region(code: str) -> None:
    if code and not (len(code) == 2 and code.isascii() and code.isalpha()):
        raise forms.ValidationError(f"“{code}” is not a country code; write two letters, such as DE.")
    try:
        check_region(code, "")
    except PolicyError as error:
        raise forms.ValidationError(sentence_of(error)) from error


class LanguageField(forms.CharField):
    """A language code of BCP 47's primary subtags; empty for any."""

    def __init__(self, **kwargs: Any) -> None:
        """As for regions."""
        super().__init__(required=False, max_length=20, **kwargs)
        self.widget.attrs |= {"placeholder": "any", "size": 4}

    def clean(self, value: Any) -> str:
        """Return the code in small letters."""
        code: str = super().clean(value).strip().lower()
        if code and not LANGUAGE.regex.fullmatch(code):  # type: ignore[union-attr]
            raise forms.ValidationError(f"“{code}” is not a language code; write two or three letters, such as de.")
        return code


class ScoreField(NumberField):
    """A score in [0, 1]; empty for none."""

    def __init__(self, **kwargs: Any) -> None:
        """Let the browser offer hundredths and accept finer ones."""
        super().__init__(min_value=0.0, max_value=1.0, required=kwargs.pop("required", False), **kwargs)
        self.error_messages |= {"invalid": "Write a number from 0 to 1, such as 0.85."}
        self.widget.attrs |= {"step": "any", "inputmode": "decimal", "placeholder": "never"}


class RowForm(forms.Form):
    """One row of a section of a draft.

    `document` turns what was typed into the row as a document writes it; fields whose value is empty are left out.
    """

    #: Fields that together may stand in one row only, with the sentence that says so.
    unique: tuple[str, ...] = ()
    doubled = "There is such a row already."

    def __init__(self, *args: Any, categories: Mapping[str, str], **kwargs: Any) -> None:
        """Take the categories to choose from as slug -> name."""
        super().__init__(*args, **kwargs)
        self.names = categories
        if "category" in self.fields:
            empty = "Choose" if self.fields["category"].required else "Anything"
            choices = [("", empty), *categories.items()]
            self.fields["category"].choices = choices  # type: ignore[attr-defined]

    @property
    def label(self) -> str:
        """What a row that is always there is called; empty where the row names itself by its fields."""
        return str(self.initial.get("label", ""))

    @property
    def cells(self) -> list[forms.BoundField]:
        """The fields that are shown, less the one that takes the row away."""
        return [field for field in self.visible_fields() if field.name not in {"DELETE", "label"}]

    def document(self) -> dict[str, Any]:
        """Return the row as a document writes it."""
        data = self.cleaned_data
        values = {name: data.get(name) for name in self.fields if name != "DELETE"}
        return {name: value for name, value in values.items() if value is not None and value != ""}


class ThresholdForm(RowForm):
    """From which score each consequence follows, in one context."""

    unique = ("category", "market", "language", "band")
    doubled = "There is a row for this category, market, language and audience already."
    category = forms.ChoiceField()
    market = RegionField()
    language = LanguageField()
    band = forms.ChoiceField(choices=_BANDS, required=False, label="Audience")
    restrict_13 = ScoreField(label="13 and over")
    restrict_16 = ScoreField(label="16 and over")
    restrict_18 = ScoreField(label="18 and over")
    escalate = ScoreField(label="Escalate")
    block = ScoreField(label="Block")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Fix what a base row is about: it holds wherever no other matches, and every category needs one."""
        super().__init__(*args, **kwargs)
        if self.label:
            for name in self.unique:
                self.fields[name].widget = forms.HiddenInput()

    def clean(self) -> dict[str, Any]:
        """Refuse a consequence that begins above a stricter one, beside the milder."""
        data = self.cleaned_data
        reached = [(i, data[key]) for i, key in enumerate(LEVEL_KEYS) if data.get(key) is not None]
        for (i, low), (j, high) in itertools.pairwise(reached):
            if low > high:
                milder = LEVEL_WORDS[i]
                self.add_error(
                    LEVEL_KEYS[i],
                    f"“{milder}” would begin at {low:g}, above “{LEVEL_WORDS[j]}” at {high:g}. Lower this or raise that.",
                )
        return data


class DetectorForm(RowForm):
    """Whether a detector counts, for each kind of item."""

    uses: Choices = [("hold", "Required, else hold"), ("escalate", "Required, else escalate"), ("not_used", "Not used")]
    detector = forms.CharField(widget=forms.HiddenInput)
    video = forms.ChoiceField(choices=uses)
    image = forms.ChoiceField(choices=uses)
    text = forms.ChoiceField(choices=uses)


class AgeForm(RowForm):
    """A minimum age from kind and market alone."""

    unique = ("kind", "market")
    doubled = "There is a rule for this kind and market already."
    kind = forms.ChoiceField(choices=_ANY_KIND, required=False)
    market = RegionField()
    min_age = forms.TypedChoiceField(choices=_AGES, coerce=int, label="Only")
    reason = forms.CharField(max_length=200, error_messages={"required": "Say why; creators are told."})


class TerritoryForm(RowForm):
    """Where an item is not shown once a category reaches a score."""

    unique = ("category",)
    doubled = "There is a rule for this category already; put the countries together."
    category = forms.ChoiceField()
    at = ScoreField(label="From the score", required=True)
    regions = forms.CharField(label="Not shown in", max_length=800, help_text="country codes, such as AE, SG")
    reason = forms.CharField(max_length=200, required=False)

    def clean_regions(self) -> list[str]:
        """Return the codes, sorted, once each."""
        codes = self.cleaned_data["regions"].replace(",", " ").upper().split()
        for code in codes:
            _region(code)
        return sorted(set(codes))


class CreatorsForm(RowForm):
    """What follows from the creator alone, and from a language that nobody can tell."""

    least: Choices = [("clear", "nothing by itself"), ("escalate", "at least escalate"), ("hold", "at least hold")]
    good = forms.ChoiceField(choices=[*least, ("block", "block")], label="Good standing")
    new = forms.ChoiceField(choices=[*least, ("block", "block")], label="New creator")
    strained = forms.ChoiceField(choices=[*least, ("block", "block")], label="Strained standing")
    suspended = forms.ChoiceField(choices=[*least, ("block", "block")], label="Suspended")
    unknown_language = forms.ChoiceField(choices=least, label="Language unknown")

    def standings(self) -> dict[str, str]:
        """Return what follows from each standing."""
        return {name: self.cleaned_data[name] for name in STANDING_KEYS}


class BankForm(RowForm):
    """What a match against the banks of a category means at least."""

    category = forms.CharField(widget=forms.HiddenInput)
    outcome = forms.ChoiceField(
        choices=[("", "what the bank itself says"), *_outcomes("restrict", "escalate", "hold", "block")],
        required=False,
        label="A match means at least",
    )


class RouteForm(RowForm):
    """Which queue takes what; rules are asked in the order of their positions."""

    position = WholeNumberField(label="Order", min_value=0, max_value=9_999, required=False)
    category = forms.ChoiceField(required=False)
    language = LanguageField()
    kind = forms.ChoiceField(choices=_ANY_KIND, required=False)
    queue = forms.RegexField(
        r"^[a-z][a-z0-9_-]*$",
        max_length=60,
        error_messages={"invalid": "A queue's name has small letters, digits and hyphens, such as hate-german."},
    )
    severity = WholeNumberField(min_value=1, max_value=5)
    sla_minutes = WholeNumberField(label="Within minutes", min_value=1, max_value=60 * 24 * 365)


class GuidelineForm(RowForm):
    """What reviewers read beside an item of a category."""

    category = forms.CharField(widget=forms.HiddenInput)
    guideline = forms.CharField(required=False, max_length=5_000, widget=forms.Textarea({"rows": 4}))


class ClauseForm(RowForm):
    """One thing that a category forbids, with the sentence for its creator: a line each language, such as `de: Satz.`"""

    unique = ("key",)
    doubled = "There is a clause of this key already; a key names one in the whole version."
    category = forms.ChoiceField()
    position = WholeNumberField(label="Digit", min_value=1, max_value=MAX_CLAUSES)
    key = forms.RegexField(
        r"^[a-z][a-z0-9-]*$",
        max_length=40,
        error_messages={"invalid": "A key has small letters, digits and hyphens, such as hate-slur."},
    )
    name = forms.CharField(max_length=80)
    outcome = forms.ChoiceField(
        choices=[("clear", "Help message"), *_outcomes("restrict", "escalate", "block")], label="By default"
    )
    min_age = forms.TypedChoiceField(
        choices=[("", "–"), *_AGES], coerce=int, required=False, empty_value=None, label="Only"
    )
    sentences = forms.CharField(
        widget=forms.Textarea({"rows": 4, "cols": 56}),
        label="What its creator is told",
        error_messages={"required": "Write at least one sentence, such as “en: This upload insults a person.”"},
    )

    def clean_sentences(self) -> dict[str, str]:
        """Return language -> text of lines that begin with a code and a colon; other lines go on with the one before."""
        said: dict[str, str] = {}
        code = ""
        for line in self.cleaned_data["sentences"].splitlines():
            begins = _SENTENCE.fullmatch(line)
            if begins and begins[1] in said:
                raise forms.ValidationError(f"“{begins[1]}” is there twice.")
            code = begins[1] if begins else code
            if not code and line.strip():
                raise forms.ValidationError("Begin each sentence with its language and a colon, such as “de: ”.")
            if code:
                said[code] = f"{said.get(code, '')} {begins[2] if begins else line}".strip()
        return said

    def clean(self) -> dict[str, Any]:
        """Ask for an age where the default is to restrict, and nowhere else."""
        data = self.cleaned_data
        if "outcome" in data and "min_age" in data and (data["outcome"] == "restrict") != bool(data["min_age"]):
            self.add_error("min_age", "Say to whom it is restricted; with any other outcome leave this empty.")
        return data


class WordsForm(RowForm):
    """The title, and why the version is made."""

    title = forms.CharField(max_length=120)
    change_note = forms.CharField(
        max_length=2_000,
        required=False,
        widget=forms.Textarea({"rows": 5}),
        label="Change note",
        help_text="Why this version is made, in words for creators and authorities: statements of reasons can cite it.",
    )


class TermForm(RowForm):
    """One term, with a score or an outcome of its own; an exception has neither."""

    _means: Choices = [
        ("score", "Counts with a score"),
        *_outcomes("restrict", "escalate", "hold", "block"),
        ("exception", "Exception: shields what it covers"),
    ]
    list_name = forms.RegexField(
        r"^[a-z][a-z0-9_-]*$",
        max_length=60,
        label="List",
        error_messages={"invalid": "A list's name has small letters, digits and hyphens, such as starter."},
    )
    text = forms.CharField(max_length=120, label="Term")
    category = forms.ChoiceField()
    language = LanguageField()
    means = forms.ChoiceField(choices=_means, label="Means")
    score = ScoreField()
    inside_words = forms.BooleanField(required=False, label="Also inside longer words")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Say what an empty score is."""
        super().__init__(*args, **kwargs)
        self.fields["score"].widget.attrs["placeholder"] = "0.8"

    def clean(self) -> dict[str, Any]:
        """Check that a score is there where one counts, and nowhere else."""
        data = self.cleaned_data
        score, counts = data.get("score"), data.get("means") == "score"
        if counts and not score and "score" not in self.errors:
            self.add_error("score", "Write the score that the term alone gives, above 0 and at most 1.")
        if not counts and score is not None:
            self.add_error("score", "Leave the score empty: the term has an outcome of its own, or is an exception.")
        return data

    def document(self) -> dict[str, Any]:
        """Return the term as a document writes it."""
        data = self.cleaned_data
        term = {"text": data["text"], "category": data["category"], "language": data["language"]}
        term["whole_word"] = not data["inside_words"]
        if data["means"] == "exception":
            return term | {"exception": True}
        return term | ({"score": data["score"]} if data["means"] == "score" else {"outcome": data["means"]})


class _FileForm(forms.Form):
    """A file of text, or the text itself: after an error what was sent is there to be mended."""

    file = forms.FileField(required=False, error_messages={"empty": "The file is empty."})
    text = forms.CharField(required=False, strip=False, widget=forms.Textarea({"rows": 14, "spellcheck": "false"}))

    def clean_file(self) -> UploadedFile | None:  # type: ignore[type-arg]
        """Refuse what is too large to be read while somebody waits."""
        file: UploadedFile | None = self.cleaned_data["file"]  # type: ignore[type-arg]
        if file and (file.size or 0) > IMPORT_MAX_BYTES:
            raise forms.ValidationError("The file has more than 4 MiB; use manage.py for it.")
        return file

    def clean(self) -> dict[str, Any]:
        """Put the text of the file, where one was chosen, into `text`."""
        data = self.cleaned_data
        if self.errors:
            return data
        file = data.get("file")
        try:
            data["text"] = file.read().decode("utf-8-sig") if file else data["text"]
        except UnicodeDecodeError:
            self.add_error("file", "The file is not text in UTF-8.")
            return data
        if not data["text"].strip():
            self.add_error("file", "Choose a file, or paste its text.")
        return data


class PolicyFileForm(_FileForm):
    """A policy version as YAML."""


class TermFileForm(_FileForm):
    """Terms as CSV, or one a line that share what the fields say."""

    list_name = forms.RegexField(
        r"^[a-z][a-z0-9_-]*$",
        max_length=60,
        label="Into list",
        error_messages={"invalid": "A list's name has small letters, digits and hyphens, such as starter."},
    )


class TryForm(forms.Form):
    """A text to be tried on the terms."""

    text = forms.CharField(
        max_length=4_000, widget=forms.Textarea({"rows": 3}), label="Text", error_messages={"required": "Paste a text."}
    )
    language = LanguageField()


class StepForm(forms.Form):
    """What a step in the life of a version asks for: a note, a percentage, a tick where people are affected."""

    note = forms.CharField(required=False, max_length=1_000, widget=forms.Textarea({"rows": 3}), label="Note")
    percent = WholeNumberField(
        min_value=1, max_value=99, label="Percent of creators", error_messages={"required": "Choose 1 to 99 percent."}
    )
    confirm = forms.BooleanField(error_messages={"required": "Tick this if it is so; otherwise nothing is done."})

    def __init__(self, *args: Any, step: Step, version: PolicyVersion, **kwargs: Any) -> None:
        """Ask only for what the step needs."""
        super().__init__(*args, **kwargs)
        self.fields["note"].required = step.note
        self.fields["note"].error_messages["required"] = "Say in a sentence why; it stays on the record."
        self.fields["percent"].initial = version.canary_percent or 5
        if not step.percent:
            del self.fields["percent"]
        if step.confirm:
            self.fields["confirm"].label = step.confirm
        else:
            del self.fields["confirm"]

    def refuse(self, error: PolicyError) -> None:
        """Put a service's refusal beside the field that it names."""
        name = {"canary_percent": "percent"}.get(error.field, error.field)
        self.add_error(name if name in self.fields else None, sentence_of(error))


class CellForm(forms.Form):
    """One cell of the agreement table."""

    was = forms.TypedChoiceField(choices=Outcome.choices, coerce=int, empty_value=None, required=False)
    would = forms.TypedChoiceField(choices=Outcome.choices, coerce=int, empty_value=None, required=False)


class EmergencyForm(forms.Form):
    """A word or phrase that is to be in force within seconds."""

    text = forms.CharField(max_length=120, label="Term", error_messages={"required": "Write the word or phrase."})
    category = forms.ChoiceField(error_messages={"required": "Choose what kind of harm it is."})
    outcome = forms.TypedChoiceField(
        choices=[(int(o), o.label) for o in (Outcome.BLOCK, Outcome.HOLD, Outcome.ESCALATE, Outcome.RESTRICT)],
        coerce=int,
        label="What follows",
    )
    language = LanguageField()
    note = forms.CharField(
        max_length=300,
        label="What is going on",
        error_messages={"required": "Say in a sentence what is going on; somebody else will review this."},
    )

    def __init__(self, *args: Any, names: Mapping[str, str], **kwargs: Any) -> None:
        """Take the categories to choose from as slug -> name."""
        super().__init__(*args, **kwargs)
        self.names = names
        self.fields["category"].choices = [("", "Choose"), *names.items()]  # type: ignore[attr-defined]

    def refuse(self, error: PolicyError) -> None:
        """Put a service's refusal beside the field that it names."""
        self.add_error(error.field if error.field in self.fields else None, sentence_of(error))


class EmergencyReviewForm(forms.Form):
    """What becomes of an emergency term."""

    act = forms.ChoiceField()
    note = forms.CharField(max_length=300, required=False)

    def __init__(self, *args: Any, acts: Sequence[str], **kwargs: Any) -> None:
        """Take what can be done."""
        super().__init__(*args, **kwargs)
        self.fields["act"].choices = [(act, act) for act in acts]  # type: ignore[attr-defined]
