"""What administrators may type about people. The service checks again."""

from django import forms

from console.identity.roles import ROLES

#: What a role is for, in a sentence.
ROLE_WORDS = {
    "reviewer": "claims jobs and decides them",
    "senior": "answers questions, overturns decisions, leads the shift, sees the restricted partition",
    "policy-editor": "writes policy versions and emergency terms",
    "policy-approver": "approves versions, puts them in force, confirms emergency terms",
    "analyst": "reads items, dashboards and the audit log",
    "admin": "all of it, with people, keys, banks and reporters",
}


class RolesForm(forms.Form):
    """Which roles somebody has."""

    roles = forms.MultipleChoiceField(choices=[(role, role) for role in ROLES], required=False)


class InviteForm(RolesForm):
    """A new account."""

    username = forms.CharField(
        max_length=150, label="Name", error_messages={"required": "Give the name to sign in with."}
    )
    email = forms.EmailField(required=False, label="E-mail", error_messages={"invalid": "This is no e-mail address."})

    field_order = ("username", "email", "roles")


class ActiveForm(forms.Form):
    """Whether somebody may sign in from now on."""

    is_active = forms.TypedChoiceField(choices=[("1", "1"), ("0", "0")], coerce=lambda value: value == "1")
