"""Imports beside readers, and beside what other roles made: real commits, and a server with more than one account."""

import io

import psycopg
import pytest

from segments.importing.loading import ImportRefusedError, import_table
from segments.warehouse.reader import _parameters, snapshot, snapshot_time
from tests.factories import make_environment
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def environment():
    environment = make_environment()
    load(environment, "No,Town\n1,Ghent\n2,Bruges\n", keys=["No"], profile_kind="customer")
    return environment


def load(environment, text, **options):
    return import_table(environment, "Guests", io.BytesIO(text.encode()), patience=0, **options)


def refusal(environment, text):
    with pytest.raises(ImportRefusedError) as refused:
        load(environment, text)
    return str(refused.value)


@pytest.fixture
def closed(environment, superuser):
    """A schema that only the superuser may look into, with a view of theirs on the table."""
    schema = environment.warehouse_schema
    superuser.execute(f'CREATE SCHEMA closed CREATE VIEW towns AS SELECT "Town" FROM {schema}."Guests"')
    yield "closed"
    superuser.execute("DROP SCHEMA closed CASCADE")


def test_a_view_of_somebody_else_in_a_closed_schema_stays(environment, superuser, closed):
    load(environment, "No,Town\n1,Ghent\n3,Lille\n")
    assert superuser.execute("SELECT * FROM closed.towns ORDER BY 1").fetchall() == [("Ghent",), ("Lille",)]


def test_a_view_of_somebody_else_is_named_where_it_is_in_the_way(environment, closed):
    text = refusal(environment, "No\n1\n")
    assert text.startswith("An object in PostgreSQL needs Guests as it is: ")
    assert "view closed.towns depends on column" in text


@pytest.fixture
def foreign(environment, superuser):
    """The table belongs to somebody else now."""
    superuser.execute(f'ALTER TABLE {environment.warehouse_schema}."Guests" OWNER TO CURRENT_USER')
    return environment


def test_an_owner_who_gave_no_rights_is_asked_for_them(foreign):
    text = refusal(foreign, "No,Town\n1,Lille\n")
    assert text.startswith("PostgreSQL denied it: permission denied for table Guests. Grant Waybill's account")
    assert "create schemas" not in text


def test_a_table_of_somebody_else_is_changed_with_the_rights_that_they_gave(foreign, superuser):
    name = f'{foreign.warehouse_schema}."Guests"'
    superuser.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO waybill")
    load(foreign, "No,Town\n1,Lille\n")
    assert superuser.execute(f"SELECT * FROM {name}").fetchall() == [(1, "Lille")]
    assert "must be owner of table Guests. Make Waybill's account the owner" in refusal(foreign, "No\n1\n")


def test_policies_of_somebody_elses_table_never_hide_rows_from_the_import(foreign, superuser):
    name = f'{foreign.warehouse_schema}."Guests"'
    superuser.execute(f"GRANT ALL ON {name} TO waybill; ALTER TABLE {name} ENABLE ROW LEVEL SECURITY")
    assert "grant it BYPASSRLS" in refusal(foreign, "No,Town\n1,Lille\n")


def test_a_reader_is_not_waited_for_where_only_rows_change(environment):
    table, schema = environment.tables.get(), environment.warehouse_schema
    with writer() as connection:
        connection.execute(f'CREATE INDEX ON {schema}."Guests" ("Town")')
    query = f'SELECT "Town" FROM {schema}."Guests" ORDER BY "No"'
    with snapshot(environment, [table]) as connection:
        snapshot_time(connection)
        load(environment, "No,Town\n1,Ghent\n2,Gent\n3,Lille\n")
        assert connection.execute(query).fetchall() == [("Ghent",), ("Bruges",)]
    with snapshot(environment, [table]) as connection:
        assert connection.execute(query).fetchall() == [("Ghent",), ("Gent",), ("Lille",)]


def test_nothing_is_left_behind_whatever_way_the_rows_came(environment):
    schema = environment.warehouse_schema
    with writer() as connection:
        connection.execute(f'CREATE INDEX ON {schema}."Guests" ("Town")')
    load(environment, "No,Town\n1,Ghent\n")
    refusal(environment, "No\n1\n")
    with psycopg.connect(**_parameters()) as connection:
        query = "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'"
        assert connection.execute(query, [schema]).fetchall() == [("Guests",)]
