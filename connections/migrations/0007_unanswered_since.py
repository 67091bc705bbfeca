"""Connections know since when their target has not answered."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("connections", "0006_composed_names")]
    operations = [
        migrations.AddField("connection", "unanswered_since", models.DateTimeField(editable=False, null=True)),
    ]
