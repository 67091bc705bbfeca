"""A refresh makes the member list anew, at once for everybody, or leaves it as it was."""

import io
import signal
import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ
from psycopg import sql

from roles.models import AuditEvent
from segments.actions import start_refresh
from segments.importing.loading import import_table
from segments.models import Segment, SegmentStatus
from segments.warehouse import queries, records
from segments.warehouse.members import RefreshError, heal_stuck, lock, refresh
from segments.warehouse.reader import _parameters, snapshot
from tests.factories import CUSTOMERS, make_environment, make_segment, make_table
from tests.until import until
from tests.warehouse import writer

pytestmark = pytest.mark.django_db(transaction=True)
LONDON = [{"field": "City", "operator": "equals", "value": "London"}]


@pytest.fixture
def table():
    return make_table(make_environment())


def members(segment, reader=None):
    query = sql.SQL("SELECT * FROM {} ORDER BY 1").format(queries.members_table(segment))
    if reader:
        return [row[0] for row in reader.execute(query).fetchall()]
    with snapshot(segment.environment, [segment]) as connection:
        return [row[0] for row in connection.execute(query).fetchall()]


def test_members_are_the_rows_that_the_conditions_find(table):
    segment = make_segment(table, conditions=LONDON)
    assert members(segment) == ["C1", "C4"]
    assert (segment.status, segment.member_count, segment.error) == (SegmentStatus.READY, 2, "")
    assert segment.refreshed_at


def test_a_refresh_is_in_the_audit_log(table):
    segment = make_segment(table, conditions=LONDON)
    event = AuditEvent.objects.get(action="refresh")
    assert (event.object_id, event.changes) == (str(segment.pk), {"member_count": [None, 2]})


def test_a_changed_definition_changes_the_members(table):
    segment = make_segment(table, conditions=LONDON)
    Segment.objects.update(conditions=[{"field": "Income", "operator": "at_least", "value": "3000"}])
    assert refresh(segment) == 3
    assert members(segment) == ["C1", "C2", "C5"]


def test_new_rows_become_members(table):
    segment = make_segment(table, conditions=LONDON)
    make_table(table.environment, csv=CUSTOMERS + "C6,F,G,f@example.com,London,1,2024-01-01\n")
    assert refresh(segment) == 3


def test_a_reader_keeps_its_members_while_others_are_made_and_nobody_waits(table):
    segment = make_segment(table, conditions=LONDON)
    with snapshot(table.environment, [segment]) as reader:
        assert members(segment, reader) == ["C1", "C4"]
        Segment.objects.update(conditions=[{"field": "City", "operator": "not_equals", "value": "Paris"}])
        assert refresh(segment) == 4
        assert members(segment, reader) == ["C1", "C4"]
    assert members(segment) == ["C1", "C2", "C4", "C5"]


def test_another_key_type_makes_another_list(table):
    segment = make_segment(table)
    make_table(table.environment, csv="CustomerId,City\n1,London\n2,Paris\n", types={"CustomerId": "auto"})
    assert refresh(segment) == 2
    assert members(segment) == [1, 2]


def test_a_refresh_that_fails_says_why_and_keeps_the_members(table):
    segment = make_segment(table, conditions=LONDON)
    Segment.objects.update(conditions=[{"field": "Gone", "operator": "equals", "value": "x"}])
    with pytest.raises(RefreshError, match="no field “Gone”"):
        refresh(segment)
    segment.refresh_from_db()
    assert (segment.status, segment.member_count) == (SegmentStatus.FAILED, 2)
    assert segment.error == "The table has no field “Gone”. Choose another one."
    assert members(segment) == ["C1", "C4"]


def test_a_table_that_is_gone_is_named_without_its_place(table):
    segment = make_segment(table)
    with writer() as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(queries.table_name(table)))
    with pytest.raises(RefreshError, match="Its table no longer exists"):
        refresh(segment)
    segment.refresh_from_db()
    assert table.environment.warehouse_schema not in segment.error


def test_a_failed_segment_is_ready_again_after_a_good_refresh(table):
    segment = make_segment(table)
    Segment.objects.update(status=SegmentStatus.FAILED, error="before")
    refresh(segment)
    assert (segment.status, segment.error) == (SegmentStatus.READY, "")


def test_keys_of_several_columns_are_members_together():
    environment = make_environment()
    data = io.BytesIO(b"a,b,n\n1,1,x\n1,2,y\n2,1,z\n")
    table = import_table(environment, "Pairs", data, keys=["a", "b"], profile_kind="customer")
    segment = make_segment(table, conditions=[{"field": "n", "operator": "not_equals", "value": "y"}])
    assert records.preview(segment, [("n", "n")]) == [("x",), ("z",)]
    with snapshot(environment, [segment]):
        Segment.objects.update(conditions=[{"field": "n", "operator": "not_equals", "value": "x"}])
        assert refresh(segment) == 2
    assert sorted(records.preview(segment, [("n", "n")])) == [("y",), ("z",)]


def test_two_refreshes_of_one_segment_run_one_after_the_other(table):
    segment = make_segment(table)
    results = []

    def work():
        results.append(refresh(Segment.objects.get(pk=segment.pk)))
        connection.close()

    with transaction.atomic():
        lock(segment.pk)
        thread = threading.Thread(target=work)
        thread.start()
        until(_somebody_waits_for_a_lock, what="the second refresh waits")
        assert results == []
    thread.join(60)
    assert results == [5]


def _somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0]


def _stuck(segment, seconds):
    started = timezone.now() - timedelta(seconds=seconds)
    Segment.objects.filter(pk=segment.pk).update(status=SegmentStatus.REFRESHING, refresh_started_at=started)
    segment.refresh_from_db()


def test_a_refresh_whose_worker_died_is_shown_as_failed(table):
    segment = make_segment(table)
    _stuck(segment, seconds=11)
    heal_stuck([segment])
    assert segment.status == SegmentStatus.FAILED
    segment.refresh_from_db()
    assert segment.error == "The refresh did not finish. Refresh the segment again."


def test_a_worker_whose_clock_is_ahead_ends_no_refresh_of_others(table, monkeypatch):
    segment = make_segment(table)
    Segment.objects.filter(pk=segment.pk).update(status=SegmentStatus.REFRESHING, refresh_started_at=Now())
    segment.refresh_from_db()
    ahead = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    heal_stuck([segment])
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.REFRESHING


def test_a_long_refresh_that_is_still_at_work_is_left_alone(table):
    segment = make_segment(table)
    _stuck(segment, seconds=3600)
    with writer() as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"waybill:segment:{segment.pk}"])
        heal_stuck([segment])
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.REFRESHING


def test_a_young_refresh_is_left_alone(table):
    segment = make_segment(table)
    _stuck(segment, seconds=5)
    heal_stuck([segment])
    assert segment.status == SegmentStatus.REFRESHING


class Interrupted(BaseException):
    """What a signal handler raises when the process is told to stop."""


def _interrupt_while_it_runs(segment):
    """Refresh until the database is busy with the list, then be told to stop."""

    def interrupt(*_):
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, interrupt)
    main = threading.get_ident()

    def stop():
        with psycopg.connect(**_parameters()) as watcher:
            until(lambda: _is_busy(watcher), what="the list is being made")
        signal.pthread_kill(main, signal.SIGUSR1)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        with pytest.raises(Interrupted):
            refresh(segment)
    finally:
        signal.signal(signal.SIGUSR1, before)
        thread.join(60)


def _is_busy(watcher):
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    return watcher.execute(query).fetchone()[0]


@pytest.fixture
def slow(table):
    """The table becomes a view whose reading takes a minute."""
    with writer() as other:
        schema = sql.Identifier(table.environment.warehouse_schema)
        other.execute(sql.SQL("SET search_path TO {}").format(schema))
        other.execute('ALTER TABLE "Customers" RENAME TO "Held"')
        other.execute("CREATE FUNCTION slow_one() RETURNS bool AS 'SELECT pg_sleep(60) IS NULL' LANGUAGE sql VOLATILE")
        other.execute('CREATE VIEW "Customers" AS SELECT * FROM "Held" WHERE slow_one()')


@pytest.mark.parametrize(
    ("before", "error"), [(SegmentStatus.READY, ""), (SegmentStatus.FAILED, "earlier"), (SegmentStatus.NEW, "")]
)
def test_an_interrupted_refresh_leaves_the_segment_as_it_was(table, before, error, request):
    segment = make_segment(table)
    count = None if before == SegmentStatus.NEW else 5
    Segment.objects.update(status=before, error=error, member_count=count)
    request.getfixturevalue("slow")
    _interrupt_while_it_runs(segment)
    segment.refresh_from_db()
    assert (segment.status, segment.error, segment.member_count) == (before, error, count)


def test_an_interrupted_refresh_lets_go_of_the_segment_at_once(table, request):
    segment = make_segment(table)
    request.getfixturevalue("slow")
    _interrupt_while_it_runs(segment)
    with transaction.atomic():
        until(lambda: lock(segment.pk, wait=False), what="the lock is free")


def test_an_interrupted_refresh_goes_back_to_the_queue_when_another_waits_there(table, request):
    segment = make_segment(table)
    start_refresh(segment, by=None)
    request.getfixturevalue("slow")
    _interrupt_while_it_runs(segment)
    segment.refresh_from_db()
    assert (segment.status, segment.refresh_started_at) == (SegmentStatus.REFRESHING, None)


@pytest.mark.parametrize("taken_for", [None, 300])
def test_a_refresh_in_the_queue_is_not_declared_dead(table, taken_for):
    segment = make_segment(table)
    start_refresh(segment, by=None)
    if taken_for is not None:
        OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=3600 - taken_for))
    heal_stuck([segment])
    assert segment.status == SegmentStatus.REFRESHING


def test_a_refresh_that_is_in_no_queue_is_failed_at_once(table):
    segment = make_segment(table)
    start_refresh(segment, by=None)
    OrmQ.objects.all().delete()
    start_refresh(make_segment(table), by=None)
    heal_stuck([segment])
    assert segment.status == SegmentStatus.FAILED


def test_a_refresh_that_a_killed_worker_had_taken_is_failed(table):
    segment = make_segment(table)
    start_refresh(segment, by=None)
    OrmQ.objects.update(lock=timezone.now() + timedelta(seconds=3600 - 601))
    heal_stuck([segment])
    assert segment.status == SegmentStatus.FAILED


def test_a_refresh_is_not_queued_when_the_change_is_taken_back(table):
    segment = make_segment(table)
    with transaction.atomic():
        start_refresh(segment, by=None)
        transaction.set_rollback(True)
    assert not OrmQ.objects.exists()


def test_members_survive_a_crash_of_the_database(table):
    segment = make_segment(table)
    with snapshot(table.environment, [segment]) as reader:
        kind = reader.execute("SELECT relpersistence::text FROM pg_class WHERE relname = %s", [f"members_{segment.pk}"])
        assert kind.fetchone() == ("p",)
