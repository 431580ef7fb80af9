"""Reading environment variables: typed, and failing with a sentence that names the variable."""

import os
from pathlib import Path


class EnvError(ValueError):
    """A variable is set to something that cannot be used."""


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
