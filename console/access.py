"""Who may see and do what in the console: 403 and 404 are decided here and nowhere else."""

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from console.api.throttling import calls_in_window
from console.http import HtmxRequest
from console.identity import api_keys, people
from console.identity.session_life import session_begin
from console.models import ApiKey
from moderation.decisions.basis import campaigns_with_basis
from moderation.items import queries, visibility
from moderation.models import Campaign, HashBank, HashEntry, Item, Job, OutboxMessage, PromptSet, SimulationRun, WideAct
from moderation.prompts import queries as prompt_queries
from moderation.reports import reporters
from moderation.review import queries as review_queries
from moderation.review.drafts import draft_column
from moderation.simulation.queries import simulation_get
from moderation.wide.queries import act_of
from policies import queries as version_queries
from policies.choices import SENIOR_QUEUE
from policies.live import version_list
from policies.models import PolicyVersion, Term

P = ParamSpec("P")
View = Callable[Concatenate[HtmxRequest, P], HttpResponseBase]

REVIEW = "moderation.review_jobs"
EXPLORE = "moderation.explore_items"
OVERTURN = "moderation.overturn_decisions"
REDRIVE = "moderation.redrive_deadletters"
DASHBOARDS = "moderation.view_dashboards"
READ_AUDIT = "moderation.read_audit"
MANAGE_BANKS = "moderation.manage_banks"
EDIT_POLICIES = "policies.edit_versions"
APPROVE_POLICIES = "policies.approve_versions"
ADD_EMERGENCY = "moderation.add_emergency_terms"
RERUN = "moderation.rerun_detectors"
MANAGE_KEYS = api_keys.PERMISSION
MANAGE_PEOPLE = people.PERMISSION
MANAGE_REPORTERS = reporters.PERMISSION


class ClosedSignupAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by administrators; nobody signs up."""

    def login(self, request: HttpRequest, user: User) -> None:
        """Sign somebody in; their session begins now."""
        super().login(request, user)
        session_begin(request.session)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: there is no sign-up."""
        return False


def requires(*permissions: str) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Let in only signed-in people who have one of the permissions (none named: anybody signed in).

    Strangers go to the sign-in page and come back afterwards; people without the permission get 403.
    """

    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def check_and_call(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if permissions and not any(request.user.has_perm(code) for code in permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)  # type: ignore[arg-type]

        check_and_call.permissions = permissions  # type: ignore[attr-defined] # the edge asks before it reads a large body
        return check_and_call

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a stranger to sign in, and from there back to the page they were on."""
    if getattr(request, "session_ended", False):
        messages.info(request, "Your session had ended. Sign in to go on where you were.")
    response = redirect_to_login(back_to(request))
    htmx = bool(request.htmx)  # type: ignore[attr-defined]
    return HttpResponseClientRedirect(response.url) if htmx else response


def back_to(request: HttpRequest) -> str:
    """Return the address of the page that somebody is on: a form or a fragment was sent from one of ours, or "/" is."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    if request.method == "GET" and not htmx:
        return request.get_full_path()
    page = (htmx.current_url if htmx else request.headers.get("Referer")) or ""
    if not url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure()):
        return "/"
    parts = urlsplit(page)
    own = parts.path.startswith("/") and not parts.path.startswith(("//", reverse("account_logout")))
    return urlunsplit(("", "", parts.path, parts.query, "")) if own else "/"


def may(user: User | AnonymousUser, permission: str) -> bool:
    """Return whether somebody has a permission; for choosing what to show, never instead of `requires`."""
    return user.has_perm(permission)


def item_visible(user: User, key: object) -> Item:
    """Return one item with what its page shows.

    Raises:
        Http404: there is none, or it is restricted and the person may not know of it.
    """
    item = queries.item_page(user, str(key))
    if item is None:
        raise Http404
    return item


def job_visible(user: User, key: object) -> review_queries.JobPage:
    """Return one job with its item, evidence and history.

    Raises:
        Http404: there is none, or it or its item is restricted and the person may not know of it.
    """
    page = review_queries.job_page(str(key), user)
    if page is None:
        raise Http404
    return page


class JobTaken(Exception):
    """The job was closed under this person while they held it; its item may be hidden from them by now."""

    def __init__(self, job: Job) -> None:
        super().__init__(job.taken_why)
        self.job = job


def job_mine(user: User, key: object) -> review_queries.JobPage:
    """Return one job as `job_visible` does, to somebody who may hold it.

    Raises:
        JobTaken: they held it until it was taken from them; they are told even where its item is hidden from them since.
        Http404: as `job_visible`.
    """
    try:
        page = job_visible(user, key)
    except Http404:
        taken = Job.objects.select_related("queue", "item", "decision").filter(key=str(key), taken_from=user).first()
        if taken is None:
            raise
        raise JobTaken(taken) from None
    if page.job.taken_from_id == user.pk:
        raise JobTaken(page.job)
    return page


def refusal_of_lease(user: User, job: Job) -> str:
    """Return why a job was taken from this person, without a word on what they may not know of."""
    if not visibility.item_visible(user, job.item):
        return "New evidence came in while you had it, and others decide on this item now."
    return job.taken_why


def item_media_visible(user: User, key: UUID) -> Item:
    """Return an item whose bytes a person may load: one that they may open, as an item or as a job that they hold.

    Raises:
        Http404: there is none, or it is restricted and the person may not know of it, or it is no business of theirs.
    """
    item = queries.items_search(user).filter(key=key).first()
    if item is None or not (may(user, EXPLORE) or _holds_job_of(user, item)):
        raise Http404
    return item


def _holds_job_of(user: User, item: Item) -> bool:
    lives = item.jobs.filter(lease_holder=user, lease_expires_at__gt=timezone.now())
    return may(user, REVIEW) and lives.exists()


def may_still_see_media(user: User, key: UUID) -> bool:
    """Return whether somebody who was let see an item's bytes still may, whatever was changed of them or of it since."""
    fresh = User.objects.filter(pk=user.pk, is_active=True).first()  # permissions are kept with the object
    try:
        return fresh is not None and bool(item_media_visible(fresh, key))
    except Http404:
        return False


def campaign_visible(user: User, key: UUID) -> Campaign:
    """Return one campaign, with its basis.

    Raises:
        Http404: there is none, or it was decided into the restricted partition and the person may not know of it.
    """
    campaign = (
        campaigns_with_basis(user)
        .select_related("decided_by", "undone_by", "lease_holder", "first_item")
        .annotate(own_draft=draft_column(user.pk, "campaign"))
        .filter(key=key)
        .first()
    )
    if campaign is None:
        raise Http404
    return campaign


def queue_slugs_visible(user: User, slug: str) -> list[str] | None:
    """Return the queues that a claim may take from: the named one, or None for all that the person works on.

    Raises:
        Http404: there is no such queue for this person.
        PermissionDenied: it is the seniors' queue, and the person is none.
    """
    if not slug:
        return None
    if not visibility.queues_visible(user).filter(slug=slug).exists():
        raise Http404
    if not may_claim_from(user, slug):
        raise PermissionDenied
    return [slug]


def may_claim_from(user: User, slug: str) -> bool:
    """Return whether the person works on a queue that they can see: what reviewers escalated goes to seniors only."""
    return slug != SENIOR_QUEUE or may(user, OVERTURN)


def holds(user: User, job: Job, now: datetime) -> bool:
    """Return whether the person has a live lease on a job and so may see and decide it."""
    return job.lease_holder_id == user.pk and job.lease_expires_at is not None and job.lease_expires_at > now


def dead_letter_visible(user: User, key: UUID) -> OutboxMessage:
    """Return one dead letter.

    Raises:
        Http404: it is none any more, or the person may not know of its item.
    """
    letter = visibility.dead_letters_visible(user).filter(key=key).first()
    if letter is None:
        raise Http404
    return letter


def bank_visible(user: User, slug: str) -> HashBank:
    """Return one bank.

    Raises:
        Http404: there is none that the person may know of.
    """
    bank = visibility.banks_visible(user).select_related("category").filter(slug=slug).first()
    if bank is None:
        raise Http404
    return bank


def entry_visible(user: User, key: UUID) -> HashEntry:
    """Return one known hash with its bank.

    Raises:
        Http404: there is none in a bank that the person may know of.
    """
    entry = HashEntry.objects.select_related("bank").filter(key=key, bank__in=visibility.banks_visible(user)).first()
    if entry is None:
        raise Http404
    return entry


def act_visible(user: User, key: UUID) -> WideAct:
    """Return one act that waits, or waited, for a second person.

    Raises:
        Http404: there is none that the person may know of.
    """
    act = act_of(user, key)
    if act is None:
        raise Http404
    return act


def version_visible(number: int) -> PolicyVersion:
    """Return a policy version with the people behind it.

    Raises:
        Http404: there is none of that number.
    """
    version = version_queries.version_of(number)
    if version is None:
        raise Http404
    return version


def versions_visible(number: int) -> tuple[PolicyVersion, list[PolicyVersion]]:
    """Return a policy version, and all of them with the people behind them, the newest first.

    Raises:
        Http404: there is none of that number.
    """
    versions = list(version_list())
    version = next((version for version in versions if version.number == number), None)
    if version is None:
        raise Http404
    return version, versions


def draft_visible(number: int) -> PolicyVersion:
    """Return a policy version that may still be changed.

    Raises:
        Http404: there is none of that number, or it has left draft.
    """
    version = version_visible(number)
    if not version.is_draft:
        raise Http404
    return version


def term_visible(version: PolicyVersion, key: UUID) -> Term:
    """Return a term of a version.

    Raises:
        Http404: there is none.
    """
    term = version_queries.term_of(version, key)
    if term is None:
        raise Http404
    return term


def step_allowed(user: User, permission: str) -> None:
    """Let through whoever has the permission that a step of a version's life needs.

    Raises:
        PermissionDenied: the person has not.
    """
    if not may(user, permission):
        raise PermissionDenied


def prompt_set_visible(number: int) -> PromptSet:
    """Return one set of prompts.

    Raises:
        Http404: there is none.
    """
    prompt_set = prompt_queries.prompt_sets().filter(number=number).first()
    if prompt_set is None:
        raise Http404
    return prompt_set


def pace(name: str, per_minute: int) -> Callable[[View[P]], View[P]]:
    """Let a signed-in person do something only so often; beyond that they get 429. Goes inside `requires`."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def count_and_call(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if calls_in_window(f"person:{request.user.pk}:{name}") > per_minute:
                return render(request, "429.html", status=429)
            return view(request, *args, **kwargs)

        return count_and_call

    return decorate


def run_visible(user: User, key: UUID) -> SimulationRun:
    """Return one saved simulation.

    Raises:
        Http404: there is none that the person may know of.
    """
    run = simulation_get(key, user)
    if run is None:
        raise Http404
    return run


def key_visible(key: UUID) -> ApiKey:
    """Return one API key.

    Raises:
        Http404: there is none.
    """
    found = api_keys.keys().filter(key=key).first()
    if found is None:
        raise Http404
    return found


def person_visible(name: str) -> User:
    """Return somebody with an account.

    Raises:
        Http404: there is nobody.
    """
    found = people.people().filter(username=name).first()
    if found is None:
        raise Http404
    return found
