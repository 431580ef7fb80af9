"""Who may see and do what in the console: 403 and 404 are decided here and nowhere else."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import wraps
from typing import Concatenate, ParamSpec
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, UUIDField, When
from django.db.models.functions import Cast
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from console.api.throttling import calls_in_window
from console.http import HtmxRequest
from moderation import selectors, vision_selectors
from moderation.models import (
    AuditEvent,
    Campaign,
    Decision,
    HashBank,
    HashEntry,
    Item,
    Job,
    OutboxMessage,
    PromptSet,
    ShadowVerdict,
    SimulationRun,
)
from moderation.rollout_selectors import Agreement
from moderation.routing import SENIOR_QUEUE
from moderation.simulations import simulation_get
from policies import selectors_versions
from policies.models import PolicyVersion, Term
from policies.selectors import version_list

P = ParamSpec("P")
View = Callable[Concatenate[HtmxRequest, P], HttpResponseBase]

REVIEW = "moderation.review_jobs"
REVIEW_RESTRICTED = "moderation.review_restricted"
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


class ClosedSignupAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by administrators; nobody signs up."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: there is no sign-up."""
        return False


def requires(*permissions: str) -> Callable[[View[P]], Callable[Concatenate[HttpRequest, P], HttpResponseBase]]:
    """Let in only signed-in people who have one of the permissions (none named: anybody signed in).

    Strangers go to the sign-in page and come back afterwards; people without the permission get 403.
    """

    def decorate(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _to_sign_in(request)
            if permissions and not any(request.user.has_perm(code) for code in permissions):
                raise PermissionDenied
            return view(request, *args, **kwargs)  # type: ignore[arg-type]

        return guarded

    return decorate


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send a stranger to sign in; a form or a fragment cannot be returned to, so those come back to the home page."""
    htmx = bool(request.htmx)  # type: ignore[attr-defined]
    back = request.get_full_path() if request.method == "GET" and not htmx else "/"
    response = redirect_to_login(back)
    return HttpResponseClientRedirect(response.url) if htmx else response


def may(user: User | AnonymousUser, permission: str) -> bool:
    """Return whether somebody has a permission; for choosing what to show, never instead of `requires`."""
    return user.has_perm(permission)


def item_visible(user: User, key: object) -> Item:
    """Return one item with what its page shows.

    Raises:
        Http404: there is none, or it is restricted and the person may not know of it.
    """
    item = selectors.item_page(user, str(key))
    if item is None:
        raise Http404
    return item


def job_visible(user: User, key: object) -> selectors.JobPage:
    """Return one job with its item, evidence and history.

    Raises:
        Http404: there is none, or it or its item is restricted and the person may not know of it.
    """
    page = selectors.job_page(str(key), user)
    if page is None or (not may(user, REVIEW_RESTRICTED) and is_restricted(page.item)):
        raise Http404
    return page


def shows_media(user: User, page: selectors.JobPage) -> bool:
    """Return whether a visible job's media may be shown; people without the permission see no restricted job anyway."""
    return not may(user, REVIEW_RESTRICTED) or not is_restricted(page.item)


def item_media_visible(user: User, key: UUID) -> Item:
    """Return an item whose bytes a person may load: one that they may open, as an item or as a job that they hold.

    Raises:
        Http404: there is none, or it is restricted and the person may not know of it, or it is no business of theirs.
    """
    item = selectors.items_search(user).filter(key=key).first()
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


def campaign_visible(key: UUID) -> Campaign:
    """Return one campaign; none is ever of the restricted partition, whose items join no campaign.

    Raises:
        Http404: there is none.
    """
    campaign = Campaign.objects.select_related("decided_by", "first_item").filter(key=key).first()
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
    if not selectors.queues_visible(user).filter(slug=slug).exists():
        raise Http404
    if not may_claim_from(user, slug):
        raise PermissionDenied
    return [slug]


def may_claim_from(user: User, slug: str) -> bool:
    """Return whether the person works on a queue that they can see: what reviewers escalated goes to seniors only."""
    return slug != SENIOR_QUEUE or may(user, OVERTURN)


def is_restricted(item: Item) -> bool:
    """Return whether an item is in the restricted partition, where no media are ever shown."""
    return selectors.items_restricted().filter(pk=item.pk).exists()


def is_restricted_by(decisions: Iterable[Decision], jobs: Iterable[Job]) -> bool:
    """Return the same from all of an item's decisions and jobs, where they are at hand."""
    return any(job.queue.is_restricted for job in jobs) or any(d.category == selectors.CHILD_SAFETY for d in decisions)


def holds(user: User, job: Job, now: datetime) -> bool:
    """Return whether the person has a live lease on a job and so may see and decide it."""
    return job.lease_holder_id == user.pk and job.lease_expires_at is not None and job.lease_expires_at > now


def dead_letters_visible(user: User) -> QuerySet[OutboxMessage]:
    """Return the dead letters, without those of items that the person may not know of."""
    letters = selectors.dead_letters()
    if may(user, REVIEW_RESTRICTED):
        return letters
    return letters.exclude(Exists(selectors.items_restricted().filter(pk=OuterRef("item_id"))))


def dead_letter_visible(user: User, key: UUID) -> OutboxMessage:
    """Return one dead letter.

    Raises:
        Http404: it is none any more, or the person may not know of its item.
    """
    letter = dead_letters_visible(user).filter(key=key).first()
    if letter is None:
        raise Http404
    return letter


def banks_visible(user: User) -> QuerySet[HashBank]:
    """Return the hash banks that the person may know of."""
    return HashBank.objects.all() if may(user, REVIEW_RESTRICTED) else HashBank.objects.filter(is_child_safety=False)


def bank_visible(user: User, slug: str) -> HashBank:
    """Return one bank.

    Raises:
        Http404: there is none that the person may know of.
    """
    bank = banks_visible(user).select_related("category").filter(slug=slug).first()
    if bank is None:
        raise Http404
    return bank


def entry_visible(user: User, key: UUID) -> HashEntry:
    """Return one known hash with its bank.

    Raises:
        Http404: there is none in a bank that the person may know of.
    """
    entry = HashEntry.objects.select_related("bank").filter(key=key, bank__in=banks_visible(user)).first()
    if entry is None:
        raise Http404
    return entry


def version_visible(number: int) -> PolicyVersion:
    """Return a policy version with the people behind it.

    Raises:
        Http404: there is none of that number.
    """
    version = selectors_versions.version_of(number)
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
    term = selectors_versions.term_of(version, key)
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


def verdicts_visible(user: User, verdicts: list[ShadowVerdict]) -> list[ShadowVerdict]:
    """Return verdicts of a shadow, without those on items that the person may not know of."""
    if may(user, REVIEW_RESTRICTED):
        return verdicts
    keys = [verdict.item_id for verdict in verdicts]
    hidden = set(selectors.items_restricted().filter(pk__in=keys).values_list("pk", flat=True))
    return [verdict for verdict in verdicts if verdict.item_id not in hidden]


def agreement_visible(user: User, agreement: Agreement) -> list[tuple[str, int, int]]:
    """Return a shadow's agreement by category, without the category whose items the person may not count."""
    shown = may(user, REVIEW_RESTRICTED)
    return [row for row in agreement.categories if shown or row[0] != selectors.CHILD_SAFETY]


def prompt_set_visible(number: int) -> PromptSet:
    """Return one set of prompts.

    Raises:
        Http404: there is none.
    """
    prompt_set = vision_selectors.prompt_sets().filter(number=number).first()
    if prompt_set is None:
        raise Http404
    return prompt_set


def paced(name: str, per_minute: int) -> Callable[[View[P]], View[P]]:
    """Let a signed-in person do something only so often; beyond that they get 429. Goes inside `requires`."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def counted(request: HtmxRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if calls_in_window(f"person:{request.user.pk}:{name}") > per_minute:
                return render(request, "429.html", status=429)
            return view(request, *args, **kwargs)

        return counted

    return decorate


def audit_visible(user: User) -> QuerySet[AuditEvent]:
    """Return the audit log, without acts in the restricted partition that the person may not know of.

    The conditions are asked of each row that is shown, by index, rather than of whole tables.
    """
    events = selectors.audit_events()
    if may(user, REVIEW_RESTRICTED):
        return events
    hidden = selectors.items_restricted()
    job_key = Case(When(object_type="job", then=Cast("object_key", UUIDField())), output_field=UUIDField())
    about_item = hidden.filter(external_id=OuterRef("object_key"))
    about_job = Job.objects.filter(key=OuterRef("job_key"), item__in=hidden)
    about_bank = HashBank.objects.filter(slug=OuterRef("object_key"), is_child_safety=True)
    return events.annotate(job_key=job_key).exclude(
        Q(Exists(about_item), object_type="item")
        | Q(Exists(about_job), object_type="job")
        | Q(Exists(about_bank), object_type="bank")
    )


def run_visible(key: UUID) -> SimulationRun:
    """Return one saved simulation.

    Raises:
        Http404: there is none.
    """
    run = simulation_get(key)
    if run is None:
        raise Http404
    return run


def category_visible(user: User, category: str) -> bool:
    """Return whether a person may know how much there is in a category: not of the restricted partition, mostly."""
    return category != selectors.CHILD_SAFETY or may(user, REVIEW_RESTRICTED)
