"""Names are kept in one composition (NFC) from now on: those that are stored follow."""

from django.db import migrations

from roles.composing import compose


def compose_all(apps, schema_editor):
    compose(apps.get_model("roles", "User"), "username", "first_name", "last_name", "email")
    compose(apps.get_model("roles", "Environment"), "name", "pause_note")
    compose(apps.get_model("roles", "RoleAssignment"), "group")
    compose(apps.get_model("roles", "GroupRole"), "group")
    compose(apps.get_model("roles", "GroupMembership"), "group")
    compose(apps.get_model("roles", "Invitation"), "email")


class Migration(migrations.Migration):
    dependencies = [("roles", "0008_tries")]
    operations = [migrations.RunPython(compose_all, migrations.RunPython.noop)]
