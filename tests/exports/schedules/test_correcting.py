"""Schedules that are planned for too late, or not at all, are planned anew and told; the same for all schedules."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from exports.dispatcher import Dispatcher
from exports.models import RefreshSchedule, Run, Schedule, SystemRefresh
from exports.refresh import due
from exports.schedules import engine, occurrences, recurrence
from exports.schedules.health import look_at
from exports.schedules.planning import database_now
from roles.audit.changes import changes_as_json
from roles.audit.sentences import plain_sentence
from roles.models import AuditEvent
from tests.exports.schedules.scheduled import make_due, runs_of
from tests.exports.schedules.test_occurrences import at_once
from tests.factories import make_environment

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


class OfExports:
    """Schedules of exports, by what differs from those of system refreshes."""

    kind, action = occurrences.KIND, "plan schedule anew"

    def make(self, environment, next_due=None, **rule):
        export = make_due(environment, rule=rule)
        return self.be(Schedule.objects.get(export=export), next_due)

    def be(self, schedule, next_due):
        type(schedule).objects.filter(pk=schedule.pk).update(next_due=next_due)
        schedule.refresh_from_db()
        return schedule

    def switch_off(self, schedule):
        type(schedule.export).objects.filter(pk=schedule.export_id).update(schedule_mode="off")

    def started(self, schedule):
        return runs_of(schedule.export)


class OfRefreshes(OfExports):
    """Schedules of system refreshes."""

    kind, action = due.KIND, "plan system refresh anew"

    def make(self, environment, next_due=None, **rule):
        return self.be(RefreshSchedule.objects.create(environment=environment, is_on=True, **rule), next_due)

    def switch_off(self, schedule):
        RefreshSchedule.objects.filter(pk=schedule.pk).update(is_on=False)

    def started(self, schedule):
        return list(SystemRefresh.objects.filter(environment=schedule.environment).order_by("due"))


@pytest.fixture(params=[OfExports(), OfRefreshes()], ids=["export", "refresh"])
def ours(request):
    return request.param


def daily(hours_from_now=12):
    """Return a daily recurrence that comes so many hours from now."""
    return {"repeat": "daily", "times": [f"{database_now() + timedelta(hours=hours_from_now):%H:%M}"], "zone": "UTC"}


def expected(schedule):
    return recurrence.next_after(recurrence.of(schedule), database_now())


@pytest.mark.parametrize("ahead", [DAY * 30, DAY, None], ids=["weeks", "one too late", "not at all"])
def test_a_schedule_that_is_planned_for_too_late_is_planned_anew_and_told(environment, ours, ahead):
    schedule = ours.make(environment, **daily())
    before = ours.be(schedule, expected(schedule) + ahead if ahead else None).next_due
    assert engine.replan(ours.kind) == 1
    schedule.refresh_from_db()
    assert schedule.next_due == expected(schedule)
    event = AuditEvent.objects.get(action=ours.action)
    kept = [before.isoformat() if before else None, schedule.next_due.isoformat()]
    assert (event.changes, event.actor) == ({"next_due": kept}, None)
    assert plain_sentence(event).endswith(f"was recalculated: {schedule.next_due.isoformat()}")
    assert engine.replan(ours.kind) == 0


def test_what_is_planned_well_stays_as_it_is(environment, ours):
    schedule = ours.make(environment, **daily())
    ours.be(schedule, expected(schedule))
    late = ours.make(make_environment(), database_now() - DAY, **daily())
    off = ours.make(make_environment(), database_now() + 30 * DAY, **daily())
    ours.switch_off(off)
    stopped = ours.make(make_environment(), None, **daily())
    type(stopped).objects.filter(pk=stopped.pk).update(problem="It cannot be followed.")
    rows = type(schedule).objects.order_by("pk")
    before = list(rows.values("next_due", "problem"))
    assert engine.replan(ours.kind) == 0
    assert list(rows.values("next_due", "problem")) == before
    assert late.next_due < database_now()


def test_an_occurrence_that_started_does_not_come_again_when_the_clock_is_set_back_a_little(environment, ours):
    """As if it were two minutes past the hour when it started, and is before the hour now."""
    schedule = ours.make(environment, **daily(hours_from_now=0))
    soon = database_now() + timedelta(minutes=2)
    rule = {"repeat": "daily", "times": [f"{soon:%H:%M}"], "zone": "UTC"}
    type(schedule).objects.filter(pk=schedule.pk).update(**rule)
    schedule.refresh_from_db()
    ours.be(schedule, expected(schedule) + DAY)
    assert engine.replan(ours.kind) == 0


def test_a_rule_that_comes_once_in_years_is_left_alone(environment, ours):
    rule = {"repeat": "cron", "cron": "0 0 29 2 *", "zone": "America/New_York"}
    schedule = ours.make(environment, **rule)
    ours.be(schedule, expected(schedule))
    assert engine.replan(ours.kind) == 0


def test_one_that_cannot_be_followed_is_switched_off_and_told(environment, ours):
    schedule = ours.make(environment, database_now() + DAY, **(daily() | {"zone": "Nowhere/Never"}))
    fine = ours.make(make_environment(), None, **daily())
    assert engine.replan(ours.kind) == 2
    schedule.refresh_from_db()
    fine.refresh_from_db()
    assert (schedule.next_due, fine.next_due) == (None, expected(fine))
    assert "Nowhere/Never" in schedule.problem
    assert changes_as_json(AuditEvent.objects.get(action=ours.kind.switched_off))["problem"] == schedule.problem


def test_what_was_started_while_the_clock_was_ahead_starts_again_at_its_time(environment, ours):
    """The days to come were kept as missed then; without this, none of them would start."""
    schedule = ours.make(environment, **daily())
    coming = expected(schedule)
    ours.kind.record_missed(schedule, [coming + number * DAY for number in range(29)])
    ours.be(schedule, coming + 29 * DAY)
    engine.replan(ours.kind)
    assert [one.due for one in ours.started(schedule)] == [None] * 29
    type(schedule).objects.filter(pk=schedule.pk).update(next_due=Now() - timedelta(seconds=1))
    assert engine.start_due(ours.kind) == 1
    assert len(ours.started(schedule)) == 30


def test_many_dispatchers_plan_it_anew_once(environment, ours):
    ours.make(environment, database_now() + 30 * DAY, **daily())
    assert sum(at_once(lambda: engine.replan(ours.kind), threads=4)) == 1
    assert AuditEvent.objects.filter(action=ours.action).count() == 1


def test_a_row_that_somebody_is_saving_is_left_for_the_next_time(environment, ours):
    schedule = ours.make(environment, None, **daily())
    with transaction.atomic():
        type(schedule).objects.select_for_update().get(pk=schedule.pk)
        assert at_once(lambda: engine.replan(ours.kind), threads=1) == [0]
    assert engine.replan(ours.kind) == 1


def test_it_gives_way_to_who_holds_what_the_schedule_is_of(environment):
    """A run of it is held, which the correction would write to."""
    ours = OfExports()
    schedule = ours.make(environment, **daily())
    coming = expected(schedule)
    ours.be(schedule, coming + DAY)
    ours.kind.record_missed(schedule, [coming])
    other = ours.make(make_environment(), None, **daily())
    with transaction.atomic():
        Run.objects.select_for_update().get()
        assert at_once(lambda: engine.replan(ours.kind), threads=1) == [1]
    other.refresh_from_db()
    assert other.next_due
    assert engine.replan(ours.kind) == 1


def test_a_dispatcher_looks_at_its_start_and_not_at_each_turn(environment, ours):
    schedule = ours.make(environment, None, **daily())
    dispatcher = Dispatcher()
    dispatcher.turn()
    schedule.refresh_from_db()
    assert schedule.next_due
    ours.be(schedule, None)
    dispatcher._look_at = 0.0
    dispatcher.turn()
    schedule.refresh_from_db()
    assert schedule.next_due is None
    dispatcher._look_at = dispatcher._correct_at = 0.0
    dispatcher.turn()
    schedule.refresh_from_db()
    assert schedule.next_due


def test_the_number_of_queries_does_not_grow_with_schedules_that_are_well(environment, django_assert_num_queries):
    ours = OfExports()
    for _number in range(12):
        schedule = ours.make(environment, **daily())
        ours.be(schedule, expected(schedule))
    with django_assert_num_queries(2):
        engine.replan(ours.kind)


def test_the_doctor_says_which_schedules_wait_for_too_late(environment, ours):
    check = look_at(occurrences.KIND, due.KIND)
    assert check().state == "ok"
    ours.make(environment, database_now() + 30 * DAY, **daily())
    found = check()
    assert (found.state, found.text) == (
        "warning",
        "1 schedule has no next occurrence, or one that lies too far ahead.",
    )
    engine.replan(ours.kind)
    found = check()
    assert found.text == "1 schedule has been planned anew within a day: the next occurrence lay too far ahead."
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE roles_auditevent DISABLE TRIGGER audit_rows_stay")
        AuditEvent.objects.update(at=datetime(2020, 1, 1, tzinfo=UTC))
        cursor.execute("ALTER TABLE roles_auditevent ENABLE ALWAYS TRIGGER audit_rows_stay")
    assert check().state == "ok"
