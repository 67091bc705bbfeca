"""Cancel takes effect at once on what waits, and within seconds on what runs."""

import threading

import pytest
from django.db import connection

from exports.models import PartState, RefreshState, Run, SystemRefresh
from exports.models.states import State
from exports.refresh import advance, start, work
from exports.refresh.start import RefreshError
from segments.models import SegmentStatus
from tests.exports.refresh import parts
from tests.exports.refresh.test_workers import lose
from tests.factories import make_export, make_member
from tests.until import until

pytestmark = pytest.mark.django_db(transaction=True)


def in_thread(work_to_do):
    def with_own_connection():
        try:
            work_to_do()
        finally:
            connection.close()

    thread = threading.Thread(target=with_own_connection)
    thread.start()
    return thread


def test_what_waits_is_canceled_at_once(environment, segment):
    make_export(environment, "Nightly", segments=[segment])
    refresh = start.start(environment, by=None)
    ada = make_member(environment)
    start.cancel(refresh, by=ada)
    refresh.refresh_from_db()
    assert (refresh.state, refresh.reason, refresh.canceled_by) == (RefreshState.CANCELED, f"by {ada}", ada)
    assert set(parts.of(refresh).values()) == {PartState.CANCELED}
    assert work.claim() is None


def test_queued_runs_are_canceled_and_running_ones_asked_to_stop(environment, segment):
    waiting, running = (make_export(environment, name, segments=[segment]) for name in ("Waiting", "Running"))
    refresh = start.start(environment, by=None)
    parts.work_off()
    owned = {"token": "6f1f7c1e-5a5e-4bb2-9d6c-0e8d6f0a3b11", "lease_until": "2100-01-01T00:00:00Z"}
    Run.objects.filter(export=running).update(state=State.RUNNING, **owned)
    start.cancel(refresh, by=make_member(environment))
    assert Run.objects.get(export=waiting).state == State.CANCELED
    assert Run.objects.get(export=running).cancel_requested_at
    refresh.refresh_from_db()
    assert refresh.state == RefreshState.RUNNING
    parts.end_runs(refresh, State.CANCELED)
    refresh.refresh_from_db()
    assert refresh.state == RefreshState.CANCELED


def test_a_part_whose_worker_died_is_canceled_however_often_that_happened(environment, table):
    refresh = start.start(environment, by=None)
    claimed = work.claim()
    refresh.parts.update(claims=3)
    start.cancel(refresh, by=make_member(environment, username="Ada"))
    lose(claimed.pk)
    assert (parts.of(refresh), parts.message_of(refresh, "Customers")) == ({"Customers": "canceled"}, "by Ada")
    refresh.refresh_from_db()
    assert refresh.state == RefreshState.CANCELED


def test_it_cannot_be_canceled_twice_nor_when_it_has_ended(environment):
    refresh = start.start(environment, by=None)
    with pytest.raises(RefreshError, match="has ended"):
        start.cancel(refresh, by=None)


def test_a_segment_that_is_being_computed_is_left_as_it_was(environment, table, segment):
    refresh = start.start(environment, by=None)
    work.carry_out(work.claim())
    advance.advance_all()
    locked, ended = threading.Event(), threading.Event()

    def hold_the_table():
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(f'LOCK TABLE "{environment.warehouse_schema}"."Customers" IN ACCESS EXCLUSIVE MODE')
            locked.set()
            ended.wait(60)
            cursor.execute("ROLLBACK")

    def cancel_it():
        until(lambda: segment.__class__.objects.filter(status=SegmentStatus.REFRESHING).exists(), 60)
        start.cancel(SystemRefresh.objects.get(), by=None)

    threads = [in_thread(hold_the_table)]
    assert locked.wait(60)
    threads.append(in_thread(cancel_it))
    work.carry_out(work.claim())  # comes back although the table is never free
    ended.set()
    [thread.join() for thread in threads]
    advance.advance_all()
    segment.refresh_from_db()
    assert (segment.status, segment.member_count) == (SegmentStatus.READY, 5)
    assert parts.of(refresh) == {"Customers": "done", "Everybody": "canceled"}
    refresh.refresh_from_db()
    assert refresh.state == RefreshState.CANCELED
