"""A refresh makes the member list anew, at once for everybody, or leaves it as it was."""

import io
import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from roles.models import AuditEvent
from segments import warehouse
from segments.importing import import_table
from segments.models import Segment, SegmentStatus
from segments.refresh import RefreshError, heal_stuck, lock, refresh
from tests.factories import CUSTOMERS, make_environment, make_segment, make_table
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)
LONDON = [{"field": "City", "operator": "equals", "value": "London"}]


@pytest.fixture
def table():
    return make_table(make_environment())


def members(segment, reader=None):
    query = sql.SQL("SELECT * FROM {} ORDER BY 1").format(warehouse.members_table(segment))
    if reader:
        return [row[0] for row in reader.execute(query).fetchall()]
    with warehouse.reader(segment.environment, [segment]) as connection:
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
    with warehouse.reader(table.environment, [segment]) as reader:
        assert members(segment, reader) == ["C1", "C4"]
        Segment.objects.update(conditions=[{"field": "City", "operator": "not_equals", "value": "Paris"}])
        assert refresh(segment) == 4
        assert members(segment, reader) == ["C1", "C4"]
    assert members(segment) == ["C1", "C2", "C4", "C5"]


def test_another_key_type_makes_another_list(table):
    segment = make_segment(table)
    make_table(table.environment, csv="CustomerId,City\n1,London\n2,Paris\n")
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
    with warehouse.writer(table.environment) as connection:
        connection.execute(sql.SQL("DROP TABLE {}").format(warehouse.table_name(table)))
    with pytest.raises(RefreshError, match="Its table is no longer there"):
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
    assert warehouse.preview(segment, [("n", "n")]) == [("x",), ("z",)]
    with warehouse.reader(environment, [segment]):
        Segment.objects.update(conditions=[{"field": "n", "operator": "not_equals", "value": "x"}])
        assert refresh(segment) == 2
    assert sorted(warehouse.preview(segment, [("n", "n")])) == [("y",), ("z",)]


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
    thread.join(10)
    assert results == [5]


def _somebody_waits_for_a_lock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0]


def _stuck(segment, minutes):
    started = timezone.now() - timedelta(minutes=minutes)
    Segment.objects.filter(pk=segment.pk).update(status=SegmentStatus.REFRESHING, refresh_started_at=started)
    segment.refresh_from_db()


def test_a_refresh_whose_worker_died_is_shown_as_failed(table):
    segment = make_segment(table)
    _stuck(segment, minutes=16)
    heal_stuck([segment])
    assert segment.status == SegmentStatus.FAILED
    segment.refresh_from_db()
    assert segment.error == "The refresh did not end. Refresh the segment again."


def test_a_long_refresh_that_is_still_at_work_is_left_alone(table):
    segment = make_segment(table)
    _stuck(segment, minutes=60)
    with warehouse.writer(table.environment) as other:
        other.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"waybill:segment:{segment.pk}"])
        heal_stuck([segment])
    segment.refresh_from_db()
    assert segment.status == SegmentStatus.REFRESHING


def test_a_young_refresh_is_left_alone(table):
    segment = make_segment(table)
    _stuck(segment, minutes=14)
    heal_stuck([segment])
    assert segment.status == SegmentStatus.REFRESHING


def test_members_survive_a_crash_of_the_database(table):
    segment = make_segment(table)
    with warehouse.reader(table.environment, [segment]) as reader:
        kind = reader.execute("SELECT relpersistence::text FROM pg_class WHERE relname = %s", [f"members_{segment.pk}"])
        assert kind.fetchone() == ("p",)
