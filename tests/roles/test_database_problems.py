"""What PostgreSQL refuses is said in one sentence with what to do, by every command of `manage.py`."""

import os
import socket
import subprocess
import sys
import uuid

import psycopg
import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from psycopg import errors

from roles.database_problems import sentence
from tests.faults.portal import REPOSITORY

PLACE = r'connection failed: connection to server at "db.example" (192.0.2.7), port 5432 failed: FATAL:  '


def params(**changed):
    kept = connection.get_connection_params()
    return {name: kept[name] for name in ("host", "port", "user", "dbname") if name in kept} | changed


@pytest.fixture(scope="module")
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.mark.django_db
def test_a_server_that_is_away_is_named_with_its_port(closed_port):
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(host="127.0.0.1", port=closed_port, connect_timeout=5)
    assert sentence(caught.value) == (
        f"PostgreSQL at 127.0.0.1:{closed_port} does not answer (Connection refused): "
        "start it, or correct DATABASE_URL."
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "changed, said",
    [
        ({"dbname": "no_such_database"}, "There is no database "),
        ({"user": "no_such_role"}, " does not let the account "),
    ],
)
def test_what_does_not_exist_on_a_server_is_said_to_be_missing(changed, said):
    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(**params(**changed))
    assert said in sentence(caught.value)
    assert "correct DATABASE_URL." in sentence(caught.value)


@pytest.mark.parametrize(
    "text, said",
    [
        ('password authentication failed for user "waybill"', "PostgreSQL at db.example:5432 rejected the password of"),
        ("sorry, too many clients already", "PostgreSQL at db.example:5432 has no connection left: "),
        ("the database system is starting up", "PostgreSQL at db.example:5432 is starting or stopping: wait"),
        ('no pg_hba.conf entry for host "192.0.2.9"', "PostgreSQL at db.example:5432 does not let the account"),
        ("kein Platz", "PostgreSQL at db.example:5432 does not answer (FATAL:  kein Platz): start it"),
    ],
)
def test_what_a_server_says_before_it_lets_anybody_in(text, said):
    assert sentence(psycopg.OperationalError(PLACE + text)).startswith(said)


@pytest.mark.parametrize(
    "error, said",
    [
        (errors.DiskFull("x"), "The disk of PostgreSQL at "),
        (errors.ReadOnlySqlTransaction("x"), "takes no changes (it is read-only)"),
        (errors.InsufficientPrivilege("x"), "let it own the database"),
        (errors.QueryCanceled("x"), "raise statement_timeout"),
        (errors.AdminShutdown("x"), "ended the connection"),
        (errors.UniqueViolation("Key (email)=(planted@example.com)"), "refused what was asked (UniqueViolation): "),
        (psycopg.OperationalError("the connection is closed"), "ended the connection"),
    ],
)  # fmt: skip
def test_what_a_server_says_later(error, said):
    wrapped = OperationalError("wrapped")
    wrapped.__cause__ = error
    text = sentence(wrapped)
    assert said in text
    assert "planted" not in text
    assert "\n" not in text


@pytest.mark.django_db
def test_a_table_that_is_missing_although_all_migrations_are_applied_is_no_matter_of_migrate():
    with pytest.raises(ProgrammingError) as caught, transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM none_of_ours")
    assert (
        sentence(caught.value) == "The database refused what was asked (UndefinedTable): add --traceback to see where."
    )


def test_what_is_no_matter_of_the_database_is_not_said():
    assert sentence(ValueError("no")) == ""


def run(words, url, tmp_path):
    environment = os.environ | {"DATABASE_URL": url, "WAYBILL_DATA_DIR": str(tmp_path)}
    return subprocess.run(
        [sys.executable, "manage.py", *words], check=False, cwd=REPOSITORY, env=environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240,
    )  # fmt: skip


COMMANDS = [
    ["create_environment", "x", "--name=X", "--audience=consumers", "--administrator=a"],
    ["import_table", "--environment=x", "--name=T", "README.md"],
    ["run_export", "E", "--environment=x"],
    ["export_spec", "E", "--environment=x"],
    ["dumpdata", "roles"],  # hands the error on in words of its own
    ["clearsessions"],
]


@pytest.mark.long
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_command_says_in_a_sentence_that_postgresql_is_away(words, closed_port, tmp_path):
    done = run(words, f"postgresql://waybill:secret@127.0.0.1:{closed_port}/waybill", tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"PostgreSQL at 127.0.0.1:{closed_port} does not answer (Connection refused): "
        "start it, or correct DATABASE_URL."
    )
    assert "Traceback" not in done.stderr
    assert "secret" not in done.stderr


@pytest.fixture(scope="module")
def empty_database(django_db_setup, django_db_blocker):
    """The address of a database without a table."""
    name = f"empty_{uuid.uuid4().hex}"
    with django_db_blocker.unblock(), psycopg.connect(**params(), autocommit=True) as server:
        server.execute(f"CREATE DATABASE {name}")
        at = params()
        yield f"postgresql://{at['user']}@/{name}?host={at['host']}&port={at['port']}"
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.long
@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_a_command_before_migrate_says_so(words, empty_database, tmp_path):
    done = run(words, empty_database, tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "The tables are not those of this version of Waybill: run `manage.py migrate`, then try again."
    )
    assert "Traceback" not in done.stderr


@pytest.mark.long
def test_the_place_of_an_error_is_shown_to_whoever_asks(empty_database, tmp_path):
    done = run(["run_export", "E", "--environment=x", "--traceback"], empty_database, tmp_path)
    assert done.returncode == 1
    assert "Traceback (most recent call last)" in done.stderr
