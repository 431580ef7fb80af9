"""People and roles: listed, invited, given roles, shut out and let in again."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.utils.cache import add_never_cache_headers
from django.views.decorators.http import require_GET, require_POST

from console.access import MANAGE_PEOPLE, pace, person_visible, requires
from console.http import HtmxRequest, redirect_to, render_page
from console.identity import people
from console.identity.roles import ROLES
from console.pages.people.forms import ROLE_WORDS, ActiveForm, InviteForm, RolesForm

#: People that the page lists.
_MAX_LISTED = 500


@require_GET
@requires(MANAGE_PEOPLE)
def person_list(request: HtmxRequest) -> HttpResponse:
    """List everybody with their roles."""
    return _page(request)


@require_POST
@requires(MANAGE_PEOPLE)
@pace("person_invite", 30)
def person_invite(request: HtmxRequest) -> HttpResponse:
    """Make an account and show the address at which its person chooses a password, this once."""
    form = InviteForm(request.POST)
    if not form.is_valid():
        return _page(request, form=form, status=422)
    try:
        person, link = people.person_invite(actor=request.user, **form.cleaned_data)
    except people.PersonInvalid as error:
        form.add_error(error.field or None, str(error))
        return _page(request, form=form, status=422)
    return _page(request, invited=person, link=link)


@require_POST
@requires(MANAGE_PEOPLE)
@pace("person_invite", 30)
def person_link(request: HtmxRequest, name: str) -> HttpResponse:
    """Show a fresh address at which somebody chooses a password, for an invitation that was lost."""
    person = person_visible(name)
    if person.has_usable_password() or not person.is_active:
        messages.error(
            request, "This person has a password, or may not sign in; they ask for a new password themselves."
        )
        return redirect_to(request, "person_list")
    return _page(request, invited=person, link=people.password_link(person))


@require_POST
@requires(MANAGE_PEOPLE)
def person_roles(request: HtmxRequest, name: str) -> HttpResponse:
    """Give somebody exactly the roles that are ticked."""
    form = RolesForm(request.POST)
    if not form.is_valid():
        messages.error(request, "There is no such role; nothing was changed.")
        return redirect_to(request, "person_list")
    roles = form.cleaned_data["roles"]

    def give(person: User) -> str:
        people.person_set_roles(actor=request.user, person=person, roles=roles)
        return f"{person.get_username()}: {', '.join(roles) or 'no role'}."

    return _change(request, name, give)


@require_POST
@requires(MANAGE_PEOPLE)
def person_active(request: HtmxRequest, name: str) -> HttpResponse:
    """Shut somebody out, or let them sign in again."""
    form = ActiveForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say whether they may sign in.")
        return redirect_to(request, "person_list")
    is_active = form.cleaned_data["is_active"]

    def switch(person: User) -> str:
        act = people.person_reactivate if is_active else people.person_deactivate
        act(actor=request.user, person=person)
        return f"{person.get_username()} may sign in." if is_active else f"{person.get_username()} is shut out."

    return _change(request, name, switch)


def _change(request: HtmxRequest, name: str, act: Callable[[User], str]) -> HttpResponse:
    try:
        messages.success(request, act(person_visible(name)))
    except people.PersonInvalid as error:
        messages.error(request, str(error))
    return redirect_to(request, "person_list")


def _page(
    request: HtmxRequest,
    *,
    form: InviteForm | None = None,
    invited: User | None = None,
    link: str = "",
    status: int = 200,
) -> HttpResponse:
    known = list(people.people()[:_MAX_LISTED])
    rows = [(person, {group.name for group in person.groups.all()}) for person in known]
    context: dict[str, Any] = {
        "works": [row for row in rows if row[0].is_active],
        "out": [row for row in rows if not row[0].is_active],
        "roles": [(role, ROLE_WORDS.get(role, "")) for role in ROLES],
        "form": form or InviteForm(),
        "invited": invited,
        "link": request.build_absolute_uri(link) if link else "",
        "link_days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
    }
    response = render_page(request, "people/people.html", context, status=status)
    add_never_cache_headers(response)
    return response
