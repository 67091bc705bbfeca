"""PostgreSQL's own log, of the server that comes with Waybill: values that a statement fails with are not in it."""

import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from config import postgres_socket
from config.embedded_postgres import NAME, SUPERUSER, Server
from tests.leaks.scanning import found

VALUE = "plantedCustomer7391"
MARK = "visibleLogLine7391"
# What an operator, or an earlier version, may have left in the files of the cluster.
TALKATIVE = """
log_error_verbosity = verbose
log_min_messages = debug1
log_min_error_statement = debug1
log_statement = all
log_duration = on
log_min_duration_statement = 0
log_parameter_max_length = -1
log_parameter_max_length_on_error = -1
logging_collector = on
log_destination = 'stderr,csvlog,jsonlog'
log_lock_waits = on
debug_print_parse = on
debug_print_plan = on
"""
FAILING = (
    f"INSERT INTO people VALUES ('{VALUE}', 1)",  # DETAIL: Key (name)=(…) already exists
    f"INSERT INTO people VALUES ('{VALUE}2', -1)",  # DETAIL: Failing row contains (…)
    f"SELECT '{VALUE}'::date",
    f"SELECT name::integer FROM people WHERE name = '{VALUE}'",  # the message itself quotes it
    f"SELECT * FROM missing WHERE name = '{VALUE}'",
    f"SELECT no_such_function('{VALUE}')",
    f"SELECT pg_sleep(60), '{VALUE}'",
    f"DO $$ BEGIN RAISE WARNING '{VALUE}'; RAISE EXCEPTION '{VALUE}' USING DETAIL = '{VALUE}'; END $$",
    f"SET work_mem = '{VALUE}'",
    f"SELECT set_config('search_path', '{VALUE}', true), pg_terminate_backend(pg_backend_pid()), pg_sleep(60)",
)


@pytest.fixture
def data_dir():
    scratch = Path(tempfile.mkdtemp(prefix="waybill-log-"))
    yield scratch
    shutil.rmtree(scratch)


def connect(data_dir: Path, user: str = NAME) -> psycopg.Connection:
    return psycopg.connect(
        host=str(postgres_socket.directory(data_dir)),
        port=postgres_socket.PORT,
        dbname=NAME,
        user=user,
        autocommit=True,
    )


def provoke(data_dir: Path) -> None:
    """Fail in every way that quotes a value, as the portal's account."""
    with connect(data_dir) as connection:
        connection.execute("CREATE TABLE people (name text PRIMARY KEY, age integer CHECK (age > 0))")
        connection.execute(f"INSERT INTO people VALUES ('{VALUE}', 1)")
        for error in (psycopg.errors.UniqueViolation, psycopg.errors.InvalidTextRepresentation):
            with pytest.raises(error), connection.cursor().copy("COPY people FROM STDIN (FORMAT csv)") as copy:
                copy.write(f"{VALUE},{'1' if error is psycopg.errors.UniqueViolation else VALUE}\n")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            connection.execute("SELECT %s::text, %s::integer", [VALUE, VALUE], binary=False)
    for statement in FAILING:
        with pytest.raises(psycopg.Error), connect(data_dir) as connection:  # noqa: PT012 - a lost connection fails too
            connection.execute("SET statement_timeout = '200ms'")
            connection.execute(statement)


def written(data_dir: Path) -> str:
    """Return all that the server wrote, in whatever file."""
    places = [data_dir / "log", data_dir / "postgres" / "data" / "log"]
    files = [file for place in places if place.exists() for file in place.iterdir()]
    return "\n".join(file.read_text(errors="replace") for file in files)


@pytest.mark.parametrize("left", ["", TALKATIVE], ids=["new", "with an earlier version's settings"])
def test_no_value_that_a_statement_fails_with_is_in_the_log(data_dir, left):
    if left:
        with Server(data_dir, throw_away=True) as server:
            file = server.cluster / "postgresql.auto.conf"
        file.write_text(file.read_text() + left)
    with Server(data_dir, throw_away=True):
        provoke(data_dir)
        with suppress(psycopg.Error), connect(data_dir, SUPERUSER) as connection:
            connection.execute(sql.SQL("DO $$ BEGIN RAISE LOG {}; END $$").format(MARK))
    log = written(data_dir)
    assert found([MARK], log), "the log is looked for in the wrong place"
    assert found([VALUE], log) == set()
    assert "ready to accept connections" in log
