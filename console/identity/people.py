"""People and their roles, as administrators handle them. Audit rows are the database's (ADR 24), with who acted.

Nobody changes their own roles, and nobody but a superuser a superuser: an administrator cannot lift themself.
"""

from collections.abc import Sequence

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.models import Group, User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.urls import reverse

from console.identity.roles import ROLES
from console.identity.session_life import sessions_end
from moderation.exceptions import ModerationError
from policies.services.versions import SYSTEM_USERNAME

PERMISSION = "console.manage_people"


class PersonInvalid(ModerationError):
    """A person cannot be made or changed so; `field` names what is wrong."""

    def __init__(self, field: str, detail: str) -> None:
        super().__init__(detail)
        self.field = field


def people() -> QuerySet[User]:
    """Return everybody with their roles, those who may sign in first; not the account in whose name machines act."""
    found = User.objects.exclude(username=SYSTEM_USERNAME).prefetch_related("groups")
    return found.order_by("-is_active", "username")


@transaction.atomic
def person_invite(*, actor: User, username: str, email: str, roles: Sequence[str]) -> tuple[User, str]:
    """Make an account without a password, and return it with the address at which its person chooses one.

    Raises:
        PermissionDenied: the actor may not.
        PersonInvalid: the name is taken or none, the e-mail address is none, or there is no such role.
    """
    _check_may(actor)
    _check_roles(roles)
    username, email = username.strip(), email.strip()
    try:
        UnicodeUsernameValidator()(username)
    except ValidationError as error:
        raise PersonInvalid("username", "A name has letters, digits and @ . + - _ only.") from error
    if email:
        _check_email(email)
    user = User(username=username, email=email)
    user.set_unusable_password()
    try:
        with transaction.atomic():
            user.save()
    except IntegrityError as error:
        raise PersonInvalid("username", "Somebody has this name already.") from error
    user.groups.set(_groups(roles))
    return user, password_link(user)


def password_link(user: User) -> str:
    """Return the address at which somebody sets their password; it works once, and until something of their account changes."""
    args = [user_pk_to_url_str(user), default_token_generator.make_token(user)]
    return reverse("account_reset_password_from_key", args=args)


@transaction.atomic
def person_set_roles(*, actor: User, person: User, roles: Sequence[str]) -> User:
    """Give somebody exactly these roles, from their next request on.

    Raises:
        PermissionDenied: the actor may not.
        PersonInvalid: no such role, themself, or a superuser.
    """
    user = _changeable(actor, person)
    _check_roles(roles)
    user.groups.set(_groups(roles))
    return user


@transaction.atomic
def person_deactivate(*, actor: User, person: User) -> User:
    """Shut somebody out at once: their sessions end, their record stays. What they hold comes back when its lease is over.

    Raises:
        PermissionDenied: the actor may not.
        PersonInvalid: themself, or a superuser.
    """
    user = _changeable(actor, person)
    if user.is_active:
        user.is_active = False
        user.save(update_fields=["is_active"])
        sessions_end(user, but=None)
    return user


@transaction.atomic
def person_reactivate(*, actor: User, person: User) -> User:
    """Let somebody sign in again.

    Raises:
        PermissionDenied, PersonInvalid: as `person_deactivate`.
    """
    user = _changeable(actor, person)
    if not user.is_active:
        user.is_active = True
        user.save(update_fields=["is_active"])
    return user


def _changeable(actor: User, person: User) -> User:
    _check_may(actor)
    user = User.objects.select_for_update().get(pk=person.pk)
    if user.pk == actor.pk:
        raise PersonInvalid("", "Nobody changes their own account here; another administrator does.")
    if user.is_superuser and not actor.is_superuser:
        raise PersonInvalid("", "This account was given all rights at set-up; only another such account changes it.")
    return user


def _check_may(actor: User) -> None:
    if not actor.has_perm(PERMISSION):
        raise PermissionDenied("Only administrators handle people.")


def _check_roles(roles: Sequence[str]) -> None:
    if not set(roles) <= set(ROLES):
        raise PersonInvalid("roles", "There is no such role.")


def _check_email(email: str) -> None:
    try:
        validate_email(email)
    except ValidationError as error:
        raise PersonInvalid("email", "This is no e-mail address.") from error


def _groups(roles: Sequence[str]) -> list[Group]:
    return list(Group.objects.filter(name__in=roles))
