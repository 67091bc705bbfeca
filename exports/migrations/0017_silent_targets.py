"""A run may wait because the target of its connection does not answer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exports", "0016_run_is_released")]
    operations = [
        migrations.AlterField(
            model_name="run",
            name="reason_code",
            field=models.CharField(
                blank=True,
                choices=[
                    ("paused", "The environment is paused"),
                    ("no room", "Its connection takes no more runs now"),
                    ("silent", "Its connection does not answer"),
                    ("target", "The target refused or could not be reached"),
                ],
                db_default="",
                default="",
                max_length=10,
            ),
        ),
    ]
