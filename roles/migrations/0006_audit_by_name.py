"""A search by name finds the names first, then their newest events: a log of a million is not read for it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("roles", "0005_audit_append_only")]
    operations = [
        migrations.AddIndex(
            "auditevent", models.Index(fields=["environment", "object_name", "-at", "-id"], name="audit_by_name")
        ),
    ]
