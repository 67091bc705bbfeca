"""What the list, Progress details and the page that removes a connection say of schedules."""

import re
from datetime import UTC, datetime

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from exports import actions
from exports.models import RefreshSchedule, Schedule
from exports.schedules.recurrence import Recurrence
from roles.roles import Role
from tests.exports.pages import cells, names, text_of, url
from tests.factories import client_of, make_connection, make_export, make_member

pytestmark = pytest.mark.django_db

DUE = datetime(2026, 3, 30, 7, 0, tzinfo=UTC)
RULES = {
    "Each hour": Recurrence("hourly", ("00:05",), zone="Asia/Kathmandu"),
    "Each day": Recurrence("daily", ("09:00",), zone="Europe/Paris"),
    "Each week": Recurrence("weekly", ("07:30",), (1, 3), zone="America/New_York"),
    "Each month": Recurrence("monthly", ("23:00",), (), 0, zone="Australia/Lord_Howe"),
    "Odd days": Recurrence("cron", cron="0 9 * * 1-5", zone="UTC"),
}
WORDS = {
    "Each hour": "Hourly at minute 5 Asia/Kathmandu",
    "Each day": "Daily at 09:00 Europe/Paris",
    "Each week": "Weekly on Mon and Wed at 07:30 America/New_York",
    "Each month": "Monthly on the last day at 23:00 Australia/Lord_Howe",
    "Odd days": "Weekdays at 09:00",
}


def make_own(environment, shared, name, rule):
    export = make_export(environment, name, shared)
    actions.set_schedule(export, "own", rule, by=None)
    Schedule.objects.filter(export=export).update(next_due=DUE)
    return export


def said(page, name):
    return " ".join(" ".join(cells(page, name)[7]).split())


def hover(page):
    return re.findall(r'<span class="cut" dir="auto" title="([^"]*)">', page.content.decode())


def test_the_column_says_each_recurrence_and_its_zone_and_on_hover_the_next_run(environment, carl, shared):
    for name, rule in RULES.items():
        make_own(environment, shared, name, rule)
    page = carl.get(url(environment))
    assert {name: said(page, name) for name in RULES} == WORDS
    assert "Next run: Mon, 30 Mar 2026, 09:00 (Europe/Paris), 07:00 in UTC" in hover(page)
    assert "Next run: Mon, 30 Mar 2026, 12:45 (Asia/Kathmandu), 07:00 in UTC" in hover(page)


@pytest.mark.parametrize(
    "bad",
    [{"zone": "Nowhere/Land"}, {"zone": ""}, {"repeat": "hourly", "times": ["x"]}, {"times": {}}, {"repeat": "?"}],
    ids=["zone", "no-zone", "minute", "times", "repeat"],
)
def test_a_row_that_makes_no_sense_leaves_every_page_open_and_can_be_replaced(environment, shared, bad):
    export, admin = make_own(environment, shared, "Odd", RULES["Each day"]), client_of(make_member(environment))
    RefreshSchedule.objects.create(environment=environment, is_on=True, next_due=DUE, **bad)
    Schedule.objects.filter(export=export).update(**bad)
    system = [reverse(f"system:{name}", kwargs={"environment": environment.slug}) for name in ("list", "schedule")]
    own = [url(environment, name, pk=export.pk) for name in ("progress", "edit", "duplicate")]
    for page in (url(environment), *own, *system):
        assert admin.get(page).status_code == 200
    asked = {"id": export.pk}
    assert admin.post(url(environment, "schedule"), asked).status_code == 200
    typed = {"confirmed": "1", "schedule_mode": "on", "repeat": "hourly", "minute": "5", "zone": "UTC"}
    admin.post(url(environment, "schedule"), asked | typed)
    assert said(admin.get(url(environment)), "Odd") == "Hourly at minute 5"


def test_what_follows_the_system_refresh_says_whether_that_is_on(environment, carl, shared):
    make_export(environment, "Weekly", shared)
    assert said(carl.get(url(environment)), "Weekly") == "With system refresh (off)"
    row = RefreshSchedule.objects.create(environment=environment, times=["06:00"], zone="Europe/Paris", next_due=DUE)
    assert said(carl.get(url(environment)), "Weekly") == "With system refresh (off)"
    RefreshSchedule.objects.filter(pk=row.pk).update(is_on=True)
    page = carl.get(url(environment))
    assert (said(page, "Weekly"), hover(page)) == (
        "With system refresh",
        ["Next run: Mon, 30 Mar 2026, 09:00 (Europe/Paris), 07:00 in UTC"],
    )
    RefreshSchedule.objects.filter(pk=row.pk).update(next_due=None, problem="It could not be followed.")
    page = carl.get(url(environment))
    assert (said(page, "Weekly"), hover(page)) == ("With system refresh (stopped)", ["It could not be followed."])


def test_a_schedule_that_stopped_by_itself_says_why(environment, carl, shared):
    export = make_own(environment, shared, "Each day", RULES["Each day"])
    Schedule.objects.filter(export=export).update(next_due=None, problem="“Mars/Base” is not a known time zone.")
    assert said(carl.get(url(environment)), "Each day") == "Stopped “Mars/Base” is not a known time zone."


def test_it_sorts_by_how_often_exports_run(environment, carl, shared):
    make_export(environment, "By hand", shared, schedule_mode="off")
    make_export(environment, "Refresh", shared)
    for name, rule in RULES.items():
        make_own(environment, shared, name, rule)
    order = ["By hand", *RULES, "Refresh"]
    assert names(carl.get(url(environment), {"sort": "schedule"})) == order
    assert names(carl.get(url(environment), {"sort": "-schedule"})) == order[::-1]


def test_the_number_of_queries_does_not_grow_with_schedules(environment, carl, shared):
    make_own(environment, shared, "First", RULES["Each day"])
    carl.get(url(environment))
    counts = []
    for number in (0, 20):
        for place in range(number):
            make_own(environment, shared, f"Export {place}", RULES["Odd days"])
        with CaptureQueriesContext(database) as queries:
            carl.get(url(environment))
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_progress_details_say_the_next_run(environment, carl, shared):
    own = make_own(environment, shared, "Each day", RULES["Each day"])
    text = text_of(carl.get(url(environment, "progress", pk=own.pk)))
    assert "Next run: Mon, 30 Mar 2026, 09:00 (Europe/Paris), 07:00 in UTC · Daily at 09:00" in text
    actions.set_schedule(own, "off", by=None)
    assert "Next run" not in text_of(carl.get(url(environment, "progress", pk=own.pk)))


def test_progress_details_say_the_system_refresh_that_is_followed(environment, carl, shared):
    RefreshSchedule.objects.create(environment=environment, is_on=True, times=["06:00"], next_due=DUE)
    export = make_export(environment, "Weekly", shared)
    text = text_of(carl.get(url(environment, "progress", pk=export.pk)))
    assert "Next run: after the system refresh of Mon, 30 Mar 2026, 07:00 (UTC) · Daily at 06:00" in text


def test_run_all_takes_what_has_an_own_schedule_that_is_on(environment, carl, shared):
    on, off = (make_export(environment, name, shared) for name in ("On", "Off"))
    for export in (on, off):
        actions.set_schedule(export, "own", RULES["Each day"], by=None)
    actions.set_schedule(off, "off", by=None)
    carl.post(url(environment, "run_all"))
    assert (on.runs.count(), off.runs.count()) == (1, 0)


def test_the_page_that_removes_a_connection_says_schedules_in_words(environment):
    connection = make_connection(environment, "Zeta")
    make_own(environment, connection, "Each day", RULES["Each day"])
    ada = client_of(make_member(environment, Role.ADMINISTRATOR))
    page = text_of(ada.get(f"/e/{environment.slug}/connections/{connection.pk}/remove"))
    assert "Schedule: Daily at 09:00 (Europe/Paris)" in page
