"""Settings that are insecure stop whatever serves; unknown and missing ones are one sentence; `manage.py` finds the demo."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from pytest_django import Settings

from console import checks
from console.command_line import DEMO_SETTINGS, take_demo_settings
from moderation import serving
from moderation.detection.media.lockdown import Confinement
from tests.support.owner import owner
from tests.support.places import ROOT

_SECRET = "kS9-2hfH_aa81Zq0mmd7TVpR5uQe4Lw6xYbN3cGjE"
#: A deployment with nothing to object to, but for its servers.
_SOUND = {
    "ENVIRONMENT": "production", "SECRET_KEY": _SECRET, "ALLOWED_HOSTS": "gatehouse.test", "BASE_URL": "https://gatehouse.test",
    "CSRF_TRUSTED_ORIGINS": "https://gatehouse.test",
}  # fmt: skip

Run = Callable[..., subprocess.CompletedProcess[str]]


def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of ours with exactly these settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, env={**kept, **environment}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip


@pytest.fixture
def var(tmp_path: Path) -> Path:
    """Return a data directory of this test alone."""
    folder = tmp_path / "var"
    (folder / "static").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    return folder


@pytest.fixture
def deployment(var: Path) -> dict[str, str]:
    """Return sound settings on the servers of this run, as a role that is no superuser."""
    return {
        **_SOUND, "VAR_DIR": str(var), "REDIS_URL": os.environ["REDIS_URL"], "CELERY_BROKER_URL": os.environ["CELERY_BROKER_URL"],
        "DATABASE_URL": os.environ["DATABASE_URL"],
    }  # fmt: skip


# --- unknown and missing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["staging", "prod", "Production", "TEST "])
def test_an_unknown_environment_is_an_error_that_names_the_known_ones(name: str, var: Path) -> None:
    done = run("manage.py", "check", ENVIRONMENT=name, SECRET_KEY=_SECRET, VAR_DIR=str(var))
    assert done.returncode == 1
    assert done.stderr.strip() == f"ENVIRONMENT={name!r} is unknown; use one of production, demo, dev, test."


@pytest.mark.parametrize("environment", ["", "production", "demo", "dev"])
@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL"])
def test_nothing_secret_has_a_default_outside_tests(environment: str, name: str, deployment: dict[str, str]) -> None:
    del deployment[name]
    done = run("manage.py", "check", **{**deployment, "ENVIRONMENT": environment})
    assert done.returncode == 1
    assert done.stderr.strip().startswith(f"{name} is not set. Set it, or {name}_FILE")
    assert len(done.stderr.strip().splitlines()) == 1


_PROGRAMS = {
    "web": ["-m", "granian", "--interface", "wsgi", "--workers", "1", "--port", "0", "console.wsgi:application"],
    "worker": ["-m", "celery", "-A", "console", "worker", "--concurrency", "1"],
    "schedule": ["-m", "celery", "-A", "console", "beat", "--schedule", "/dev/null/none"],
    "relay": ["manage.py", "outbox_relay", "--skip-checks"],
}


@pytest.mark.slow
@pytest.mark.parametrize("program", _PROGRAMS)
def test_whatever_serves_says_in_one_sentence_that_a_setting_is_missing(program: str, var: Path) -> None:
    done = run(*_PROGRAMS[program], VAR_DIR=str(var))
    assert done.returncode != 0
    said = done.stderr + done.stdout
    assert "SECRET_KEY is not set. Set it, or SECRET_KEY_FILE" in said
    assert "Traceback" not in said


# --- insecure ------------------------------------------------------------------------------------------------------


@pytest.fixture
def sound(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings as of a sound deployment."""
    monkeypatch.setattr(checks, "confinement", lambda: Confinement("landlock", "seccomp", has_no_new_rights=True))
    settings.IS_RELAXED, settings.ENVIRONMENT, settings.SECRET_KEY = False, "production", _SECRET
    settings.DEMO_ENABLED, settings.DEBUG, settings.ALLOWED_HOSTS = False, False, ["gatehouse.test"]
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31_536_000
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.BASE_URL, settings.CSRF_TRUSTED_ORIGINS = "https://gatehouse.test", ["https://gatehouse.test"]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.MFA_REQUIRED_ROLES = list(checks.ROLES_THAT_CAN_HARM)
    settings.METRICS_TOKEN, settings.BEHIND_PROXY, settings.MEDIA_CONFINEMENT_REQUIRED = "", False, True
    settings.DATABASE_URL, settings.REDIS_URL = "postgresql://a:Zq81hfH2aa9k@db/x", "rediss://:Zq81hfH2aa9k@cache/0"
    settings.CELERY_BROKER_URL = settings.REDIS_URL
    return settings


def found() -> list[str | None]:
    return [message.id for message in checks.check_settings(None) if message.is_serious()]


@pytest.mark.parametrize(("behind", "believed"), [(True, 0), (False, 1)])
def test_how_many_proxies_are_believed_goes_with_whether_there_is_one(
    sound: Settings, behind: bool, believed: int
) -> None:
    sound.BEHIND_PROXY, sound.METRICS_TOKEN = behind, _SECRET
    sound.REST_FRAMEWORK = {**sound.REST_FRAMEWORK, "NUM_PROXIES": believed}
    assert found() == ["gatehouse.E021"]
    sound.REST_FRAMEWORK = {**sound.REST_FRAMEWORK, "NUM_PROXIES": 2 if behind else 0}
    assert found() == []


def test_a_sound_deployment_has_nothing_to_object_to(sound: Settings) -> None:
    assert found() == []


_INSECURE = [
    ("SECRET_KEY", "k" * 64, 1), ("SECRET_KEY", "short-Zq81hfH2aa9k", 1),
    ("SECRET_KEY", "not-secret-only-for-tests-and-checks-0123456789abcdef", 1), ("SECRET_KEY", f"django-insecure-{_SECRET}", 1),
    ("DEMO_ENABLED", True, 5), ("DEBUG", True, 6), ("MEDIA_CONFINEMENT", ["landlok"], 8),
    ("ALLOWED_HOSTS", ["gatehouse.test", "*"], 10), ("SECURE_SSL_REDIRECT", False, 11), ("SECURE_HSTS_SECONDS", 0, 12),
    ("SESSION_COOKIE_SECURE", False, 13), ("CSRF_COOKIE_SECURE", False, 13),
    ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", 14),
    ("EMAIL_BACKEND", "django.core.mail.backends.filebased.EmailBackend", 14),
    ("MFA_REQUIRED_ROLES", [], 15), ("MFA_REQUIRED_ROLES", ["senior", "admin", "policy-editor"], 15),
    ("CSRF_TRUSTED_ORIGINS", ["https://gatehouse.test", "http://gatehouse.test"], 17), ("BASE_URL", "http://gatehouse.test", 17),
    ("METRICS_TOKEN", "short", 18), ("MEDIA_CONFINEMENT_REQUIRED", False, 19),
    ("DATABASE_URL", "postgresql://gatehouse:password@db/x", 20), ("DATABASE_URL", "postgresql://gatehouse:tiny@db/x", 20),
    ("REDIS_URL", "redis://cache:6379/0", 20), ("CELERY_BROKER_URL", "amqps://guest:guest@broker//", 20),
]  # fmt: skip


@pytest.mark.parametrize(("name", "value", "number"), _INSECURE)
def test_what_is_insecure_is_an_error_with_its_own_number_and_a_hint(
    sound: Settings, name: str, value: object, number: int
) -> None:
    setattr(sound, name, value)
    (message,) = [message for message in checks.check_settings(None) if message.is_serious()]
    assert message.id == f"gatehouse.E{number:03}"
    assert message.hint


def test_behind_a_proxy_metrics_need_a_token(sound: Settings) -> None:
    sound.BEHIND_PROXY, sound.REST_FRAMEWORK = True, {**sound.REST_FRAMEWORK, "NUM_PROXIES": 1}
    assert found() == ["gatehouse.E018"]


@pytest.mark.parametrize("name", ["demo", "dev", "test"])
def test_it_is_let_pass_only_where_nothing_is_at_stake_and_a_published_secret_only_in_tests(
    sound: Settings, name: str
) -> None:
    sound.IS_RELAXED, sound.ENVIRONMENT, sound.DEBUG, sound.SECURE_SSL_REDIRECT = True, name, True, False
    assert found() == []
    sound.SECRET_KEY = "not-secret-only-for-tests-and-checks-0123456789abcdef"
    assert found() == ([] if name == "test" else ["gatehouse.E001"])


def _said_as(role: str, *grants: str) -> list[str]:
    """Return what the check says of a new database role that was given so much."""
    with owner() as cursor:
        cursor.execute(f"CREATE ROLE {role}")
        cursor.execute(f"GRANT {role} TO gatehouse_app WITH INHERIT FALSE, SET TRUE")
        for statement in grants:
            cursor.execute(statement.format(role=role))
    with connection.cursor() as cursor:
        cursor.execute(f"SET ROLE {role}")
        try:
            found = checks.check_database_role(None, databases=["default"])
        finally:
            cursor.execute("RESET ROLE")
    assert {message.id for message in found} <= {"gatehouse.E016"}
    return [message.msg for message in found]


@pytest.mark.django_db
def test_a_role_of_the_database_that_may_do_what_the_application_needs_is_no_error(sound: Settings) -> None:
    assert _said_as("plain") == []
    assert _said_as("granted", "GRANT SELECT, INSERT ON moderation_decision TO {role}") == []


_TOO_MUCH = {
    "creates roles": ("ALTER ROLE {role} CREATEROLE", "may create roles"),
    "can become the owner": ("GRANT gatehouse TO {role} WITH INHERIT FALSE, SET TRUE", "is a member of gatehouse"),
    "empties": ("GRANT TRUNCATE ON moderation_decision TO {role}", "TRUNCATE on moderation_decision"),
    "rewrites": ("GRANT UPDATE ON moderation_auditevent TO {role}", "UPDATE on moderation_auditevent"),
    "rewrites a column": ("GRANT UPDATE (outcome) ON moderation_decision TO {role}", "UPDATE on moderation_decision"),
    "makes triggers": ("GRANT TRIGGER ON moderation_clearance TO {role}", "TRIGGER on moderation_clearance"),
    "owns a table": ("ALTER TABLE moderation_decision OWNER TO {role}", "owns moderation_decision"),
    "owns a trigger's function": ("ALTER FUNCTION gatehouse_audit_row() OWNER TO {role}", "owns gatehouse_audit_row()"),
    "changes the schema": ("GRANT CREATE ON SCHEMA public TO {role}", "may create in the schema"),
    "switches triggers off": (
        "GRANT SET ON PARAMETER session_replication_role TO {role}",
        "may switch all triggers off",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("what", _TOO_MUCH)
def test_a_role_of_the_database_that_can_undo_the_record_does_not_serve(sound: Settings, what: str) -> None:
    grant, named = _TOO_MUCH[what]
    (said,) = _said_as("mighty", grant)
    assert named in said


@pytest.mark.django_db
def test_it_does_not_serve_either_where_no_other_role_migrates(sound: Settings) -> None:
    sound.DATABASE_OWNER = {}
    assert [m.id for m in checks.check_database_role(None, databases=["default"])] == ["gatehouse.E016"]


@pytest.mark.parametrize("program", ["web", "worker", "relay"])
@pytest.mark.slow
def test_no_way_of_starting_serves_with_an_insecure_setting(program: str, deployment: dict[str, str]) -> None:
    deployment |= {"HTTPS": "0", "CELERY_SKIP_CHECKS": "1"}
    done = run(*_PROGRAMS[program], **deployment)
    assert done.returncode != 0
    assert "gatehouse.E011" in done.stderr + done.stdout
    assert "Plain HTTP is not redirected" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_silencing_a_check_does_not_let_anything_serve(sound: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sound.SILENCED_SYSTEM_CHECKS, sound.DEBUG = ["gatehouse.E006"], True
    monkeypatch.setattr(serving, "run_checks", lambda **_: checks.check_settings(None))
    before = os.umask(0o022)
    try:
        with pytest.raises(SystemExit, match=r"gatehouse\.E006: DEBUG is on"):
            serving.start_checked("web")
        assert os.umask(0o022) == 0o027  # and what it would write is for nobody else
    finally:
        os.umask(before)


# --- what it runs as -----------------------------------------------------------------------------------------------


def test_what_it_runs_as_is_said_without_a_secret(deployment: dict[str, str]) -> None:
    done = run("manage.py", "runs_as", **deployment)
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert lines["environment"] == "production"
    assert lines["tls"] == "required"
    assert "files:" in lines["decoders"]
    assert set(lines) >= {"database", "redis", "broker", "media", "second", "mail", "metrics"}
    for name in ("SECRET_KEY", "DATABASE_URL", "REDIS_URL"):
        password = (
            psycopg.conninfo.conninfo_to_dict(deployment[name]).get("password") if name == "DATABASE_URL" else None
        )
        assert str(password or deployment[name]) not in done.stdout


# --- beside a demo -------------------------------------------------------------------------------------------------


def leave(var: Path, **values: str) -> None:
    file = var / DEMO_SETTINGS
    file.touch(mode=0o600)
    file.write_text(json.dumps({"ENVIRONMENT": "demo", "SECRET_KEY": _SECRET, "VAR_DIR": str(var), **values}))


@pytest.fixture
def demo(var: Path) -> Path:
    """Return a data directory as a demo on the servers of this run leaves it."""
    leave(var, **{name: os.environ[name] for name in ("DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL")})
    return var


def test_a_command_works_beside_the_demo_without_any_setting(demo: Path) -> None:
    done = run("manage.py", "runs_as", VAR_DIR=str(demo))
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == f"This works on the demo of {demo}."
    assert done.stdout.startswith("environment    demo")


def test_a_demo_that_does_not_run_is_said_in_a_sentence(var: Path) -> None:
    leave(var, DATABASE_URL=f"postgresql://a:b@/x?host={var}", REDIS_URL=f"unix://{var}/none")
    done = run("manage.py", "roles_sync", VAR_DIR=str(var))
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"This works on the demo of {var}.",
        f"The demo of {var} is not running, so its database cannot be asked. Start it with `make demo`.",
    ]


def test_a_database_that_is_away_is_a_sentence_elsewhere_too(deployment: dict[str, str], var: Path) -> None:
    deployment["DATABASE_URL"] = f"postgresql://a:Zq81hfH2aa9k@/x?host={var}"
    done = run("manage.py", "roles_sync", "--skip-checks", **deployment)
    assert (done.returncode, done.stderr.strip()) == (
        1, "The database of DATABASE_URL cannot be reached. Does it run, and is the address right?",
    )  # fmt: skip


def test_what_is_set_wins_over_the_demo(demo: Path) -> None:
    environment = {"ENVIRONMENT": "demo", "SECRET_KEY": "mine", "REDIS_URL_FILE": "/run/redis"}
    assert take_demo_settings(environment, demo)
    assert environment["SECRET_KEY"] == "mine"
    assert "REDIS_URL" not in environment
    assert environment["DATABASE_URL"] == os.environ["DATABASE_URL"]


@pytest.mark.parametrize(
    "environment",
    [
        {"ENVIRONMENT": "production"}, {"ENVIRONMENT": "test"}, {"ENVIRONMENT": "dev"}, {"DATABASE_URL": "postgresql://prod/x"},
        {"SECRET_KEY_FILE": "/run/secrets/key"}, {"REDIS_URL": "rediss://prod"},
    ],
)  # fmt: skip
def test_another_instance_is_never_given_the_demos_settings(demo: Path, environment: dict[str, str]) -> None:
    before = dict(environment)
    assert not take_demo_settings(environment, demo)
    assert environment == before


def test_settings_that_somebody_else_could_have_written_are_not_taken(demo: Path) -> None:
    (demo / DEMO_SETTINGS).chmod(0o620)
    environment: dict[str, str] = {}
    assert not take_demo_settings(environment, demo)
    (demo / DEMO_SETTINGS).chmod(0o600)
    assert take_demo_settings(environment, demo)
    (demo / DEMO_SETTINGS).write_text("[1]")
    assert not take_demo_settings({}, demo)


def test_what_the_demo_leaves_is_for_its_owner_only(demo: Path) -> None:
    from console.demo.start import _leave_settings

    (demo / DEMO_SETTINGS).chmod(0o644)
    _leave_settings(
        demo, {"SECRET_KEY": _SECRET, "PORT": "9000", "DATABASE_URL": "x", "HOME": "/root", "MEDIA_ROOT": "/m"}
    )
    left = json.loads((demo / DEMO_SETTINGS).read_text())
    assert left == {"SECRET_KEY": _SECRET, "PORT": "9000", "DATABASE_URL": "x", "MEDIA_ROOT": "/m"}
    assert stat.S_IMODE((demo / DEMO_SETTINGS).stat().st_mode) == 0o600
