"""Each occurrence of a schedule becomes one system refresh, whoever looks and whenever."""

from datetime import timedelta

import pytest
from django.utils import timezone

from exports.models import Alert, RefreshSchedule, RefreshState, RefreshTrigger, SystemRefresh
from exports.refresh import due, start
from exports.schedules import planning
from roles.models import AuditEvent
from tests.exports.refresh.test_workers import at_once
from tests.factories import make_environment

pytestmark = pytest.mark.django_db(transaction=True)


def schedule_of(environment, ago=timedelta(seconds=1), **values):
    """Return a daily schedule whose next occurrence was `ago`."""
    first = planning.database_now().replace(second=0, microsecond=0) - ago
    values = {"times": [f"{first:%H:%M}"], "is_on": True, "next_due": first} | values
    return RefreshSchedule.objects.create(environment=environment, **values)


def test_a_due_refresh_starts_once_however_many_look(environment):
    schedule = schedule_of(environment, ago=timedelta(0))
    at_once(due.look)
    refresh = SystemRefresh.objects.get()
    assert (refresh.due, refresh.trigger, refresh.is_late) == (schedule.next_due, RefreshTrigger.SCHEDULE, False)
    assert refresh.state == RefreshState.SUCCEEDED
    before, schedule = schedule.next_due, RefreshSchedule.objects.get()
    assert schedule.next_due == before + timedelta(days=1)


def test_one_that_is_off_or_not_due_starts_nothing(environment):
    schedule_of(environment, is_on=False)
    schedule_of(make_environment(), next_due=timezone.now() + timedelta(hours=1))
    due.look()
    assert not SystemRefresh.objects.exists()


def test_the_last_missed_one_runs_late_and_the_earlier_are_kept_as_skipped(environment):
    schedule = schedule_of(environment, ago=timedelta(days=3, hours=2))
    due.look()
    found = list(SystemRefresh.objects.order_by("due"))
    assert [one.state for one in found] == [RefreshState.SKIPPED] * 3 + [RefreshState.SUCCEEDED]
    assert [one.due - schedule.next_due for one in found] == [timedelta(days=day) for day in range(4)]
    assert {one.reason for one in found[:3]} == {"Missed while Waybill was not running"}
    assert all(one.is_late for one in found)


def test_one_that_falls_due_while_another_runs_is_skipped_and_names_it(environment, segment):
    earlier = start.start(environment, by=None)
    schedule_of(environment, ago=timedelta(0))
    due.look()
    skipped = SystemRefresh.objects.exclude(pk=earlier.pk).get()
    assert skipped.state == RefreshState.SKIPPED
    assert skipped.reason.startswith("The system refresh of ")
    assert skipped.reason.endswith(" was not over")


def test_an_occurrence_that_ran_already_does_not_run_again(environment):
    schedule = schedule_of(environment, ago=timedelta(0))
    due.look()
    RefreshSchedule.objects.update(next_due=schedule.next_due)
    SystemRefresh.objects.update(ended_at=timezone.now())
    due.look()
    assert SystemRefresh.objects.count() == 1


def test_a_schedule_that_nobody_understands_is_switched_off_alone(environment):
    bad = schedule_of(environment, zone="Nowhere/Land", repeat="daily")
    schedule_of(make_environment(), ago=timedelta(0))
    due.look()
    bad.refresh_from_db()
    assert bad.next_due is None
    assert bad.problem
    event = AuditEvent.objects.get(action="switch off system refresh")
    assert event.changes["problem"] == bad.problem
    assert bad.problem in Alert.objects.get(environment=environment).text
    assert SystemRefresh.objects.filter(state=RefreshState.SUCCEEDED).exists()


def test_start_and_end_are_in_the_audit_log(environment):
    schedule_of(environment, ago=timedelta(0))
    due.look()
    actions = AuditEvent.objects.filter(environment=environment).order_by("pk").values_list("action", flat=True)
    assert list(actions) == ["start due system refresh", "start system refresh", "end system refresh"]
