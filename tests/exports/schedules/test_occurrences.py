"""Each occurrence of a schedule becomes one run, whoever looks and whenever."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from exports import actions
from exports.dispatcher import Dispatcher, dispatch_once
from exports.models import Alert, Export, Run, Schedule, ScheduleMode, Trigger
from exports.models.states import State
from exports.runs import lifecycle, queue
from exports.schedules import engine, occurrences
from exports.schedules.occurrences import start_due
from exports.schedules.planning import database_now
from exports.schedules.recurrence import Recurrence
from roles.audit.changes import changes_as_json
from roles.models import AuditEvent
from tests.exports.schedules.scheduled import due_again, far_minute, make_due, runs_of
from tests.factories import make_environment, make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)

HOUR = timedelta(hours=1)


def next_due(export) -> datetime | None:
    return Schedule.objects.get(export=export).next_due


def at_once(work, threads=6) -> list:
    """Do `work` in several threads with connections of their own; return what each gave."""
    found, start = [], threading.Barrier(threads)

    def act() -> None:
        start.wait()
        try:
            found.append(work())
        finally:
            connection.close()

    running = [threading.Thread(target=act) for _ in range(threads)]
    [thread.start() for thread in running]
    [thread.join() for thread in running]
    assert len(found) == threads, "one of them failed"
    return found


# On time


def test_a_due_schedule_makes_one_run_and_plans_the_next(environment):
    export = make_due(environment)
    due = next_due(export)
    assert start_due() == 1
    assert start_due() == 0
    (run,) = runs_of(export)
    assert (run.state, run.trigger, run.due, run.is_late) == (State.QUEUED, Trigger.SCHEDULE, due, False)
    export.refresh_from_db()
    assert export.last_run == run
    assert next_due(export) > database_now()
    event = AuditEvent.objects.get(run=run.uuid)
    assert (event.action, event.actor, event.changes["trigger"]) == ("run", None, "schedule")


def test_what_is_not_due_waits(environment):
    export = make_due(environment, ago=-HOUR)
    assert start_due() == 0
    assert runs_of(export) == []
    assert 3590 < engine.seconds_until_due(occurrences.KIND) <= 3600


def test_without_schedules_nothing_is_to_come(environment):
    assert engine.seconds_until_due(occurrences.KIND) is None


def test_the_dispatcher_sleeps_until_the_next_occurrence_and_no_longer_than_a_second(environment):
    dispatcher = Dispatcher()
    assert 0 <= dispatcher.turn() <= 1
    make_due(environment, ago=-HOUR)
    assert dispatcher.turn() <= 1
    due = make_due(environment)
    assert 0 <= dispatcher.turn() <= 1
    assert len(runs_of(due)) == 1


def test_several_dispatchers_at_once_start_each_occurrence_once(environment):
    exports = [make_due(environment, ago=timedelta(seconds=number)) for number in range(1, 121)]
    counts = at_once(start_due)
    while start_due():
        pass
    assert sum(counts) <= len(exports)
    assert Run.objects.count() == len(exports)
    assert Run.objects.filter(state=State.QUEUED).values("export").distinct().count() == len(exports)


def test_an_occurrence_that_has_its_run_is_not_started_again(environment):
    export = make_due(environment)
    due = next_due(export)
    start_due()
    lifecycle.finish(queue.claim(), State.SUCCEEDED)
    Schedule.objects.filter(export=export).update(next_due=due)
    start_due()
    assert len(runs_of(export)) == 1
    assert next_due(export) > database_now()


def test_a_schedule_that_was_switched_off_meanwhile_makes_nothing_happen(environment):
    export = make_due(environment)
    Export.objects.filter(pk=export.pk).update(schedule_mode=ScheduleMode.OFF)
    start_due()
    assert (runs_of(export), next_due(export)) == ([], None)


def test_an_export_without_connection_is_skipped_and_says_so(environment):
    export = make_due(environment)
    Export.objects.filter(pk=export.pk).update(connection=None)
    start_due()
    (run,) = runs_of(export)
    assert (run.state, run.reason, bool(run.ended_at)) == (State.SKIPPED, "No connection", True)
    export.refresh_from_db()
    assert (export.last_run, export.last_state) == (run, State.SKIPPED)


# Overlapping and missed


@pytest.mark.parametrize(
    ("state", "word"),
    [(State.QUEUED, "queued"), (State.RUNNING, "refreshing"), (State.RETRYING, "failed (retrying)")],
)
def test_an_occurrence_during_an_earlier_run_is_skipped_and_names_it(environment, state, word):
    export = make_due(environment)
    start_due()
    earlier = runs_of(export)[0]
    if state != State.QUEUED:
        claim = queue.claim()
        state == State.RUNNING or lifecycle.finish(claim, state)
    due = due_again(export)
    start_due()
    skipped = Run.objects.get(export=export, due=due)
    assert (skipped.state, skipped.reason) == (State.SKIPPED, f"run {earlier.short_id} was {word}")
    assert earlier.short_id in skipped.message
    export.refresh_from_db()
    assert (export.last_run, export.last_state) == (earlier, state)


def test_a_held_run_lapses_at_the_next_occurrence(environment):
    export = make_due(environment)
    start_due()
    lifecycle.finish(queue.claim(), State.HELD)
    due_again(export)
    start_due()
    held, following = runs_of(export)
    assert (held.state, held.reason) == (State.SKIPPED, "No decision before the next occurrence")
    assert str(held.lines.last().text).startswith("Skipped: The next occurrence came before a decision")
    assert held.ended_at
    assert (following.state, following.reason) == (State.SKIPPED, f"run {held.short_id} was held")
    event = AuditEvent.objects.filter(run=held.uuid).latest("pk")
    assert event.changes["state"] == [State.HELD, State.SKIPPED]
    export.refresh_from_db()
    assert export.last_run == following


def test_an_occurrence_during_a_test_of_ten_is_what_the_export_shows(environment):
    export = make_due(environment)
    actions.send_test(export, by=None)
    start_due()
    skipped = Run.objects.get(export=export, due__isnull=False)
    export.refresh_from_db()
    assert (export.last_run, export.last_state) == (skipped, State.SKIPPED)


# A schedule that changes while something of it is due and no dispatcher came yet


def test_what_fell_due_before_another_recurrence_was_saved_has_its_run(environment):
    export = make_due(environment, ago=HOUR + timedelta(seconds=5))
    due = next_due(export)
    actions.set_schedule(export, ScheduleMode.OWN, Recurrence("daily", ("03:00",)), by=None)
    missed, run = runs_of(export)
    assert (missed.due, missed.state, run.state, run.due > due) == (due, State.SKIPPED, State.QUEUED, True)
    assert next_due(export) > database_now()
    assert start_due() == 0


def test_what_fell_due_before_the_refresh_was_chosen_has_its_run(environment):
    export = make_due(environment)
    actions.set_schedule(export, ScheduleMode.REFRESH, by=None)
    (run,) = runs_of(export)
    export.refresh_from_db()
    assert (run.state, export.last_run, export.schedule_mode) == (State.QUEUED, run, ScheduleMode.REFRESH)


def test_what_fell_due_before_it_was_switched_off_sends_nothing_and_says_so(environment):
    export = make_due(environment, ago=2 * HOUR + timedelta(seconds=5))
    actions.set_schedule(export, ScheduleMode.OFF, by=None)
    *_missed, last = runs_of(export)
    assert {run.state for run in runs_of(export)} == {State.SKIPPED}
    assert last.reason == "its schedule was switched off"
    actions.set_schedule(export, ScheduleMode.OWN, by=None)
    assert next_due(export) > database_now()
    assert start_due() == 0


def test_a_schedule_saved_while_nothing_is_due_makes_no_run(environment):
    export = make_due(environment, ago=-HOUR)
    for mode in (ScheduleMode.OFF, ScheduleMode.OWN, ScheduleMode.REFRESH):
        actions.set_schedule(export, mode, by=None)
    assert runs_of(export) == []


def test_of_what_was_missed_the_last_runs_late_and_the_others_are_skipped(environment):
    export = make_due(environment, ago=3 * HOUR + timedelta(minutes=10))
    start_due()
    *missed, made_up = runs_of(export)
    assert len(missed) == 3
    assert {(run.state, str(run.reason)) for run in missed} == {(State.SKIPPED, "missed while Waybill was not running")}
    assert (made_up.state, made_up.is_late) == (State.QUEUED, True)
    assert database_now() - made_up.due <= HOUR < database_now() - missed[-1].due + timedelta(seconds=1)
    export.refresh_from_db()
    assert export.last_run == made_up
    assert next_due(export) > database_now()
    assert AuditEvent.objects.get(action="miss occurrences").changes["count"] == 3


def test_after_years_down_the_number_of_rows_is_bounded(environment):
    rule = {"repeat": "cron", "cron": f"{far_minute(database_now())} * * * *"}
    export = make_due(environment, ago=timedelta(days=700), rule=rule)
    start_due()
    assert 2 <= len(runs_of(export)) <= engine.MOST_MISSED + 1
    assert runs_of(export)[-1].state == State.QUEUED


def test_occurrences_around_an_hour_shown_twice_are_made_up_for_once_each(environment):
    """Berlin, 25 October 2026: 02:30 comes twice and runs once."""
    rule = {"repeat": "daily", "times": ["02:30"], "zone": "Europe/Berlin"}
    export = make_due(environment, rule=rule)
    Schedule.objects.filter(export=export).update(next_due=datetime(2026, 10, 24, 0, 30, tzinfo=UTC))
    start_due()
    dues = [run.due for run in runs_of(export) if run.due.month == 10]
    assert dues[:3] == [datetime(2026, 10, day, hour, 30, tzinfo=UTC) for day, hour in ((24, 0), (25, 0), (26, 1))]


# Bad rows and other hands


@pytest.mark.parametrize(
    "bad",
    [{"zone": "Nowhere/Never"}, {"repeat": "cron", "cron": "nonsense"}, {"times": []}, {"times": {"a": 1}}],
    ids=["zone", "cron", "no time", "no list"],
)
def test_a_bad_row_disables_itself_and_the_others_go_on(environment, bad):
    good = make_due(environment, ago=timedelta(seconds=2))
    broken = make_due(environment, ago=timedelta(seconds=3))
    Schedule.objects.filter(export=broken).update(**bad)
    dispatch_once()
    assert len(runs_of(good)) == 1
    assert runs_of(broken) == []
    schedule = Schedule.objects.get(export=broken)
    assert schedule.next_due is None
    assert schedule.problem
    event = AuditEvent.objects.get(action="switch off schedule")
    assert event.object_id == str(broken.pk)
    assert start_due() == 0


def test_a_row_that_breaks_the_code_disables_itself_too(environment, caplog):
    """Its next occurrence lies so far back that the clocks of its zone showed a year before the first."""
    rule = {"repeat": "cron", "cron": "0 0 29 2 *", "zone": "America/New_York"}
    good, broken = make_due(environment), make_due(environment, rule=rule)
    Schedule.objects.filter(export=broken).update(next_due=datetime(1, 1, 1, tzinfo=UTC))
    start_due()
    assert [len(runs_of(good)), len(runs_of(broken))] == [1, 0]
    problem = Schedule.objects.get(export=broken).problem
    assert "Choose its recurrence again" in problem
    assert changes_as_json(AuditEvent.objects.get(action="switch off schedule"))["problem"] == problem
    assert str(problem) in Alert.objects.get(export=broken).text
    assert "is switched off" in caplog.text


def test_a_row_that_somebody_is_saving_is_left_for_the_next_look(environment):
    export, other = make_due(environment), make_due(environment)
    with transaction.atomic():
        Schedule.objects.select_for_update().get(export=export)
        assert at_once(start_due, threads=1) == [1]
    assert [len(runs_of(export)), len(runs_of(other))] == [0, 1]
    assert start_due() == 1


def test_the_dispatcher_gives_way_to_who_holds_the_export(environment):
    """Whoever saves an export goes on to its schedule: the dispatcher must not wait the other way round."""
    export, other = make_due(environment, ago=timedelta(seconds=2)), make_due(environment)
    with transaction.atomic():
        Export.objects.filter(pk=export.pk).update(description="Being saved")
        assert at_once(start_due, threads=1) == [1]
        Schedule.objects.filter(export=export).update(times=["00:30"])
    assert [len(runs_of(export)), len(runs_of(other))] == [0, 1]
    assert start_due() == 1
    assert len(runs_of(export)) == 1


def test_a_click_and_an_occurrence_at_once_make_one_run_that_starts(environment):
    exports = [make_due(environment) for _ in range(10)]

    def click_all() -> None:
        for export in exports:
            actions.run_now(export, by=None)

    works = iter([start_due, click_all, start_due, click_all])
    lock = threading.Lock()

    def one() -> None:
        with lock:
            work = next(works)
        work()

    at_once(one, threads=4)
    while start_due():
        pass
    for export in exports:
        states = sorted(Run.objects.filter(export=export).values_list("state", flat=True))
        assert states in ([State.QUEUED], [State.QUEUED, State.SKIPPED])
        assert Run.objects.filter(export=export, due__isnull=False).count() == 1


def test_all_times_are_the_databases(environment, monkeypatch):
    """A process whose clock is wrong starts what is due by the database, and nothing else."""
    due, later = make_due(environment), make_due(environment, ago=-HOUR)
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(1999, 1, 1, tzinfo=UTC))
    start_due()
    assert [len(runs_of(due)), len(runs_of(later))] == [1, 0]
    assert abs(Run.objects.get().queued_at - database_now()) < timedelta(minutes=5)


@pytest.fixture
def lost_run_that_cannot_be_put_back(environment):
    """A run without a worker of which the database refuses every change."""
    run, _is_new = actions.run_now(make_export(environment), by=None)
    queue.claim()
    Run.objects.filter(pk=run.pk).update(lease_until=Now() - HOUR)
    with connection.cursor() as cursor:
        cursor.execute("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'No.'; END$$")
        cursor.execute(
            f"CREATE TRIGGER refuse BEFORE UPDATE ON exports_run FOR EACH ROW WHEN (OLD.id = {run.pk}) "
            "EXECUTE FUNCTION refuse()"
        )
    yield run
    with connection.cursor() as cursor:
        cursor.execute("DROP FUNCTION refuse CASCADE")


def test_one_look_that_fails_does_not_keep_the_others_from_being_done(
    environment, lost_run_that_cannot_be_put_back, caplog
):
    paused = make_environment(paused_at=Now())
    waiting, _is_new = actions.run_now(make_export(paused), by=None)
    dispatch_once()
    assert "reap failed" in caplog.text
    waiting.refresh_from_db()
    assert waiting.reason == "the environment is paused"


def test_environments_do_not_hinder_each_other(environment):
    paused = make_environment(paused_at=Now())
    export, waiting = make_due(environment), make_due(paused)
    start_due()
    assert queue.claim().run_id == runs_of(export)[0].pk
    assert queue.claim() is None
    assert runs_of(waiting)[0].state == State.QUEUED


@pytest.mark.long
def test_an_export_that_is_removed_as_it_falls_due_is_gone(environment):
    ada = make_member(environment)
    for _round in range(6):
        export = make_due(environment)
        mine = Export.objects.get(pk=export.pk)
        ways = iter((start_due, lambda mine=mine: actions.remove(mine, by=ada)))
        at_once(lambda ways=ways: next(ways)(), threads=2)
        assert not Export.objects.filter(pk=export.pk).exists()
