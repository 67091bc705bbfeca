"""What stopped a start, said in one sentence."""

import errno
import re

import pytest
from django.db import OperationalError, connection
from django.db.migrations.exceptions import MigrationSchemaMissing

from config import problems
from config.embedded_postgres import CannotRunError
from config.problems import sentence
from config.up import steps


@pytest.mark.parametrize(
    "error, says",
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/data/keys/x"),
            "The disk is full at /data/keys/x: free up space",
        ),
        (OSError(errno.EDQUOT, "Disk quota exceeded", "/data/x"), "The disk is full at /data/x: free up"),
        (CannotRunError("initdb failed:\nNo space left on device"), "The disk is full at"),
        (OperationalError('could not extend file "x": No space left on device\nHINT: …'), "The disk is full at"),
        (
            CannotRunError(
                'FATAL:  could not resize shared memory segment "/PostgreSQL.35" to 16 bytes: No space left on device'
            ),
            "PostgreSQL has too little shared memory (/dev/shm) on its machine: give it more",
        ),
        (
            OperationalError('could not resize "pg_dynshmem/mmap.35" to 16 bytes: No space left on device'),
            "The disk is full at",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/data/x"), "/data/x belongs to another account"),
        (OSError(errno.EROFS, "Read-only file system", "/data/x"), "/data/x is on a read-only disk"),
        (NotADirectoryError(errno.ENOTDIR, "Not a directory", "/data"), "/data is a file but must be a directory"),
        (OperationalError("connection failed: no\n\tIs the server running?"), "The database stopped answering (conn"),
    ],
)
def test_error_is_said_in_one_line_with_what_to_do(error, says):
    said = sentence(error)
    assert said.startswith(says)
    assert re.search(r"(free up space|start as|start again|set WAYBILL_DATA_DIR)", said)
    assert "\n" not in said


def test_a_full_disk_is_the_reason_whatever_the_error_says(tmp_path, monkeypatch):
    error = CannotRunError("PostgreSQL did not start.")
    assert sentence(error, tmp_path) == "PostgreSQL did not start."
    monkeypatch.setattr(problems, "LEAST_BYTES", 10**18)
    assert sentence(error, tmp_path).startswith(f"The disk is full at {tmp_path}: free up space and start again")


@pytest.mark.django_db
def test_tables_of_a_newer_version_are_left_alone():
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('exports', '9999_new', now())")
    with pytest.raises(CannotRunError, match=r"made by a newer Waybill \(exports.9999_new\). Update this copy"):
        steps.migrate()


def test_a_database_that_goes_away_before_the_first_table_is_said_as_such():
    """Django's migrations put that into an error of their own, with the driver's lines in it."""
    with pytest.raises(MigrationSchemaMissing) as caught:  # noqa: PT012
        try:
            psycopg_says = "connection failed: no\n\tIs the server running?"
            raise OperationalError(psycopg_says)
        except OperationalError as error:
            raise MigrationSchemaMissing(f"Unable to create the django_migrations table ({error})")  # noqa: B904
    assert sentence(caught.value) == (
        "The database stopped answering (connection failed: no): start again; it continues where it stopped."
    )
