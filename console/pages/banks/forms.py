"""What people may type about hash banks. Services check again; forms say it kindly and in place."""

import re

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile

from moderation.banks.threatexchange import FORMS

_HEX = re.compile(r"[0-9a-f]{64}")
#: Larger files go through `manage.py banks_import`, which nobody waits for in a browser.
IMPORT_MAX_BYTES = 16 * 2**20
IMPORT_MAX_ROWS = 50_000


class FormForm(forms.Form):
    """Which of ThreatExchange's forms a file has."""

    form = forms.ChoiceField(choices=[(form, form.upper()) for form in FORMS])


class ImportForm(FormForm):
    """A file of shared hashes."""

    file = forms.FileField(error_messages={"required": "Choose a file.", "empty": "The file is empty."})

    def clean_file(self) -> UploadedFile:  # type: ignore[type-arg]
        """Refuse what is too large to be taken while somebody waits."""
        file: UploadedFile = self.cleaned_data["file"]  # type: ignore[type-arg]
        if (file.size or 0) > IMPORT_MAX_BYTES:
            raise forms.ValidationError("The file has more than 16 MiB; use manage.py banks_import for it.")
        return file


class ReasonForm(forms.Form):
    """Why a hash is taken out of force."""

    reason = forms.CharField(max_length=300, required=False)


class WordForm(forms.Form):
    """Whether a match is right."""

    is_right = forms.TypedChoiceField(choices=[("1", "right"), ("0", "wrong")], coerce=lambda given: given == "1")
    note = forms.CharField(max_length=300, required=False)
    job = forms.UUIDField(required=False)


class LookForm(forms.Form):
    """A picture, or a hash in its place."""

    file = forms.FileField(required=False, label="Picture")
    value = forms.CharField(required=False, label="PDQ or SHA-256", max_length=80)

    def clean_file(self) -> UploadedFile | None:  # type: ignore[type-arg]
        """Refuse what uploads would be refused for; it is decoded later, under their limits."""
        file: UploadedFile | None = self.cleaned_data["file"]  # type: ignore[type-arg]
        if file and (file.size or 0) > settings.MEDIA_MAX_IMAGE_BYTES:
            raise forms.ValidationError(f"The picture has more than {settings.MEDIA_MAX_IMAGE_BYTES // 2**20} MiB.")
        return file

    def clean_value(self) -> str:
        """Return the hash in lower case."""
        value: str = self.cleaned_data["value"].strip().lower()
        if value and not _HEX.fullmatch(value):
            raise forms.ValidationError("A PDQ hash and a SHA-256 have 64 hexadecimal digits each.")
        return value

    def clean(self) -> dict[str, object]:
        """Ask for one of the two."""
        data: dict[str, object] = self.cleaned_data
        if not self.errors and bool(data.get("file")) == bool(data.get("value")):
            raise forms.ValidationError("Choose a picture, or paste a hash.")
        return data
