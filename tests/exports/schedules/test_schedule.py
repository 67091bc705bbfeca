"""Schedule export: one, several, those one may only view, and what cannot be."""

from datetime import UTC, datetime

import pytest

from connections.models import Sharing
from exports import actions
from exports.models import RefreshSchedule, Schedule, ScheduleMode
from exports.schedules import planning
from exports.schedules.recurrence import Recurrence, next_after
from roles.audit.changes import changes_as_json
from roles.models import AuditEvent
from tests.exports.pane.browser import PANEL, text_of
from tests.factories import make_connection, make_export

pytestmark = pytest.mark.django_db

DAILY = Recurrence("daily", ("09:00",), zone="Europe/Paris")
TYPED = {"schedule_mode": "on", "repeat": "daily", "time": "09:00", "zone": "Europe/Paris"}


def url(environment):
    return f"/e/{environment.slug}/exports/schedule"


def ask(client, environment, exports, **form):
    """Save the pane for `exports`; with an empty form it only opens."""
    sent = {"id": [export.pk for export in exports]} | ({"confirmed": "1"} | form if form else {})
    return client.post(url(environment), sent, headers=PANEL)


def checked(answer):
    """The choices that are made in the pane."""
    words = answer.content.decode().replace("\n", " ").split("<input ")
    inputs = [one.partition(">")[0] for one in words if " checked" in one.partition(">")[0]]
    return [(one.partition('name="')[2].split('"')[0], one.partition('value="')[2].split('"')[0]) for one in inputs]


def chosen(answer, name):
    """What is selected in the list `name`."""
    part = answer.content.decode().partition(f'<select name="{name}"')[2].partition("</select>")[0]
    return [one.split('"')[0] for one in part.split('<option value="') if "selected" in one.partition(">")[0]]


@pytest.fixture
def export(environment):
    return make_export(environment, "Calls", schedule_mode=ScheduleMode.REFRESH)


def test_the_pane_shows_how_it_is_and_saves_another_schedule(environment, carl, export):
    pane = ask(carl, environment, [export])
    assert "Calls" in text_of(pane)
    assert ("schedule_mode", "on") in checked(pane)
    assert chosen(pane, "repeat") == ["refresh"]
    ask(carl, environment, [export], schedule_mode="off")
    export.refresh_from_db()
    assert export.schedule_mode == ScheduleMode.OFF
    assert changes_as_json(AuditEvent.objects.latest("pk")) == {"schedule": ["refresh", "off"]}


@pytest.mark.parametrize(
    "typed, rule",
    [
        ({"repeat": "hourly", "minute": "5"}, Recurrence("hourly", ("00:05",), zone="Europe/Paris")),
        ({}, DAILY),
        ({"repeat": "weekly", "weekdays": ["3", "1"]}, Recurrence("weekly", ("09:00",), (1, 3), zone="Europe/Paris")),
        ({"repeat": "monthly", "month_day": "0"}, Recurrence("monthly", ("09:00",), (), 0, zone="Europe/Paris")),
        ({"repeat": "cron", "cron": " 30  7 * * 1-5"}, Recurrence("cron", cron="30 7 * * 1-5", zone="Europe/Paris")),
        ({"zone": "new york"}, Recurrence("daily", ("09:00",), zone="America/New_York")),
    ],
    ids=["hourly", "daily", "weekly", "monthly", "cron", "a zone by its city"],
)
def test_a_recurrence_of_its_own_is_kept_with_its_next_run_and_shown_again(environment, carl, export, typed, rule):
    before = datetime.now(UTC)
    assert ask(carl, environment, [export], **TYPED | typed).status_code == 204
    export.refresh_from_db()
    row = export.schedule
    assert (export.schedule_mode, planning.stored_rule(export), row.problem) == (ScheduleMode.OWN, rule, "")
    assert next_after(rule, before) <= row.next_due <= next_after(rule, datetime.now(UTC))
    said = changes_as_json(AuditEvent.objects.latest("pk"))["schedule"]
    assert (said[0], said[1].endswith(f"({rule.zone})")) == ("refresh", True)
    assert chosen(ask(carl, environment, [export]), "repeat") == [rule.repeat]


@pytest.mark.parametrize(
    "typed, words",
    [
        ({"schedule_mode": ""}, "Choose On or Off."),
        ({"schedule_mode": "always"}, "Choose On or Off."),
        ({"repeat": "yearly"}, "Choose how often it runs."),
        ({"repeat": "hourly", "minute": "60"}, "Type a minute from 0 to 59."),
        ({"repeat": "hourly", "minute": ""}, "Type a minute from 0 to 59."),
        ({"time": "noon"}, "Type a time like 09:30."),
        ({"time": ""}, "Type a time like 09:30."),
        ({"repeat": "weekly"}, "Choose at least one day of the week."),
        ({"repeat": "weekly", "weekdays": ["8"]}, "Choose days from the list."),
        ({"repeat": "monthly", "month_day": "32"}, "Choose a day of the list."),
        ({"repeat": "cron", "cron": ""}, "Type a cron expression, or choose another recurrence."),
        ({"repeat": "cron", "cron": "0 9 * *"}, "A cron expression has five parts"),
        ({"repeat": "cron", "cron": "0 25 * * *"}, "cannot be read: the hour is “25”."),
        ({"repeat": "cron", "cron": "0 0 30 2 *"}, "“0 0 30 2 *” never comes"),
        ({"zone": "Mars/Base"}, "“Mars/Base” is not a known time zone."),
        ({"zone": ""}, "Choose a time zone."),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_saved(environment, carl, export, typed, words):
    answer = ask(carl, environment, [export], **TYPED | typed)
    assert answer.status_code == 422
    assert words in text_of(answer).partition("field-error")[2].partition("</ul>")[0]
    assert (Schedule.objects.count(), AuditEvent.objects.filter(action="schedule").count()) == (0, 0)


def test_what_a_recurrence_does_not_use_is_not_judged(environment, carl, export):
    wrong = {"cron": "nonsense", "minute": "99", "month_day": "77", "weekdays": ["9"]}
    assert ask(carl, environment, [export], **TYPED | wrong).status_code == 204
    assert ask(carl, environment, [export], **wrong | {"schedule_mode": "off", "zone": ""}).status_code == 204


def test_off_keeps_the_recurrence_and_on_brings_it_back(environment, carl, export):
    ask(carl, environment, [export], **TYPED)
    ask(carl, environment, [export], schedule_mode="off")
    row = Schedule.objects.get()
    assert (row.next_due, planning.stored_rule(export)) == (None, DAILY)
    pane = ask(carl, environment, [export])
    assert (("schedule_mode", "off") in checked(pane), chosen(pane, "repeat")) == (True, ["daily"])
    export.refresh_from_db()
    actions.set_schedule(export, ScheduleMode.OWN, by=None)
    row.refresh_from_db()
    assert row.next_due
    assert changes_as_json(AuditEvent.objects.latest("pk")) == {"schedule": ["off", "Daily at 09:00 (Europe/Paris)"]}


def test_with_every_system_refresh_removes_the_recurrence(environment, carl, export):
    ask(carl, environment, [export], **TYPED)
    ask(carl, environment, [export], schedule_mode="on", repeat="refresh")
    export.refresh_from_db()
    assert (export.schedule_mode, Schedule.objects.count()) == (ScheduleMode.REFRESH, 0)


def test_the_same_again_changes_nothing_and_is_no_event(environment, carl, export):
    ask(carl, environment, [export], **TYPED)
    Schedule.objects.update(next_due=datetime(2026, 1, 1, tzinfo=UTC))  # due, and not dispatched yet
    ask(carl, environment, [export], **TYPED)
    assert Schedule.objects.get().next_due == datetime(2026, 1, 1, tzinfo=UTC)
    assert AuditEvent.objects.filter(action="schedule").count() == 1


def test_an_own_schedule_needs_a_recurrence(environment, export):
    with pytest.raises(ValueError, match="no recurrence of its own"):
        actions.set_schedule(export, ScheduleMode.OWN, by=None)


def test_exports_that_differ_have_no_switch_chosen_and_nothing_is_saved_unchosen(environment, carl):
    on = make_export(environment, "On", schedule_mode=ScheduleMode.REFRESH)
    off = make_export(environment, "Off", schedule_mode=ScheduleMode.OFF)
    assert "schedule_mode" not in dict(checked(ask(carl, environment, [on, off])))
    answer = ask(carl, environment, [on, off], scope="keep")
    assert (answer.status_code, "Choose On or Off." in text_of(answer)) == (422, True)
    answer = ask(carl, environment, [on, off], schedule_mode="on")
    assert (answer.status_code, "Choose whether they keep their schedules." in text_of(answer)) == (422, True)


def modes_of(*exports):
    for export in exports:
        export.refresh_from_db()
    return [export.schedule_mode for export in exports]


def test_individual_schedules_are_kept_and_only_switched(environment, carl):
    following, own = make_export(environment, "One"), make_export(environment, "Two")
    actions.set_schedule(own, ScheduleMode.OWN, DAILY, by=None)
    pane = text_of(ask(carl, environment, [following, own]))
    assert ("Daily at 09:00 (Europe/Paris)" in pane, "Keep or replace schedules" in pane) == (True, True)
    assert "has no schedule to keep" not in pane
    ask(carl, environment, [own], schedule_mode="off")
    ask(carl, environment, [following, own], scope="keep", schedule_mode="on")
    assert modes_of(following, own) == ["refresh", "own"]
    ask(carl, environment, [following, own], scope="keep", schedule_mode="off")
    assert modes_of(following, own) == ["off", "off"]
    assert planning.stored_rule(own) == DAILY


def test_on_asks_which_schedule_exports_get_that_have_none_to_keep(environment, carl):
    never, own = make_export(environment, "Never", schedule_mode="off"), make_export(environment, "Own")
    actions.set_schedule(own, ScheduleMode.OWN, DAILY, by=None)
    pane = ask(carl, environment, [never, own])
    assert "“Never” has no schedule to keep." in text_of(pane)
    assert chosen(pane, "repeat") == [""]
    keep = {"scope": "keep", "schedule_mode": "on", "repeat": ""}
    answer = ask(carl, environment, [never, own], **keep)
    assert (answer.status_code, "Choose how often it runs." in text_of(answer)) == (422, True)
    assert modes_of(never, own) == ["off", "own"]
    weekly = {"repeat": "weekly", "weekdays": ["2"], "time": "07:00", "zone": "Asia/Jakarta"}
    assert ask(carl, environment, [never, own], **keep | weekly).status_code == 204
    assert planning.stored_rule(never) == Recurrence("weekly", ("07:00",), (2,), zone="Asia/Jakarta")
    assert (modes_of(never, own), planning.stored_rule(own)) == (["own", "own"], DAILY)


def test_a_new_schedule_is_defined_for_all_selected(environment, carl):
    exports = [make_export(environment, name) for name in ("One", "Two")]
    actions.set_schedule(exports[1], ScheduleMode.OWN, Recurrence("cron", cron="* * * * *"), by=None)
    ask(carl, environment, exports, scope="new", **TYPED)
    assert [planning.stored_rule(export) for export in exports] == [DAILY, DAILY]


def test_several_are_set_at_once_and_those_one_may_only_view_are_named(environment, carl):
    mine = [make_export(environment, name) for name in ("One", "Two")]
    closed = make_connection(environment, name="Finance", sharing=Sharing.NOBODY)
    foreign = make_export(environment, "Books", connection=closed)
    ids = [export.pk for export in [*mine, foreign]]
    form = {"id": ids, "confirmed": "1", "schedule_mode": "off", "scope": "keep"}
    text = carl.post(url(environment), form, follow=True).content.decode()
    assert "The schedules of 2 exports are saved." in text
    assert "“Books” was left out: you can only view it." in text
    for export in [*mine, foreign]:
        export.refresh_from_db()
    assert [export.schedule_mode for export in [*mine, foreign]] == ["off", "off", "refresh"]


def test_the_pane_says_what_on_brings_back(environment, carl, export):
    ask(carl, environment, [export], confirmed="1", **TYPED)
    ask(carl, environment, [export], confirmed="1", schedule_mode="off")
    other = make_export(environment, "Other", export.connection)
    text = text_of(ask(carl, environment, [export, other]))
    assert "Off, when on: Daily at 09:00 (Europe/Paris)" in text


def test_nothing_selected_says_so(environment, carl):
    answer = carl.post(url(environment), follow=True)
    assert "Select at least one export first." in answer.content.decode()


def test_the_next_five_runs_follow_what_is_typed(environment, carl):
    text = carl.get(f"{url(environment)}/next", TYPED).content.decode()
    assert "Daily at 09:00 (Europe/Paris)" in text
    assert text.count("<li>") == 5
    assert text.count("UTC+0") >= 1


@pytest.mark.parametrize(
    "typed, words",
    [
        ({"schedule_mode": "off"}, "This export won't run automatically."),
        ({"repeat": "refresh"}, "System refresh is off"),
        ({"repeat": "cron", "cron": "0 9 * *"}, "A cron expression has five parts"),
        ({"time": ""}, "Type a time like 09:30."),
    ],
)
def test_in_place_of_the_next_runs_stands_why_there_are_none(environment, carl, typed, words):
    assert words in text_of(carl.get(f"{url(environment)}/next", TYPED | typed))


def test_what_follows_the_system_refresh_shows_the_refreshs_next_runs(environment, carl):
    RefreshSchedule.objects.create(environment=environment, is_on=True, times=["06:00", "18:00"], zone="Asia/Tehran")
    text = text_of(carl.get(f"{url(environment)}/next", {"schedule_mode": "on", "repeat": "refresh"}))
    assert "System refresh: Daily at 06:00 and 18:00 (Asia/Tehran)" in text
    assert (text.count("<li>"), text.count("UTC+03:30")) == (5, 1)


def test_without_scripts_a_button_shows_the_next_runs_and_saves_nothing(environment, carl, export):
    pane = ask(carl, environment, [export], show="1", **TYPED | {"time": "07:15"})
    assert (pane.status_code, "Daily at 07:15" in text_of(pane)) == (200, True)
    assert not Schedule.objects.exists()
