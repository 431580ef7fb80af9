"""What administrators may type about API keys and reporters. Services check again; forms say it kindly and in place."""

from datetime import timedelta

from django import forms
from django.contrib.auth.models import User

from console.models import SCOPES

#: How long a key lives, in days; empty: until it is revoked.
LIVES = (("", "until it is revoked"), ("30", "30 days"), ("90", "90 days"), ("365", "a year"))
#: How long an old key works beside the new one, in hours.
OVERLAPS = (("0", "not at all"), ("1", "an hour"), ("24", "a day"), ("168", "a week"), ("720", "30 days"))
#: What a scope lets its holder do.
SCOPE_WORDS = {
    "items:write": "submit and withdraw uploads",
    "items:read": "read verdicts and histories",
    "feed:read": "ask for feeds and revocations",
    "feed:explain": "ask why something was shown or not, by trace",
    "events:write": "send what viewers did",
    "reports:write": "send reports",
    "appeals:write": "send appeals",
    "compliance:read": "read statements of reasons",
}


class KeyForm(forms.Form):
    """A new API key."""

    name = forms.CharField(max_length=80, error_messages={"required": "Say what the key is for."})
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in SCOPES], error_messages={"required": "Choose at least one scope."}
    )
    days = forms.ChoiceField(choices=LIVES, required=False, label="Works")
    owner = forms.ModelChoiceField(
        User.objects.filter(is_active=True).order_by("username"),
        error_messages={"required": "Say who answers for the key."},
    )

    @property
    def life(self) -> timedelta | None:
        """How long it shall work; None for as long as nobody revokes it."""
        days: str = self.cleaned_data["days"]
        return timedelta(days=int(days)) if days else None


class RotateForm(forms.Form):
    """How long the old key goes on."""

    hours = forms.ChoiceField(choices=OVERLAPS)

    @property
    def overlap(self) -> timedelta:
        """The time in which both work."""
        return timedelta(hours=int(self.cleaned_data["hours"]))


class ReporterForm(forms.Form):
    """Somebody whose reports shall be known."""

    external_id = forms.CharField(
        max_length=128, error_messages={"required": "Give the platform’s id of the reporter."}
    )
    name = forms.CharField(max_length=80, error_messages={"required": "Say who it is."})
    is_trusted_flagger = forms.BooleanField(required=False)


class TrustForm(forms.Form):
    """Whether reports of somebody are trusted from now on."""

    is_trusted_flagger = forms.TypedChoiceField(choices=[("1", "1"), ("0", "0")], coerce=lambda value: value == "1")
