"""Two roles for one database: the owner migrates; the application can neither change the schema nor undo the record.

What the application may do follows from the models: what a trigger of theirs forbids, it has no privilege for either.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pgtrigger
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Model
from psycopg import sql

from moderation.db.owner import RolesInvalid

_ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
#: Tables without a model of ours.
_OTHERS = {"django_migrations": ("SELECT",)}
# pgtrigger reads a setting that any session can make: whoever is not the owner must not switch a trigger off with it. It is
# also called for each row, and this one needs no subtransaction.
_SHOULD_IGNORE = """
    CREATE OR REPLACE FUNCTION public._pgtrigger_should_ignore(trigger_name name) RETURNS boolean AS $$
        DECLARE
            _named text := current_setting('pgtrigger.ignore', true);
        BEGIN
            IF _named IS NULL OR _named = '' THEN
                RETURN false;
            END IF;
            RETURN trigger_name::text = ANY(_named::text[]) AND pg_has_role(current_user, (
                SELECT p.proowner FROM pg_proc p WHERE p.oid = 'public._pgtrigger_should_ignore(name)'::regprocedure
            ), 'USAGE');
        END;
    $$ LANGUAGE plpgsql
"""
# A session may have temporary tables, which come first in its search path: a trigger must not look into one of the same name.
_FUNCTIONS = """
    SELECT p.oid::regprocedure::text FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname = 'public' AND (starts_with(p.proname, 'pgtrigger_') OR starts_with(p.proname, 'gatehouse_'))
        AND pg_has_role(current_user, p.proowner, 'USAGE') AND p.proconfig IS NULL
"""


def privileges_of(model: type[Model]) -> tuple[str, ...]:
    """Return what the application may do with a model's rows: all that none of its triggers forbids for every row."""
    forbidden: set[str] = set()
    for trigger in getattr(model._meta, "triggers", ()):
        is_for_all = (
            type(trigger) is pgtrigger.Protect and trigger.condition is None
        )  # what inherits from it has its own
        if is_for_all and trigger.operation:
            forbidden |= {str(operation) for operation in trigger.operation}
    return tuple(name for name in _ALL if name not in forbidden)


def privileges_by_table() -> dict[str, tuple[str, ...]]:
    """Return, by table, what the application may do."""
    models = apps.get_models(include_auto_created=True)
    return {m._meta.db_table: privileges_of(m) for m in models if m._meta.managed and not m._meta.proxy} | _OTHERS


def application_grant(role: str, alias: str = DEFAULT_DB_ALIAS) -> None:
    """Give the application's role exactly what it needs in this database, as the owner. Safe to repeat, in one transaction.

    1. nothing but reading and adding rows in tables that come later: `migrate` calls this again after them,
    2. per table what its model allows; sequences can be drawn from and not set,
    3. trigger functions with a fixed search_path, which the role cannot disable or redirect.

    Raises:
        RolesInvalid: there is no such role, or it is the one that calls.
    """
    with transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SELECT current_user = %s, EXISTS (SELECT FROM pg_roles WHERE rolname = %s)", [role, role])
        is_self, is_there = cursor.fetchone()
        if is_self:
            raise RolesInvalid(f"{role} is the owner itself; set DATABASE_OWNER_URL to another role than DATABASE_URL.")
        if not is_there:
            raise RolesInvalid(
                f"There is no role {role}; CREATE ROLE {role} LOGIN PASSWORD '...', then run this again."
            )
        for statement in _statements(role, _tables(alias, cursor)):
            cursor.execute(statement)
        _guard_functions(cursor)


def _tables(alias: str, cursor: CursorWrapper) -> dict[str, tuple[str, ...]]:
    there = {table.name for table in connections[alias].introspection.get_table_list(cursor) if table.type == "t"}
    return {table: privileges for table, privileges in privileges_by_table().items() if table in there}


def _statements(role: str, tables: dict[str, tuple[str, ...]]) -> Iterator[sql.Composed]:
    names = {"role": sql.Identifier(role)}
    for text in (
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
        "REVOKE ALL ON SCHEMA public FROM {role}",
        "GRANT USAGE ON SCHEMA public TO {role}",
        "REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {role}",
        "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {role}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    ):
        yield sql.SQL(text).format(**names)
    for privileges in sorted(set(tables.values())):
        alike = sql.SQL(", ").join(sql.Identifier(t) for t in sorted(tables) if tables[t] == privileges)
        granted = sql.SQL(", ".join(privileges))
        yield sql.SQL("GRANT {granted} ON {tables} TO {role}").format(granted=granted, tables=alike, **names)


def _guard_functions(cursor: CursorWrapper) -> None:
    cursor.execute("SELECT to_regprocedure('public._pgtrigger_should_ignore(name)') IS NOT NULL")
    if cursor.fetchone()[0]:
        cursor.execute(_SHOULD_IGNORE)
    cursor.execute(_FUNCTIONS)
    for (signature,) in cursor.fetchall():
        cursor.execute(f"ALTER FUNCTION {signature} SET search_path = public, pg_temp")


@dataclass(frozen=True, slots=True)
class Excess:
    """Something that the connected role may do and the application must not; `what` is a clause of a sentence."""

    what: str


_ROLE_EXCESS = """
    SELECT unnest(ARRAY[
        CASE WHEN rolsuper THEN 'is a superuser' END, CASE WHEN rolcreatedb THEN 'may create databases' END,
        CASE WHEN rolcreaterole THEN 'may create roles' END, CASE WHEN rolreplication THEN 'may replicate' END,
        CASE WHEN rolbypassrls THEN 'bypasses row security' END,
        CASE WHEN has_database_privilege(oid, current_database(), 'CREATE') THEN 'may create schemas' END,
        CASE WHEN has_schema_privilege(oid, 'public', 'CREATE') THEN 'may create in the schema' END,
        CASE WHEN has_parameter_privilege(oid, 'session_replication_role', 'SET') THEN 'may switch all triggers off' END
    ]) FROM pg_roles WHERE rolname = current_user
"""
_OWNER_EXCESS = """
    SELECT 'is a member of ' || r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
    WHERE m.member = current_user::regrole
    UNION ALL
    SELECT 'owns ' || relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
        AND pg_has_role(current_user, relowner, 'USAGE')
    UNION ALL
    SELECT 'owns ' || proname || '()' FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND pg_has_role(current_user, proowner, 'USAGE')
    ORDER BY 1
"""
# What may be changed in one column of a table may undo the record as well.
_TABLE_EXCESS = """
    SELECT p.name || ' on ' || c.relname FROM pg_class c
    CROSS JOIN unnest(ARRAY['TRUNCATE', 'TRIGGER', 'REFERENCES', 'UPDATE', 'DELETE']) p (name)
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
        AND CASE WHEN p.name IN ('REFERENCES', 'UPDATE') THEN has_any_column_privilege(c.oid, p.name)
            ELSE has_table_privilege(c.oid, p.name) END
        AND NOT (p.name IN ('UPDATE', 'DELETE') AND p.name = ANY(string_to_array(%s::jsonb ->> c.relname, ' ')))
    UNION ALL
    SELECT 'sets ' || relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND CASE WHEN relkind = 'S' THEN has_sequence_privilege(oid, 'UPDATE') ELSE false END
    ORDER BY 1
"""


def excess(alias: str = DEFAULT_DB_ALIAS) -> list[Excess]:
    """Return what the connected role may do beyond what the application needs; nothing where all is well."""
    allowed = json.dumps({table: " ".join(names) for table, names in privileges_by_table().items()})
    with connections[alias].cursor() as cursor:
        found: list[str] = []
        for statement, values in ((_ROLE_EXCESS, []), (_OWNER_EXCESS, []), (_TABLE_EXCESS, [allowed])):
            cursor.execute(statement, values)
            found += [what for (what,) in cursor.fetchall() if what]
    return [Excess(what) for what in found]
