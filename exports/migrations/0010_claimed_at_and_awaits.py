from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exports", "0009_alert_changes")]

    operations = [
        migrations.AddField(
            "run",
            "claimed_at",
            models.DateTimeField(help_text="When a worker last took it.", null=True),
        ),
        migrations.AddField("run", "awaits", models.JSONField(blank=True, default=list)),
        migrations.AddIndex(
            "run",
            models.Index(
                condition=models.Q(("claimed_at__isnull", False)), fields=["claimed_at"], name="run_claimed_at"
            ),
        ),
    ]
