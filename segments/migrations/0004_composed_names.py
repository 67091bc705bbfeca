"""Names are kept in one composition (NFC) from now on: those that are stored follow."""

from django.db import migrations

from roles.composing import compose


def compose_all(apps, schema_editor):
    compose(apps.get_model("segments", "Segment"), "name", "description")


class Migration(migrations.Migration):
    dependencies = [("segments", "0003_projected_fields")]
    operations = [migrations.RunPython(compose_all, migrations.RunPython.noop)]
