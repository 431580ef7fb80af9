"""Marks the items that belong into the restricted partition already, by any category with the flag or a restricted queue."""

from django.db import migrations

_MARK = """
    UPDATE moderation_item i SET is_restricted = true WHERE NOT is_restricted AND (
        EXISTS (SELECT 1 FROM moderation_decision d JOIN policies_category c ON c.slug = d.category
                WHERE d.item_id = i.id AND c.is_child_safety)
        OR EXISTS (SELECT 1 FROM moderation_job j JOIN moderation_queue q ON q.id = j.queue_id
                   WHERE j.item_id = i.id AND q.is_restricted)
    )
"""


class Migration(migrations.Migration):
    dependencies = [("moderation", "0024_restrict_by_flag")]

    operations = [migrations.RunSQL(_MARK, migrations.RunSQL.noop)]
