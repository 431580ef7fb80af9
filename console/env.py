"""Reading environment variables: typed, and failing with a sentence that names the variable."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

#: What Gatehouse can be run as. A staging system is `production` with addresses of its own: nothing there may be laxer.
ENVIRONMENTS = ("production", "demo", "dev", "test")
#: Those in which insecure settings are let pass, because nothing real is at stake.
RELAXED_ENVIRONMENTS = frozenset({"demo", "dev", "test"})


class EnvError(ValueError):
    """A variable is set to something that cannot be used."""


@contextmanager
def in_sentences() -> Iterator[None]:
    """End the process with the sentence of an EnvError: whoever starts it needs no traceback of ours.

    Raises:
        SystemExit: instead of an EnvError.
    """
    try:
        yield
    except EnvError as error:
        raise SystemExit(str(error)) from None


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show an error that nobody caught, such as of Celery's command, which reads the settings when it likes."""
    if isinstance(error, EnvError):
        sys.stderr.write(f"{error}\n")
    else:
        sys.__excepthook__(kind, error, trace)


if sys.excepthook is sys.__excepthook__:
    sys.excepthook = _show


def env_str(name: str, default: str = "") -> str:
    """Return NAME, or the content of the file that NAME_FILE points to (for mounted secrets), or the default.

    Raises:
        EnvError: NAME_FILE is set and cannot be read.
    """
    if file := os.environ.get(f"{name}_FILE"):
        try:
            return Path(file).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise EnvError(f"{name}_FILE points to {file}, which cannot be read: {error.strerror}.") from error
    return os.environ.get(name, default)


def env_required(name: str, *, default: str | None, example: str) -> str:
    """Return NAME as `env_str` does; without a default it must be set.

    Args:
        default: None where nothing may be assumed, as for every secret outside tests.
        example: what the sentence shows.

    Raises:
        EnvError: it is neither set nor has a default.
    """
    if value := env_str(name, default or ""):
        return value
    raise EnvError(
        f"{name} is not set. Set it, or {name}_FILE, for example to {example}; .env.example lists all settings."
    )


def env_choice(name: str, default: str, *, known: tuple[str, ...]) -> str:
    """Return NAME, which is one of the known values.

    Raises:
        EnvError: anything else.
    """
    value = os.environ.get(name) or default
    if value not in known:
        raise EnvError(f"{name}={value!r} is unknown; use one of {', '.join(known)}.")
    return value


def env_bool(name: str, default: bool) -> bool:
    """Return NAME as a boolean: 1/true/yes/on or 0/false/no/off.

    Raises:
        EnvError: anything else.
    """
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    if value.lower() in {"1", "true", "yes", "on"}:
        return True
    if value.lower() in {"0", "false", "no", "off"}:
        return False
    raise EnvError(f"{name}={value!r} is not a boolean; write 1 or 0.")


def env_int(name: str, default: int, *, minimum: int | None = None) -> int:
    """Return NAME as an integer of at least `minimum`.

    Raises:
        EnvError: not an integer, or below the minimum.
    """
    value = os.environ.get(name)
    if value is None or value == "":
        return default
    try:
        number = int(value)
    except ValueError:
        raise EnvError(f"{name}={value!r} is not a whole number.") from None
    if minimum is not None and number < minimum:
        raise EnvError(f"{name}={number} is too small; the least is {minimum}.")
    return number


def env_list(name: str, default: str = "") -> list[str]:
    """Return NAME split at commas, blanks removed."""
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def env_map(name: str, default: str = "", *, values: tuple[str, ...]) -> dict[str, str]:
    """Return NAME, written as `key=value,key=value`, as a dictionary.

    Raises:
        EnvError: an entry without one of the values.
    """
    found: dict[str, str] = {}
    for entry in env_list(name, default):
        key, _, value = (part.strip() for part in entry.partition("="))
        if not key or value not in values:
            raise EnvError(f"{name}: {entry!r} must be key=value, with a value of {', '.join(values)}.")
        found[key] = value
    return found
