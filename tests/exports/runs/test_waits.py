"""A run waits for a refresh of something it needs, starts when that ends, and is skipped where it failed."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from exports import actions
from exports.models import ExportTable, PartState, RefreshPart, RefreshTrigger, Run, SystemRefresh, Trigger
from exports.models.states import State
from exports.runs import lifecycle, queue, waits
from exports.schedules.occurrences import start_due
from roles.models import AuditEvent
from segments.models import Segment, SegmentStatus
from segments.warehouse.members import lock
from tests.exports.schedules.scheduled import make_due, runs_of
from tests.factories import make_export, make_segment

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def refreshing(segment):
    """The segment while a worker refreshes it: its lock is held, and let go of at the end of the test."""
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            lock(segment.pk)
            is_held.set()
            is_over.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert is_held.wait(60)
    Segment.objects.filter(pk=segment.pk).update(status=SegmentStatus.REFRESHING, refresh_started_at=timezone.now())
    yield segment
    is_over.set()
    holder.join()


@pytest.fixture
def export(environment, segment):
    return make_export(environment, segments=[segment])


def set_status(segment, status, **values) -> None:
    Segment.objects.filter(pk=segment.pk).update(status=status, **values)


def run_of(export, trigger=Trigger.PERSON) -> Run:
    return actions.run_now(export, by=None, trigger=trigger)[0]


def under_way(environment, *parts, state="running") -> SystemRefresh:
    """A system refresh with `parts`: (kind, object, state)."""
    refresh = SystemRefresh.objects.create(environment=environment, state=state, trigger=RefreshTrigger.PERSON)
    for position, (kind, one, part_state) in enumerate(parts):
        values = {"kind": kind, "object_id": one.pk, "name": one.name, "state": part_state}
        RefreshPart.objects.create(refresh=refresh, position=position, **values)
    return refresh


def test_a_click_while_its_segment_is_refreshed_waits_and_says_for_what(export, refreshing):
    run = run_of(export)
    assert (run.state, run.waits_for) == (State.QUEUED, "the refresh of “Everybody”")
    assert run.reason == "waiting for the refresh of “Everybody”"
    assert queue.claim() is None
    assert not queue.work_waits()


def test_a_due_run_waits_too_and_starts_when_the_refresh_has_ended(environment, refreshing):
    export = make_due(environment, segments=[refreshing])
    start_due()
    waits.update_waits()
    assert queue.claim() is None
    set_status(refreshing, SegmentStatus.READY)
    waits.update_waits()
    (run,) = runs_of(export)
    assert (run.waits_for, run.awaits, run.reason) == ("", [], "")
    assert queue.claim().run_id == run.pk


def test_where_the_refresh_failed_the_run_is_skipped_and_names_it(export, refreshing):
    run = run_of(export)
    set_status(refreshing, SegmentStatus.FAILED, error="Its table no longer exists.")
    waits.update_waits()
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.SKIPPED, "“Everybody” could not be refreshed")
    assert run.ended_at
    assert "“Everybody”" in run.message
    event = AuditEvent.objects.filter(run=run.uuid).latest("pk")
    assert event.changes["state"] == [State.QUEUED, State.SKIPPED]


def test_a_failure_of_long_ago_is_none_of_what_it_waited_for(export, segment):
    set_status(segment, SegmentStatus.FAILED, error="Its table no longer exists.")
    run = run_of(export)
    waits.update_waits()
    assert queue.claim().run_id == run.pk


def test_of_two_that_it_waited_for_the_one_that_failed_first_is_not_forgotten(environment, table, refreshing):
    later = make_segment(table, "Later")
    run = run_of(make_export(environment, segments=[refreshing, later]))
    set_status(later, SegmentStatus.REFRESHING, refresh_started_at=timezone.now() + timedelta(hours=1))
    waits.update_waits()
    run.refresh_from_db()
    assert run.waits_for == "the refresh of “Everybody” and 1 more"
    set_status(refreshing, SegmentStatus.FAILED, error="No.")
    waits.update_waits()
    run.refresh_from_db()
    assert (run.state, run.waits_for) == (State.QUEUED, "the refresh of “Later”")
    set_status(later, SegmentStatus.READY)
    waits.update_waits()
    run.refresh_from_db()
    assert (run.state, run.reason) == (State.SKIPPED, "“Everybody” could not be refreshed")


@pytest.mark.parametrize(("refreshes_itself", "state"), [(True, State.QUEUED), (False, State.SKIPPED)])
def test_a_refresh_whose_worker_died_holds_nobody_up(environment, segment, refreshes_itself, state):
    """Who refreshes by itself does what the dead worker left; who would send old members does not."""
    export = make_export(environment, segments=[segment], refreshes_segments=refreshes_itself)
    set_status(segment, SegmentStatus.REFRESHING, refresh_started_at=timezone.now() - timedelta(minutes=1))
    run = run_of(export)
    assert run.waits_for
    waits.update_waits()
    waits.update_waits()
    run.refresh_from_db()
    assert (run.state, run.waits_for) == (state, "")


def test_a_run_that_was_interrupted_does_not_wait_for_the_refresh_that_it_left(export, segment):
    run = run_of(export)
    claimed = queue.claim()
    set_status(segment, SegmentStatus.REFRESHING, refresh_started_at=timezone.now())
    lifecycle.give_back(claimed)
    waits.update_waits()
    assert queue.claim().run_id == run.pk


def test_a_run_that_waits_in_the_queue_waits_for_a_refresh_that_begins(export, refreshing):
    set_status(refreshing, SegmentStatus.READY)
    run = run_of(export)
    assert run.waits_for == ""
    set_status(refreshing, SegmentStatus.REFRESHING)
    waits.update_waits()
    run.refresh_from_db()
    assert run.waits_for
    assert queue.claim() is None


def test_a_test_of_ten_waits_for_nothing(export, refreshing):
    run = actions.send_test(export, by=None)
    waits.update_waits()
    assert queue.claim().run_id == run.pk


def test_during_a_system_refresh_a_run_waits_for_its_parts_alone(environment, table, export, segment):
    other = make_segment(table, "Other")
    parts = [("table", table, PartState.DONE), ("segment", segment, PartState.WAITING)]
    refresh = under_way(environment, *parts, ("segment", other, PartState.WAITING))
    run, free = run_of(export), run_of(make_export(environment))
    assert (run.waits_for, free.waits_for) == ("the refresh of “Everybody”", "")
    refresh.parts.filter(object_id=segment.pk, kind="segment").update(state=PartState.DONE)
    waits.update_waits()
    assert {queue.claim().run_id, queue.claim().run_id} == {run.pk, free.pk}


@pytest.mark.parametrize(
    ("part", "state"),
    [
        (PartState.FAILED, State.SKIPPED),
        (PartState.SKIPPED, State.SKIPPED),
        (PartState.CANCELED, State.QUEUED),
        (PartState.DONE, State.QUEUED),
    ],
)
def test_a_table_that_is_read_again_is_waited_for(environment, table, part, state):
    export = make_export(environment)
    ExportTable.objects.create(export=export, table=table)
    refresh = under_way(environment, ("table", table, PartState.RUNNING))
    run = run_of(export)
    assert run.waits_for == f"the refresh of “{table.name}”"
    refresh.parts.update(state=part)
    waits.update_waits()
    run.refresh_from_db()
    assert (run.state, run.waits_for) == (state, "")


def test_a_run_of_the_refresh_itself_does_not_wait_for_it(environment, export, segment):
    from exports.runs import lifecycle

    refresh = under_way(environment, ("segment", segment, PartState.WAITING))
    run = lifecycle.create(export, lifecycle.Origin(Trigger.REFRESH, refresh=refresh))
    waits.update_waits()
    assert queue.claim().run_id == run.pk


def test_a_canceled_run_that_waited_stays_canceled(export, refreshing):
    run = run_of(export)
    lifecycle.cancel(run, by=None)
    set_status(refreshing, SegmentStatus.FAILED, error="No.")
    waits.update_waits()
    run.refresh_from_db()
    assert run.state == State.CANCELED
