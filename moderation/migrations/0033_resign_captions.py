"""Signatures of captions are made anew: those of the second version cannot be compared with those of the first.

The watch signs the captions of its window again. Campaigns keep what they hold; those of the first version take no more in.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("moderation", "0032_simulate_without_the_partition")]

    operations = [
        migrations.RunSQL("DELETE FROM moderation_captionsignature", migrations.RunSQL.noop),
    ]
