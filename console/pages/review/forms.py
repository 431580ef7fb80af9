"""What people may type when they give a job back, ask about it, end a shift, or say what jobs they can judge and bear."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms

from console.pages.forms import DecisionForm
from moderation.models.job_note import SkipReason
from moderation.verdict.job_order import language_of
from policies.choices import Outcome
from policies.document.rows import SLUG_CHARS, ClauseRow


@dataclass(frozen=True, slots=True)
class ClauseChoice:
    """One clause as the form offers it; `sentence` is in `language`, and `is_here` says that it is of the chosen category."""

    key: str
    category: str
    digit: int
    name: str
    outcome: int
    min_age: int
    sentence: str
    language: str
    is_here: bool


class JobDecisionForm(DecisionForm):
    """A decision on a job, which can rest on a clause: its sentence is the note for as long as nobody wrote another."""

    clause = forms.CharField(required=False, max_length=SLUG_CHARS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Offer no clause before `offer`."""
        super().__init__(*args, **kwargs)
        self.clauses: list[ClauseChoice] = []

    def offer(self, clauses: Iterable[ClauseRow], *languages: str) -> None:
        """Offer clauses to choose from, each with its sentence in the first of the languages that it has."""
        category = self["category"].value()
        digits: Counter[str] = Counter()
        self.clauses = []
        for row in clauses:
            digits[row.category] += 1
            if not row.is_help:
                said = row.language_for(*languages)
                self.clauses.append(
                    ClauseChoice(
                        row.key, row.category, digits[row.category], row.name, row.outcome, row.min_age,
                        row.sentences[said], said, row.category == category,
                    )
                )  # fmt: skip

    @property
    def has_clauses_here(self) -> bool:
        """Whether the chosen category has a clause."""
        return any(clause.is_here for clause in self.clauses)

    def _require_reason(self, data: dict[str, Any]) -> None:
        """Take the clause's sentence where none was written; what goes to seniors is asked in words of one's own."""
        chosen = next((clause for clause in self.clauses if clause.key == data.get("clause")), None)
        if chosen and data.get("outcome") != Outcome.ESCALATE and not (data.get("note") or "").strip():
            data["note"] = chosen.sentence
        super()._require_reason(data)

    def verdict(self) -> dict[str, Any]:
        """Return the arguments that the deciding service takes; a clear item breaks no clause."""
        is_clear = self.cleaned_data["outcome"] == Outcome.CLEAR
        return super().verdict() | {"clause": "" if is_clear else self.cleaned_data["clause"]}


class SkipForm(forms.Form):
    """Why a job is skipped; each reason is a button of its own."""

    reason = forms.ChoiceField(choices=SkipReason.choices, error_messages={"required": "Choose why you skip it."})
    skip_note = forms.CharField(required=False, max_length=400)


class AskForm(forms.Form):
    """A question to seniors."""

    question = forms.CharField(
        max_length=2_000,
        error_messages={"required": "Write what you want to know; the senior reads nothing else of you."},
    )


class ActForm(forms.Form):
    """What a creator is told: a clause's sentence, or words of one's own."""

    act_clause = forms.CharField(required=False, max_length=SLUG_CHARS)
    act_text = forms.CharField(required=False, max_length=2_000)


class LeadForm(forms.Form):
    """What whoever leads is told; without a word they are asked to look."""

    lead_text = forms.CharField(required=False, max_length=500)


class ShiftForm(forms.Form):
    """What is left for whoever has the job next."""

    shift_note = forms.CharField(required=False, max_length=400)


class SeatForm(forms.Form):
    """One's own languages, and what one does not want to be given."""

    languages = forms.CharField(required=False, max_length=200)
    opted_out = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    grave_per_day = forms.IntegerField(required=False, min_value=0, max_value=1_000)

    def __init__(self, *args: Any, names: dict[str, str], **kwargs: Any) -> None:
        """Take the categories to choose from as slug -> name."""
        super().__init__(*args, **kwargs)
        self.fields["opted_out"].choices = list(names.items())  # type: ignore[attr-defined]

    def clean_languages(self) -> list[str]:
        """Return the languages as primary subtags, once each."""
        tags = self.cleaned_data["languages"].replace(",", " ").split()
        wrong = [tag for tag in tags if not language_of(tag)]
        if wrong:
            raise forms.ValidationError(f"“{wrong[0]}” is not a language code; write such as de, en, pt.")
        return sorted({language_of(tag) for tag in tags})


class TrainForm(forms.Form):
    """The queues that somebody is trained for; none for all."""

    queues = forms.MultipleChoiceField(required=False)

    def __init__(self, *args: Any, slugs: Iterable[str], **kwargs: Any) -> None:
        """Take the queues to choose from."""
        super().__init__(*args, **kwargs)
        self.fields["queues"].choices = [(slug, slug) for slug in slugs]  # type: ignore[attr-defined]
