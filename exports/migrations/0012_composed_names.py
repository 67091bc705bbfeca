"""Names are kept in one composition (NFC) from now on: those that are stored follow."""

from django.db import migrations

from roles.composing import compose


def compose_all(apps, schema_editor):
    compose(apps.get_model("exports", "Export"), "name", "description")
    compose(apps.get_model("exports", "AlertChannel"), "name")


class Migration(migrations.Migration):
    dependencies = [("exports", "0011_folders_keep_marks")]
    operations = [migrations.RunPython(compose_all, migrations.RunPython.noop)]
