"""Refresh all, cancel, and the schedule, as an administrator does them."""

import pytest
from django.urls import reverse

from exports.models import RefreshSchedule, RefreshState, Repeat, Schedule, ScheduleMode, SystemRefresh
from exports.refresh import start
from exports.schedules import planning
from roles.models import AuditEvent
from roles.roles import Role
from tests.factories import client_of, make_export, make_member

pytestmark = pytest.mark.django_db(transaction=True)
HTMX = {"HX-Request": "true", "HX-Target": "panel"}


@pytest.fixture
def person(environment):
    return make_member(environment, Role.ADMINISTRATOR)


@pytest.fixture
def ada(person):
    return client_of(person)


@pytest.fixture
def at(environment):
    return lambda name, **kwargs: reverse(f"system:{name}", kwargs={"environment": environment.slug, **kwargs})


def actions_of(environment):
    return list(AuditEvent.objects.filter(environment=environment).order_by("pk").values_list("action", flat=True))


def test_refresh_all_says_first_what_it_would_do(ada, at, environment, segment):
    make_export(environment, "Nightly", segments=[segment])
    make_export(environment, "By hand", segments=[segment], schedule_mode=ScheduleMode.OFF)
    page = ada.get(at("refresh_all"), headers=HTMX).content.decode()
    assert "1 table is reloaded" in page
    assert "1 segment is recalculated" in page
    assert "1 linked export runs" in page
    assert "Their schedule is off" in page
    assert "By hand" in page
    assert not SystemRefresh.objects.exists()


def test_refresh_all_starts_it(ada, at, environment, segment, person):
    answer = ada.post(at("refresh_all"), headers=HTMX)
    refresh = SystemRefresh.objects.get()
    assert (answer.status_code, refresh.state, refresh.triggered_by) == (204, RefreshState.RUNNING, person)
    assert "System refresh started." in answer.headers["HX-Trigger"]


def test_a_second_click_is_told_that_it_runs(ada, at, environment, segment):
    start.start(environment, by=None)
    assert "already running" in ada.post(at("refresh_all"), headers=HTMX).headers["HX-Trigger"]
    assert b"already running" in ada.get(at("refresh_all")).content


def test_cancel(ada, at, environment, segment):
    start.start(environment, by=None)
    assert ada.post(at("stop")).status_code == 302
    assert SystemRefresh.objects.get().state == RefreshState.CANCELED
    assert "No system refresh is running." in ada.post(at("stop"), headers=HTMX).headers["HX-Trigger"]
    assert "cancel system refresh" in actions_of(environment)


def test_the_schedule_is_set_and_kept_when_it_is_off(ada, at, environment):
    form = {"repeat": "weekly", "weekdays": ["1", "3"], "time_1": "05:00", "time_3": "17:30", "zone": "paris"}
    assert ada.post(at("schedule"), form).status_code == 302
    schedule = RefreshSchedule.objects.get()
    assert (schedule.repeat, schedule.times) == (Repeat.WEEKLY, ["05:00", "17:30"])
    assert (schedule.weekdays, schedule.zone) == ([1, 3], "Europe/Paris")
    assert schedule.next_due > planning.database_now()
    ada.post(at("schedule"), {"repeat": "off"})
    schedule.refresh_from_db()
    assert (schedule.is_on, schedule.next_due, schedule.times) == (False, None, ["05:00", "17:30"])
    assert actions_of(environment) == ["schedule system refresh"] * 2


@pytest.mark.parametrize(
    "typed, said",
    [
        ({}, "Choose how often it runs."),
        ({"repeat": "daily", "zone": "UTC"}, "Enter at least one time."),
        ({"repeat": "daily", "time_1": "25:00", "zone": "UTC"}, "Enter a time, e.g. 05:00."),
        ({"repeat": "weekly", "time_1": "05:00", "zone": "UTC"}, "Choose at least one day of the week."),
        ({"repeat": "daily", "time_1": "05:00", "zone": "Atlantis"}, "Choose a time zone from the list."),
        ({"repeat": "monthly", "time_1": "05:00", "zone": "UTC"}, "Choose how often it runs."),
    ],
    ids=["nothing", "no-time", "bad-time", "no-day", "bad-zone", "other-kind"],
)
def test_a_schedule_that_makes_no_sense_says_what_is_wrong(ada, at, typed, said):
    answer = ada.post(at("schedule"), typed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not RefreshSchedule.objects.exists()


def test_the_next_five_are_shown_while_one_types(ada, at):
    page = ada.get(at("next"), {"repeat": "daily", "time_1": "05:00", "time_2": "17:00", "zone": "UTC"})
    assert page.content.decode().count("<li>") == 5
    assert b"Daily at 05:00 and 17:00" in page.content


def test_exports_with_schedules_of_their_own_at_that_time_are_named(ada, at, environment, segment):
    for name, time in (("Early", "05:30"), ("Late", "23:00")):
        export = make_export(environment, name, segments=[segment], schedule_mode=ScheduleMode.OWN)
        schedule = Schedule(export=export, times=[time])
        schedule.save()
    page = ada.get(at("next"), {"repeat": "daily", "time_1": "05:00", "zone": "UTC"}).content.decode()
    assert "1 export is scheduled within 1 h of a refresh" in page
    assert "Early" in page
    assert "Late" not in page


def test_the_zone_of_the_environment_can_be_changed(ada, at, environment):
    assert ada.post(at("zone"), {"time_zone": "Sydney"}).status_code == 302
    environment.refresh_from_db()
    assert environment.time_zone == "Australia/Sydney"
    assert ada.post(at("zone"), {"time_zone": "Nowhere"}).status_code == 422
    ada.post(at("zone"), {"time_zone": "Australia/Sydney"})
    assert actions_of(environment) == ["change zone"]


def test_the_page_of_the_schedule_opens_with_what_is_kept(ada, at, environment):
    ada.post(at("schedule"), {"repeat": "daily", "time_1": "06:15", "zone": "Asia/Tokyo"})
    page = ada.get(at("schedule")).content.decode()
    assert 'value="06:15"' in page
    assert "Asia/Tokyo" in page


def test_pause_asks_for_a_note(ada, at):
    assert b"Reason (visible to everyone)" in ada.get(at("ask_pause"), headers=HTMX).content
