"""Headers that PostgreSQL cannot take are refused by line and column; what an import leaves has proper names."""

import io

import pytest
from django.db import connection

from segments.importing.loading import ImportRefusedError, import_table
from tests.factories import make_environment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("name", ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"])
def test_a_column_named_as_one_of_postgresql_is_refused(name):
    with pytest.raises(ImportRefusedError) as refused:
        import_table(make_environment(), "Visits", io.BytesIO(f"Id,{name}\n1,2\n".encode()))
    said = f"Line 1: column 2 is called {name}, a name reserved by PostgreSQL. Rename it in the file."
    assert str(refused.value) == said


def test_names_that_only_look_like_those_are_taken():
    import_table(make_environment(), "Visits", io.BytesIO(b"CTID,oid,Xmin\n1,2,3\n"))


def test_a_nul_in_the_header_is_said_as_that():
    with pytest.raises(ImportRefusedError, match=r"column 2 contains a NUL byte\. Text cannot contain it\."):
        import_table(make_environment(), "Visits", io.BytesIO(b"Id,Na\0me\n1,2\n"))


@pytest.mark.parametrize("name", ["Customers", "A" * 63, "é" * 31])
def test_the_key_is_named_after_its_table_however_often_it_is_imported(name):
    environment = make_environment()
    for _time in range(2):
        make_table(environment, name)
    query = "SELECT indexname FROM pg_indexes WHERE schemaname = %s AND tablename = %s"
    with connection.cursor() as cursor:
        cursor.execute(query, [environment.warehouse_schema, name])
        (index,) = (row[0] for row in cursor.fetchall())
    assert index.endswith("_pkey")
    assert name.startswith(index.removesuffix("_pkey"))


def test_tables_whose_names_start_alike_have_keys_of_their_own():
    environment = make_environment()
    for last in "ab":
        make_table(environment, "A" * 62 + last)
    for last in "ab":
        make_table(environment, "A" * 62 + last)
