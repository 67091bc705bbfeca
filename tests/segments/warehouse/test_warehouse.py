"""Reading: one snapshot, bytes as PostgreSQL makes them, errors as they come."""

import os
import resource
import signal
import threading
import time
from datetime import timedelta

import psycopg
import pytest
from django.db import connection as django_connection
from django.utils import timezone
from psycopg import sql

from segments.models import Segment
from segments.warehouse import queries, records
from segments.warehouse.members import refresh
from segments.warehouse.reader import snapshot, snapshot_time
from tests.factories import make_environment, make_segment, make_table
from tests.segments.copied import copy_csv
from tests.until import until
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
SERIES = sql.SQL("SELECT n, repeat('x', 100) AS text FROM generate_series(1, {}) n")


@pytest.fixture
def table():
    return make_table(make_environment())


@pytest.fixture
def reader(table):
    with snapshot(table.environment, [table]) as connection:
        yield connection


def test_the_bytes_are_those_of_copy(reader):
    query = SERIES.format(20_000)
    copy = copy_csv(reader, query)
    chunks = list(copy)
    with reader.cursor().copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)) as expected:
        assert b"".join(chunks) == b"".join(expected)
    assert copy.rows == 20_000
    assert len(chunks) > 2
    assert max(map(len, chunks)) < 1024 * 1024


def test_rows_are_counted_while_they_come(reader):
    copy = copy_csv(reader, SERIES.format(20_000))
    counts = [copy.rows for _chunk in copy]
    assert counts == sorted(counts)
    assert 0 < counts[0] < counts[-1] == 20_000


def test_no_rows_are_no_bytes(reader):
    copy = copy_csv(reader, sql.SQL("SELECT 1 AS n WHERE false"))
    assert (b"".join(copy), copy.rows) == (b"", 0)


def test_a_row_larger_than_a_chunk_comes_whole(reader):
    chunks = copy_csv(reader, sql.SQL("SELECT repeat('x', 5000000)"))
    assert sum(map(len, chunks)) == 5_000_001


def test_an_error_before_the_first_row_is_raised(reader):
    with pytest.raises(psycopg.errors.UndefinedTable):
        list(copy_csv(reader, sql.SQL("SELECT * FROM nothing")))


def test_an_error_in_the_middle_is_raised(reader):
    query = sql.SQL("SELECT repeat('x', 100), 1 / (20000 - n) FROM generate_series(1, 30000) n")
    with pytest.raises(psycopg.errors.DivisionByZero):
        list(copy_csv(reader, query))


def test_the_connection_can_be_used_after_a_copy(reader):
    list(copy_csv(reader, SERIES.format(10)))
    assert b"".join(copy_csv(reader, sql.SQL("SELECT 1"))) == b"1\n"


def test_a_copy_can_be_left_early(table):
    with snapshot(table.environment, [table]) as connection:
        for _chunk in copy_csv(connection, SERIES.format(100_000)):
            break
        process = connection.info.backend_pid
    until(lambda: not _is_there(process), what="the server has let go")


def _is_there(process):
    with django_connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [process])
        return cursor.fetchone()[0]


def test_a_server_that_goes_away_raises(table):
    with snapshot(table.environment, [table]) as connection:
        chunks = iter(copy_csv(connection, SERIES.format(3_000_000)))
        next(chunks)
        with django_connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s)", [connection.info.backend_pid])
        with pytest.raises(psycopg.OperationalError):
            list(chunks)


def test_a_signal_gets_through_while_waiting_for_the_first_row(reader):
    def stop(_number, _frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    timer = threading.Timer(1, os.kill, [os.getpid(), signal.SIGTERM])
    started = time.monotonic()
    try:
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            list(copy_csv(reader, sql.SQL("SELECT pg_sleep(60)")))
    finally:
        timer.join()
        signal.signal(signal.SIGTERM, before)
    assert time.monotonic() - started < 50


def test_memory_stays_flat(table):
    """Half a gigabyte of rows adds less than 8 MB to what a few rows need."""
    with snapshot(table.environment, [table]) as connection:
        list(copy_csv(connection, SERIES.format(10_000)))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        query = sql.SQL("SELECT repeat('x', 9999) FROM generate_series(1, 50000)")
        size = sum(map(len, copy_csv(connection, query)))
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert size == 500_000_000
    assert grown < 8_000  # KiB


def test_a_reader_cannot_write(reader):
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        reader.execute("CREATE TABLE x ()")


def test_a_reader_sees_one_moment(table):
    query = sql.SQL("SELECT count(*) FROM {}").format(queries.table_name(table))
    with snapshot(table.environment, [table]) as connection:
        assert timezone.now() - snapshot_time(connection) < timedelta(seconds=10)
        with writer() as other:
            other.execute(sql.SQL("DELETE FROM {}").format(queries.table_name(table)))
        assert connection.execute(query).fetchone() == (5,)


def test_a_statement_that_takes_too_long_is_ended(table):
    with (
        snapshot(table.environment, [table], timeout=0.5) as connection,
        pytest.raises(psycopg.errors.QueryCanceled),
    ):
        connection.execute("SELECT pg_sleep(60)")


def test_a_reader_of_everything_holds_off_what_would_replace_it(table):
    segment = make_segment(table)
    with snapshot(table.environment) as connection:
        held = connection.execute(
            "SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() AND mode = 'AccessShareLock'"
        ).fetchall()
    assert {f'{table.environment.warehouse_schema}."Customers"', f"waybill_work.members_{segment.pk}"} <= {
        name for (name,) in held
    }


def test_members_are_exported_under_the_names_asked_for(table):
    segment = make_segment(table, conditions=[{"field": "City", "operator": "empty", "value": ""}])
    query = queries.segment_query(segment, [("Email", "E-mail"), ("CustomerId", "Id")])
    with snapshot(table.environment, [segment]) as connection:
        assert b"".join(copy_csv(connection, query, header=True)) == b"E-mail,Id\neve@example.com,C5\n"
        assert records.count_members(connection, segment) == 1
    assert records.preview(segment, [("FirstName", "x")]) == [("😀",)]


def test_a_segment_without_members_yet_is_previewed_by_its_rules(table):
    segment = Segment.objects.create(environment=table.environment, table=table, name="new")
    assert len(records.preview(segment, [("CustomerId", "Id")])) == 5
    with snapshot(table.environment, [segment]) as connection, pytest.raises(queries.NotReadyError):
        records.count_members(connection, segment)


def test_a_field_that_is_gone_is_named(table):
    with pytest.raises(queries.NotReadyError, match="The field Gone no longer exists"):
        queries.segment_query(make_segment(table), [("Gone", "Gone")])


def test_a_sample_is_cut_so_that_a_page_can_hold_it():
    table = make_table(make_environment(), csv=f"Id,Text\n1,{'x' * 5000}\n", key="Id")
    assert records.sample(table, table.fields.all()) == [("1", "x" * 300)]


def test_a_refreshed_segment_is_readable_and_a_new_one_says_to_refresh(table):
    assert records.why_not_readable(make_segment(table)) == ""
    new = Segment.objects.create(environment=table.environment, table=table, name="New")
    assert records.why_not_readable(new) == "The segment “New” has no member list yet. Refresh it first."


def test_a_segment_on_a_timestamp_key_is_readable(table):
    visits = make_table(
        table.environment, "Visits", "At,Where\n2024-01-02 03:04:05,Here\n", key="At", profile_kind="customer"
    )
    assert records.why_not_readable(make_segment(visits)) == ""


@pytest.mark.parametrize(
    ("csv", "key"), [("CustomerId,Email\n1,a@example.com\n", "CustomerId"), ("Email,City\na@b.example,Rome\n", "Email")]
)
def test_a_segment_whose_key_has_changed_since_says_to_refresh(table, csv, key):
    segment = make_segment(table, "Known")
    make_table(table.environment, csv=csv, key=key, types={key: "auto"})
    segment = Segment.objects.get(pk=segment.pk)
    said = "The key of its table has changed since “Known” was last refreshed. Refresh it first."
    assert records.why_not_readable(segment) == said
    refresh(segment)
    assert records.why_not_readable(segment) == ""


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE {table}", "Its table Customers no longer exists. Import the table again, then refresh"),
        ("DROP TABLE {members}", "has no member list yet. Refresh it first."),
        ('ALTER TABLE {table} DROP COLUMN "CustomerId"', "Its table Customers has lost its key. Import it with one"),
    ],
)
def test_a_segment_whose_lists_are_gone_says_so(table, statement, said):
    segment = make_segment(table)
    names = {"table": queries.table_name(table), "members": queries.members_table(segment)}
    with django_connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**names))
    assert said in records.why_not_readable(segment)
