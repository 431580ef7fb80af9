"""System checks: settings that would start but must not serve. They look at what is insecure, not at what an environment is called.

Where nothing real is at stake (`settings.IS_RELAXED`: said by name, never inferred) the insecure is let pass. Everywhere else
each finding is an error, and `moderation.serving` stops whatever serves, with or without `--skip-checks`.
"""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as CheckWarning
from django.db import DatabaseError
from rest_framework.settings import api_settings

from console.database import excess
from console.identity.roles import ROLES
from moderation.detection.media.lockdown import MEANS
from moderation.detection.media.sandbox_settings import confinement
from moderation.serving import TAG

#: Those who can harm: what they decide is not looked at by anybody else, or changes what everybody is shown.
ROLES_THAT_CAN_HARM = frozenset({"senior", "policy-editor", "policy-approver", "admin"})
#: So much of what a database role may do too much is named in one message.
_MAX_NAMED = 5
_MIN_SECRET, _MIN_PASSWORD, _MIN_DISTINCT = 32, 12, 8
#: What stands in examples, in code or in everybody's list of first tries.
_PUBLISHED = frozenset(
    {"password", "gatehouse", "postgres", "redis", "secret", "changeme", "change-me", "admin", "example"}
)
_PUBLISHED_PARTS = ("not-secret", "django-insecure", "only-for-tests", "change-me", "changeme")
_MAIL_THAT_IS_NOT_SENT = ("console", "filebased", "locmem", "dummy")


@register(TAG)
def check_settings(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Return what is wrong with the settings as a whole."""
    found = [*_check_secret(), *_check_gate(), *_check_media(), *_check_speech(), *_check_means(), *_check_roles()]
    return found if settings.IS_RELAXED else [*found, *_check_insecure()]


@register(TAG, Tags.database)
def check_database_role(app_configs: Any, databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Return what the role of the database may do that it must not; whatever serves asks, other commands need not."""
    if settings.IS_RELAXED:
        return []
    return [message for alias in databases or () for message in _check_role(alias)]


def _error(number: int, message: str, hint: str) -> Error:
    return Error(message, hint=hint, id=f"gatehouse.E{number:03}")


def _check_secret() -> Iterator[CheckMessage]:
    hint = "Set SECRET_KEY, or SECRET_KEY_FILE, to at least 32 random characters."
    key = settings.SECRET_KEY
    if len(key) < _MIN_SECRET or len(set(key)) < _MIN_DISTINCT:
        yield _error(1, "SECRET_KEY is missing or short.", hint)
    elif settings.ENVIRONMENT != "test" and any(part in key.lower() for part in _PUBLISHED_PARTS):
        yield _error(1, "SECRET_KEY is one that was published.", hint)


def _check_gate() -> Iterator[CheckMessage]:
    if settings.GATE_POLL_MS * 3 > settings.GATE_MAX_AGE_MS:
        hint = "Three polls must fit into the limit, or one slow poll empties the feed."
        yield _error(2, "GATE_MAX_AGE_MS is less than three times GATE_POLL_MS.", hint)


def _check_media() -> Iterator[CheckMessage]:
    options = settings.STORAGES["default"].get("OPTIONS", {})
    if settings.MEDIA_BACKEND not in {"file", "s3"}:
        yield _error(3, f"MEDIA_BACKEND={settings.MEDIA_BACKEND!r}.", "Use file or s3.")
    elif settings.MEDIA_BACKEND == "s3" and not options.get("bucket_name"):
        yield _error(4, "MEDIA_BACKEND=s3 without a bucket.", "Set MEDIA_S3_BUCKET.")


def _check_speech() -> Iterator[CheckMessage]:
    if settings.WHISPER_DEVICE not in {"auto", "cpu", "cuda"}:
        yield _error(7, f"WHISPER_DEVICE={settings.WHISPER_DEVICE!r}.", "Use auto, cpu or cuda.")


def _check_means() -> Iterator[CheckMessage]:
    if unknown := sorted(set(settings.MEDIA_CONFINEMENT) - set(MEANS)):
        yield _error(8, f"MEDIA_CONFINEMENT: {', '.join(unknown)} is unknown.", f"Use some of {', '.join(MEANS)}.")


def _check_roles() -> Iterator[CheckMessage]:
    if unknown := sorted(set(settings.MFA_REQUIRED_ROLES) - set(ROLES)):
        hint = f"Name roles of these: {', '.join(ROLES)}; or none, alone."
        yield _error(40, f"MFA_REQUIRED_ROLES names {', '.join(unknown)}.", hint)


# --- what must not be where something is at stake ------------------------------------------------------------------


def _check_insecure() -> Iterator[CheckMessage]:
    if settings.DEMO_ENABLED:
        yield _error(5, "Demo pages are on.", "Unset DEMO_ENABLED.")
    if settings.DEBUG:
        yield _error(6, "DEBUG is on: errors show settings and data to whoever causes them.", "Unset DEBUG.")
    yield from _check_hosts()
    yield from _check_transport()
    yield from _check_mail()
    yield from _check_second_factor()
    yield from _check_metrics()
    yield from _check_proxies()
    yield from _check_confinement()
    yield from _check_passwords()


def _check_hosts() -> Iterator[CheckMessage]:
    if any(host.strip() in {"*", "."} for host in settings.ALLOWED_HOSTS):
        yield _error(
            10, "ALLOWED_HOSTS takes any host: links can be made to point anywhere.", "Name the hosts you serve."
        )
    if not settings.ALLOWED_HOSTS:
        yield CheckWarning("ALLOWED_HOSTS is empty.", hint="Name the hosts you serve.", id="gatehouse.W001")


def _check_transport() -> Iterator[CheckMessage]:
    hint = "Leave HTTPS unset or 1, and set BEHIND_PROXY=1 where a proxy of yours ends TLS and says so."
    if not settings.SECURE_SSL_REDIRECT:
        yield _error(11, "Plain HTTP is not redirected to HTTPS.", hint)
    if not settings.SECURE_HSTS_SECONDS:
        yield _error(12, "Browsers are not told to use HTTPS only (HSTS).", hint)
    if not (settings.SESSION_COOKIE_SECURE and settings.CSRF_COOKIE_SECURE and settings.SESSION_COOKIE_HTTPONLY):
        yield _error(13, "Cookies of sessions or forms travel over plain HTTP, or scripts can read them.", hint)
    plain = [url for url in (*settings.CSRF_TRUSTED_ORIGINS, settings.BASE_URL) if not url.startswith("https://")]
    if plain:
        yield _error(
            17, f"Plain HTTP in CSRF_TRUSTED_ORIGINS or BASE_URL: {', '.join(plain)}.", "Write https:// addresses."
        )


def _check_mail() -> Iterator[CheckMessage]:
    if any(f".{name}." in settings.EMAIL_BACKEND for name in _MAIL_THAT_IS_NOT_SENT):
        hint = "Leave EMAIL_BACKEND unset and set EMAIL_HOST."
        yield _error(
            14, "Mail is written to the log or a folder instead of sent, and with it links that sign people in.", hint
        )


def _check_second_factor() -> Iterator[CheckMessage]:
    if missing := sorted(ROLES_THAT_CAN_HARM - set(settings.MFA_REQUIRED_ROLES)):
        hint = f"Leave MFA_REQUIRED_ROLES unset, or name at least {', '.join(sorted(ROLES_THAT_CAN_HARM))}."
        yield _error(15, f"No second factor is asked of {', '.join(missing)}.", hint)


def _check_metrics() -> Iterator[CheckMessage]:
    token = settings.METRICS_TOKEN
    if token and len(token) < _MIN_PASSWORD:
        yield _error(18, "METRICS_TOKEN is short.", f"Use at least {_MIN_PASSWORD} random characters.")
    if not token and settings.BEHIND_PROXY:
        hint = "Set METRICS_TOKEN: through a proxy on the same machine everybody looks local."
        yield _error(18, "/metrics has no token behind a proxy.", hint)


def _check_proxies() -> Iterator[CheckMessage]:
    hint = "Set BEHIND_PROXY, and NUM_PROXIES where there is more than one."
    believed = api_settings.NUM_PROXIES
    if bool(believed) != settings.BEHIND_PROXY:
        said = (
            "X-Forwarded-For is believed of anybody" if believed else "Everybody is counted as one address, the proxy's"
        )
        yield _error(21, f"{said}: NUM_PROXIES={believed} and BEHIND_PROXY={settings.BEHIND_PROXY}.", hint)


def _check_confinement() -> Iterator[CheckMessage]:
    if not settings.MEDIA_CONFINEMENT_REQUIRED:
        yield _error(19, "Decoders may run without confinement.", "Leave MEDIA_CONFINEMENT_REQUIRED as it is.")
    elif not (held := confinement()).is_whole:
        hint = (
            "Linux 5.13 or newer with Landlock holds it; without, start the workers as root, which gives decoders a user of their own, "
            "and let nobody else read VAR_DIR, MEDIA_ROOT and .env. See docs/adr/0020."
        )
        yield _error(19, f"Files of strangers would be decoded with too many rights ({held}).", hint)


def _check_passwords() -> Iterator[CheckMessage]:
    addresses = {name: getattr(settings, name) for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")}
    for name, url in addresses.items():
        password = _password(url)
        if password is None and name == "DATABASE_URL":
            continue  # a certificate or the system's own account may stand for it
        if password is None and not _is_local(url):
            yield _error(20, f"{name} has no password.", "Give the server one, and put it into the address.")
        elif password is not None and (len(password) < _MIN_PASSWORD or password.lower() in _PUBLISHED):
            hint = f"Use at least {_MIN_PASSWORD} random characters of your own."
            yield _error(20, f"The password in {name} is short, or one that was published.", hint)


def _password(url: str) -> str | None:
    parts = urlsplit(url)
    given = parts.password or parse_qs(parts.query).get("password", [None])[0]
    return unquote(given) if given else None


def _is_local(url: str) -> bool:
    """Return whether an address is a socket of this machine, where files' rights keep others out."""
    return "unix" in urlsplit(url).scheme or "socket" in urlsplit(url).scheme


def _check_role(alias: str) -> Iterator[CheckMessage]:
    try:
        found = [one.what for one in excess(alias)]
    except DatabaseError as error:
        said = f"The database cannot be asked what its role may do ({type(error).__name__})."
        yield CheckWarning(said, hint="It is asked again at the next start.", id="gatehouse.W003")
        return
    if found:
        more = f", and {len(found) - _MAX_NAMED} more" if len(found) > _MAX_NAMED else ""
        hint = (
            "Serve as a role that may neither change the schema nor undo the record, and migrate as another: set DATABASE_OWNER_URL, "
            "run `manage.py db_roles`; with --check it names all of this."
        )
        yield _error(16, f"The database role {', '.join(found[:_MAX_NAMED])}{more}.", hint)
