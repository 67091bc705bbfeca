"""What is said is kept as a message, whose words are made where it is read; older rows keep their sentence."""

from django.db import migrations, models

STUCK = "UPDATE segments_segment SET error_code = 'stuck' WHERE error = 'The refresh did not end. Refresh the segment again.'"


class Migration(migrations.Migration):

    dependencies = [
        ("segments", "0006_remembered_types"),
    ]

    operations = [
        # The column of sentences stays, beside that of messages.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    "ALTER TABLE segments_segment ALTER COLUMN error SET DEFAULT ''",
                    "ALTER TABLE segments_segment ALTER COLUMN error DROP DEFAULT",
                ),
            ],
            state_operations=[migrations.RemoveField("segment", "error")],
        ),
        migrations.AddField(
            model_name="segment",
            name="error",
            field=models.JSONField(
                blank=True,
                db_column="error_said",
                help_text="Why the last refresh failed, for everyone.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="segment",
            name="error_code",
            field=models.CharField(
                blank=True, choices=[("stuck", "It did not end")], db_default="", default="", max_length=10
            ),
        ),
        migrations.RunSQL(STUCK, migrations.RunSQL.noop, elidable=True),
    ]
