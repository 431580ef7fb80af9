"""Triggers that write an audit row for each change of keys, sign-in data and periodic tasks, whoever makes it."""

from django.db import migrations

#: Table -> arguments of `gatehouse_audit_row`: object type, column of its key, columns passed over, columns that may be told.
ROWS = {
    "console_apikey": ("api_key", "key", "last_used_at", "name,scopes,is_active,rate_per_minute,expires_at"),
    "socialaccount_socialapp": ("sign_in_provider", "provider", "", "provider,provider_id,name"),
    "socialaccount_socialtoken": ("sign_in_token", "id", "", ""),
    # Beat notes in the row itself when it ran a task last.
    "django_celery_beat_periodictask": (
        "periodic_task", "name", "last_run_at,total_run_count,date_changed",
        "task,enabled,queue,one_off,interval_id,crontab_id,solar_id,clocked_id,expire_seconds,start_time",
    ),
    "django_celery_beat_intervalschedule": ("interval", "id", "", "every,period"),
    "django_celery_beat_crontabschedule": (
        "crontab", "id", "", "minute,hour,day_of_month,month_of_year,day_of_week,timezone",
    ),
    "django_celery_beat_solarschedule": ("solar_schedule", "id", "", "event"),
    "django_celery_beat_clockedschedule": ("clocked_schedule", "id", "", "clocked_time"),
}  # fmt: skip
#: The same of `gatehouse_audit_owned`: the act's stem, columns passed over, columns that may be told.
OWNED = {
    "mfa_authenticator": ("user.second_factor", "last_used_at", "type"),
    "account_emailaddress": ("user.email", "", "verified,primary"),
    "socialaccount_socialaccount": ("user.identity", "last_login,extra_data", "provider"),
}


def _create(table: str, function: str, arguments: tuple[str, ...]) -> str:
    told = ", ".join(f"'{argument}'" for argument in arguments)
    return (
        f"CREATE TRIGGER gatehouse_audit AFTER INSERT OR UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW {UNTOLD.get(table, '')}EXECUTE FUNCTION {function}({told});"
    )


# What a service of ours says of a key says more than that its row changed.
UNTOLD = {"console_apikey": "WHEN (current_setting('gatehouse.told', true) IS DISTINCT FROM 'api_key') "}


CREATE = [_create(table, "gatehouse_audit_row", arguments) for table, arguments in ROWS.items()]
CREATE += [_create(table, "gatehouse_audit_owned", arguments) for table, arguments in OWNED.items()]
DROP = [f"DROP TRIGGER gatehouse_audit ON {table};" for table in (*ROWS, *OWNED)]


class Migration(migrations.Migration):
    dependencies = [
        ("console", "0003_manage_keys"),
        ("moderation", "0025_audit_every_table"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
    ]

    operations = [migrations.RunSQL("\n".join(CREATE), "\n".join(DROP))]
