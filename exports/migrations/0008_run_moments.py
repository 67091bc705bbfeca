"""Indexes of the history of runs: by the time that people know a run by, of all, by state and by trigger."""

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("exports", "0007_schedules_refreshes_alerts")]
    operations = [
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.F("export"),
                models.OrderBy(Coalesce("due", "queued_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="run_moments",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.F("environment"),
                models.OrderBy(Coalesce("due", "queued_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="run_moments_of_all",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.F("environment"),
                models.F("state"),
                models.OrderBy(Coalesce("due", "queued_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="run_moments_by_state",
            ),
        ),
        migrations.AddIndex(
            model_name="run",
            index=models.Index(
                models.F("environment"),
                models.F("trigger"),
                models.OrderBy(Coalesce("due", "queued_at"), descending=True),
                models.OrderBy(models.F("id"), descending=True),
                name="run_moments_by_trigger",
            ),
        ),
    ]
