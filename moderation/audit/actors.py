"""Who is at work in this thread, told to the database before it changes what audit triggers watch.

People, groups, sign-in data, keys and periodic tasks are changed by Django, allauth, the admin site and the shell, not by our
services. Triggers write their audit rows; they know the actor by settings of the transaction, which this module makes. A change
that comes another way, by psql for example, is written down as `unknown` with the database role.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import connection as database
from django.db import transaction

#: Every table whose rows' changes a trigger writes down. A test compares this with the triggers that there are.
TABLES = (
    "account_emailaddress",
    "auth_group",
    "auth_group_permissions",
    "auth_user",
    "auth_user_groups",
    "auth_user_user_permissions",
    "console_apikey",
    "django_celery_beat_clockedschedule",
    "django_celery_beat_crontabschedule",
    "django_celery_beat_intervalschedule",
    "django_celery_beat_periodictask",
    "django_celery_beat_solarschedule",
    "mfa_authenticator",
    "moderation_history",
    "policies_approval",
    "socialaccount_socialaccount",
    "socialaccount_socialapp",
    "socialaccount_socialtoken",
)
_CHANGES_ONE = re.compile(rf'\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+"?(?:{"|".join(TABLES)})\b', re.IGNORECASE)
_TELL = """
    SELECT set_config('gatehouse.actor_id', %s, true), set_config('gatehouse.actor', %s, true),
           set_config('gatehouse.via', %s, true), set_config('gatehouse.request_id', %s, true)
"""


_SUPPRESS = "SELECT set_config('gatehouse.told', %s, true)"


@dataclass(frozen=True, slots=True)
class Acting:
    """Who is at work: a signed-in person's primary key and name, or a machine's name; `via` names the address or command."""

    user_id: int | None
    name: str
    via: str = ""


_process = Acting(None, "unknown")
_here: ContextVar[Callable[[], Acting] | None] = ContextVar("acting", default=None)


def process_is(name: str) -> None:
    """Name whoever this process works for when nobody asked for anything: `system` or `command:<name>`."""
    global _process  # one process, one name
    _process = Acting(None, name)


@contextmanager
def acting(who: Callable[[], Acting]) -> Iterator[None]:
    """Say who is at work during the block; asked only when it matters, since to know a person costs a query."""
    token = _here.set(who)
    try:
        yield
    finally:
        _here.reset(token)


def acting_now() -> Acting:
    """Return who is at work here."""
    who = _here.get()
    return who() if who else _process


@contextmanager
def suppress_audit_trigger(object_type: str) -> Iterator[None]:
    """Keep the audit triggers of such objects quiet meanwhile: the caller's transaction writes their rows itself."""
    with database.cursor() as cursor:
        cursor.execute(_SUPPRESS, [object_type])
    yield
    with database.cursor() as cursor:
        cursor.execute(_SUPPRESS, [""])


def watch_connection(sender: object, connection: Any, **named: object) -> None:
    """Have a new connection tell who acts. First in the list: whoever measures or blocks queries takes theirs off the end."""
    if _tell not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, _tell)


def _tell(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """Run a statement; before one that changes a watched table, say who acts, in the same transaction."""
    if not isinstance(sql, str) or _CHANGES_ONE.match(sql) is None:
        return execute(sql, params, many, context)
    connection = context["connection"]
    outer = nullcontext() if connection.in_atomic_block else transaction.atomic(using=connection.alias)
    who = acting_now()
    request_id = structlog.contextvars.get_contextvars().get("request_id", "")
    with outer:
        with database.cursor() as cursor:
            cursor.execute(_TELL, [str(who.user_id or ""), who.name, who.via, request_id])
        return execute(sql, params, many, context)
