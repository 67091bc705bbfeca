import unicodedata

from django.db import migrations, models


def keep_folders(apps, schema_editor):
    """Leave the items of exports that ran in the folders that they went to, which had no combining signs."""
    exports = apps.get_model("exports", "Export").objects
    for model, noun in (("ExportSegment", "segment"), ("ExportTable", "table")):
        entries = apps.get_model("exports", model).objects.filter(export__runs__isnull=False)
        found = {
            export
            for export, name in entries.values_list("export_id", f"{noun}__name").distinct().iterator()
            if any(unicodedata.category(sign) in ("Mn", "Mc", "Cf") for sign in unicodedata.normalize("NFC", name))
        }
        exports.filter(pk__in=found).update(folders_keep_marks=False)


class Migration(migrations.Migration):

    dependencies = [
        ('exports', '0010_claimed_at_and_awaits'),
    ]

    operations = [
        migrations.AddField(
            model_name='export',
            name='folders_keep_marks',
            field=models.BooleanField(default=True, editable=False),
        ),
        migrations.RunPython(keep_folders, migrations.RunPython.noop),
    ]
