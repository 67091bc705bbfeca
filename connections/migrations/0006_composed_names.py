"""Names are kept in one composition (NFC) from now on: those that are stored follow."""

from django.db import migrations

from roles.composing import compose


def compose_all(apps, schema_editor):
    compose(apps.get_model("connections", "Connection"), "name")


class Migration(migrations.Migration):
    dependencies = [("connections", "0005_secrets_with_their_server")]
    operations = [migrations.RunPython(compose_all, migrations.RunPython.noop)]
