from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("exports", "0018_alert_answers")]

    operations = [
        migrations.AddField("run", "given", models.JSONField(blank=True, null=True)),
        migrations.AddField(
            "run",
            "settling_claims",
            models.PositiveSmallIntegerField(
                db_default=0, default=0, help_text="Workers that took it to look at what arrived."
            ),
        ),
    ]
