"""A migration and the note that it was applied: both or none."""

import pytest
from django.db import connection, migrations, models
from django.db.migrations.state import ProjectState

from config.migrating import WholeMigrations


class Killed(BaseException):
    """What a process that is killed right here would not come back from."""


class KilledBeforeTheNote(WholeMigrations):
    def record_migration(self, migration):
        raise Killed


def things() -> migrations.Migration:
    """A migration whose index comes after its table: Django notes such ones in a second transaction."""
    migration = migrations.Migration("0001_initial", "probe")
    fields = [("id", models.AutoField(primary_key=True)), ("name", models.CharField(max_length=9, db_index=True))]
    migration.operations = [migrations.CreateModel("Thing", fields)]
    return migration


@pytest.mark.django_db(transaction=True)
def test_a_start_killed_before_the_note_leaves_no_table():
    with pytest.raises(Killed):
        KilledBeforeTheNote(connection).apply_migration(ProjectState(), things())
    assert "probe_thing" not in connection.introspection.table_names()
