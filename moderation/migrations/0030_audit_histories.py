"""A trigger that writes an audit row for each history that begins, whoever begins it: a person, or a process that saw a restore."""

from django.db import migrations

CREATE = r"""
CREATE FUNCTION gatehouse_audit_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM gatehouse_audit('history.begun', 'history', NEW.key::text, jsonb_build_object('was', CASE TG_OP WHEN 'UPDATE' THEN OLD.key END));
    RETURN NULL;
END $$;
CREATE TRIGGER gatehouse_audit AFTER INSERT OR UPDATE ON moderation_history
    FOR EACH ROW EXECUTE FUNCTION gatehouse_audit_history();
"""
DROP = """
DROP TRIGGER gatehouse_audit ON moderation_history;
DROP FUNCTION gatehouse_audit_history();
"""


class Migration(migrations.Migration):
    dependencies = [("moderation", "0029_look_at_matches_and_shares")]

    operations = [migrations.RunSQL(CREATE, DROP)]
