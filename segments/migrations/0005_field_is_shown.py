"""What viewers see in clear. Nothing is marked here: after an upgrade all values are masked, and so are kept errors."""

from django.db import migrations, models


def hide_values(apps, schema_editor):
    """Put an ellipsis for each value of a rule that a kept error quotes."""
    for segment in apps.get_model("segments", "Segment").objects.exclude(error=""):
        values = [condition.get("value") or "" for condition in segment.conditions]
        words = {word.strip(" \"") for value in values for word in [value, *value.split(",")]}
        for word in filter(None, words):
            segment.error = segment.error.replace(f"“{word}”", "“…”")
        segment.save(update_fields=["error"])


class Migration(migrations.Migration):

    dependencies = [
        ("segments", "0004_composed_names"),
    ]

    operations = [
        migrations.AddField(
            model_name="field",
            name="is_shown",
            field=models.BooleanField(default=False, help_text="Whether viewers see its values; an administrator says."),
        ),
        migrations.RunPython(hide_values, migrations.RunPython.noop, elidable=True),
    ]
