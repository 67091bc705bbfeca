"""A PostgreSQL whose machine has no more /dev/shm: what is shown names that, and not a full disk or a lost table."""

import psycopg
import pytest
from django.db import connection
from django.urls import reverse
from psycopg import sql

from segments.importing import refusals
from segments.models import Segment
from segments.warehouse import queries
from segments.warehouse.members import RefreshError, refresh
from tests.factories import make_environment, make_table
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
SAID = "PostgreSQL has too little shared memory (/dev/shm) on its machine."
# As PostgreSQL says it, here in French.
FAIL = """CREATE FUNCTION {schema}.fail() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING
    ERRCODE = '53100', MESSAGE = 'n''a pas pu redimensionner le segment de mémoire partagée « /PostgreSQL.1234567 » : '
        || 'Aucun espace disponible sur le périphérique'; END $$"""
VIEW = """ALTER TABLE {table} RENAME TO "Kept";
    CREATE VIEW {table} AS SELECT * FROM {schema}."Kept" WHERE {schema}.fail()"""


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def table(environment):
    """A table that cannot be read, as a parallel query could not."""
    table = make_table(environment)
    names = {"schema": sql.Identifier(environment.warehouse_schema), "table": queries.table_name(table)}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(FAIL + ";" + VIEW).format(**names))
        yield table
        cursor.execute(sql.SQL("DROP SCHEMA {schema} CASCADE").format(**names))


def test_counting_and_first_rows_name_it(contributor, viewer, table):
    at = {"environment": table.environment.slug}
    typed = {"name": "x", "table": table.pk, "match": "all", "action": "count"}
    assert SAID in contributor.post(reverse("segments:add", kwargs=at), typed).content.decode()
    assert SAID in viewer.get(reverse("segments:table", kwargs=at | {"pk": table.pk})).content.decode()


def test_a_refresh_names_it(environment, table):
    segment = Segment.objects.create(environment=environment, table=table, name="Everybody")
    with pytest.raises(RefreshError) as refused:
        refresh(segment)
    assert str(refused.value).startswith(SAID)


def test_an_import_names_it(environment, table):
    with pytest.raises(psycopg.errors.DiskFull) as raised, writer() as raw:
        raw.execute(sql.SQL("SELECT {}.fail()").format(sql.Identifier(environment.warehouse_schema)))
    assert str(refusals.explain(raised.value)).startswith(SAID)
