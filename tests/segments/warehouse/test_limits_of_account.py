"""What an account's own settings limit ends neither an import nor a refresh nor the reading of a run."""

import io

import pytest
from django.db import connection

from segments.importing.loading import import_table
from segments.warehouse import sessions
from segments.warehouse.members import refresh
from segments.warehouse.reader import PAGE_SECONDS, snapshot
from tests.factories import make_environment, make_segment, make_table

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def limits():
    """The names of the limits that the account has from now on."""
    names = (
        [*sessions.LIMITS, sessions.TRANSACTION_LIMIT] if connection.pg_version >= sessions.SINCE else sessions.LIMITS
    )
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"ALTER ROLE CURRENT_USER SET {name} = '7s'")
    connection.close()
    yield names
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"ALTER ROLE CURRENT_USER RESET {name}")
    connection.close()


def shown(raw, names):
    return {raw.execute(f"SHOW {name}").fetchone()[0] for name in names}


def test_a_connection_has_them_at_first(limits):
    with connection.cursor():
        assert shown(connection.connection, limits) == {"7s"}


def test_an_import_has_none(limits):
    found = []

    def look(text):
        if not text.startswith("Step 1"):  # nothing can be asked in the middle of a COPY
            found.append(shown(connection.connection, limits))

    import_table(make_environment(), "People", io.BytesIO(b"Id\n1\n"), progress=look)
    assert found == [{"0"}] * 3


def test_a_refresh_has_none_also_while_it_waits_for_another(limits):
    segment, found = make_segment(make_table(make_environment())), {}

    def look(execute, sql, params, many, context):
        for step in ("pg_advisory_xact_lock", "CREATE TABLE"):
            if step in str(sql):
                found[step] = shown(connection.connection, limits)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        refresh(segment)
    assert found == {"pg_advisory_xact_lock": {"0"}, "CREATE TABLE": {"0"}}


def test_a_run_has_none_and_a_page_only_its_own(limits):
    environment = make_environment()
    with snapshot(environment) as raw:
        assert shown(raw, limits) == {"0"}
    with snapshot(environment, timeout=PAGE_SECONDS) as raw:
        assert shown(raw, ["statement_timeout"]) == {"8s"}
        assert shown(raw, [name for name in limits if name != "statement_timeout"]) == {"0"}
