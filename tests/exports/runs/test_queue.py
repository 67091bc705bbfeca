"""Claims, leases and honest ends, on real rows; two workers are two threads with connections of their own."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone
from django_q.models import OrmQ

from exports import actions
from exports.dispatcher import dispatch_once
from exports.models import Run, Trigger
from exports.models.states import State
from exports.runs import lifecycle, queue
from exports.runs.lifecycle import LEASE
from exports.schedules.planning import database_now
from exports.spec.stored import spec_of
from tests.factories import make_environment, make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def environment():
    return make_environment()


@pytest.fixture
def export(environment):
    return make_export(environment)


@pytest.fixture
def run(export):
    return actions.run_now(export, by=None)[0]


def expire(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


def test_a_run_is_claimed_once_by_many_workers_at_once(run):
    claims, start = [], threading.Barrier(8)

    def work() -> None:
        start.wait()
        claims.append(queue.claim())
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sum(claim is not None for claim in claims) == 1


def test_the_longest_waiting_run_is_claimed_first(environment):
    first, second = (actions.run_now(make_export(environment), by=None)[0] for _ in range(2))
    assert [queue.claim().run_id, queue.claim().run_id] == [first.pk, second.pk]
    assert queue.claim() is None


def test_a_run_that_waits_for_its_next_try_is_not_claimed(run):
    Run.objects.filter(pk=run.pk).update(state=State.RETRYING, not_before=timezone.now() + timedelta(minutes=1))
    assert queue.claim() is None


def test_a_lost_lease_changes_nothing_any_more(run):
    old = queue.claim()
    expire(run)
    queue.reap()
    Run.objects.filter(pk=run.pk).update(not_before=timezone.now())
    new = queue.claim()
    assert not LEASE.renew(old)
    assert not LEASE.update(old, rows_done=5)
    assert not lifecycle.finish(old, State.SUCCEEDED)
    assert lifecycle.finish(new, State.SUCCEEDED)
    run.refresh_from_db()
    assert (run.state, run.rows_done, run.claims) == (State.SUCCEEDED, 0, 2)


def test_a_lost_run_is_put_back_and_given_up_after_three_workers(run):
    for claims in (1, 2):
        queue.claim()
        expire(run)
        assert queue.reap() == 1
        run.refresh_from_db()
        assert (run.state, run.claims) == (State.QUEUED, claims)
        assert run.not_before > timezone.now()
        Run.objects.filter(pk=run.pk).update(not_before=timezone.now())
    queue.claim()
    expire(run)
    queue.reap()
    run.refresh_from_db()
    assert run.state == State.FAILED
    assert "was stopped" in run.message
    assert run.ended_at


def test_a_worker_that_stops_gives_its_run_back_and_that_claim_does_not_count(run):
    claim = queue.claim()
    assert lifecycle.give_back(claim)
    run.refresh_from_db()
    assert (run.state, run.claims, run.token) == (State.QUEUED, 0, None)
    assert queue.claim()


def test_a_failure_that_may_pass_is_tried_again_later_and_in_the_end_is_permanent(run):
    words = {"message": "The server did not answer.", "detail": "x", "reason": "Connect"}
    for least, most in ((48, 72), (240, 360), (720, 1080)):
        claim = queue.claim()
        run.refresh_from_db()
        lifecycle.retry_later(claim, run, **words)
        run.refresh_from_db()
        assert least - 1 < (run.not_before - database_now()).total_seconds() <= most
        assert run.state == State.RETRYING
        Run.objects.filter(pk=run.pk).update(not_before=Now())
    assert run.claims == 0
    Run.objects.filter(pk=run.pk).update(started_at=Now() - timedelta(hours=6))
    claim = queue.claim()
    run.refresh_from_db()
    lifecycle.retry_later(claim, run, **words)
    run.refresh_from_db()
    assert (run.state, run.message) == (State.FAILED, "The server did not answer.")


def test_a_run_cannot_take_a_way_that_the_table_does_not_know(run):
    claim = queue.claim()
    with pytest.raises(ValueError, match="cannot go"):
        lifecycle.finish(claim, State.RUNNING)


def test_a_second_click_joins_the_queued_run(export, run):
    again, is_new = actions.run_now(export, by=None)
    assert (again, is_new) == (run, False)
    assert Run.objects.count() == 1


def test_a_click_while_it_runs_says_so(export, run):
    queue.claim()
    with pytest.raises(actions.CannotRunError, match="already running"):
        actions.run_now(export, by=None)


def test_many_clicks_at_once_make_one_run(export):
    results, start = [], threading.Barrier(6)

    def click() -> None:
        start.wait()
        results.append(actions.run_now(export, by=None)[1])
        connection.close()

    threads = [threading.Thread(target=click) for _ in range(6)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert sorted(results) == [False] * 5 + [True]
    assert Run.objects.count() == 1


def test_canceling_a_waiting_run_ends_it_at_once(export, run):
    somebody = make_member(export.environment)
    assert lifecycle.cancel(run, by=somebody)
    run.refresh_from_db()
    assert (run.state, run.canceled_by) == (State.CANCELED, somebody)
    assert queue.claim() is None
    assert not lifecycle.cancel(run, by=somebody)


def test_canceling_a_running_run_asks_its_worker(run):
    claim = queue.claim()
    assert lifecycle.cancel(run, by=None)
    run.refresh_from_db()
    assert run.state == State.RUNNING
    assert queue.wants_cancel(claim)


def test_a_canceled_run_whose_worker_died_is_canceled(run):
    queue.claim()
    lifecycle.cancel(run, by=None)
    expire(run)
    queue.reap()
    run.refresh_from_db()
    assert run.state == State.CANCELED


def test_only_a_delivered_run_changes_when_the_export_was_refreshed(export, run):
    lifecycle.finish(queue.claim(), State.FAILED)
    export.refresh_from_db()
    assert export.delivered_at is None
    actions.run_now(export, by=None)
    lifecycle.finish(queue.claim(), State.SUCCEEDED, rows_done=7)
    export.refresh_from_db()
    assert export.delivered_at is not None
    assert export.last_run.rows_sent == 7


def test_a_nudge_carries_nothing_but_where_to_look(run):
    task = OrmQ.objects.get().task
    assert (task["func"], task["args"], task["kwargs"]) == ("exports.tasks.work", (), {})


def test_the_dispatcher_nudges_while_a_run_waits_and_does_not_flood_the_queue(run):
    OrmQ.objects.all().delete()
    Run.objects.update(not_before=timezone.now() - timedelta(seconds=2))
    for _ in range(20):
        dispatch_once()
    assert 1 <= OrmQ.objects.count() <= 5


def test_an_export_without_connection_cannot_run(export):
    export.connection = None
    export.save()
    with pytest.raises(actions.CannotRunError, match="no connection"):
        actions.run_now(export, by=None)


def test_removing_an_export_while_it_runs_is_refused(export, run):
    somebody = make_member(export.environment)
    queue.claim()
    with pytest.raises(actions.CannotRemoveError, match="Cancel the job first"):
        actions.remove(export, by=somebody)


def test_what_became_of_a_removed_exports_runs_stays_in_the_audit_log(export, run):
    somebody = make_member(export.environment)
    lifecycle.finish(queue.claim(), State.SUCCEEDED, rows_done=3)
    actions.remove(export, by=somebody)
    event = somebody.auditevent_set.get(action="remove")
    assert event.changes["runs"][0][:2] == [str(run.uuid), "succeeded"]
    assert Run.objects.count() == 0


def test_two_triggers_are_told_apart(export):
    run, _is_new = actions.run_now(export, by=None, trigger=Trigger.SHELL)
    assert run.get_trigger_display() == "Started on the command line"


def test_an_exports_last_state_follows_its_last_run_whoever_writes(export, run):
    def last_state() -> str:
        export.refresh_from_db()
        return export.last_state

    assert last_state() == State.QUEUED
    claim = queue.claim()
    assert last_state() == State.RUNNING
    lifecycle.finish(claim, State.SUCCEEDED)
    assert last_state() == State.SUCCEEDED
    Run.objects.update(state=State.WARNED)
    export.last_state = "nonsense"
    export.save()
    assert last_state() == State.WARNED


def test_saving_an_export_that_was_loaded_before_its_run_ended_loses_nothing(export):
    stale = type(export).objects.get(pk=export.pk)
    run, _is_new = actions.run_now(export, by=None)
    lifecycle.finish(queue.claim(), State.SUCCEEDED)
    actions.save(stale, replace(spec_of(stale), name="Renamed"), by=make_member(export.environment))
    export.refresh_from_db()
    assert (export.name, export.last_run, bool(export.delivered_at)) == ("Renamed", run, True)
