"""Every state-changing address and every service that writes: each writes an audit row, or is on a list that says why not."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from types import FunctionType
from typing import Any

import pytest
from django.core.cache import cache
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

import moderation
from moderation.evidence import store as evidence_store
from moderation.live import campaigns as live_campaigns
from moderation.live import onpath
from moderation.models import AuditEvent
from moderation.simulation import queries as simulation_queries
from policies import live as policy_selectors
from tests.support import scenes, service_acts
from tests.support.acts import ACTS, WITHOUT_ROW
from tests.support.sign_in import signed_in

UNSAFE = ("post", "put", "patch", "delete")


@pytest.fixture(autouse=True)
def _calm(ready: None, settings: Any) -> None:
    """Forget limits of earlier tests; no limit is what is tested here."""
    settings.ACCOUNT_RATE_LIMITS = False
    cache.clear()


def _forget() -> None:
    """Forget what this process holds of rows that were undone."""
    policy_selectors.invalidate()
    live_campaigns.forget()
    evidence_store.forget()
    simulation_queries.sliders_forget()
    onpath.forget()


def _n_rows() -> int:
    return AuditEvent.objects.count()


def _patterns(resolver: URLResolver, before: str = "") -> Iterator[tuple[str, str, Any]]:
    """Yield (name, path with its arguments filled in, view) of every address outside the admin site."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from _patterns(pattern, before + str(pattern.pattern))
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield pattern.name, before + str(pattern.pattern), pattern.callback


def _answers_to_changes(view: Any, admin: Client) -> bool:
    """Return whether a view takes any method that may change something, as Django would call it."""
    from django.test import RequestFactory

    for method in UNSAFE:
        request = getattr(RequestFactory(), method)("/")
        request.user, request.session, request.htmx = admin.user, admin.session, False  # type: ignore[attr-defined]
        try:
            with transaction.atomic():
                if view(request).status_code != 405:
                    return True
        except Exception:  # it went beyond the check of the method, and only failed for want of arguments
            return True
    return False


def test_every_address_that_takes_changes_is_in_one_of_the_tables() -> None:
    user = scenes.person("admin")
    admin = signed_in(user)
    admin.user = user  # type: ignore[attr-defined]
    found = {name for name, _, view in _patterns(get_resolver()) if _answers_to_changes(view, admin)}
    listed = {name.partition(" ")[0] for name in ACTS} | set(WITHOUT_ROW)
    assert found - listed == set(), "addresses that may change something, and neither a scene nor a reason"
    assert listed - found == set(), "there is no such address, or it takes no changes"


def test_every_reason_says_something() -> None:
    for table in (WITHOUT_ROW, service_acts.WITHOUT_ROW, service_acts.READS):
        assert [name for name, reason in table.items() if len(reason) < 12] == []


# --- services ----------------------------------------------------------------------------------------------------

Service = tuple[str, str]


#: Folders of moderation that change nothing of a subject's: they look, judge, hold, read, or take requests to services.
READING_FOLDERS = frozenset(
    {"api", "detection", "evaluation", "gate", "items", "live", "management", "migrations", "models", "verdict"}
)
#: Files of subjects that only read or work something out.
READING_FILES = frozenset(
    [
        "activation_plan",
        "actors",
        "admission",
        "autoscale",
        "backpressure",
        "basis",
        "likeness",
        "look_ahead",
        "lookup",
        "outlook",
        "owner",
        "priority",
        "queries",
        "queues",
        "radius",
        "rules",
        "senior_queries",
        "staffing",
        "statements",
        "store",
        "threatexchange",
        "trials",
    ]
) | {"db.histories"}


def _modules() -> list[Any]:
    """Return every module with services: all files of subjects that are not known to read only."""
    found = []
    for info in pkgutil.walk_packages(moderation.__path__, "moderation."):
        subject, _, file = info.name.removeprefix("moderation.").partition(".")
        if file and subject not in READING_FOLDERS and not {file, f"{subject}.{file}"} & READING_FILES:
            found.append(info.name)
    return [
        importlib.import_module(name) for name in (*found, "policies.services.versions", "policies.services.drafts")
    ]


def _services() -> dict[Service, FunctionType]:
    """Return every public function that a module of services defines."""
    return {
        (module.__name__.removeprefix("moderation."), name): member
        for module in _modules()
        for name, member in vars(module).items()
        if not name.startswith("_")
        and callable(member)
        and inspect.isfunction(inspect.unwrap(member))
        and member.__module__ == module.__name__
    }


class _Watched:
    """Which services were called, and which of them wrote a row while they ran."""

    def __init__(self) -> None:
        self.called: set[Service] = set()
        self.wrote: set[Service] = set()

    def watch(self, service: Service, act: FunctionType) -> Callable[..., Any]:
        @wraps(act)
        def watched(*args: Any, **kwargs: Any) -> Any:
            before = self._count()
            result = act(*args, **kwargs)
            self.called.add(service)
            if self._count() > before:
                self.wrote.add(service)
            return result

        return watched

    def _count(self) -> int:
        try:
            return _n_rows() if not connection.needs_rollback else 0
        except DatabaseError:
            return 0


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> _Watched:
    """Watch every service wherever one of our modules holds it by name."""
    watching, services = _Watched(), _services()
    ours = [
        m
        for name, m in list(sys.modules.items())
        if name.startswith(("moderation.", "policies.", "console.", "tests."))
    ]
    by_function = {act: watching.watch(service, act) for service, act in services.items() if inspect.isfunction(act)}
    for module in ours:
        for name, member in list(vars(module).items()):
            if inspect.isfunction(member) and member in by_function:
                monkeypatch.setattr(module, name, by_function[member])
    return watching


def _performed(scene: Callable[[], Callable[[], Any]]) -> tuple[Any, int]:
    """Return what an act answered and how many rows it alone wrote; then all is undone."""
    try:
        with transaction.atomic():
            act = scene()
            before = _n_rows()
            answer = act()
            n = _n_rows() - before
            transaction.set_rollback(True)
    finally:
        _forget()
    return answer, n


def _failures(acts: dict[str, Callable[[], Callable[[], Any]]]) -> dict[str, str]:
    failed = {}
    for name, scene in acts.items():
        try:
            answer, n = _performed(scene)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {error}"[:300]
            continue
        status = getattr(answer, "status_code", 200)
        if status >= 400:
            failed[name] = f"answered {status}: the scene is wrong. {answer.content.decode()[-600:]}"
        elif n == 0:
            failed[name] = "wrote no audit row"
    return failed


@pytest.mark.slow
def test_every_act_writes_a_row_and_so_does_every_service(watched: _Watched) -> None:
    """One test for both: the acts at the addresses call most services, the scenes of services the others."""
    assert _failures(ACTS) == {}
    assert _failures(service_acts.ACTS) == {}
    services = set(_services())
    listed = {tuple(name.rsplit(".", 1)) for name in (*service_acts.WITHOUT_ROW, *service_acts.READS)}
    assert services - watched.wrote - listed == set(), (
        "services that wrote no row: each needs a scene, a row or a reason"
    )
    assert listed - services == set(), "there is no such service"
    assert {s for s in listed if s in watched.wrote} == set(), "these write rows: take them off the list"


def test_services_listed_as_reading_do_not_write() -> None:
    """What the source shows: no statement that changes rows in a function that is said to read."""
    services = _services()
    writes = (".save(", ".create(", ".update(", ".delete(", "bulk_create", "row_add(", "get_or_create")
    for name in service_acts.READS:
        source = inspect.getsource(inspect.unwrap(services[tuple(name.rsplit(".", 1))]))  # type: ignore[index]
        assert not any(write in source for write in writes), name
