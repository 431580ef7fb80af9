from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("moderation", "0045_keep_more_drafts")]

    operations = [
        migrations.AlterField(
            model_name="derivedfile",
            name="kind",
            field=models.CharField(
                choices=[
                    ("sheet", "Contact sheet"),
                    ("waveform", "Waveform"),
                    ("preview", "Preview that browsers play"),
                    ("samples", "Frames and sound for other workers"),
                    ("thumb", "Thumbnail for lists"),
                ],
                max_length=10,
            ),
        ),
        migrations.RemoveConstraint(model_name="derivedfile", name="moderation_derivedfile_kind_known"),
        migrations.AddConstraint(
            model_name="derivedfile",
            constraint=models.CheckConstraint(
                condition=models.Q(kind__in=["sheet", "waveform", "preview", "samples", "thumb"]),
                name="moderation_derivedfile_kind_known",
            ),
        ),
    ]
