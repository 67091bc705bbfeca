"""Each occurrence of a schedule becomes one system refresh, whoever looks and whenever."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from exports.models import Alert, RefreshSchedule, RefreshState, RefreshTrigger, SystemRefresh
from exports.refresh import due, start
from exports.refresh.scheduling import save_schedule
from exports.schedules import planning
from exports.schedules.recurrence import Recurrence
from roles.audit.changes import changes_as_json
from roles.models import AuditEvent
from tests.exports.refresh.test_workers import at_once
from tests.factories import make_environment, make_member

pytestmark = pytest.mark.django_db(transaction=True)


def schedule_of(environment, ago=timedelta(seconds=1), **values):
    """Return a daily schedule whose next occurrence was `ago`."""
    first = planning.database_now().replace(second=0, microsecond=0) - ago
    values = {"times": [f"{first:%H:%M}"], "is_on": True, "next_due": first} | values
    return RefreshSchedule.objects.create(environment=environment, **values)


def test_a_due_refresh_starts_once_however_many_look(environment):
    schedule = schedule_of(environment, ago=timedelta(0))
    at_once(due.start_due)
    refresh = SystemRefresh.objects.get()
    assert (refresh.due, refresh.trigger, refresh.is_late) == (schedule.next_due, RefreshTrigger.SCHEDULE, False)
    assert refresh.state == RefreshState.SUCCEEDED
    before, schedule = schedule.next_due, RefreshSchedule.objects.get()
    assert schedule.next_due == before + timedelta(days=1)


def test_one_that_is_off_or_not_due_starts_nothing(environment):
    schedule_of(environment, is_on=False)
    schedule_of(make_environment(), next_due=timezone.now() + timedelta(hours=1))
    due.start_due()
    assert not SystemRefresh.objects.exists()


def test_the_last_missed_one_runs_late_and_the_earlier_are_kept_as_skipped(environment):
    schedule = schedule_of(environment, ago=timedelta(days=3, hours=2))
    due.start_due()
    found = list(SystemRefresh.objects.order_by("due"))
    assert [one.state for one in found] == [RefreshState.SKIPPED] * 3 + [RefreshState.SUCCEEDED]
    assert [one.due - schedule.next_due for one in found] == [timedelta(days=day) for day in range(4)]
    assert {str(one.reason) for one in found[:3]} == {"Missed while Waybill was not running"}
    assert all(one.is_late for one in found)


def test_one_that_falls_due_while_another_runs_is_skipped_and_names_it(environment, segment):
    earlier = start.start(environment, by=None)
    schedule_of(environment, ago=timedelta(0))
    due.start_due()
    skipped = SystemRefresh.objects.exclude(pk=earlier.pk).get()
    assert skipped.state == RefreshState.SKIPPED
    assert str(skipped.reason).startswith("The system refresh of ")
    assert str(skipped.reason).endswith(" was still in progress")


def test_an_occurrence_that_ran_already_does_not_run_again(environment):
    schedule = schedule_of(environment, ago=timedelta(0))
    due.start_due()
    RefreshSchedule.objects.update(next_due=schedule.next_due)
    SystemRefresh.objects.update(ended_at=timezone.now())
    due.start_due()
    assert SystemRefresh.objects.count() == 1


def test_a_schedule_that_nobody_understands_is_switched_off_alone(environment):
    bad = schedule_of(environment, zone="Nowhere/Land", repeat="daily")
    schedule_of(make_environment(), ago=timedelta(0))
    due.start_due()
    bad.refresh_from_db()
    assert bad.next_due is None
    assert bad.problem
    event = AuditEvent.objects.get(action="switch off system refresh")
    assert changes_as_json(event)["problem"] == bad.problem
    assert str(bad.problem) in Alert.objects.get(environment=environment).text
    assert SystemRefresh.objects.filter(state=RefreshState.SUCCEEDED).exists()


def test_start_and_end_are_in_the_audit_log(environment):
    schedule_of(environment, ago=timedelta(0))
    due.start_due()
    actions = AuditEvent.objects.filter(environment=environment).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["start due system refresh", "start system refresh", "end system refresh"]


# A schedule that changes while something of it is due and no dispatcher came yet


def test_what_fell_due_before_another_rule_was_saved_starts(environment):
    schedule = schedule_of(environment, ago=timedelta(days=1, hours=1))
    save_schedule(environment, Recurrence("daily", ("03:00",)), by=make_member(environment))
    missed, started = SystemRefresh.objects.order_by("due")
    assert (missed.due, missed.state, started.state) == (schedule.next_due, "skipped", RefreshState.SUCCEEDED)
    schedule.refresh_from_db()
    assert (schedule.times, schedule.next_due > planning.database_now()) == (["03:00"], True)
    assert due.start_due() == 0


def test_what_fell_due_before_it_was_switched_off_is_kept_as_skipped(environment):
    schedule = schedule_of(environment, ago=timedelta(days=1, hours=1))
    save_schedule(environment, None, by=make_member(environment))
    missed, last = SystemRefresh.objects.order_by("due")
    assert (missed.due, missed.reason) == (schedule.next_due, "Missed while Waybill was not running")
    assert (last.state, last.reason) == (RefreshState.SKIPPED, "Its schedule was switched off")
    schedule.refresh_from_db()
    assert (schedule.is_on, schedule.next_due) == (False, None)


def test_one_that_breaks_the_code_can_be_switched_off(environment, caplog):
    schedule_of(environment, repeat="cron", cron="0 0 29 2 *", zone="America/New_York")
    RefreshSchedule.objects.update(next_due=datetime(1, 1, 1, tzinfo=UTC))
    save_schedule(environment, None, by=make_member(environment))
    assert not RefreshSchedule.objects.get().is_on
    assert "cannot be told" in caplog.text


def test_what_was_missed_is_one_event(environment):
    schedule = schedule_of(environment, ago=timedelta(days=3, hours=2))
    due.start_due()
    changes = AuditEvent.objects.get(action="skip system refresh").changes
    assert (changes["count"], changes["first"]) == (3, schedule.next_due.isoformat())


def test_the_dispatcher_gives_way_to_who_starts_a_refresh_and_goes_on_with_the_others(environment):
    held, other = schedule_of(environment, ago=timedelta(seconds=5)), schedule_of(make_environment(), ago=timedelta(0))
    with transaction.atomic():
        SystemRefresh.objects.create(environment=environment, trigger=RefreshTrigger.PERSON)
        assert at_once(due.start_due, 1) == [1]
    assert list(SystemRefresh.objects.exclude(due=None).values_list("due", flat=True)) == [other.next_due]
    assert due.start_due() == 1
    assert SystemRefresh.objects.get(due=held.next_due).state == RefreshState.SKIPPED
