"""An alert opens and closes once for each change of state, not once for each run."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from exports import actions
from exports.alerts import watch
from exports.dispatcher import dispatch_once
from exports.models import (
    Alert,
    RefreshPart,
    RefreshSchedule,
    RefreshState,
    Run,
    Schedule,
    SystemRefresh,
)
from exports.models.states import State
from exports.refresh.signals import refresh_changed
from exports.runs import decide, lifecycle, pausing, queue
from tests.factories import make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)


def wait_long(run: Run) -> None:
    """Let it have been due for eleven minutes."""
    due = Now() - timedelta(minutes=11)
    Run.objects.filter(pk=run.pk).update(due=due, not_before=due)


@pytest.mark.parametrize(
    "runs, expected",
    [
        ("succeeded", []),
        ("succeeded warned succeeded", []),
        ("failed", [("failed", True)]),
        ("failed failed failed", [("failed", True)]),
        ("failed succeeded", [("failed", False)]),
        ("failed warned", [("failed", False)]),
        ("failed failed succeeded succeeded failed", [("failed", False), ("failed", True)]),
        ("failed skipped failed skipped", [("failed", True), ("skipped", True)]),
        ("skipped succeeded skipped succeeded", [("skipped", False), ("skipped", False)]),
        ("failed canceled failed", [("failed", True)]),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_flapping_runs_alert_once_per_change(goes, history, runs, expected):
    for state in runs.split():
        goes(state)
    assert history() == expected


def test_a_failure_that_is_tried_again_alerts_nobody(goes, history):
    goes("retrying")
    assert history() == []


def test_a_test_of_ten_alerts_nobody(export, history):
    actions.send_test(export, by=None)
    lifecycle.finish(queue.claim(), State.FAILED)
    assert history() == []


def test_the_alert_says_what_the_run_tells_everyone(goes):
    run = goes("failed", reason="Log in", message="The server refused the account.", detail="planted-host")
    alert = Alert.objects.get()
    assert (alert.text, alert.run, alert.export) == ("The server refused the account.", run, run.export)
    goes("succeeded", rows_done=1234)
    alert.refresh_from_db()
    assert alert.closing_text == "It delivered 1,234 rows."
    assert alert.changed_at == alert.closed_at > alert.opened_at


def test_an_alert_is_undone_with_the_step_that_opened_it(goes, history):
    with transaction.atomic():
        goes("failed")
        assert history() == [("failed", True)]
        transaction.set_rollback(True)
    assert history() == []


@pytest.mark.parametrize(
    "state, values, said",
    [
        (State.QUEUED, {}, "Released by"),
        (State.CANCELED, {}, "Discarded by"),
    ],
    ids=["released", "discarded"],
)
def test_a_decision_closes_the_alert_of_a_held_run(environment, goes, history, state, values, said):
    run = goes("held")
    assert history() == [("held", True)]
    move(run, state, decided_by=make_member(environment, username="ada"))
    assert history() == [("held", False)]
    assert Alert.objects.get().closing_text == f"{said} ada."


def test_a_run_that_was_let_go_and_then_skipped_alerts(environment, goes, history):
    run = goes("held")
    decide.release(run, by=make_member(environment), why="It is fine.")
    lifecycle.finish(queue.claim(), State.SKIPPED, reason="All segments too small")
    assert history() == [("held", False), ("skipped", True)]


def test_a_held_run_that_lapses_is_skipped(goes, history):
    move(goes("held"), State.SKIPPED)
    assert history() == [("held", False), ("skipped", True)]


def test_lateness_ends_with_a_run_that_is_on_time(goes, history):
    goes("succeeded", due_ago=1)
    assert history() == []
    for _late_run in range(3):
        goes("succeeded", due_ago=12)
    assert history() == [("late", True)]
    goes("failed", due_ago=1)
    assert history() == [("late", True), ("failed", True)]
    goes("succeeded", due_ago=1)
    assert history() == [("late", False), ("failed", False)]


def test_what_a_person_let_go_is_not_late_because_they_took_their_time(environment, goes, history):
    run = goes("held", due_ago=30)
    Alert.objects.all().delete()
    decide.release(run, by=make_member(environment), why="It is fine.")
    lifecycle.finish(queue.claim(), State.SUCCEEDED)
    assert history() == []


def test_a_run_that_was_missed_while_waybill_was_down_is_late(export, history):
    run, _is_new = actions.run_now(export, by=None)
    Run.objects.filter(pk=run.pk).update(due=Now() - timedelta(minutes=2), is_late=True)
    lifecycle.finish(queue.claim(), State.SUCCEEDED)
    assert history() == [("late", True)]


def test_an_occurrence_skipped_meanwhile_is_not_made_good_by_the_run_in_its_way(export, goes, history):
    actions.run_now(export, by=None)
    claimed = queue.claim()
    skip_one(export)
    assert history() == [("skipped", True)]
    lifecycle.finish(claimed, State.SUCCEEDED)
    assert history() == [("skipped", True)]
    goes("succeeded")
    assert history() == [("skipped", False)]


def test_a_run_that_does_not_start_alerts_once_and_no_second_time_as_late(export, goes, history):
    run, _is_new = actions.run_now(export, by=None)
    watch.check_now()
    assert history() == []
    wait_long(run)
    for _look in range(3):
        watch.check_now()
    assert history() == [("unstarted", True)]
    claimed = queue.claim()
    lifecycle.finish(claimed, State.SUCCEEDED)
    assert history() == [("unstarted", True)]
    goes("succeeded", due_ago=0)
    watch.check_now()
    assert history() == [("unstarted", False)]


def test_what_waits_because_of_a_pause_is_no_trouble_while_it_lasts_and_after_it(environment, export, history):
    run, _is_new = actions.run_now(export, by=None)
    due = Now() - timedelta(minutes=30)
    Run.objects.filter(pk=run.pk).update(due=due, not_before=due)
    ada = make_member(environment)
    pausing.pause(environment, note="", by=ada)
    watch.check_now()
    assert history() == []
    pausing.resume(environment, by=ada)
    watch.check_now()
    assert lifecycle.finish(queue.claim(), State.SUCCEEDED)
    assert history() == []


@pytest.mark.parametrize("state", [State.RUNNING, State.QUEUED])
def test_a_run_that_started_in_time_and_was_given_back_is_not_said_not_to_have_started(export, history, state):
    run, _is_new = actions.run_now(export, by=None)
    claimed = queue.claim()
    due = Now() - timedelta(minutes=30)
    Run.objects.filter(pk=run.pk).update(due=due, not_before=due, started_at=due)
    if state == State.QUEUED:
        assert lifecycle.give_back(claimed)
    watch.check_now()
    assert history() == []


def test_a_run_that_was_let_go_late_has_time_to_start(environment, export, history):
    run, _is_new = actions.run_now(export, by=None)
    Run.objects.filter(pk=run.pk).update(due=Now() - timedelta(minutes=30))
    assert lifecycle.finish(queue.claim(), State.HELD)
    decide.release(run, by=make_member(environment), why="It is fine.")
    watch.check_now()
    assert history() == [("held", False)]


def test_a_schedule_that_switched_itself_off_alerts_until_it_works_again(export, goes, history):
    schedule = Schedule.objects.create(export=export, problem="The zone is not known.")
    for _look in range(2):
        watch.check_now()
    goes("succeeded")
    watch.check_now()
    assert history() == [("unstarted", True)]
    assert "The zone is not known." in Alert.objects.get().text
    Schedule.objects.filter(pk=schedule.pk).update(problem="")
    for _look in range(2):
        watch.check_now()
    assert history() == [("unstarted", False)]


def test_the_system_refresh_has_alerts_of_its_own(environment, export, goes, history):
    for _refresh in range(2):
        refresh_ends(environment, RefreshState.FAILED)
    goes("failed")
    assert history() == [("failed", True), ("failed", True)]
    refresh_ends(environment, RefreshState.SUCCEEDED)
    assert history() == [("failed", False), ("failed", True)]


def test_a_refresh_alerts_of_tables_and_segments_and_leaves_exports_to_their_own(environment, history):
    refresh = refresh_ends(environment, RefreshState.WARNED)
    RefreshPart.objects.create(refresh=refresh, position=1, kind="export", object_id=1, name="Calls", state="failed")
    refresh_changed.send(SystemRefresh, refresh=refresh)
    assert history() == []
    RefreshPart.objects.create(refresh=refresh, position=2, kind="table", object_id=1, name="Orders", state="failed")
    refresh_changed.send(SystemRefresh, refresh=refresh)
    assert history() == [("failed", True)]
    assert "“Orders”" in Alert.objects.get().text


def test_a_refresh_schedule_that_switched_itself_off_alerts(environment, history):
    schedule = RefreshSchedule.objects.create(environment=environment, problem="The zone is not known.")
    for _look in range(2):
        watch.check_now()
    assert history() == [("unstarted", True)]
    RefreshSchedule.objects.filter(pk=schedule.pk).update(problem="")
    watch.check_now()
    assert history() == [("unstarted", False)]


def test_many_who_look_at_once_open_one_alert(environment, history):
    for _export in range(4):
        run, _is_new = actions.run_now(make_export(environment), by=None)
        wait_long(run)
    RefreshSchedule.objects.create(environment=environment, problem="The zone is not known.")
    at_once(watch.check_now, 6)
    assert history() == [("unstarted", True)] * 5
    Run.objects.update(due=None)
    RefreshSchedule.objects.update(problem="")
    at_once(watch.check_now, 6)
    assert history().count(("unstarted", False)) == 1


def test_the_dispatcher_looks_every_few_seconds(export, history, monkeypatch):
    run, _is_new = actions.run_now(export, by=None)
    wait_long(run)
    monkeypatch.setattr(watch, "_looked_at", float("-inf"))
    dispatch_once()
    assert history() == [("unstarted", True)]


def test_a_run_without_trouble_costs_one_query(goes, django_assert_num_queries):
    run = goes("succeeded")
    with django_assert_num_queries(1):
        watch.on_run(run=run, before=State.RUNNING, message="")


def move(run: Run, state: State, **values) -> None:
    """Bring `run` from its state to another as another part of Waybill does."""
    assert lifecycle.move(run.pk, run.state, state, **values)


def skip_one(export) -> None:
    origin = lifecycle.Origin("schedule", due=Now())
    lifecycle.create_skipped(export, origin, reason="An earlier run went on", is_last=False)


def refresh_ends(environment, state: str) -> SystemRefresh:
    with transaction.atomic():
        refresh = SystemRefresh.objects.create(environment=environment, state=state, trigger="schedule")
        refresh_changed.send(SystemRefresh, refresh=refresh)
    return refresh


def at_once(act, number: int) -> None:
    """Let several threads do the same, each with a connection of its own."""
    start, errors = threading.Barrier(number), []

    def work() -> None:
        start.wait()
        try:
            act()
        except Exception as error:
            errors.append(error)
        connection.close()

    threads = [threading.Thread(target=work) for _ in range(number)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert errors == []
