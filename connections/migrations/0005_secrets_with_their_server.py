"""Seals each stored secret together with the server that it is for. What no key can read stays as it is."""

from django.db import migrations

from connections.secrets.binding import server_of
from roles.secrets.store import UnreadableSecretError, encrypt, unseal


def bind(apps, schema_editor):
    for connection, sealed in _readable(apps):
        if sealed.server is None:
            _keep(connection, encrypt(sealed.values, server_of(connection.type, connection.settings)))


def release(apps, schema_editor):
    for connection, sealed in _readable(apps):
        _keep(connection, encrypt(sealed.values))


def _readable(apps):
    rows = apps.get_model("connections", "Connection").objects.exclude(encrypted_secrets="")
    for connection in rows.select_for_update().order_by("pk"):
        try:
            yield connection, unseal(connection.encrypted_secrets)
        except UnreadableSecretError:
            continue


def _keep(connection, text):
    type(connection).objects.filter(pk=connection.pk).update(encrypted_secrets=text)


class Migration(migrations.Migration):
    dependencies = [("connections", "0004_most_at_once")]
    operations = [migrations.RunPython(bind, release)]
