"""Mails of alerts keep what became of each; alerts use the words of the Exports page."""

from django.db import migrations, models

KINDS = [
    ("failed", "Failed (permanent)"),
    ("held", "Held"),
    ("skipped", "Skipped"),
    ("late", "Late"),
    ("unstarted", "Never started"),
]
STATES = [("waiting", "Waiting"), ("sent", "Sent"), ("partly", "Sent to some"), ("failed", "Not sent")]


class Migration(migrations.Migration):
    dependencies = [("exports", "0017_silent_targets")]
    operations = [
        migrations.AddField(
            "alertdelivery",
            "answers",
            models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AlterField("alert", "kind", models.CharField(choices=KINDS, max_length=10)),
        migrations.AlterField(
            "alertdelivery", "state", models.CharField(choices=STATES, default="waiting", max_length=7)
        ),
    ]
